"""The judge: which rules an event or a changed room concerns, and what they say to it."""

from collections.abc import Mapping, Set
from typing import Any

from webhook_app.domain.context import Turn
from webhook_app.domain.control.desired import drop_rule_wish, rule_wishes
from webhook_app.domain.frozen import replace
from webhook_app.domain.ids import is_after
from webhook_app.domain.probing.policy import AGAIN_MS, UNREACHED_FIRST_MS, ask
from webhook_app.domain.reasons import Reason
from webhook_app.domain.room import Fired
from webhook_app.domain.rules.cel.meter import STEPS_MAX
from webhook_app.domain.rules.condition_results import field_of, verdict
from webhook_app.domain.rules.conditions import Verdict, attempt, explain, stored_condition
from webhook_app.domain.rules.rule import CHAIN_MAX_PER_MINUTE, Rule
from webhook_app.domain.sessions.presence import is_verified_first
from webhook_app.domain.sessions.roster import assume_viewers, moves_since
from webhook_app.domain.sessions.tracking import live_session
from webhook_app.domain.times import MINUTE
from webhook_app.domain.views import event_view

MESSAGE_MAX_CHARS = 2_000
PART_STEPS_MIN = 2_000


def judge(turn: Turn, body_type: str | None) -> None:
    """Let the room's rules see the event, what it changed, and the room as it now is."""
    rules = turn.config.about(turn.room.room_id)
    if not rules:
        return
    kinds = [(happening.type, happening.data) for happening in turn.happenings]
    if body_type is not None:
        kinds.append((body_type, turn.event.data))
    for rule in rules:
        if rule.on is not None:
            for kind, data in kinds:
                if kind == rule.on:
                    _on(turn, rule, kind, data)
    if turn.room is not turn.before:
        for rule in rules:
            if rule.when is not None:
                weigh(turn, rule)


def weigh(turn: Turn, rule: Rule) -> None:
    """Evaluate a `when` on the room as it is: note when it begins to hold and when it ceases."""
    assert rule.when is not None
    since = turn.room.holding.get(rule.name)
    held = _holds(turn, rule, holding=since is not None)
    if held and since is None:
        turn.change(holding={**turn.room.holding, rule.name: turn.event.at})
        if rule.for_s:
            turn.set_timer(f"for:{rule.name}", turn.event.at + rule.for_s * 1000)
            turn.decide(Reason.RULE_BEGAN_TO_HOLD, rule=rule.name, seconds=rule.for_s)
        else:
            _fire_when(turn, rule)
    elif not held and since is not None:
        forget(turn, rule.name)
        turn.decide(Reason.RULE_NO_LONGER_HOLDS, rule=rule.name)


def held_long_enough(turn: Turn, rule_name: str) -> None:
    """A `for` has passed: act if the condition still holds."""
    rule = next((known for known in turn.config.about(turn.room.room_id) if known.name == rule_name), None)
    if rule is None or rule.when is None or rule_name not in turn.room.holding:
        turn.note(Reason.RULE_GONE)
        return
    if not _holds(turn, rule, holding=True):
        forget(turn, rule_name)
        turn.decide(Reason.RULE_NO_LONGER_HOLDS, rule=rule_name)
        return
    turn.note(Reason.RULE_HELD, seconds=rule.for_s, rule=rule_name)
    _fire_when(turn, rule)


def confirmed(turn: Turn, data: Mapping[str, Any]) -> None:
    """VideoSDK was asked who is there: rules that waited for that act if they still hold.

    A rule acts when its condition holds for what the probe alone found, and seems to hold with those who have joined
    since, and now. Where it holds only because somebody has left since, VideoSDK is asked again.
    """
    waiting, session = turn.room.confirming, turn.room.session
    if not waiting or not data.get("reached"):
        return
    if not isinstance(data.get("session"), Mapping) and not _has_no_session(turn, data):
        if turn.room.probe is None:
            turn.set_timer("ask:participants", turn.event.at + UNREACHED_FIRST_MS)
        return
    verified, asked_id = turn.verified, str(data.get("asked_id") or "0-0")
    if verified is None and session is not None and is_after(session.last_event_id, asked_id):
        return
    turn.change(confirming=())
    for rule in turn.config.about(turn.room.room_id):
        if rule.name not in waiting or rule.when is None or rule.name not in turn.room.holding:
            continue
        if not _holds(turn, rule, holding=True):
            turn.decide(Reason.RULE_REFUTED, rule=rule.name)
        elif _is_verified(turn, rule):
            _act(turn, rule, None)
        elif verified is not None and any(not move.joined for move in moves_since(verified, asked_id)):
            turn.change(confirming=(*turn.room.confirming, rule.name))
            if turn.room.probe is None:
                turn.set_timer("ask:participants", turn.event.at + AGAIN_MS)
        else:
            turn.decide(Reason.RULE_REFUTED, rule=rule.name)


def _is_verified(turn: Turn, rule: Rule) -> bool:
    """Whether a `when` holds for what this event's probe found, whoever has left since."""
    assert rule.when is not None
    if turn.verified is None or turn.arrived is None:
        return True
    if not verdict(turn, rule, rule.when, None, session=turn.verified).held:
        return False
    return verdict(turn, rule, rule.when, None, session=assume_viewers(turn.arrived)).held


