"""A field with a condition in CEL, and the check of conditions against the fields that they may use."""

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, fields

from webhook_app.domain.rules.condition_checks import check_condition
from webhook_app.domain.rules.conditions import ConditionError, compile_condition
from webhook_app.domain.sessions.participants import Role
from webhook_app.domain.view_examples import room_shapes
from webhook_app.providers.registry import CALLED


class ConditionField(fields.String):
    """A CEL expression that compiles."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        source = str(super()._deserialize(value, attr, data, **kwargs))
        try:
            compile_condition(source)
        except ConditionError as error:
            raise ValidationError(str(error)) from None
        return source


def example_rooms() -> tuple[Mapping[str, Any], ...]:
    """Rooms of every shape, to try conditions and messages on; the participants' modes are the provider's words."""
    words = sorted(CALLED.mode_roles.items())
    hosts = [word for word, role in words if role is Role.HOST]
    viewers = [word for word, role in words if role is Role.VIEWER]
    return room_shapes(hosts[0], viewers[0]) if hosts and viewers else room_shapes()


def condition_errors(data: Mapping[str, Any], name: str, *, with_event: bool) -> dict[str, list[str]]:
    """What is wrong with a field's condition, none if the field is missing. `with_event`: it may use the event."""
    if name not in data:
        return {}
    try:
        check_condition(compile_condition(data[name]), example_rooms(), with_event=with_event)
    except ConditionError as error:
        return {name: [str(error)]}
    return {}
