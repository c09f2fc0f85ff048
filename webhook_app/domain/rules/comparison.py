"""Compares what draft rules would have done with what was done."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from webhook_app.domain.outputs import Output
from webhook_app.domain.times import SECOND, rfc3339

SAME_WITHIN_MS = 10 * SECOND


@dataclass(frozen=True, slots=True)
class RuleAction:
    """An action of a rule: `kind` is start, end, or the type of a notice; `output` is the one that it is about."""

    at: int
    room_id: str
    kind: str
    because: str
    output: Output = Output.HLS


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the drafts would have done, what was done, and what only one of them has."""

    would: tuple[RuleAction, ...]
    did: tuple[RuleAction, ...]
    only_would: tuple[RuleAction, ...]
    only_did: tuple[RuleAction, ...]


def compare(would: list[RuleAction], did: list[RuleAction]) -> Comparison:
    """Pair the actions of an output and kind that lie close together; the others are only on one side."""
    unmatched: dict[tuple[str, Output, str], deque[RuleAction]] = {}
    for action in sorted(did, key=lambda action: action.at):
        unmatched.setdefault(_pairing_key(action), deque()).append(action)
    only_would: list[RuleAction] = []
    only_did: list[RuleAction] = []
    for action in sorted(would, key=lambda action: action.at):
        candidates = unmatched.get(_pairing_key(action), deque())
        while candidates and candidates[0].at < action.at - SAME_WITHIN_MS:
            only_did.append(candidates.popleft())
        if candidates and candidates[0].at <= action.at + SAME_WITHIN_MS:
            candidates.popleft()
        else:
            only_would.append(action)
    only_did += [action for actions in unmatched.values() for action in actions]
    only_did.sort(key=lambda action: (action.at, action.room_id))
    return Comparison(tuple(would), tuple(did), tuple(only_would), tuple(only_did))


def _pairing_key(action: RuleAction) -> tuple[str, Output, str]:
    return action.room_id, action.output, action.kind


def restricted_to_rules(comparison: Comparison, names: Iterable[str]) -> Comparison:
    """The part of a comparison that these rules brought about; what differs otherwise is left out."""
    because = {f"rule:{name}" for name in names}

    def own(actions: tuple[RuleAction, ...]) -> tuple[RuleAction, ...]:
        return tuple(action for action in actions if action.because in because)

    return Comparison(own(comparison.would), own(comparison.did), own(comparison.only_would), own(comparison.only_did))


def action_view(action: RuleAction, room_name: str | None = None) -> dict[str, Any]:
    """An action as the API shows it."""
    return {
        "at": rfc3339(action.at),
        "room_id": action.room_id,
        "room_name": room_name,
        "output": action.output.value,
        "kind": action.kind,
        "because": action.because,
    }
