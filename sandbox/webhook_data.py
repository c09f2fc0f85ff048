"""What the webhooks of streams and sessions say: by default what VideoSDK documents, and no more."""

from typing import Any

from sandbox.entities import SandboxState, Session, Stream, StreamState, Webhook
from sandbox.json_views import destination_json, file_json, iso, livestream_url, playback_url
from sandbox.open_points import Forms
from sandbox.outputs import Output


def stream_webhook(state: SandboxState, stream: Stream) -> tuple[Webhook, ...]:
    """Return the webhook of the stream's state, unless it is suppressed."""
    if stream.state in stream.suppressed:
        return ()
    data = {"meetingId": stream.room_id, "sessionId": stream.session_id}
    data |= _about(stream, state.forms_of(stream.room_id))
    return (Webhook(f"{stream.spec.webhooks}-{stream.state}", stream.room_id, data, stream.id),)


def session_ended(session: Session, forms: Forms) -> Webhook:
    """Return the `session-ended` webhook."""
    data = {
        "meetingId": session.room_id,
        "sessionId": session.id,
        "start": iso(session.start_ms),
        "end": iso(session.end_ms),
    }
    if forms.session_reason is not None:
        data["reason"] = forms.session_reason
    if forms.session_error is not None:
        data["error"] = forms.session_error
    return Webhook("session-ended", session.room_id, data)


def _about(stream: Stream, forms: Forms) -> dict[str, Any]:
    match stream.output, stream.state:
        case Output.HLS, StreamState.STARTED:
            return {"playbackHlsUrl": playback_url(stream)}
        case Output.HLS, StreamState.PLAYABLE:
            return {"playbackHlsUrl": playback_url(stream), "livestreamUrl": livestream_url(stream)}
        case Output.RECORDING, StreamState.STOPPED:
            file = file_json(stream)
            return {"filePath": file["filePath"], "fileUrl": file["fileUrl"]}
        case Output.RTMP, StreamState.FAILED:
            return _failed_destinations(stream, forms)
        case _:
            return {}


def _failed_destinations(stream: Stream, forms: Forms) -> dict[str, Any]:
    match forms.failed_destinations:
        case "outputs":
            return {"outputs": [destination_json(destination) for destination in stream.failed_destinations]}
        case "message":
            urls = (f"{destination.url}/{destination.stream_key}" for destination in stream.failed_destinations)
            return {"message": f"RTMP connection failed: {', '.join(urls)}"}
        case _:
            return {}
