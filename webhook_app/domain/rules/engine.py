"""The judge: which rules an event or a changed room concerns, and what they say to it."""

from collections.abc import Mapping, Set
from typing import Any

from webhook_app.domain.context import StepContext
from webhook_app.domain.control.desired import drop_desired_of_rule, set_rule_desired
from webhook_app.domain.explanations import Explanation
from webhook_app.domain.facts.results import ProbeResult
from webhook_app.domain.frozen import replace
from webhook_app.domain.ids import is_after
from webhook_app.domain.notices.notice import shown_data
from webhook_app.domain.notices.types import rule_notice
from webhook_app.domain.probing.probe_request import asks_for_session
from webhook_app.domain.probing.requests import REPROBE_MS, request_probe
from webhook_app.domain.probing.results import PROBE_RETRY_FIRST_MS
from webhook_app.domain.probing.subjects import ProbeSubject
from webhook_app.domain.probing.verification import is_verified_first
from webhook_app.domain.reasons import Reason
from webhook_app.domain.room import Fired
from webhook_app.domain.rules.cel.meter import STEPS_MAX
from webhook_app.domain.rules.condition_evaluation import evaluate_condition, room_field
from webhook_app.domain.rules.conditions import ConditionResult, explain_failure, stored_condition, try_evaluate
from webhook_app.domain.rules.rule import ACTIONS_MAX_PER_MINUTE, Rule
from webhook_app.domain.sessions.roster import assume_viewers, moves_since
from webhook_app.domain.timers import probe_timer, rule_of_timer, rule_timer
from webhook_app.domain.times import MINUTE
from webhook_app.domain.views import event_view

MESSAGE_MAX_CHARS = 2_000
PART_STEPS_MIN = 2_000


def evaluate_rules(context: StepContext, body_type: str | None) -> None:
    """Let the room's rules see the event, what it changed, and the room as it now is."""
    rules = context.config.about(context.room.room_id)
    if not rules:
        return
    kinds = [(domain_event.type, shown_data(domain_event.data)) for domain_event in context.domain_events]
    if body_type is not None:
        kinds.append((body_type, context.event.data))
    for rule in rules:
        if rule.on is not None:
            for kind, data in kinds:
                if kind == rule.on:
                    _on(context, rule, kind, data)
    if context.room is not context.before:
        for rule in rules:
            if rule.when is not None:
                evaluate_when(context, rule)


def evaluate_when(context: StepContext, rule: Rule) -> None:
    """Evaluate a `when` on the room as it is: note when it begins to hold and when it ceases."""
    assert rule.when is not None
    since = context.room.rules.holding.get(rule.name)
    held = _holds(context, rule, holding=since is not None)
    if held and since is None:
        context.change_rules(holding={**context.room.rules.holding, rule.name: context.event.at})
        if rule.for_s:
            context.set_timer(rule_timer(rule.name), context.event.at + rule.for_s * 1000)
            context.record_decision(Reason.RULE_BEGAN_TO_HOLD, rule=rule.name, seconds=rule.for_s)
        else:
            _fire_when(context, rule)
    elif not held and since is not None:
        reset_rule_state(context, rule.name)
        context.record_decision(Reason.RULE_NO_LONGER_HOLDS, rule=rule.name)


def on_hold_elapsed(context: StepContext, rule_name: str) -> None:
    """A `for` has passed: act if the condition still holds."""
    rule = next((known for known in context.config.about(context.room.room_id) if known.name == rule_name), None)
    if rule is None or rule.when is None or rule_name not in context.room.rules.holding:
        context.record_effect(Reason.RULE_GONE)
        return
    if not _holds(context, rule, holding=True):
        reset_rule_state(context, rule_name)
        context.record_decision(Reason.RULE_NO_LONGER_HOLDS, rule=rule_name)
        return
    context.record_effect(Reason.RULE_HELD, seconds=rule.for_s, rule=rule_name)
    _fire_when(context, rule)


