"""`GET /live/<room>.m3u8`: a permanent URL that redirects to the room's current playback URL."""

from flask import Blueprint, Response

from webhook_app.domain.globs import any_glob_matches
from webhook_app.domain.streams.machine import WATCHABLE
from webhook_app.problems.problems import Problem
from webhook_app.store.state.store import StateStore

ANYWHERE = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Retry-After",
    "Cache-Control": "no-store",
}
SOON_S = 2  # a player tries again: while the stream is starting, and otherwise
LATER_S = 15


def live_links(state: StateStore, rooms: tuple[str, ...]) -> Blueprint:
    """Build the blueprint. It needs no token, since players send none; `rooms` is the setting ROOMS."""
    blueprint = Blueprint("live_links", __name__)

    @blueprint.get("/live/<room:room_id>.m3u8")
    def follow(room_id: str) -> Response:
        room_id = state.names().resolve_room(room_id)
        is_accepted = any_glob_matches(room_id, rooms)
        room = state.room(room_id) if is_accepted else None
        stream = None if room is None else room.shown_stream
        if room is None or stream is None or stream.state not in WATCHABLE or stream.playback_url is None:
            soon = stream is not None and stream.live
            raise Problem(404, "This room is not watchable right now.", retry_after_s=SOON_S if soon else LATER_S)
        if not stream.playback_url.startswith(("https://", "http://")):
            raise Problem(404, "This room has no playback URL.")
        return Response(status=302, headers={"Location": stream.playback_url})

    @blueprint.after_request
    def from_anywhere(answer: Response) -> Response:
        answer.headers.update(ANYWHERE)
        return answer

    return blueprint
