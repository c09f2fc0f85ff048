"""Transcoding jobs of the model: an MP4 of an HLS stream that has ended."""

from sandbox.entities import ENDED_MAX, RefusedError, SandboxState, Stream, Transcoding, TranscodingStatus
from sandbox.outputs import Output

FINAL_STATUSES = {"completed": TranscodingStatus.COMPLETED, "failed": TranscodingStatus.FAILED, "never": None}


def transcode(
    state: SandboxState,
    now_ms: int,
    *,
    room_id: str | None = None,
    session_id: str | None = None,
    hls_id: str | None = None,
    directory: str | None = None,
    own_storage: bool = False,
) -> Transcoding:
    """Make an MP4 of the latest HLS stream with this id, session or room, which must have ended."""
    stream = _latest(state, room_id, session_id, hls_id)
    if not stream.over:
        raise RefusedError(400, "HLS has not ended yet")
    forms = state.forms_of(stream.room_id)
    transcoding = Transcoding(
        id=state.next_digits()[:24],
        room_id=stream.room_id,
        session_id=stream.session_id,
        hls_id=stream.id,
        folder=stream.folder,
        start_ms=now_ms,
        end_ms=now_ms + state.pace_of(stream.room_id).transcoded_ms,
        cdn=state.cdn,
        final_status=FINAL_STATUSES[forms.transcoding_end],
        own_storage=own_storage or forms.own_storage,
        directory=directory,
    )
    state.transcodings[transcoding.id] = transcoding
    if len(state.transcodings) > ENDED_MAX:
        del state.transcodings[next(iter(state.transcodings))]
    return transcoding


def find_transcoding(state: SandboxState, transcoding_id: str) -> Transcoding:
    """Return a job by id. Raises `RefusedError` 404 if there is none."""
    transcoding = state.transcodings.get(transcoding_id)
    if transcoding is None:
        raise RefusedError(404, "Transcoding not found")
    return transcoding


def cancel_transcoding(state: SandboxState, now_ms: int, transcoding_id: str) -> Transcoding:
    """Cancel a job. Raises `RefusedError` 400 if it is over."""
    transcoding = find_transcoding(state, transcoding_id)
    if transcoding.status(now_ms) not in (TranscodingStatus.PENDING, TranscodingStatus.PROCESSING):
        raise RefusedError(400, "The transcoding is over")
    transcoding.cancelled_ms = now_ms
    return transcoding


def _latest(state: SandboxState, room_id: str | None, session_id: str | None, hls_id: str | None) -> Stream:
    if room_id is None and session_id is None and hls_id is None:
        raise RefusedError(400, "one of roomId, sessionId and hlsId is required")
    for stream in reversed(state.streams.values()):
        if (
            stream.output is Output.HLS
            and hls_id in (None, stream.id)
            and session_id in (None, stream.session_id)
            and room_id in (None, stream.room_id)
        ):
            return stream
    raise RefusedError(404, "HLS not found")
