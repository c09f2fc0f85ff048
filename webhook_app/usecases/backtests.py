"""Run draft rules against recorded events."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from webhook_app.domain.events import JournalEvent
from webhook_app.domain.rules.backtest import BacktestTooLargeError, backtest
from webhook_app.domain.rules.comparison import Comparison, RuleAction, action_view
from webhook_app.domain.rules.config import Config
from webhook_app.domain.rules.configured_rooms import ConfiguredRoom
from webhook_app.domain.rules.rule import Rule
from webhook_app.event_decoding.rules import decode_rule
from webhook_app.providers.registry import CALLED
from webhook_app.store import codec
from webhook_app.store.connection.clients import Client
from webhook_app.store.journal.journal import Journal
from webhook_app.store.journal.skipped_events import SkippedEvents, SkippedEventStore
from webhook_app.store.state.snapshots import Snapshots
from webhook_app.store.state.store import StateStore
from webhook_app.usecases.context import AppContext
from webhook_app.usecases.errors import InvalidInputError
from webhook_app.usecases.rules import validate_rule

EVENTS_MAX = 300_000


class TooManyEventsError(BacktestTooLargeError):
    """More events than one backtest processes."""


def replay(
    client: Client,
    rules: Sequence[Rule],
    *,
    since: int,
    until: int,
    names: Mapping[str, ConfiguredRoom] | None = None,
    others: bool = False,
    progress: Callable[[int], None] = lambda count: None,
) -> Comparison:
    """Run draft rules against the recorded events; raise BacktestTooLargeError when there are too many.

    The drafts refer to rooms by their current names, and by `names`.
    """
    before, _ = Snapshots(client).load()
    skipped = SkippedEventStore(client).load()
    all_names = {**StateStore(client).names().names, **(names or {})}
    events = _bounded(Journal(client), until, skipped)
    return backtest(
        before,
        events,
        rules,
        since=since,
        until=until,
        names=all_names,
        others=others,
        progress=progress,
        webhook_for=CALLED.stream_webhook,
    )


def comparison_view(comparison: Comparison, config: Config) -> dict[str, Any]:
    """Render a comparison for the API, with the room names of a configuration."""

    def views(actions: Sequence[RuleAction]) -> list[dict[str, Any]]:
        return [action_view(action, config.room_name(action.room_id)) for action in actions]

    return {
        "would": views(comparison.would),
        "did": views(comparison.did),
        "only_would": views(comparison.only_would),
        "only_did": views(comparison.only_did),
    }


def _bounded(journal: Journal, until: int, skipped: SkippedEvents) -> Iterator[JournalEvent]:
    for count, event in enumerate(journal.scan()):
        if event.at >= until:
            return
        if count >= EVENTS_MAX:
            raise TooManyEventsError(f"more than {EVENTS_MAX} events are stored up to then; choose an earlier `to`")
        if event.id not in skipped:
            yield codec.journal_event(event)


def load_drafts(context: AppContext, bodies: Sequence[Mapping[str, Any]], places: Sequence[str]) -> list[Rule]:
    """Validate draft rules; errors name their fields below the rule's place in the input."""
    return [decode_rule(validate_rule(context, body, place)) for body, place in zip(bodies, places, strict=True)]


def run_backtest(
    context: AppContext, drafts: Sequence[Rule], *, since: int, until: int, others: bool = False
) -> Comparison:
    """Compare what the drafts would have done between two times, in ms, with what was done.

    `others` runs all other rules as they were at the time too. Nothing is started and no one is notified.
    """
    if until <= since:
        raise InvalidInputError("The period is empty.", errors={"to": ["must be after `from`"]})
    try:
        return replay(context.client, drafts, since=since, until=until, others=others)
    except BacktestTooLargeError as error:
        raise InvalidInputError("The backtest is too large.", errors={"from": [str(error)]}) from None
