"""The JSON in which VideoSDK represents rooms, sessions, participants, streams and webhooks."""

import hashlib
from datetime import UTC, datetime
from typing import Any

from sandbox.entities import (
    Destination,
    Participant,
    Room,
    Session,
    Stream,
    StreamState,
    Transcoding,
    TranscodingStatus,
    Webhook,
)
from sandbox.outputs import Output

SDK = "prebuilt"
AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"


def iso(ms: int | None) -> str | None:
    """Format a time as `2022-04-19T09:18:13.432Z`; None stays None."""
    if ms is None:
        return None
    moment = datetime.fromtimestamp(ms // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{ms % 1000:03d}Z"


def playback_url(stream: Stream) -> str:
    """The URL of the stream from its beginning."""
    return f"{stream.cdn}/meetings-hls/{stream.folder}/index.m3u8"


def livestream_url(stream: Stream) -> str:
    """The URL of the live edge of the stream."""
    return f"{stream.cdn}/meetings-hls/{stream.folder}/live.m3u8"


def file_json(stream: Stream) -> dict[str, Any]:
    """The file of a recording; without a URL if it is in the customer's own storage."""
    options = stream.options
    path = f"/{(options.directory or 'encoded/videos').strip('/')}/{stream.folder}.{options.file_format}"
    return {
        "filePath": path,
        "fileUrl": None if options.own_storage else f"{stream.cdn}{path}",
        "meta": {"format": options.file_format, "resolution": {"width": 1280, "height": 720}},
    }


def destination_json(destination: Destination) -> dict[str, str]:
    """A destination of an RTMP stream, with its key, as VideoSDK's SDK types it."""
    return {"url": destination.url, "streamKey": destination.stream_key}


def room_json(room: Room, base: str) -> dict[str, Any]:
    """A room; `base` is the origin of its links."""
    document: dict[str, Any] = {
        "id": room.id,
        "roomId": room.id,
        "customRoomId": room.custom_id,
        "disabled": room.disabled,
        "createdAt": iso(room.created_ms),
        "updatedAt": iso(room.created_ms),
        "links": {"get_room": f"{base}/v2/rooms/{room.id}", "get_session": f"{base}/v2/sessions/"},
    }
    if room.end_point is not None:
        document["webhook"] = {"endPoint": room.end_point, "events": list(room.events)}
    return document


def session_json(session: Session, base: str) -> dict[str, Any]:
    """A session with everyone who has been in it."""
    return {
        "id": session.id,
        "roomId": session.room_id,
        "start": iso(session.start_ms),
        "end": iso(session.end_ms),
        "status": "ongoing" if session.end_ms is None else "ended",
        "participants": [
            {
                "participantId": participant.id,
                "name": participant.name,
                "timelog": [{"start": iso(joined), "end": iso(left)} for joined, left in participant.times],
            }
            for participant in session.participants.values()
        ],
        "links": _links(session.room_id, session.id, base),
    }


def participant_json(participant: Participant, base: str) -> dict[str, Any]:
    """A participant as `GET /v2/sessions/{id}/participants` shows it; about 900 bytes, as VideoSDK's are."""
    visits = [{"start": iso(joined), "end": iso(left)} for joined, left in participant.times]
    return {
        "participantId": participant.id,
        "name": participant.name,
        "mode": participant.mode,
        "changeModeHistory": [{"mode": mode, "timestamp": iso(at)} for at, mode in participant.modes],
        "timelog": visits,
        "events": {"mic": visits, "webcam": visits, "screenShare": [], "screenShareAudio": []},
        "errors": [],
        "deviceInfo": {
            "sdkType": SDK,
            "sdkVersion": "0.4.2",
            "platform": "browser",
            "browserUserAgent": {"browser": {"name": "Chrome", "version": "140.0.0.0"}, "agent": AGENT},
        },
        "links": {"get_participant_data_insights": f"{base}/v2/sessions/participants/{participant.id}/insights"},
    }


def without_modes(document: dict[str, Any]) -> dict[str, Any]:
    """Remove the modes from a participant's JSON, as in older answers."""
    return {name: value for name, value in document.items() if name not in ("mode", "changeModeHistory")}


def composer_id(stream: Stream) -> str:
    """Return the id of the stream's composer: 24 hex digits, different from the stream's own id."""
    return _composer_of(stream.id)


def started_json(stream: Stream, base: str) -> dict[str, Any]:
    """The object that answers a start."""
    composer = {} if stream.composer_id is None else {"composerId": stream.composer_id}
    return {
        "id": stream.id,
        **composer,
        "sessionId": stream.session_id,
        "roomId": stream.room_id,
        "start": iso(stream.start_ms),
        **_media(stream),
        "links": _links(stream.room_id, stream.session_id, base),
    }


def stream_json(stream: Stream, base: str) -> dict[str, Any]:
    """A stream in a list, or as the active one. Recordings and RTMP streams show there which webhooks arrived."""
    document = {**started_json(stream, base), "end": iso(stream.end_ms)}
    if stream.output is not Output.HLS:
        return {**document, "webhook": _delivery_record(stream)}
    return {**document, "duration": None if stream.end_ms is None else (stream.end_ms - stream.start_ms) / 1000}


def old_detail_json(stream: Stream, base: str) -> dict[str, Any]:
    """A single HLS stream as in older answers: without its live URL and webhook record."""
    document = stream_json(stream, base)
    return {key: value for key, value in document.items() if key != "livestreamUrl"}


def stream_detail_json(stream: Stream, base: str) -> dict[str, Any]:
    """A single stream, with the record of which of its webhooks were delivered."""
    reason = {} if stream.reason is None else {"reason": stream.reason}
    hls = {"mode": stream.options.mode, "quality": stream.options.quality} if stream.output is Output.HLS else {}
    return {**stream_json(stream, base), **reason, **hls, "webhook": _delivery_record(stream)}


def transcoding_json(transcoding: Transcoding, now_ms: int) -> dict[str, Any]:
    """A transcoding job, with its file once it is completed."""
    status = transcoding.status(now_ms)
    stopped_ms = transcoding.cancelled_ms
    if status in (TranscodingStatus.COMPLETED, TranscodingStatus.FAILED):
        stopped_ms = transcoding.end_ms
    document = {
        "id": transcoding.id,
        "roomId": transcoding.room_id,
        "sessionId": transcoding.session_id,
        "hlsId": transcoding.hls_id,
        "task": "hls-to-mp4",
        "status": status.value,
        "startedAt": iso(transcoding.start_ms),
        "stoppedAt": iso(stopped_ms),
    }
    if status is not TranscodingStatus.COMPLETED:
        return document
    path = f"/{(transcoding.directory or 'encoded/videos').strip('/')}/{transcoding.folder}.mp4"
    url = None if transcoding.own_storage else f"{transcoding.cdn}{path}"
    return {**document, "file": {"type": "video", "filePath": path, "fileUrl": url}}


def webhook_json(
    webhook: Webhook, *, stream_ids: bool | str = False, urls: str = "documented", room_key: str = "meetingId"
) -> dict[str, Any]:
    """The envelope of a webhook.

    `stream_ids` adds the id of the stream, or of its composer, to `data`; `urls` selects the keys of its URLs;
    `room_key` is the key of the room.
    """
    data = {room_key if key == "meetingId" else key: value for key, value in webhook.data.items()}
    data = _with_urls(data, urls)
    if stream_ids and webhook.stream_id is not None:
        data["id"] = _composer_of(webhook.stream_id) if stream_ids == "composer" else webhook.stream_id
    return {"webhookType": webhook.type, "data": data}


def _with_urls(data: dict[str, Any], urls: str) -> dict[str, Any]:
    if urls == "2024" and "playbackHlsUrl" in data:
        data["downstreamUrl"] = data.pop("playbackHlsUrl")
        data.pop("livestreamUrl", None)
    elif urls == "playback":
        data.pop("livestreamUrl", None)
    elif urls == "livestream" and "livestreamUrl" in data:
        data.pop("playbackHlsUrl", None)
    elif urls == "none":
        data.pop("playbackHlsUrl", None)
        data.pop("livestreamUrl", None)
    return data


def _media(stream: Stream) -> dict[str, Any]:
    match stream.output:
        case Output.HLS:
            url = playback_url(stream)
            return {"playbackHlsUrl": url, "livestreamUrl": livestream_url(stream), "downstreamUrl": url}
        case Output.RECORDING:
            return {"file": file_json(stream)} if stream.state is StreamState.STOPPED else {}
        case Output.RTMP:
            return {"outputs": [destination_json(destination) for destination in stream.options.destinations]}


def _delivery_record(stream: Stream) -> dict[str, Any]:
    deliveries = [{"type": kind, "success": arrived} for (kind, _url), arrived in stream.delivered.items()]
    succeeded = sum(1 for entry in deliveries if entry["success"])
    return {"totalCount": len(deliveries), "successCount": succeeded, "data": deliveries}


def _composer_of(stream_id: str) -> str:
    return hashlib.sha256(f"composer:{stream_id}".encode()).hexdigest()[:24]


def _links(room_id: str, session_id: str, base: str) -> dict[str, str]:
    return {"get_room": f"{base}/v2/rooms/{room_id}", "get_session": f"{base}/v2/sessions/{session_id}"}
