"""Webhook bodies: whatever VideoSDK signs is read the same way each time, folds, and can be stored and shown."""

import json
from random import Random
from typing import Any

from tests.support import paths
from webhook_app.domain.reducer import apply, step
from webhook_app.domain.rules.config import Config, Settings
from webhook_app.domain.state import SystemState
from webhook_app.domain.views import room_view
from webhook_app.event_decoding.rules import decode_rule
from webhook_app.providers.port import UNREADABLE
from webhook_app.providers.videosdk.webhook_body import IDS, read_body
from webhook_app.providers.videosdk.webhook_schema import parse
from webhook_app.store import codec
from webhook_app.store.queries.timelines import TimelineRow
from webhook_app.store.state.outline import encode_arguments
from webhook_app.usecases.event_views import event_view

PAYLOADS = [path.read_bytes() for path in sorted(paths.PAYLOADS.glob("*.json"))]
AT = 1_795_348_800_000
ODD_TEXTS = ("", " ", "\0", "\ud800", "\udfff\ud800", "a|b", "a\nb", "\x1b[2J", "\u202e", "💡", "x" * 201, "0", "null")
ODD_BYTES = (
    b"\xff",
    b"\xc3",
    b"\xed\xa0\x80",
    b"\x00",
    b"\x1b",
    b"\xef\xbb\xbf",
    b'"',
    b"\\",
    b"{",
    b"]",
    b",",
    rb"\ud800",
)
RULES = (
    {"name": "a", "rooms": ["*"], "on": "participant-joined", "if": "event.data.participantName == 'x'", "do": "start"},
    {"name": "b", "rooms": ["*"], "when": "room.session.participants.exists(p, p.name == 'x')", "do": "end"},
    {"name": "c", "rooms": ["*"], "on": "hls-started", "do": "notify", "message": "{event.data} {room.name}"},
)


def make(random: Random) -> bytes:
    """A body from this seed: a payload that was changed, or something made up."""
    content = json.loads(random.choice(PAYLOADS)) if random.random() < 0.95 else _value(random, 4)
    for _ in range(random.randint(0, 3)):
        content = _changed(random, content)
    raw = _written(random, content)
    for _ in range(random.choice((0, 0, 0, 0, 1, 2))):
        raw = _damaged(random, raw)
    return raw


def check(raw: bytes) -> None:
    """AssertionError, or whatever is raised, when the body does what no body may."""
    body = read_body(raw)
    assert body == read_body(raw)
    received = parse(raw)
    assert (received.type, received.room_id) == (body.type, body.room_id)
    assert (body.reason is not None) == (body.type == UNREADABLE)
    ids = [body.room_id, *(body.data.get(name) for name in IDS)] if isinstance(body.data, dict) else []
    assert all(text is None or (isinstance(text, str) and 0 < len(text) <= 200) for text in ids)
    assert not any(letter < " " or "\x7f" <= letter <= "\x9f" for text in ids for letter in text or "")
    rules = {str(rule["name"]): decode_rule({"for_s": 0, **_stored(rule)}) for rule in RULES}
    world = SystemState(Config(settings=Settings(calls=True, bodies=True)))
    for rule in rules.values():
        world.config = world.config.with_rule(rule)
    for number in (1, 2):
        _fold(world, raw, received.type, received.room_id, number)


def _fold(world: SystemState, raw: bytes, kind: str, room_id: str | None, number: int) -> None:
    fields = {b"s": b"videosdk", b"t": kind.encode(), b"r": (room_id or "").encode(), b"a": b"%d" % AT, b"d": raw}
    event = codec.journal_event(codec.event_of(b"%d-%d" % (AT, number), fields))
    assert event.type == kind
    outcome = step(world, event)
    apply(world, outcome)
    arguments = encode_arguments(outcome.effects)
    row = {b"r": " ".join(outcome.reasons).encode()} | ({b"a": arguments} if arguments else {})
    codec.encode(event_view(event, TimelineRow(row), world.config))
    for notice in outcome.notices:
        codec.notice_of(codec.encode(notice))
    for room in outcome.rooms.values():
        assert codec.room_of(codec.encode_room(room)) == room
        codec.encode(room_view(room, world.config, AT))


def _stored(rule: dict[str, Any]) -> dict[str, Any]:
    return {"cooldown_s": 0, **rule}


def _value(random: Random, depth: int) -> Any:
    kind = random.randint(0, 8 if depth else 5)
    match kind:
        case 0:
            return None
        case 1:
            return random.choice((True, False, 0, -1, 2**63, -(2**70), 10**400, 1e308))
        case 2:
            return float(random.choice(("nan", "inf", "-inf", "0.5")))
        case 3 | 4 | 5:
            return random.choice(ODD_TEXTS)
        case 6:
            return [_value(random, depth - 1) for _ in range(random.randint(0, 4))]
        case 7:
            return [[[[_value(random, 0)]]]] if random.random() < 0.9 else json.loads("[" * 70 + "]" * 70)
        case _:
            names = ("webhookType", "type", "data", *IDS, "id", "participantName", "playbackHlsUrl", *ODD_TEXTS)
            return {random.choice(names): _value(random, depth - 1) for _ in range(random.randint(0, 5))}


def _changed(random: Random, content: Any) -> Any:
    if not isinstance(content, dict) or not content:
        return _value(random, 3)
    name = random.choice(list(content))
    inner = content[name]
    if isinstance(content.get("data"), dict) and random.random() < 0.8:
        return {**content, "data": _changed(random, content["data"])}
    match random.randint(0, 4):
        case 0:
            return {key: value for key, value in content.items() if key != name}
        case 1 | 2 if isinstance(inner, dict):
            return {**content, name: _changed(random, inner)}
        case 2 | 3:
            return {**content, random.choice((*IDS, "id", "webhookType", "type", "data")): _value(random, 3)}
        case _:
            return {**content, name: _value(random, 3)}


def _written(random: Random, content: Any) -> bytes:
    text = json.dumps(content, ensure_ascii=random.random() < 0.5)
    encoding = random.choice(("utf-8",) * 6 + ("utf-8-sig", "utf-16", "latin-1"))
    return text.encode(encoding, "surrogatepass" if encoding.startswith("utf") else "replace")


def _damaged(random: Random, raw: bytes) -> bytes:
    at = random.randint(0, len(raw))
    match random.randint(0, 4):
        case 0:
            return raw[:at]
        case 1:
            return raw[:at] + raw[at + 1 :]
        case 2:
            return raw + raw[at:]
        case 3:
            return raw[:at] + bytes([random.randrange(256)]) + raw[at + 1 :]
        case _:
            return raw[:at] + random.choice(ODD_BYTES) + raw[at:]
