"""What the index page lists: the sandbox's endpoints, and notes about its behaviour."""

from dataclasses import dataclass
from typing import get_args

from sandbox.faults import FaultName, PathName

START = (
    '{"roomId", "templateUrl"?, "config"?: {"layout": {"type", "priority", "gridSize"}, "theme", "mode", '
    '"quality", "orientation", "recording"}, "transcription"?, "summary"?, "recording"?, "webhookUrl"?, "resourceId"?}'
)
FAULTS = (
    '{"webhooks": {"repeat": probability or count | {"copies", "types"}, "reorder": probability, '
    '"drop": probability | [types] | {"probability", "types"}, "late": {"by_s", "types"}, "delay_s": seconds, '
    '"stream_ids": false|true|"composer", "urls": "documented|2024|playback|livestream|none", '
    '"room_key": "meetingId|roomId", "viewers": true, "retries": true}, '
    f'"rest": [{{"path": "{"|".join(get_args(PathName))}", '
    f'"fault": "{"|".join(get_args(FaultName))}", "times": 1 or null for ever, '
    '"after_s": 5}], "forms": {the open points below}, "quota": null}'
)
RECORDING_START = (
    '{"roomId", "config"?, "templateUrl"?, "webhookUrl"?, "dirPath"?, "awsDirPath"?, "preSignedUrl"?, '
    '"fileFormat"?: "mp4|webm", "transcription"?, "onFailure"?: {"action": "close-room", "waitTime"}}'
)
RTMP_START = (
    '{"roomId", "outputs": [{"url", "streamKey"}], "config": {"layout": {"type", "priority", "gridSize"}}, '
    '"templateUrl"?, "transcription"?, "resourceId"?}'
)
TRANSCODE = '{"roomId"|"sessionId"|"hlsId", "webhookUrl"?, "storage"?: {"type": "s3|blob|gcp", "bucket"?, "dirPath"?}}'
ROOM_PACE = '{"started_s": 2, "playable_s": 5, "stopped_s": 1, "max_duration_s": 7200, "transcoded_s": 10}'
PACE = '{"started_s": 2, "playable_s": 5, "stopped_s": 1, "max_duration_s": 7200, "transcoded_s": 10, "answer_s": 0}'


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint as the page lists it."""

    method: str
    path: str
    about: str
    body: str | None = None


VIDEOSDK = (
    Endpoint(
        "POST",
        "/v2/rooms",
        "Create a room. Its webhooks: no events means all, wildcards are allowed.",
        '{"customRoomId"?, "webhook"?: {"endPoint", "events": ["hls-*"]}, '
        '"autoStartConfig"?: {"hls": {}, "recording": {}}}',
    ),
    Endpoint("GET", "/v2/rooms?query&page&perPage", "Rooms, newest first; query is an id or custom id."),
    Endpoint("GET", "/v2/rooms/{roomId}", "A room, by its id or custom id."),
    Endpoint("GET", "/v2/rooms/validate/{roomId}", "The same; 404 if there is no such room."),
    Endpoint(
        "POST",
        "/v2/rooms/deactivate",
        "Disable a room: its session ends, and nobody can join it. A custom id is answered with 402.",
        '{"roomId"}',
    ),
    Endpoint("POST", "/v2/hls/start", "Start a stream in a room's running session.", START),
    Endpoint("POST", "/v2/hls/end", "Stop a room's stream. Returns a bare JSON string.", '{"roomId", "id"?}'),
    Endpoint("GET", "/v2/hls/{roomId}/active", "The room's stream until it has stopped; else 404 or another form."),
    Endpoint("GET", "/v2/hls?roomId&sessionId&page&perPage", "Streams, newest first."),
    Endpoint("GET", "/v2/hls/{id}", "One stream, with which webhooks arrived."),
    Endpoint("DELETE", "/v2/hls/{id}", "Delete a stream that has ended."),
    Endpoint(
        "POST",
        "/v2/hls/capture",
        "Description of a thumbnail.",
        '{"roomId", "time"?, "width"?, "height"?, "format"?}',
    ),
    Endpoint("POST", "/v2/recordings/start", "Start a recording. Returns a bare JSON string: no id.", RECORDING_START),
    Endpoint("POST", "/v2/recordings/end", "Stop a recording. Returns a bare JSON string.", '{"roomId", "id"?}'),
    Endpoint(
        "GET",
        "/v2/recordings?roomId&sessionId&page&perPage",
        "Recordings, newest first, each with its file once it has stopped, and with which webhooks arrived.",
    ),
    Endpoint("GET", "/v2/recordings/{id}", "One recording."),
    Endpoint("DELETE", "/v2/recordings/{id}", "Delete a recording that has ended."),
    Endpoint(
        "POST",
        "/v2/livestreams/start",
        "Start an RTMP stream; without a layout it is refused with 406. Returns a bare JSON string: no id.",
        RTMP_START,
    ),
    Endpoint("POST", "/v2/livestreams/end", "Stop an RTMP stream. Returns a bare JSON string.", '{"roomId", "id"?}'),
    Endpoint(
        "GET", "/v2/livestreams?roomId&sessionId&page&perPage", "RTMP streams, newest first, with their destinations."
    ),
    Endpoint("GET", "/v2/livestreams/{id}", "One RTMP stream."),
    Endpoint("POST", "/v2/transcodings/hls-to-mp4", "Make an MP4 of an HLS stream that has ended.", TRANSCODE),
    Endpoint(
        "GET",
        "/v2/transcodings?roomId&sessionId&hlsId&status&page&perPage",
        "Transcoding jobs, newest first: pending, processing, completed, failed or cancelled.",
    ),
    Endpoint("GET", "/v2/transcodings/{id}", "One transcoding job, with its file once it is completed."),
    Endpoint("POST", "/v2/transcodings/{id}/cancel", "Cancel a transcoding job."),
    Endpoint("GET", "/v2/sessions/?roomId&status&page&perPage", "Sessions, newest first."),
    Endpoint("GET", "/v2/sessions/{id}", "A session and its participants."),
    Endpoint("GET", "/v2/sessions/{id}/participants?page&perPage", "Everyone who has been in the session."),
    Endpoint("GET", "/v2/sessions/{id}/participants/active?page&perPage", "Current participants, each with a mode."),
    Endpoint("GET", "/v2/sessions/{id}/participants/{participantId}", "One participant."),
    Endpoint("POST", "/v2/sessions/end", "End a room's session, and with it all its streams.", '{"roomId"}'),
    Endpoint("GET", "/v2/public/rsa-public-key", "The key that verifies webhooks. No token needed."),
)
SANDBOX = (
    Endpoint("GET", "/meetings-hls/{folder}/index.m3u8", "A stream's playback URL: a test card in HLS."),
    Endpoint("GET", "/encoded/videos/{name}", "The file of a recording or transcoding job: the test card as MPEG-TS."),
    Endpoint(
        "POST",
        "/sandbox/rooms/{roomId}/join",
        "Join a participant, or `count` participants; room and session are created if needed. Joining again with "
        "another mode changes the mode.",
        '{"participantId"?, "name"?, "count"?: 1, "mode"?: '
        '"CONFERENCE|VIEWER|SIGNALLING_ONLY|SEND_AND_RECV|RECV_ONLY"}',
    ),
    Endpoint(
        "POST",
        "/sandbox/rooms/{roomId}/leave",
        "A participant leaves; the last one ends the session unless it is kept.",
        '{"participantId", "keep"?: false}',
    ),
    Endpoint("POST", "/sandbox/rooms/{roomId}/end-session", "All participants leave and all streams stop."),
    Endpoint(
        "POST",
        "/sandbox/rooms/{roomId}/age",
        "Move a stream's start into the past.",
        '{"by_s": 7190, "output"?: "hls|recording|rtmp"}',
    ),
    Endpoint("GET", "/sandbox/rooms/{roomId}/faults", "The room's own faults and how often they still apply."),
    Endpoint(
        "PUT",
        "/sandbox/rooms/{roomId}/faults",
        "Replace the room's own faults; {} clears them. Its webhook faults and forms replace the general ones.",
        '{"webhooks", "rest", "forms"}, as below',
    ),
    Endpoint("PUT", "/sandbox/rooms/{roomId}/pace", "The room's own pace; omitted keys keep their value.", ROOM_PACE),
    Endpoint(
        "POST",
        "/sandbox/rooms/{roomId}/fail",
        "Make the room's stream fail (hls-failed, recording-failed, livestream-failed). REST shows the reason. "
        "`destinations` are patterns of the URLs at which an RTMP stream fails.",
        '{"reason"?, "output"?: "hls|recording|rtmp", "destinations"?: ["*"]}',
    ),
    Endpoint("GET", "/sandbox/faults", "The current faults and how often they still apply."),
    Endpoint("PUT", "/sandbox/faults", "Replace all faults; {} clears them.", FAULTS),
    Endpoint("GET", "/sandbox/pace", "How long each step takes."),
    Endpoint("PUT", "/sandbox/pace", "Change the pace; omitted keys keep their value.", PACE),
    Endpoint("GET", "/sandbox/log?kind=call|webhook|run|inbox&room&after", "The newest 50,000 log items."),
    Endpoint("POST", "/sandbox/inbox", "Accepts notices (any sub-path) with 200 and logs them."),
)
NOTES = (
    "Calls under /v2 need the raw token in Authorization: an HS256 JWT with the API key as its apikey.",
    "Webhooks have a videosdk-signature header: base64 of RSA PKCS#1 v1.5 with SHA-256 over the raw body.",
    "A webhook that is not answered with 2xx within 10 s is attempted 10 times in total, after 1, 2, 4, 8, 15 "
    "and then every 30 s. This is the sandbox's own choice; VideoSDK's schedule is unknown.",
    "Pages of other sites may not use the sandbox's own endpoints, and its host name must not contain a dot.",
    "By default webhooks have their documented shape: hls-*, recording-* and livestream-* name the room and session, "
    "but no stream; recording-stopped has filePath and fileUrl, livestream-failed says nothing more.",
    "A room can have one stream of each output at a time. All outputs take the same time to start and to stop; only "
    "HLS becomes playable.",
    "A transcoding job sends no webhook: VideoSDK's documentation names none.",
    "Rooms, sessions, streams and faults are lost when the sandbox stops; the signing key is kept.",
)
