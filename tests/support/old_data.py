"""Load a store that an earlier version wrote, go on folding it, and read it as API and replay check do."""

import json
from pathlib import Path
from typing import Any

from tests.support.golden import TEXT_FIELDS, load
from tests.support.web_client import WebClient, fold_all
from webhook_app.domain.ids import order
from webhook_app.store import keys
from webhook_app.store.connection.clients import Client
from webhook_app.store.journal.journal import Journal
from webhook_app.store.journal.skipped_events import SkippedEventStore
from webhook_app.store.queries.rooms import known_room_ids
from webhook_app.store.state.snapshots import Snapshots
from webhook_app.store.state.store import StateStore
from workers.doctor.replay import differing
from workers.folding import fold

FIXTURES = Path(__file__).parent.parent / "fixtures" / "data_directories"
SECRETS_KEY = "the-key-that-seals-the-fixture-1"
# What depends on the moment of reading, and not on what is stored.
MOMENTARY = frozenset(
    {"duration_s", "health", "next_attempt_at", "next_windows", "next", "next_opens_at", "waits_for", "waiting_for"}
)
LISTS = ("/rooms", "/rules", "/subscribers", "/alarms?state=all", "/calls", "/streams", "/deliveries", "/events")
FURTHER: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
    ("videosdk", "session-started", "further-room", {"meetingId": "further-room", "sessionId": "further-1"}),
    (
        "videosdk",
        "participant-joined",
        "hall",
        {"meetingId": "hall", "sessionId": "hall-1", "participantId": "zoe", "participantName": "Zoe"},
    ),
    ("operator", "start", "further-room", {}),
    ("operator", "end", "studio", {}),
    ("operator", "release", "studio-one-two", {}),
    ("videosdk", "session-ended", "hall", {"meetingId": "hall", "sessionId": "hall-1"}),
)


def restore(client: Client, path: Path) -> None:
    """Write the keys of a fixture into an empty store."""
    for name, record in load(path).items():
        value = record["value"]
        match record["type"]:
            case "string":
                client.set(name, _bytes(value))
            case "hash":
                client.hset(name, mapping={_bytes(field): _bytes(item) for field, item in value.items()})
            case "set":
                client.sadd(name, *map(_bytes, value))
            case "zset":
                client.zadd(name, {_bytes(member): score for member, score in value})
            case "list":
                client.rpush(name, *map(_bytes, value))
            case "stream":
                for entry_id, fields in value:
                    client.xadd(name, {_bytes(field): _bytes(item) for field, item in fields}, id=entry_id)
            case kind:
                raise ValueError(f"{name} is a {kind}")


def append_further(client: Client) -> None:
    """Journal a few further events, at fixed moments after the last one."""
    last = client.xrevrange(keys.JOURNAL, count=1)[0][0].decode()
    moment = int(last.partition("-")[0])
    for number, (source, kind, room_id, data) in enumerate(FURTHER, 1):
        at = moment + 1_000 * number
        body = {"webhookType": kind, "data": data} if source == "videosdk" else data
        fields = {"s": source, "t": kind, "r": room_id, "a": str(at), "d": json.dumps(body)}
        client.xadd(keys.JOURNAL, fields, id=f"{at}-0")


def replay_differences(client: Client) -> list[str]:
    """What is stored otherwise than folding from the snapshot gives it, by name."""
    state = StateStore(client)
    folded_state, at = Snapshots(client).load()
    cursor = state.cursor()
    events = [event for event in Journal(client).read(at, 10_000) if order(event.id) <= order(cursor)]
    _, folded_state = fold(folded_state, events, SkippedEventStore(client).load())
    stored = state.load_state()
    stored.rooms.update(state.rooms(known_room_ids(client)))
    return differing(stored, folded_state)


def read_all(web: WebClient) -> dict[str, Any]:
    """Every list of the API, and each room with its timeline, without texts and what only the moment decides."""
    answers: dict[str, Any] = {path: web.get(path) for path in LISTS}
    for room in answers["/rooms"]["items"]:
        room_id = room["room_id"]
        answers |= {path: web.get(path) for path in (f"/rooms/{room_id}", f"/rooms/{room_id}/timeline")}
    for rule in answers["/rules"]["items"]:
        answers[f"/rules/{rule['name']}"] = web.get(f"/rules/{rule['name']}")
    return {path: _stable(answer) for path, answer in answers.items()}


def read_old_data(client: Client, web: WebClient, path: Path) -> dict[str, Any]:
    """Restore a fixture and read it twice: as it was stored, and after folding what is left and further events."""
    restore(client, path)
    before = {"replay": replay_differences(client), "api": read_all(web)}
    append_further(client)
    folded = fold_all(client)
    return {"before": before, "folded": folded, "after": {"replay": replay_differences(client), "api": read_all(web)}}


def shown_before(answer: Any, expected: Any) -> Any:
    """An answer without the fields that the earlier version, whose answer is `expected`, did not show.

    A notice's id follows from its content, which has grown: any id counts as the same.
    """
    if isinstance(answer, dict) and isinstance(expected, dict):
        return {name: shown_before(item, expected[name]) for name, item in answer.items() if name in expected}
    if isinstance(answer, list) and isinstance(expected, list) and len(answer) == len(expected):
        return [shown_before(*pair) for pair in zip(answer, expected, strict=True)]
    is_notice_id = isinstance(answer, str) and isinstance(expected, str) and answer[:4] == expected[:4] == "msg_"
    return expected if is_notice_id else answer


def _stable(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _stable(item) for name, item in value.items() if name not in TEXT_FIELDS | MOMENTARY}
    return [_stable(item) for item in value] if isinstance(value, list) else value


def _bytes(text: str) -> bytes:
    return text.encode("latin-1")
