"""Rules as the API and the console show them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from webhook_app.domain.configuration.changes import calendar_sources
from webhook_app.domain.explanations import text_of
from webhook_app.domain.rules.config import Config
from webhook_app.domain.rules.rule import Rule, RuleState
from webhook_app.domain.schedules.errors import ScheduleError
from webhook_app.domain.schedules.occurrences import occurrences
from webhook_app.domain.times import format_duration, maybe_rfc3339
from webhook_app.domain.views import occurrence_view
from webhook_app.masking.masked_data import shown_data
from webhook_app.masking.url_masking import MASK
from webhook_app.schemas.outputs import BODY_FIELDS
from webhook_app.schemas.trigger_formats import trigger_view
from webhook_app.store.queries.rules import rule_states
from webhook_app.usecases.context import AppContext
from webhook_app.usecases.rule_rooms import rooms_of_rules

LOOKAHEAD = 5  # openings that are read to find one that is not skipped


def rule_view(rule: Rule, state: RuleState, next_window: dict[str, Any] | None = None) -> dict[str, Any]:
    """Render a rule in the form in which it is put, with its next window and its last run."""
    view: dict[str, Any] = {"name": rule.name, "rooms": list(rule.rooms)}
    view |= trigger_view(rule.trigger)
    if rule.schedule_trigger is None:
        view["do"] = rule.do
        if rule.do != "notify":
            view["output"] = rule.output.value
    if rule.message is not None:
        view["message"] = rule.message
    for output, name in BODY_FIELDS.items():
        if body := rule.body_of(output):
            view[name] = _shown_body(body)
    if rule.mp4:
        view["mp4"] = True
    return view | {
        "cooldown": format_duration(rule.cooldown_s),
        "timezone": rule.timezone,
        "paused": rule.paused,
        "from_file": rule.from_file,
        "next": next_window,
        "last_fired_at": maybe_rfc3339(state.last_fired_at),
        "last_error": text_of(state.last_error),
    }


def _shown_body(body: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a start without its stream keys and the secrets of its URLs."""
    shown: dict[str, Any] = shown_data(body)
    if "streams" in shown:
        shown["streams"] = [stream | {"stream_key": MASK} for stream in shown["streams"]]
    return shown


def rule_views(context: AppContext, rules: Sequence[Rule]) -> list[dict[str, Any]]:
    """Render rules with their next windows and last runs."""
    if not rules:
        return []
    states = rule_states(context.client, [rule.name for rule in rules])
    config = context.state.names()
    scheduled = [rule for rule in rules if rule.schedule_trigger is not None and not rule.paused]
    rooms = rooms_of_rules(context, config, scheduled)
    config = replace(
        config, calendars=context.state.calendars({name for rule in scheduled for name in calendar_sources(rule)})
    )
    windows = {rule.name: _next_window(config, rule, rooms[rule.name], at=context.now()) for rule in scheduled}
    return [rule_view(rule, state, windows.get(rule.name)) for rule, state in zip(rules, states, strict=True)]


def _next_window(config: Config, rule: Rule, room_ids: Sequence[str], *, at: int) -> dict[str, Any] | None:
    config = config.with_rule(rule)
    room_id = next(iter(room_ids), "")
    try:
        upcoming = occurrences(config, rule, [room_id], at=at, count=LOOKAHEAD * len(rule.window_outputs))
    except ScheduleError:
        return None  # `last_error` says why
    occurrence = next((occurrence for occurrence in upcoming if not occurrence.skipped), None)
    if occurrence is None:
        return None
    room_name = config.room_name(occurrence.room_id)
    return occurrence_view(
        occurrence.room_id,
        occurrence.window,
        endless=occurrence.endless,
        room_name=room_name,
        output=occurrence.output,
    )
