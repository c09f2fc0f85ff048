"""Events: the facts the journal holds, and what VideoSDK's bodies say in our words."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from webhook_app.domain.times import from_rfc3339

JSON = Mapping[str, Any]
TEXT_MAX = 2_000
ID_KEYS = ("id", "_id", "recordingId")  # where VideoSDK's own SDKs look for a stream's id
COMPOSER_ID_KEY = "composerId"  # an id beside the others; that calls accept it is not documented


class Source(StrEnum):
    """Who says so."""

    VIDEOSDK = "videosdk"
    OPERATOR = "operator"
    CLOCK = "clock"
    CALL = "call"
    PROBE = "probe"
    CONFIG = "config"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Event:
    """One fact in the journal; `at` is the store's time of its append, in ms since 1970."""

    id: str
    source: Source
    type: str
    room_id: str | None
    at: int
    data: JSON


@dataclass(frozen=True, slots=True)
class StreamReport:
    """What one VideoSDK body says about a run: any of its names may be missing."""

    videosdk_id: str | None
    url_key: str | None
    session_id: str | None
    playback_url: str | None
    livestream_url: str | None
    failure: str | None
    began_at: int | None = None  # REST only: VideoSDK's own time of the start, ms since 1970
    aliases: tuple[str, ...] = ()  # further ids of the same stream

    @property
    def ids(self) -> tuple[str, ...]:
        """All ids that it gives for the stream."""
        return self.aliases if self.videosdk_id is None else (self.videosdk_id, *self.aliases)

    @property
    def bare(self) -> bool:
        """Whether it names no run: neither an id nor a URL."""
        return not self.ids and self.url_key is None


def stream_report(data: JSON) -> StreamReport:
    """Read a webhook's `data` or a REST stream object; `downstreamUrl` is the playback URL's old name."""
    playback = _text(data, "playbackHlsUrl") or _text(data, "downstreamUrl")
    livestream = _text(data, "livestreamUrl")
    url = playback or livestream
    ids = dict.fromkeys(known for key in ID_KEYS if (known := _id(data, key)) is not None)
    composer_id = _id(data, COMPOSER_ID_KEY)
    aliases = dict.fromkeys([*list(ids)[1:], *([] if composer_id is None or composer_id in ids else [composer_id])])
    return StreamReport(
        videosdk_id=next(iter(ids), None),
        url_key=url_key(url) if url else None,
        session_id=session_id_in(data),
        playback_url=playback,
        livestream_url=livestream,
        failure=failure_text_in(data),
        began_at=_moment(data, "start"),
        aliases=tuple(aliases),
    )


def identifies_stream(data: JSON) -> bool:
    """Whether an object says which stream it is about, by an id or an address."""
    return not stream_report(data).bare


def failure_text_in(data: JSON) -> str | None:
    """Why it failed, if a body or REST object says so: as text, or as an object with a text and perhaps a code."""
    for key in ("error", "reason", "failureReason", "message"):
        text = _explanation(data, key)
        if text is not None:
            return text
    return None


def session_end_texts(data: JSON) -> tuple[str | None, str | None]:
    """The reason and the error of a `session-ended`, when given; VideoSDK documents the names and no values."""
    return _explanation(data, "reason"), _explanation(data, "error")


def _explanation(data: JSON, key: str) -> str | None:
    """A reason as text, or as an object with a text and perhaps a code."""
    value = data.get(key)
    if isinstance(value, Mapping):
        text = _text(value, "message") or _text(value, "reason") or _text(value, "msg")
        code = value.get("code")
        value = f"{text} ({code})" if text and isinstance(code, int | str) else text
    return value[:TEXT_MAX] if isinstance(value, str) and value else None


def url_key(url: str) -> str:
    """A playback URL without its query and last segment: `index.m3u8` and `live.m3u8` of a run share it."""
    path = url.split("?", 1)[0].split("#", 1)[0]
    head, slash, _ = path.rpartition("/")
    return head if slash and not head.endswith("/") and head else path


def room_of(data: JSON) -> str | None:
    """The room: webhooks say `meetingId`, REST says `roomId`."""
    return _text(data, "meetingId") or _text(data, "roomId")


def session_id_in(data: JSON) -> str | None:
    """The session's id, when given."""
    return _text(data, "sessionId")


def read_participant(data: JSON) -> tuple[str | None, str | None]:
    """A participant's id and name, when given."""
    return _text(data, "participantId"), _text(data, "participantName") or _text(data, "name")


def _text(data: JSON, key: str) -> str | None:
    value = data.get(key)
    return value[:TEXT_MAX] if isinstance(value, str) and value else None


def _id(data: JSON, key: str) -> str | None:
    value = data.get(key)
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else _text(data, key)


def _moment(data: JSON, key: str) -> int | None:
    try:
        return from_rfc3339(_text(data, key) or "")
    except (ValueError, OverflowError):
        return None
