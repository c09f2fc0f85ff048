"""What the sandbox streams: a test card in HLS, so that a playback URL can be played by any player.

`card.ts` was made by ffmpeg from its own test source, and nothing else is needed to serve it:
`ffmpeg -f lavfi -i testsrc2=size=256x144:rate=10 -f lavfi -i sine=frequency=440:sample_rate=22050 -t 2 -c:v libx264
-profile:v baseline -preset veryslow -crf 34 -g 20 -pix_fmt yuv420p -c:a aac -b:a 16k -ac 1 -f mpegts -muxdelay 0`
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from aiohttp import web

from sandbox.entities import RefusedError, Stream, StreamState
from sandbox.runtime import RUNTIME, SandboxRuntime

SEGMENT_MS = 2_000
WINDOW = 6
RECORDED_MAX = 1_800  # an hour of segments is named in a recording's playlist
PLAYLIST_TYPE = "application/vnd.apple.mpegurl"
ANYWHERE = {"Access-Control-Allow-Origin": "*"}
WATCHABLE = (StreamState.PLAYABLE, StreamState.STOPPING)


async def playlist(request: web.Request) -> web.Response:
    """`index.m3u8` has the whole run once it is over; until then both have the newest segments."""
    runtime = request.app[RUNTIME]
    stream = _stream(runtime, request.match_info["folder"])
    if not stream.over and stream.state not in WATCHABLE:
        raise RefusedError(404, "The stream is not playable yet")
    whole = stream.over and request.match_info["name"] == "index"
    text = playlist_of(stream, runtime.now_ms(), whole=whole)
    return web.Response(text=text, content_type=PLAYLIST_TYPE, headers={**ANYWHERE, "Cache-Control": "no-cache"})


async def segment(request: web.Request) -> web.Response:
    """Every segment is the same two seconds."""
    _stream(request.app[RUNTIME], request.match_info["folder"])
    return web.Response(body=_card(), content_type="video/mp2t", headers=ANYWHERE)


def playlist_of(stream: Stream, now_ms: int, *, whole: bool) -> str:
    """The segments that are complete by now, at least one; each begins the card anew, which is a discontinuity."""
    made = max(1, ((stream.end_ms or now_ms) - stream.start_ms) // SEGMENT_MS)
    first = max(0, made - (RECORDED_MAX if whole else WINDOW))
    lines = [
        *("#EXTM3U", "#EXT-X-VERSION:3", f"#EXT-X-TARGETDURATION:{SEGMENT_MS // 1000 + 1}"),
        *(f"#EXT-X-MEDIA-SEQUENCE:{first}", f"#EXT-X-DISCONTINUITY-SEQUENCE:{first}"),
    ]
    for number in range(first, made):
        lines += ["#EXT-X-DISCONTINUITY", f"#EXTINF:{SEGMENT_MS / 1000:.3f},", f"{number}.ts"]
    if stream.over:
        lines.append("#EXT-X-ENDLIST")
    return "\n".join(lines) + "\n"


def _stream(runtime: SandboxRuntime, folder: str) -> Stream:
    for stream in runtime.world.streams.values():
        if stream.folder == folder:
            return stream
    raise RefusedError(404, "There is no such stream")


@cache
def _card() -> bytes:
    return Path(__file__).with_name("card.ts").read_bytes()


ROUTES = (
    web.get(r"/meetings-hls/{folder}/{name:index|live}.m3u8", playlist),
    web.get(r"/meetings-hls/{folder}/{number:\d+}.ts", segment),
)
