"""Events: what the journal holds. An `Event` is a record as it was journaled, a `JournalEvent` one that was decoded.

`data` is opaque to the domain: conditions, the API and `videosdk.*` notices show it as it is. What an event says is its
`payload`, a tagged union with one frozen dataclass per kind of event; see `domain/facts`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from webhook_app.domain.facts.commands import OperatorFact, RoomCommand
from webhook_app.domain.facts.configuration import ConfigurationFact
from webhook_app.domain.facts.provider import ProviderFact
from webhook_app.domain.facts.results import ResultFact
from webhook_app.domain.facts.system import ReconcileWindows, SystemFact, TimerFired
from webhook_app.domain.frozen import fast_init

JSON = Mapping[str, Any]
RoomFact = ProviderFact | RoomCommand | ResultFact | TimerFired | ReconcileWindows
Payload = ProviderFact | OperatorFact | ConfigurationFact | ResultFact | SystemFact


class Source(StrEnum):
    """Who reported an event. The values are stored."""

    VIDEOSDK = "videosdk"
    OPERATOR = "operator"
    CLOCK = "clock"
    CALL = "call"
    PROBE = "probe"
    CONFIG = "config"
    SYSTEM = "system"


@fast_init
@dataclass(frozen=True, slots=True)
class Event:
    """One record of the journal; `at` is the store's time of its append, in ms since 1970."""

    id: str
    source: Source
    type: str
    room_id: str | None
    at: int
    data: JSON


@fast_init
@dataclass(frozen=True, slots=True)
class JournalEvent(Event):
    """One record of the journal with what it says; `raw_webhook` is a webhook in its provider's own form."""

    payload: Payload
    raw_webhook: JSON | None = None
