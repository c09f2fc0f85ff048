"""A stream: one run of an output in a room, and how signals change it."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from webhook_app.domain.frozen import replace
from webhook_app.domain.ids import derive
from webhook_app.domain.outputs import Output
from webhook_app.domain.streams.machine import ENDED, MOVES, StreamState
from webhook_app.domain.streams.report import File, StreamReport

ALIASES_MAX = 8
FILES_MAX = 8


class EndedBy(StrEnum):
    """How the end became known."""

    WEBHOOK = "webhook"
    PROBE = "probe"
    INFERRED = "inferred"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A picture that VideoSDK took of a stream; `taken_at` is when its answer arrived, in ms since 1970."""

    url: str
    taken_at: int
    width: int | None = None
    height: int | None = None


class Mp4State(StrEnum):
    """How far the MP4 of a stream has got. Stored; from REQUESTED on it is never requested again."""

    WANTED = "wanted"  # it is requested once the stream has ended
    REQUESTED = "requested"
    READY = "ready"
    FAILED = "failed"
    UNKNOWN = "unknown"  # VideoSDK may or may not have accepted the request, and nothing will settle it


@dataclass(frozen=True, slots=True)
class Mp4:
    """The MP4 that a rule wants of a stream: how far it has got, and the rule as a cause."""

    state: Mp4State
    because: str


@dataclass(frozen=True)
class Stream:
    """One stream. Moments are ms since 1970.

    VideoSDK's names for it are `videosdk_id`, further ids in `aliases`, and `url_key`, the folder of its playback
    URL. The moments `starting_at` to `ended_at` are when we learned of each state; `opened_at` is when we learned of
    the stream at all; `videosdk_started_at` is VideoSDK's own time of the start, known from its REST API alone.

    `because` and `call_id` say what our start was made for, `end_because` and `end_call_id` the same of our end.
    `end_by_room`: VideoSDK refused an end that named the stream, so that the next one names the room alone.
    `stopped_because` is why it ended (see `end_causes`), `failure` VideoSDK's reason for a failure. `provisional`: it
    may be late news of another stream and is shown nowhere until confirmed. `files` are what a recording has left,
    or the MP4 of an HLS stream, which `mp4` is about. `destinations` are the masked URLs to which an RTMP stream is
    sent, as far as they are known.
    """

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
    videosdk_started_at: int | None = None
    aliases: tuple[str, ...] = ()
    end_because: str | None = None
    stopped_because: str | None = None
    end_by_room: bool = False
    output: Output = Output.HLS
    files: tuple[File, ...] = ()
    mp4: Mp4 | None = None
    destinations: tuple[str, ...] = ()

    @property
    def ids(self) -> tuple[str, ...]:
        """All ids that VideoSDK has given the stream."""
        return self.aliases if self.videosdk_id is None else (self.videosdk_id, *self.aliases)

    @property
    def live(self) -> bool:
        """Whether it has not ended, as far as we know."""
        return self.state not in ENDED


def new_stream(
    room_id: str,
    event_id: str,
    at: int,
    signal: StreamState,
    report: StreamReport,
    *,
    output: Output,
    provisional: bool,
) -> Stream:
    """A new stream, first seen by this event in this state."""
    name = report.videosdk_id or report.url_key or ""
    blank = Stream(
        stream_id=derive("st_", room_id, event_id, name if output is Output.HLS else f"{output} {name}"),
        room_id=room_id,
        session_id=report.session_id,
        state=StreamState.STARTING,
        opened_at=at,
        last_event_id=event_id,
        provisional=provisional,
        output=output,
    )
    stream = replace(with_names_from(blank, report), state=signal)
    return _with_moment(stream, signal, at, event_id, EndedBy.WEBHOOK)


def with_names_from(stream: Stream, report: StreamReport) -> Stream:
    """The stream with the names that the report adds. A known name never changes; a further id becomes an alias."""
    return replace(
        with_ids(stream, report.ids, main=report.videosdk_id),
        url_key=stream.url_key or report.url_key,
        playback_url=stream.playback_url or report.playback_url,
        livestream_url=stream.livestream_url or report.livestream_url,
        session_id=stream.session_id or report.session_id,
        videosdk_started_at=stream.videosdk_started_at or report.provider_started_at,
        files=with_files(stream.files, report.files) if report.files else stream.files,
        destinations=stream.destinations or report.destinations,
    )


def with_files(files: tuple[File, ...], reported: tuple[File, ...]) -> tuple[File, ...]:
    """The files together: one that is reported again with its address replaces the one without."""
    paths = {file.path for file in reported}
    older = tuple(file for file in files if file.path not in paths)
    addresses = {file.path: file.url for file in files}
    newer = tuple(File(file.path, file.url or addresses.get(file.path)) for file in reported)
    return (*older, *newer)[-FILES_MAX:]


def with_ids(stream: Stream, ids: Iterable[str], *, main: str | None = None) -> Stream:
    """The stream with further ids; `main` becomes its `videosdk_id` when it has none yet."""
    videosdk_id = stream.videosdk_id or main
    aliases = tuple(alias for alias in dict.fromkeys((*stream.ids, *ids)) if alias != videosdk_id)
    return replace(stream, videosdk_id=videosdk_id, aliases=aliases[:ALIASES_MAX])


def advance(stream: Stream, signal: StreamState, *, at: int, event_id: str, by: EndedBy = EndedBy.WEBHOOK) -> Stream:
    """The stream after a signal: moved when the table allows it, else unchanged (a repeat, or late)."""
    if signal not in MOVES[stream.state]:
        return stream
    return _with_moment(replace(stream, state=signal), signal, at, event_id, by)


def reopen(stream: Stream, signal: StreamState, *, at: int, event_id: str) -> Stream:
    """A stopped stream that VideoSDK still shows: a repair, outside the table."""
    live = replace(
        stream, state=signal, ended_at=None, ended_by=None, ended_event_id=None, stopping_at=None, stopped_because=None
    )
    return _with_moment(live, signal, at, event_id, EndedBy.PROBE)


def _with_moment(stream: Stream, signal: StreamState, at: int, event_id: str, by: EndedBy) -> Stream:
    match signal:
        case StreamState.STARTING:
            return replace(stream, starting_at=stream.starting_at or at)
        case StreamState.STARTED:
            return replace(stream, started_at=stream.started_at or at)
        case StreamState.PLAYABLE:
            return replace(stream, started_at=stream.started_at or at, playable_at=stream.playable_at or at)
        case StreamState.STOPPING:
            return replace(stream, stopping_at=stream.stopping_at or at)
        case StreamState.STOPPED | StreamState.FAILED:
            return replace(
                stream,
                ended_at=stream.ended_at or at,
                ended_by=stream.ended_by or by,
                ended_event_id=stream.ended_event_id or event_id,
            )