def _has_no_session(turn: Turn, data: Mapping[str, Any]) -> bool:
    """Whether VideoSDK was asked for the room's session, said that there is none, and we know of none."""
    probe = turn.outcome.calls.get(str(data.get("call_id")))
    asked = probe is not None and bool(probe.body.get("session"))
    return asked and not data.get("session_unknown") and not live_session(turn.room)


def _holds(turn: Turn, rule: Rule, *, holding: bool) -> bool:
    """Whether a `when` holds. One that has begun to holds on while only newcomers of unknown mode could end it."""
    assert rule.when is not None
    if verdict(turn, rule, rule.when, None).held:
        return True
    session = turn.room.session
    if not holding or session is None or not session.live or not session.complete or not session.unknown_roles:
        return False
    if not stored_condition(rule.when).counts_people:
        return False
    return verdict(turn, rule, rule.when, None, session=assume_viewers(session)).held


def forget(turn: Turn, rule_name: str) -> None:
    """Drop what a room remembers of a `when`."""
    turn.clear_timer(f"for:{rule_name}")
    if rule_name in turn.room.holding:
        turn.change(holding={name: since for name, since in turn.room.holding.items() if name != rule_name})
    if rule_name in turn.room.confirming:
        turn.change(confirming=tuple(name for name in turn.room.confirming if name != rule_name))


def rules_changed(turn: Turn, names: Set[str]) -> None:
    """Apply changed rules to a room; only those that the room has anything to do with cost anything."""
    room = turn.room
    involved = {*room.holding, *room.confirming}
    involved |= {timer.removeprefix("for:") for timer in room.timers if timer.startswith("for:")}
    involved |= {rule.name for rule in turn.config.about(room.room_id) if rule.when is not None}
    if room.event_wish is not None:
        involved.add(room.event_wish.because.removeprefix("rule:"))
    for name in sorted(involved & names):
        _rule_changed(turn, name)


def _rule_changed(turn: Turn, rule_name: str) -> None:
    """Drop what the room remembers of a rule that was put, paused or deleted, and evaluate the new one."""
    drop_rule_wish(turn, rule_name)
    forget(turn, rule_name)
    for rule in turn.config.about(turn.room.room_id):
        if rule.name == rule_name and rule.when is not None:
            weigh(turn, rule)


def _on(turn: Turn, rule: Rule, kind: str, data: Mapping[str, Any]) -> None:
    event = event_view(turn.event, kind=kind, data=data, room_name=turn.room_name) | {"room_id": turn.room.room_id}
    judged = Verdict(True) if rule.if_ is None else verdict(turn, rule, rule.if_, event)
    if judged.held:
        _act(turn, rule, event)
        return
    if judged.error is None:
        turn.decide(Reason.RULE_IF_FALSE, rule=rule.name)
    else:
        turn.decide(Reason.RULE_IF_ERROR, rule=rule.name, error=judged.error)


def _fire_when(turn: Turn, rule: Rule) -> None:
    assert rule.when is not None
    if is_verified_first(rule) and turn.config.settings.calls:
        turn.change(confirming=(*turn.room.confirming, rule.name))
        turn.decide(Reason.RULE_VERIFYING, rule=rule.name)
        ask(turn, "participants")
        return
    _act(turn, rule, None)


def _act(turn: Turn, rule: Rule, event: Mapping[str, Any] | None) -> None:
    at = turn.event.at
    fired = turn.room.fired.get(rule.name)
    if fired is not None and rule.cooldown_s and at - fired.at < rule.cooldown_s * 1000:
        left = rule.cooldown_s - (at - fired.at) // 1000
        turn.decide(Reason.RULE_COOLING_DOWN, rule=rule.name, seconds=left)
        return
    minute = at // MINUTE
    count = fired.count + 1 if fired is not None and fired.minute == minute else 1
    if count > CHAIN_MAX_PER_MINUTE:
        turn.decide(Reason.RULE_TOO_OFTEN, rule=rule.name, count=CHAIN_MAX_PER_MINUTE)
        return
    turn.change(fired={**turn.room.fired, rule.name: Fired(at, minute, count)})
    turn.remember(rule.name, replace(turn.memory(rule.name), last_fired_at=at))
    if rule.do == "notify":
        message = _message(turn, rule, event)
        notice_id = turn.happen(f"rule.{rule.name}", because=rule.because, message=message)
        turn.decide(Reason.RULE_NOTIFIED, rule=rule.name, notice_id=notice_id)
        return
    rule_wishes(turn, rule, on_air=rule.do == "start")


def _message(turn: Turn, rule: Rule, event: Mapping[str, Any] | None) -> str:
    parts: list[str] = []
    failed: str | None = None
    steps_left = STEPS_MAX
    for literal, expression in split_message(rule.message or f"{rule.name} in {{room.room_id}}"):
        parts.append(literal)
        if expression is None:
            continue
        condition = stored_condition(expression)
        limit = max(PART_STEPS_MIN, min(steps_left, STEPS_MAX // 4))
        value, steps = attempt(condition, lambda name, inner: field_of(turn, name, inner), event, limit=limit)
        steps_left = max(0, steps_left - steps)
        if isinstance(value, Exception):
            failed = failed or explain(value)
            value = "?"
        parts.append("" if value is None else str(value))
    if failed is not None:
        turn.remember(rule.name, replace(turn.memory(rule.name), last_error=failed))
        turn.decide(Reason.RULE_MESSAGE_ERROR, rule=rule.name, error=failed)
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
