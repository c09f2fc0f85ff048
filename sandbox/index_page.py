"""The sandbox's index page at `/`: its endpoints, open points and notes, as HTML or JSON."""

import html
import json
from dataclasses import asdict, dataclass
from typing import get_args

from aiohttp import web

from sandbox.faults import FaultName, PathName
from sandbox.open_points import describe_forms

START = (
    '{"roomId", "templateUrl"?, "config"?: {"layout": {"type", "priority", "gridSize"}, "theme", "mode", '
    '"quality", "orientation", "recording"}, "transcription"?, "summary"?, "recording"?, "webhookUrl"?, "resourceId"?}'
)
FAULTS = (
    '{"webhooks": {"repeat": probability or count, "reorder": probability, '
    '"drop": probability | [types] | {"probability", "types"}, "delay_s": seconds, '
    '"stream_ids": false|true|"composer", "urls": "documented|2024|playback|livestream|none", '
    '"room_key": "meetingId|roomId", "viewers": true, "retries": true}, '
    f'"rest": [{{"path": "{"|".join(get_args(PathName))}", '
    f'"fault": "{"|".join(get_args(FaultName))}", "times": 1 or null for ever, '
    '"after_s": 5}], "forms": {the open points below}, "quota": null}'
)
ROOM_PACE = '{"started_s": 2, "playable_s": 5, "stopped_s": 1, "max_duration_s": 7200}'
PACE = '{"started_s": 2, "playable_s": 5, "stopped_s": 1, "max_duration_s": 7200, "answer_s": 0}'


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
        '{"customRoomId"?, "webhook"?: {"endPoint", "events": ["hls-*"]}, "autoStartConfig"?: {"hls": {}}}',
    ),
    Endpoint("GET", "/v2/rooms/{roomId}", "A room, by its id or custom id."),
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
    Endpoint("GET", "/v2/sessions/?roomId&status&page&perPage", "Sessions, newest first."),
    Endpoint("GET", "/v2/sessions/{id}", "A session and its participants."),
    Endpoint("GET", "/v2/sessions/{id}/participants?page&perPage", "Everyone who has been in the session."),
    Endpoint("GET", "/v2/sessions/{id}/participants/active?page&perPage", "Current participants, each with a mode."),
    Endpoint("POST", "/v2/sessions/end", "End a room's session.", '{"roomId"}'),
    Endpoint("GET", "/v2/public/rsa-public-key", "The key that verifies webhooks. No token needed."),
)
SANDBOX = (
    Endpoint("GET", "/meetings-hls/{folder}/index.m3u8", "A stream's playback URL: a test card in HLS."),
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
    Endpoint("POST", "/sandbox/rooms/{roomId}/end-session", "All participants leave and the stream stops."),
    Endpoint("POST", "/sandbox/rooms/{roomId}/age", "Move the stream's start into the past.", '{"by_s": 7190}'),
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
        "Make the room's stream fail (hls-failed). GET /v2/hls/{id} shows the reason.",
        '{"reason"?}',
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
    "By default webhooks have their documented shape: hls-* name the room and session, but no stream.",
    "Rooms, sessions, streams and faults are lost when the sandbox stops; the signing key is kept.",
)

STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;"
    "color:#1c2430;background:#fbfbf9}h1{margin-bottom:0}dt{margin-top:1rem;font-weight:600}dd{margin:0}"
    "code{font:14px/1.5 ui-monospace,monospace;overflow-wrap:anywhere}dd code{color:#4a5568}"
    "@media(prefers-color-scheme:dark){body{color:#e6e9ee;background:#14181d}dd code{color:#a3adba}}"
)


async def page(request: web.Request) -> web.Response:
    """Return the page as JSON if the client accepts that, else as HTML."""
    if "application/json" in request.headers.get("Accept", ""):
        return web.json_response(
            {
                "videosdk": [asdict(endpoint) for endpoint in VIDEOSDK],
                "sandbox": [asdict(endpoint) for endpoint in SANDBOX],
                "open_points": describe_forms(),
                "notes": NOTES,
            }
        )
    return web.Response(text=_html(), content_type="text/html")


def _html() -> str:
    notes = "".join(f"<li>{html.escape(note)}</li>" for note in NOTES)
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>VideoSDK sandbox</title>'
        '<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">'
        f"<style>{STYLE}</style><h1>VideoSDK sandbox</h1><p>A local VideoSDK simulator.</p>"
        f"<h2>VideoSDK's endpoints</h2><dl>{_entries(VIDEOSDK)}</dl>"
        f"<h2>The sandbox's own</h2><dl>{_entries(SANDBOX)}</dl>{_open_points()}<h2>Notes</h2><ul>{notes}</ul></html>"
    )


def _open_points() -> str:
    """List the keys of a `forms` object."""
    entries = (
        f"<dt><code>{html.escape(name)}</code></dt><dd>{html.escape(point['about'])}"
        f"<br><code>{html.escape(point['values'])}</code>, "
        f"<code>{html.escape(json.dumps(point['default']))}</code> by default</dd>"
        for name, point in describe_forms().items()
    )
    return (
        "<h2>Open points</h2><p>Behaviour that VideoSDK's documentation leaves open. <code>forms</code> in "
        f"PUT /sandbox/faults selects a form of each.</p><dl>{''.join(entries)}</dl>"
    )


def _entries(endpoints: tuple[Endpoint, ...]) -> str:
    return "".join(_entry(endpoint) for endpoint in endpoints)


def _entry(endpoint: Endpoint) -> str:
    body = f"<br><code>{html.escape(endpoint.body)}</code>" if endpoint.body else ""
    title = html.escape(f"{endpoint.method} {endpoint.path}")
    return f"<dt><code>{title}</code></dt><dd>{html.escape(endpoint.about)}{body}</dd>"


ROUTES = (web.get("/", page),)
