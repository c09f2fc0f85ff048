"""Validate, put, delete, pause and resume rules."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from marshmallow import ValidationError

from webhook_app.domain.events import Source
from webhook_app.domain.rules.rule import Rule
from webhook_app.error_reasons import ErrorReason
from webhook_app.event_decoding.rules import decode_rule
from webhook_app.masking.masked_data import has_masked_address, restored_data
from webhook_app.schemas.rule import RuleSchema
from webhook_app.text.validation_messages import explain_errors
from webhook_app.usecases.context import AppContext
from webhook_app.usecases.errors import ConflictError, InvalidInputError, NotFoundError
from webhook_app.usecases.rule_rooms import warnings_of
from webhook_app.usecases.rule_warnings import RuleWarning
from webhook_app.usecases.stream_keys import restored_rtmp, sealed_rule

URL_FIELDS = ("schedule", "start", "recording", "rtmp")  # fields of a rule that may contain URLs


class RuleCommand(StrEnum):
    """What an operator can do with a rule, also with one of the configuration file; the values are event types."""

    PAUSE = "rule-paused"
    RESUME = "rule-resumed"
    SKIP_NEXT = "rule-skip-next"


@dataclass(frozen=True, slots=True)
class RuleChange:
    """A journaled change of a rule. `in_force` is false when it was not processed within the time limit."""

    event_id: str
    in_force: bool
    is_new: bool = False
    warnings: tuple[RuleWarning, ...] = ()


def require_rule(context: AppContext, name: str) -> Rule:
    """Return a rule; raise NotFoundError when there is none."""
    rule = context.state.rule(name)
    if rule is None:
        raise NotFoundError(f"Rule {name} not found.")
    return rule


def require_editable(rule: Rule | None) -> None:
    """Raise ConflictError when the configuration file manages the rule."""
    if rule is not None and rule.from_file:
        detail = f"Rule {rule.name} is managed by the configuration file. Change it there."
        raise ConflictError(detail, reason=ErrorReason.FROM_FILE)


def validate_rule(context: AppContext, body: Mapping[str, Any], where: str = "") -> dict[str, Any]:
    """Return a rule in the form that is journaled; raise InvalidInputError with its errors by field, below `where`.

    A URL or stream key that is masked as the API shows it is replaced by the stored one of the rule of that name.
    """
    body = {**body, **_restored_secrets(context, body)}
    schema = RuleSchema()
    masked_fields = [field for field in URL_FIELDS if has_masked_address(body.get(field))]
    try:
        if masked_fields:
            raise ValidationError({field: ["contains a masked URL; write it in full"] for field in masked_fields})
        rule: dict[str, Any] = schema.load(body)
    except ValidationError as error:
        errors = explain_errors(error.messages_dict, schema)
        raise InvalidInputError("Invalid rule.", errors={where: errors} if where else errors) from None
    return sealed_rule(rule, context.secret_box)


def put_rule(context: AppContext, rule: Mapping[str, Any]) -> RuleChange:
    """Create or replace a rule from its validated form. Call this within `rule_lock`."""
    name = str(rule["name"])
    current = context.state.rule(name)
    require_editable(current)
    # Computed before the rule is in force: afterwards each room that it names has a state, and counts as seen.
    warnings = warnings_of(context, decode_rule(rule), context.state.config())
    event_id = context.append(Source.CONFIG, "rule-put", None, {"rule": rule})
    in_force = context.wait_until_processed(event_id)
    return RuleChange(event_id, in_force, is_new=current is None, warnings=tuple(warnings))


def delete_rule(context: AppContext, name: str) -> RuleChange:
    """Delete a rule. Call this within `rule_lock`."""
    require_editable(require_rule(context, name))
    event_id = context.append(Source.CONFIG, "rule-deleted", None, {"name": name})
    return RuleChange(event_id, context.wait_until_processed(event_id))


def command_rule(context: AppContext, name: str, command: RuleCommand) -> str:
    """Pause or resume a rule, or skip its next window; return the id of the journaled event."""
    rule = require_rule(context, name)
    if command is RuleCommand.SKIP_NEXT and rule.schedule_trigger is None:
        raise ConflictError(f"Rule {name} has no schedule.", reason=ErrorReason.NO_SCHEDULE)
    return context.append(Source.OPERATOR, command.value, None, {"name": name})


def _restored_secrets(context: AppContext, body: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a rule that contain masked URLs or stream keys, with what is stored in their place."""
    name, with_secrets = body.get("name"), {field: body[field] for field in URL_FIELDS if field in body}
    stored = context.state.rule(name) if isinstance(name, str) else None
    if stored is None:
        return {}
    restored: dict[str, Any] = {}
    if "rtmp" in with_secrets:
        with_secrets["rtmp"] = restored_rtmp(with_secrets["rtmp"], stored.rtmp, context.secret_box)
        restored = {"rtmp": with_secrets["rtmp"]}
    if not has_masked_address(with_secrets):
        return restored
    trigger = stored.schedule_trigger
    bodies = {"start": stored.start, "recording": stored.recording, "rtmp": stored.rtmp}
    schedule = dict(trigger.given) if trigger is not None else {}
    restored |= restored_data(with_secrets, {"schedule": schedule, **{name: dict(of) for name, of in bodies.items()}})
    return restored
