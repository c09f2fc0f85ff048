"""The stream: one HLS run in a room, and the one table its state moves by."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from webhook_app.domain.frozen import replace
from webhook_app.domain.ids import derive
from webhook_app.domain.streams.report import StreamReport

ALIASES_MAX = 8


class StreamState(StrEnum):
    """Where a run is; the order below is its rank."""

    STARTING = "starting"
    STARTED = "started"
    PLAYABLE = "playable"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"


S = StreamState
MOVES: dict[StreamState, frozenset[StreamState]] = {
    S.STARTING: frozenset({S.STARTED, S.PLAYABLE, S.STOPPING, S.STOPPED, S.FAILED}),
    S.STARTED: frozenset({S.PLAYABLE, S.STOPPING, S.STOPPED, S.FAILED}),
    S.PLAYABLE: frozenset({S.STOPPING, S.STOPPED, S.FAILED}),
    S.STOPPING: frozenset({S.STOPPED, S.FAILED}),
    S.STOPPED: frozenset({S.FAILED}),
    S.FAILED: frozenset(),
}
ON_AIR = frozenset({S.STARTED, S.PLAYABLE, S.STOPPING})
WATCHABLE = frozenset({S.PLAYABLE, S.STOPPING})
ENDED = frozenset({S.STOPPED, S.FAILED})
ENDING = frozenset({S.STOPPING, S.STOPPED, S.FAILED})


class EndedBy(StrEnum):
    """How the end became known."""

    WEBHOOK = "webhook"
    PROBE = "probe"
    INFERRED = "inferred"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A picture of a run as VideoSDK took it; `taken_at` is when its answer came, in ms since 1970."""

    url: str
    taken_at: int
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True)
class Stream:
    """One run. Moments are ms since 1970; `provisional` runs are shown to nobody until confirmed."""

    stream_id: str
    room_id: str
    session_id: str | None
    state: StreamState
    opened_at: int
    last_event_id: str
    videosdk_id: str | None = None
    url_key: str | None = None
    playback_url: str | None = None
    livestream_url: str | None = None
    starting_at: int | None = None
    started_at: int | None = None
    playable_at: int | None = None
    stopping_at: int | None = None
    ended_at: int | None = None
    ended_by: EndedBy | None = None
    ended_event_id: str | None = None
    failure: str | None = None
    because: str | None = None
    call_id: str | None = None
    provisional: bool = False
    end_call_id: str | None = None
    probed_at: int | None = None
    snapshot: Snapshot | None = None
    began_at: int | None = None  # as VideoSDK shows it
    aliases: tuple[str, ...] = ()  # further ids of VideoSDK's for the same stream
    end_because: str | None = None  # what the end call was made for
    stopped_because: str | None = None
    end_by_room: bool = False  # VideoSDK refused an end that named it: the next one names the room alone

    @property
    def ids(self) -> tuple[str, ...]:
        """All ids that VideoSDK has given it."""
        return self.aliases if self.videosdk_id is None else (self.videosdk_id, *self.aliases)

    @property
    def live(self) -> bool:
        """Not ended, as far as we know."""
        return self.state not in ENDED


def new_stream(
    room_id: str, event_id: str, at: int, signal: StreamState, report: StreamReport, *, provisional: bool
) -> Stream:
    """A new run, first seen by this event in this state."""
    blank = Stream(
        stream_id=derive("st_", room_id, event_id, report.videosdk_id or report.url_key or ""),
        room_id=room_id,
        session_id=report.session_id,
        state=S.STARTING,
        opened_at=at,
        last_event_id=event_id,
        provisional=provisional,
    )
    born = replace(with_names_from(blank, report), state=signal)
    return _stamp(born, signal, at, event_id, EndedBy.WEBHOOK)


def with_names_from(stream: Stream, report: StreamReport) -> Stream:
    """The run with whatever names the fact adds; a name that is known is never changed, a further id is an alias."""
    return replace(
        with_ids(stream, report.ids, main=report.videosdk_id),
        url_key=stream.url_key or report.url_key,
        playback_url=stream.playback_url or report.playback_url,
        livestream_url=stream.livestream_url or report.livestream_url,
        session_id=stream.session_id or report.session_id,
        began_at=stream.began_at or report.provider_started_at,
    )


def with_ids(stream: Stream, ids: Iterable[str], *, main: str | None = None) -> Stream:
    """The run with further ids of VideoSDK's; `main` becomes the one that is shown when there is none yet."""
    shown = stream.videosdk_id or main
    aliases = tuple(one for one in dict.fromkeys((*stream.ids, *ids)) if one != shown)
    return replace(stream, videosdk_id=shown, aliases=aliases[:ALIASES_MAX])


def advance(stream: Stream, signal: StreamState, *, at: int, event_id: str, by: EndedBy = EndedBy.WEBHOOK) -> Stream:
    """The run after a signal: moved when the table allows it, else the same run (a repeat, or late)."""
    if signal not in MOVES[stream.state]:
        return stream
    return _stamp(replace(stream, state=signal), signal, at, event_id, by)


def reopen(stream: Stream, signal: StreamState, *, at: int, event_id: str) -> Stream:
    """A run that VideoSDK still shows although we took it for ended: a repair, outside the table."""
    live = replace(
        stream, state=signal, ended_at=None, ended_by=None, ended_event_id=None, stopping_at=None, stopped_because=None
    )
    return _stamp(live, signal, at, event_id, EndedBy.PROBE)


def _stamp(stream: Stream, signal: StreamState, at: int, event_id: str, by: EndedBy) -> Stream:
    match signal:
        case S.STARTING:
            return replace(stream, starting_at=stream.starting_at or at)
        case S.STARTED:
            return replace(stream, started_at=stream.started_at or at)
        case S.PLAYABLE:
            return replace(stream, started_at=stream.started_at or at, playable_at=stream.playable_at or at)
        case S.STOPPING:
            return replace(stream, stopping_at=stream.stopping_at or at)
        case _:
            return replace(
                stream,
                ended_at=stream.ended_at or at,
                ended_by=stream.ended_by or by,
                ended_event_id=stream.ended_event_id or event_id,
            )
