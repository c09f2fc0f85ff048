"""What draft rules would have done beside what was done."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from webhook_app.domain.times import SECOND, rfc3339

SAME_WITHIN_MS = 10 * SECOND


@dataclass(frozen=True, slots=True)
class RuleAction:
    """Something done because of a rule: `kind` is start, end, or the type of a notice."""

    at: int
    room_id: str
    kind: str
    because: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """What would have been done, what was, and where the two differ."""

    would: tuple[RuleAction, ...]
    did: tuple[RuleAction, ...]
    only_would: tuple[RuleAction, ...]
    only_did: tuple[RuleAction, ...]


def compare(would: list[RuleAction], did: list[RuleAction]) -> Comparison:
    """Pair the acts of a room and kind that lie close together; the others are only on one side."""
    unmatched: dict[tuple[str, str], deque[RuleAction]] = {}
    for act in sorted(did, key=lambda act: act.at):
        unmatched.setdefault((act.room_id, act.kind), deque()).append(act)
    only_would: list[RuleAction] = []
    only_did: list[RuleAction] = []
    for act in sorted(would, key=lambda act: act.at):
        same = unmatched.get((act.room_id, act.kind), deque())
        while same and same[0].at < act.at - SAME_WITHIN_MS:
            only_did.append(same.popleft())
        if same and same[0].at <= act.at + SAME_WITHIN_MS:
            same.popleft()
        else:
            only_would.append(act)
    only_did += [act for acts in unmatched.values() for act in acts]
    only_did.sort(key=lambda act: (act.at, act.room_id))
    return Comparison(tuple(would), tuple(did), tuple(only_would), tuple(only_did))


def restricted_to_rules(found: Comparison, names: Iterable[str]) -> Comparison:
    """The part of a comparison that these rules brought about; what differs otherwise is left out."""
    because = {f"rule:{name}" for name in names}

    def own(acts: tuple[RuleAction, ...]) -> tuple[RuleAction, ...]:
        return tuple(act for act in acts if act.because in because)

    return Comparison(own(found.would), own(found.did), own(found.only_would), own(found.only_did))


def action_view(act: RuleAction, room_name: str | None = None) -> dict[str, Any]:
    """An act as the API shows it."""
    return {
        "at": rfc3339(act.at),
        "room_id": act.room_id,
        "room_name": room_name,
        "kind": act.kind,
        "because": act.because,
    }