def resolve_verifications(context: StepContext, probe: ProbeResult) -> None:
    """VideoSDK was asked who is there: rules that waited for that act if they still hold.

    A rule acts when its condition holds for what the probe alone found, and seems to hold with those who have joined
    since, and now. Where it holds only because somebody has left since, VideoSDK is asked again.
    """
    waiting, session = context.room.rules.verifying, context.room.session
    if not waiting or not probe.reached:
        return
    if probe.session is None and not _has_no_session(context, probe):
        if context.room.probing.probe is None:
            context.set_timer(probe_timer(ProbeSubject.PARTICIPANTS), context.event.at + PROBE_RETRY_FIRST_MS)
        return
    verified, asked_id = context.verified, probe.asked_id
    if verified is None and session is not None and is_after(session.last_event_id, asked_id):
        return
    context.change_rules(verifying=())
    for rule in context.config.about(context.room.room_id):
        if rule.name not in waiting or rule.when is None or rule.name not in context.room.rules.holding:
            continue
        if not _holds(context, rule, holding=True):
            context.record_decision(Reason.RULE_REFUTED, rule=rule.name)
        elif _is_verified(context, rule):
            _act(context, rule, None)
        elif verified is not None and any(not move.joined for move in moves_since(verified, asked_id)):
            context.change_rules(verifying=(*context.room.rules.verifying, rule.name))
            if context.room.probing.probe is None:
                context.set_timer(probe_timer(ProbeSubject.PARTICIPANTS), context.event.at + REPROBE_MS)
        else:
            context.record_decision(Reason.RULE_REFUTED, rule=rule.name)


def _is_verified(context: StepContext, rule: Rule) -> bool:
    """Whether a `when` holds for what this event's probe found, whoever has left since."""
    assert rule.when is not None
    if context.verified is None or context.arrived is None:
        return True
    if not evaluate_condition(context, rule, rule.when, None, session=context.verified).held:
        return False
    return evaluate_condition(context, rule, rule.when, None, session=assume_viewers(context.arrived)).held


def _has_no_session(context: StepContext, probe: ProbeResult) -> bool:
    """Whether the probe asked for the room's session, VideoSDK has none, and we know of none."""
    call = context.outcome.calls.get(str(probe.call_id))
    asked = call is not None and asks_for_session(call.body)
    return asked and not probe.session_unknown and not context.room.has_live_session


def _holds(context: StepContext, rule: Rule, *, holding: bool) -> bool:
    """Whether a `when` holds. One that has begun to holds on while only newcomers of unknown mode could end it."""
    assert rule.when is not None
    if evaluate_condition(context, rule, rule.when, None).held:
        return True
    session = context.room.session
    if not holding or session is None or not session.live or not session.complete or not session.unknown_roles:
        return False
    if not stored_condition(rule.when).uses_participants:
        return False
    return evaluate_condition(context, rule, rule.when, None, session=assume_viewers(session)).held


def reset_rule_state(context: StepContext, rule_name: str) -> None:
    """Drop what a room remembers of a `when`."""
    context.clear_timer(rule_timer(rule_name))
    rules = context.room.rules
    if rule_name in rules.holding:
        context.change_rules(holding={name: since for name, since in rules.holding.items() if name != rule_name})
    if rule_name in rules.verifying:
        context.change_rules(verifying=tuple(name for name in rules.verifying if name != rule_name))


def rules_changed(context: StepContext, names: Set[str]) -> None:
    """Apply changed rules to a room; only those that the room has anything to do with cost anything."""
    room = context.room
    involved = {*room.rules.holding, *room.rules.verifying}
    involved |= {rule_name for name in room.timers if (rule_name := rule_of_timer(name)) is not None}
    involved |= {rule.name for rule in context.config.about(room.room_id) if rule.when is not None}
    if room.desires.event is not None:
        involved.add(room.desires.event.because.removeprefix("rule:"))
    for name in sorted(involved & names):
        _rule_changed(context, name)


def _rule_changed(context: StepContext, rule_name: str) -> None:
    """Drop what the room remembers of a rule that was put, paused or deleted, and evaluate the new one."""
    drop_desired_of_rule(context, rule_name)
    reset_rule_state(context, rule_name)
    for rule in context.config.about(context.room.room_id):
        if rule.name == rule_name and rule.when is not None:
            evaluate_when(context, rule)


