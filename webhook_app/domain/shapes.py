"""Every shape a room can have, for trying conditions before they are saved."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from webhook_app.domain.events import StreamFact
from webhook_app.domain.room import Room, Session, Wish
from webhook_app.domain.rules import RoomName, Settings, make_config
from webhook_app.domain.stream import EndedBy, State, advance, open_run
from webhook_app.domain.views import room_view

_AT = 1_767_225_600_000


@lru_cache(maxsize=1)
def room_shapes() -> tuple[Mapping[str, Any], ...]:
    """Rooms without and with a session, a wish, a name, and a stream in each state."""
    config = make_config({}, {"hall": RoomName("hall", "abcd-efgh-ijkl", ("webinar",))}, Settings())
    session = Session("s", live=True, started_at=_AT, complete=True, participants={"p": "Host"})
    unknown = Session("s", live=True, started_at=_AT)
    wish = Wish(on_air=True, because="operator", since=_AT, event_id="1-0", until=_AT + 1)
    fact = StreamFact("id", "https://x/y", "s", "https://x/y/index.m3u8", "https://x/y/live.m3u8", "failed")
    run = open_run("abcd-efgh-ijkl", "1-0", _AT, State.STARTING, fact, provisional=False)
    rooms = [Room("abcd-efgh-ijkl"), Room("abcd-efgh-ijkl", session=unknown, operator=wish)]
    for state in State:
        moved = advance(run, state, at=_AT + 1, event_id="2-0", by=EndedBy.WEBHOOK)
        rooms.append(Room("abcd-efgh-ijkl", session=session, operator=wish, streams=(moved,)))
    return tuple(room_view(room, config, _AT + 2) for room in rooms)
