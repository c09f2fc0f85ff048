"""Recorded events in a backtest: which of them the draft takes, and in which form."""

from collections.abc import Collection

from webhook_app.domain.control.call import CallKind
from webhook_app.domain.events import JournalEvent
from webhook_app.domain.facts.configuration import (
    ApplyFile,
    CalendarFetched,
    DeleteRule,
    PauseRule,
    PutRule,
    SkipNextOccurrence,
    SkipOccurrence,
    is_configuration_fact,
)
from webhook_app.domain.facts.provider import StreamSignal
from webhook_app.domain.facts.results import CallOutcome, CallResult, CaptureResult, ProbeResult, TranscodeResult
from webhook_app.domain.facts.system import TimerFired
from webhook_app.domain.frozen import replace
from webhook_app.domain.outputs import OUTPUTS
from webhook_app.domain.room import Room
from webhook_app.domain.rules.config import Config
from webhook_app.domain.rules.configured_rooms import ConfiguredRoom


class OwnStreams:
    """The streams that our own starts began, so that their webhooks can be distinguished from those of a person's.

    Those of HLS are known by the names that VideoSDK gives them. Recordings and RTMP streams have none: there it is the
    stream of the actual room that a webhook is about.
    """

    def __init__(self) -> None:
        self._names: set[str] = set()
        self._rooms: set[str] = set()

    def observe(self, event: JournalEvent) -> None:
        """Remember the stream that a successful start began."""
        result = event.payload
        if not isinstance(result, CallResult) or result.kind is not CallKind.START or event.room_id is None:
            return
        if result.outcome is CallOutcome.SUCCEEDED and result.stream is not None:
            self._names.update(result.stream.names)
            self._rooms.add(event.room_id)

    def include(self, event: JournalEvent, signal: StreamSignal, actual: Room | None) -> bool:
        """Whether a webhook is about a stream that one of our starts began; `actual` is the room after the webhook."""
        if not OUTPUTS[signal.output].has_active_lookup:
            streams = () if actual is None else actual.seen_from(signal.output).streams
            return any(stream.last_event_id == event.id and stream.call_id is not None for stream in streams)
        if signal.stream.bare:
            return event.room_id in self._rooms
        return not self._names.isdisjoint(signal.stream.names)


def is_left_out(event: JournalEvent, own_streams: OwnStreams, actual: Room | None) -> bool:
    """Whether a recorded event is no part of the draft: what our timers and calls brought about, or a change of rules.

    `actual` is the event's room after it.
    """
    match event.payload:
        case TimerFired() | CallResult() | CaptureResult() | TranscodeResult() | ProbeResult():
            return True
        case StreamSignal() as signal:
            return own_streams.include(event, signal, actual)
        case payload:
            return is_configuration_fact(payload) and not isinstance(payload, CalendarFetched)


def without_drafts(event: JournalEvent, drafted: Collection[str], config: Config) -> JournalEvent | None:
    """A recorded change of rules as the draft takes it: without the rules that drafts replace, and with today's rooms.

    None when nothing is left of it.
    """
    match event.payload:
        case CalendarFetched():
            return event
        case ApplyFile() as file:
            rules = tuple(rule for rule in file.rules if rule.name not in drafted)
            rooms = {
                name: ConfiguredRoom(name, room.room_id, room.groups)
                for name, room in config.names.items()
                if room.name is not None and room.from_file
            }
            return replace(event, payload=ApplyFile(rules, rooms))
        case PutRule(rule):
            return event if rule.name not in drafted else None
        case DeleteRule(name) | PauseRule(name) | SkipNextOccurrence(name) | SkipOccurrence(name):
            return event if name not in drafted else None
        case _:
            return None