def _on(context: StepContext, rule: Rule, kind: str, data: Mapping[str, Any]) -> None:
    event = event_view(context.event, kind=kind, data=data, room_name=context.room_name) | {
        "room_id": context.room.room_id
    }
    judged = ConditionResult(True) if rule.if_ is None else evaluate_condition(context, rule, rule.if_, event)
    if judged.held:
        _act(context, rule, event)
        return
    if judged.error is None:
        context.record_decision(Reason.RULE_IF_FALSE, rule=rule.name)
    else:
        context.record_decision(Reason.RULE_IF_ERROR, rule=rule.name, error=judged.error)


def _fire_when(context: StepContext, rule: Rule) -> None:
    assert rule.when is not None
    if is_verified_first(rule) and context.config.settings.calls:
        context.change_rules(verifying=(*context.room.rules.verifying, rule.name))
        context.record_decision(Reason.RULE_VERIFYING, rule=rule.name)
        request_probe(context, ProbeSubject.PARTICIPANTS)
        return
    _act(context, rule, None)


def _act(context: StepContext, rule: Rule, event: Mapping[str, Any] | None) -> None:
    at = context.event.at
    fired = context.room.rules.fired.get(rule.name)
    if fired is not None and rule.cooldown_s and at - fired.at < rule.cooldown_s * 1000:
        left = rule.cooldown_s - (at - fired.at) // 1000
        context.record_decision(Reason.RULE_COOLING_DOWN, rule=rule.name, seconds=left)
        return
    minute = at // MINUTE
    count = fired.count + 1 if fired is not None and fired.minute == minute else 1
    if count > ACTIONS_MAX_PER_MINUTE:
        context.record_decision(Reason.RULE_TOO_OFTEN, rule=rule.name, count=ACTIONS_MAX_PER_MINUTE)
        return
    context.change_rules(fired={**context.room.rules.fired, rule.name: Fired(at, minute, count)})
    context.remember(rule.name, replace(context.memory(rule.name), last_fired_at=at))
    if rule.do == "notify":
        message = _message(context, rule, event)
        notice_id = context.emit(rule_notice(rule.name), because=rule.because, message=message)
        context.record_decision(Reason.RULE_NOTIFIED, rule=rule.name, notice_id=notice_id)
        return
    set_rule_desired(context, rule, on_air=rule.do == "start")


def _message(context: StepContext, rule: Rule, event: Mapping[str, Any] | None) -> str:
    parts: list[str] = []
    failed: Explanation | None = None
    steps_left = STEPS_MAX
    for literal, expression in split_message(rule.message or f"{rule.name} in {{room.room_id}}"):
        parts.append(literal)
        if expression is None:
            continue
        condition = stored_condition(expression)
        limit = max(PART_STEPS_MIN, min(steps_left, STEPS_MAX // 4))
        value, steps = try_evaluate(condition, lambda name, inner: room_field(context, name, inner), event, limit=limit)
        steps_left = max(0, steps_left - steps)
        if isinstance(value, Exception):
            failed = failed or explain_failure(value)
            value = "?"
        parts.append("" if value is None else str(value))
    if failed is not None:
        context.remember(rule.name, replace(context.memory(rule.name), last_error=failed))
        context.record_decision(Reason.RULE_MESSAGE_ERROR, rule=rule.name, error=failed)
    return "".join(parts)[:MESSAGE_MAX_CHARS]


def split_message(text: str) -> list[tuple[str, str | None]]:
    """Pairs of literal text and the expression in braces after it; ValueError on a brace without its twin."""
    parts: list[tuple[str, str | None]] = []
    rest = text
    while rest:
        literal, brace, tail = rest.partition("{")
        if "}" in literal:
            raise ValueError("a } stands without its {")
        if not brace:
            parts.append((literal, None))
            break
        expression, close, rest = tail.partition("}")
        if not close:
            raise ValueError("a { stands without its }")
        parts.append((literal, expression))
    return parts
