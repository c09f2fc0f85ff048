"""Reads VideoSDK's JSON objects: the `data` of a webhook, and the objects of its REST API.

Every function takes an object as VideoSDK wrote it and returns what it says in our words; a field that is missing, or
is not of the documented type, counts as not given.
"""

from collections.abc import Mapping
from typing import Any

from webhook_app.domain.facts.results import Picture, TranscodingReport, TranscodingStatus
from webhook_app.domain.outputs import Output
from webhook_app.domain.streams.machine import STATES, StreamState
from webhook_app.domain.streams.report import File, StreamReport, url_key
from webhook_app.domain.times import from_rfc3339
from webhook_app.masking.url_masking import shown_url

JSON = Mapping[str, Any]
TEXT_MAX = 2_000
ID_KEYS = ("id", "_id", "recordingId")  # where VideoSDK's own SDKs look for a stream's id
COMPOSER_ID_KEY = "composerId"  # an id beside the others; that calls accept it is not documented
PLAYBACK_URL_KEY = "playbackHlsUrl"
OLD_PLAYBACK_URL_KEY = "downstreamUrl"
LIVESTREAM_URL_KEY = "livestreamUrl"
URL_KEYS = (PLAYBACK_URL_KEY, OLD_PLAYBACK_URL_KEY, LIVESTREAM_URL_KEY)
FAILURE_KEYS = ("error", "reason", "failureReason", "message")
MODE_MAX_CHARS = 40
TRANSCODING_STATUSES: Mapping[str, TranscodingStatus] = {
    "completed": TranscodingStatus.COMPLETED,
    "failed": TranscodingStatus.FAILED,
    "cancelled": TranscodingStatus.CANCELLED,
}
DESTINATIONS_MAX = 10
PREFIXES: Mapping[Output, str] = {Output.HLS: "hls", Output.RECORDING: "recording", Output.RTMP: "livestream"}
STREAM_WEBHOOKS: Mapping[str, tuple[Output, StreamState]] = {
    f"{PREFIXES[output]}-{state}": (output, state) for output, states in STATES.items() for state in states
}


def stream_report(data: JSON) -> StreamReport:
    """What a webhook's `data`, or a REST stream object, says about its stream."""
    playback = _text(data, PLAYBACK_URL_KEY) or _text(data, OLD_PLAYBACK_URL_KEY)
    livestream = _text(data, LIVESTREAM_URL_KEY)
    url = playback or livestream
    given_ids = [stream_id for key in ID_KEYS if (stream_id := _id(data, key)) is not None]
    ids = given_ids if len(given_ids) < 2 else list(dict.fromkeys(given_ids))
    composer_id = _id(data, COMPOSER_ID_KEY)
    aliases = ids[1:] if composer_id is None or composer_id in ids else [*ids[1:], composer_id]
    return StreamReport(
        videosdk_id=ids[0] if ids else None,
        url_key=url_key(url) if url else None,
        session_id=session_id_in(data),
        playback_url=playback,
        livestream_url=livestream,
        failure=failure_text_in(data),
        files=_files(data),
        provider_started_at=_moment(data, "start"),
        aliases=tuple(aliases),
        destinations=_destinations(data) if "outputs" in data else (),
    )


def identifies_stream(data: JSON) -> bool:
    """Whether an object says which stream it is about, by an id or an address."""
    return not stream_report(data).bare


def failure_text_in(data: JSON) -> str | None:
    """Why a stream failed, if an object says so: as text, or as an object with a text and perhaps a code."""
    for key in FAILURE_KEYS:
        text = _explanation(data, key)
        if text is not None:
            return text
    return None


def session_end_texts(data: JSON) -> tuple[str | None, str | None]:
    """The reason and the error of a `session-ended`, when given; VideoSDK documents the names and no values."""
    return _explanation(data, "reason"), _explanation(data, "error")


def room_id_in(data: JSON) -> str | None:
    """The room: webhooks say `meetingId`, REST says `roomId`."""
    return _text(data, "meetingId") or _text(data, "roomId")


def session_id_in(data: JSON) -> str | None:
    """The session's id, when given."""
    return _text(data, "sessionId")


def read_participant(data: JSON) -> tuple[str | None, str | None]:
    """A participant's id and name, when given."""
    return _text(data, "participantId"), _text(data, "participantName") or _text(data, "name")


def read_participant_mode(data: JSON) -> str | None:
    """A participant's mode: the object's `mode`, else the last entry of its `changeModeHistory`."""
    mode = data.get("mode")
    history = data.get("changeModeHistory")
    if not _is_mode(mode) and isinstance(history, list) and history and isinstance(history[-1], Mapping):
        mode = history[-1].get("mode")
    return str(mode).upper() if _is_mode(mode) else None


def read_picture(shown: JSON) -> Picture | None:
    """The picture that an answer to a capture shows, None when it has no usable address."""
    url = shown.get("filePath")
    if not isinstance(url, str) or len(url) > TEXT_MAX or not url.startswith(("https://", "http://")):
        return None
    meta = shown.get("meta")
    size = meta if isinstance(meta, Mapping) else {}
    return Picture(url, _pixels(size.get("width")), _pixels(size.get("height")))


def read_transcoding(shown: JSON) -> TranscodingReport:
    """How far a transcoding is; `pending`, `processing` and a status that is not documented count as running."""
    ids = stream_report(shown).ids
    files = _files(shown)
    file = files[0] if files else None
    status = TRANSCODING_STATUSES.get(str(shown.get("status")).lower())
    if status is None:
        status = TranscodingStatus.RUNNING if file is None or "status" in shown else TranscodingStatus.COMPLETED
    return TranscodingReport(ids[0] if ids else None, status, file, failure_text_in(shown))


def _files(data: JSON) -> tuple[File, ...]:
    """The file of a recording: a webhook names it itself, a REST object in `file`. Its URL is null with own storage."""
    nested = data.get("file")
    source = nested if isinstance(nested, Mapping) else data
    path, url = _text(source, "filePath"), _text(source, "fileUrl")
    return () if path is None and url is None else (File(path, url),)


def _destinations(data: JSON) -> tuple[str, ...]:
    """The masked URLs of the outputs of an RTMP stream."""
    outputs = data["outputs"]
    if not isinstance(outputs, list):
        return ()
    urls = [_text(output, "url") for output in outputs[:DESTINATIONS_MAX] if isinstance(output, Mapping)]
    return tuple(shown_url(url) for url in urls if url is not None)


def _explanation(data: JSON, key: str) -> str | None:
    """A reason as text, or as an object with a text and perhaps a code."""
    value = data.get(key)
    if value is None:  # most often; the check below costs more
        return None
    if isinstance(value, Mapping):
        text = _text(value, "message") or _text(value, "reason") or _text(value, "msg")
        code = value.get("code")
        value = f"{text} ({code})" if text and isinstance(code, int | str) else text
    return value[:TEXT_MAX] if isinstance(value, str) and value else None


def _text(data: JSON, key: str) -> str | None:
    value = data.get(key)
    return value[:TEXT_MAX] if isinstance(value, str) and value else None


def _id(data: JSON, key: str) -> str | None:
    value = data.get(key)
    if value is None:
        return None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else _text(data, key)


def _moment(data: JSON, key: str) -> int | None:
    text = _text(data, key)
    if text is None:
        return None
    try:
        return from_rfc3339(text)
    except (ValueError, OverflowError):
        return None


def _is_mode(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MODE_MAX_CHARS


def _pixels(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 100_000 else None
