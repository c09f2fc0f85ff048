"""What draft rules would have done beside what was done."""

from dataclasses import dataclass
from typing import Any

from webhook_app.domain.times import SECOND, rfc3339

SAME_WITHIN_MS = 10 * SECOND


@dataclass(frozen=True, slots=True)
class Act:
    """Something done because of a rule: `kind` is start, end, or the type of a notice."""

    at: int
    room_id: str
    kind: str
    because: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """What would have been done, what was, and where the two differ."""

    would: tuple[Act, ...]
    did: tuple[Act, ...]
    only_would: tuple[Act, ...]
    only_did: tuple[Act, ...]


def compare(would: list[Act], did: list[Act]) -> Comparison:
    """Pair the acts of a room and kind that lie close together; the others are only on one side."""
    rest: dict[tuple[str, str], list[Act]] = {}
    for act in did:
        rest.setdefault((act.room_id, act.kind), []).append(act)
    only_would: list[Act] = []
    for act in would:
        same = rest.get((act.room_id, act.kind), [])
        near = next((one for one in same if abs(one.at - act.at) <= SAME_WITHIN_MS), None)
        if near is None:
            only_would.append(act)
        else:
            same.remove(near)
    only_did = sorted((act for acts in rest.values() for act in acts), key=lambda act: (act.at, act.room_id))
    return Comparison(tuple(would), tuple(did), tuple(only_would), tuple(only_did))


def act_view(act: Act) -> dict[str, Any]:
    """An act as the API shows it."""
    return {"at": rfc3339(act.at), "room_id": act.room_id, "kind": act.kind, "because": act.because}
