"""Wishes: what operators and rules want of a room, put and dropped."""

from collections.abc import Mapping
from typing import Any

from webhook_app.domain.context import Turn
from webhook_app.domain.reasons import Reason
from webhook_app.domain.room import Wish
from webhook_app.domain.rules.rule import Rule


def operator_wishes(turn: Turn, *, on_air: bool, data: Mapping[str, Any]) -> None:
    """An operator's start or end; repeating it renews it and does no harm."""
    until = data.get("until")
    start = data.get("start")
    wish = Wish(
        on_air=on_air,
        because="operator",
        since=turn.event.at,
        event_id=turn.event.id,
        until=until if isinstance(until, int) else None,
        start=start if isinstance(start, Mapping) else {},
    )
    known = turn.room.operator
    same = known is not None and (known.on_air, known.until, known.start) == (
        wish.on_air,
        wish.until,
        wish.start,
    )
    if same and known is not None:
        turn.note(Reason.OPERATOR_REPEAT)
        return
    turn.change(operator=wish, tries=0, waits=None)
    turn.clear_timer("backoff")
    if wish.until is not None:
        turn.set_timer("until", wish.until)
    else:
        turn.clear_timer("until")
    turn.note(Reason.OPERATOR_WANTS_ON if on_air else Reason.OPERATOR_WANTS_OFF)


def operator_releases(turn: Turn, why: Reason = Reason.OPERATOR_RELEASED) -> None:
    """Drop the operator's wish; whatever a rule wants holds again."""
    turn.clear_timer("until")
    if turn.room.operator is None:
        turn.note(Reason.OPERATOR_NOTHING_TO_RELEASE)
        return
    turn.change(operator=None, waits=None)
    turn.note(why)


def rule_wishes(turn: Turn, rule: Rule, *, on_air: bool) -> None:
    """A rule's start or end: the newest event rule's wish holds."""
    action = "start" if on_air else "end"
    wish = Wish(on_air=on_air, because=rule.because, since=turn.event.at, event_id=turn.event.id, start=rule.start)
    room = turn.room
    live = bool(room.live_streams)
    if not on_air and not live and room.call is None:
        if room.event_wish is not None:
            turn.change(event_wish=None)
        turn.decide(Reason.RULE_OFF_AIR, rule=rule.name)
        return
    known = room.event_wish
    if known is not None and (known.on_air, known.because) == (wish.on_air, wish.because):
        turn.decide(Reason.RULE_REPEAT, rule=rule.name, action=action)
        return
    turn.change(event_wish=wish, waits=None)
    schedule = room.schedule_wish
    if room.operator is not None and room.operator.on_air != on_air:
        turn.decide(Reason.RULE_OPERATOR_WINS, rule=rule.name, action=action)
    elif room.operator is None and schedule is not None and schedule.on_air != on_air:
        winner = schedule.because.removeprefix("rule:")
        turn.decide(Reason.RULE_SCHEDULE_WINS, rule=rule.name, action=action, winner=winner)
    elif not turn.config.settings.calls:
        why = turn.config.settings.why_no_calls(Reason.RULE_NO_CREDENTIALS)
        turn.decide(why, rule=rule.name, action=action)
    elif known is not None and known.on_air != on_air:
        loser = known.because.removeprefix("rule:")
        turn.decide(Reason.RULE_NEWER, rule=rule.name, action=action, loser=loser)
    else:
        turn.decide(Reason.RULE_MATCHED, rule=rule.name, action=action)


def drop_wish_of_session(turn: Turn) -> None:
    """A rule's wish holds until the session ends in which it was made."""
    wish, before, after = turn.room.event_wish, turn.before.session, turn.room.session
    if wish is None or before is None or not before.live:
        return
    if after is None or not after.live or after.session_id != before.session_id:
        turn.change(event_wish=None, waits=None)
        turn.decide(Reason.DESIRE_DROPPED_SESSION_ENDED, rule=wish.because.removeprefix("rule:"))


def drop_rule_wish(turn: Turn, rule_name: str) -> None:
    """A rule was paused, changed or deleted: its wish goes, the stream is left alone."""
    wish = turn.room.event_wish
    if wish is not None and wish.because == f"rule:{rule_name}":
        turn.change(event_wish=None, waits=None)
        turn.decide(Reason.DESIRE_DROPPED_RULE_CHANGED, rule=rule_name)
