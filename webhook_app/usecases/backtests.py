"""Backtests over the journal as it is kept."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from webhook_app.domain.events import JournalEvent
from webhook_app.domain.rules.backtest import BacktestTooLargeError, backtest
from webhook_app.domain.rules.comparison import Comparison, RuleAction, action_view
from webhook_app.domain.rules.rule import Config, ConfiguredRoom, Rule
from webhook_app.providers.registry import CALLED
from webhook_app.store import codec
from webhook_app.store.connection.clients import Client
from webhook_app.store.journal.journal import Journal
from webhook_app.store.journal.skipped_events import PassedOver, PassedOverEvents
from webhook_app.store.state.snapshots import Snapshots
from webhook_app.store.state.store import StateStore

EVENTS_MAX = 300_000


class TooManyEventsError(BacktestTooLargeError):
    """More events than one backtest folds."""


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
    """Try draft rules on what was recorded; BacktestTooLargeError when that is more than can be folded at once.

    The drafts know the rooms by today's names, and by `names`.
    """
    before, _ = Snapshots(client).load()
    passed_over = PassedOverEvents(client).load()
    known = {**StateStore(client).names().names, **(names or {})}
    events = _bounded(Journal(client), until, passed_over)
    return backtest(
        before,
        events,
        rules,
        since=since,
        until=until,
        names=known,
        others=others,
        progress=progress,
        webhook_for=CALLED.stream_webhook,
    )


def comparison_view(found: Comparison, config: Config) -> dict[str, Any]:
    """A comparison as the API shows it, with the rooms' names of a configuration."""

    def views(acts: Sequence[RuleAction]) -> list[dict[str, Any]]:
        return [action_view(act, config.room_name(act.room_id)) for act in acts]

    return {
        "would": views(found.would),
        "did": views(found.did),
        "only_would": views(found.only_would),
        "only_did": views(found.only_did),
    }


def _bounded(journal: Journal, until: int, passed_over: PassedOver) -> Iterator[JournalEvent]:
    for count, event in enumerate(journal.scan()):
        if event.at >= until:
            return
        if count >= EVENTS_MAX:
            raise TooManyEventsError(f"over {EVENTS_MAX} events are kept up to then; choose an earlier `to`")
        if event.id not in passed_over:
            yield codec.journal_event(event)
