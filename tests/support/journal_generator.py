"""A made-up history: all that can come into a journal, drawn from a seed; calls are answered and timers popped."""

import random
from typing import Any

from tests.support.product import webhook
from webhook_app.domain.control.call import Call, CallKind
from webhook_app.domain.events import Source
from webhook_app.providers.videosdk.webhook_schema import parse
from webhook_app.store.calls import Calls
from webhook_app.store.connection.clients import Client
from webhook_app.store.journal.journal import Entry, Journal, entry
from webhook_app.store.journal.timers import Timers

ROOMS = ("hall", "studio", "lobby", "attic", "cellar")
PEOPLE = ("ada", "grace", "alan")
STATES = ("starting", "started", "playable", "stopping", "stopped", "failed")
OUTCOMES = ("succeeded", "already", "unknown", "refused", "dropped")
RULES: tuple[dict[str, Any], ...] = (
    {"name": "host", "rooms": ["*"], "on": "participant-joined", "do": "start"},
    {"name": "host", "rooms": ["hall"], "on": "session.started", "do": "start", "cooldown_s": 1},
    {"name": "empty", "rooms": ["*"], "when": "room.on_air && room.session.participant_count == 0", "do": "end"},
    {"name": "told", "rooms": ["group:loud"], "on": "stream.started", "do": "notify", "message": "{room.room_id}"},
    {"name": "slow", "rooms": ["*"], "when": 'room.state == "starting"', "for_s": 1, "do": "notify"},
    {"name": "broken", "rooms": ["*"], "on": "participant-left", "if": "event.data.nothing > 1", "do": "end"},
)


class JournalGenerator:
    """Writes into a journal what VideoSDK, operators, the clock and the caller would."""

    def __init__(self, client: Client, seed: int) -> None:
        self._random = random.Random(seed)
        self._journal = Journal(client)
        self._calls = Calls(client)
        self._timers = Timers(client)
        self._journal.append([entry(Source.SYSTEM, "settings", None, {"calls": True})])

    def go_on(self, count: int) -> None:
        """Append so many entries, then fire due timers and answer claimed calls."""
        self._journal.append([self._entry() for _ in range(count)])
        self._timers.pop()
        for claimed in self._calls.claim(16):
            self._calls.answer(claimed.call, self._answer(claimed.call))

    def _entry(self) -> Entry:
        draw = self._random.random()
        if draw < 0.80:
            return self._webhook()
        if draw < 0.88:
            return self._operator()
        if draw < 0.96:
            return self._rules()
        return self._rest()

    def _webhook(self) -> Entry:
        pick, room = self._random.choice, self._random.choice(ROOMS)
        session = f"{room}-{self._random.randint(1, 2)}"
        match self._random.randint(0, 3):
            case 0:
                body = webhook(pick(("session-started", "session-ended", "recording-started")), room, session)
            case 1:
                who = pick(PEOPLE)
                kind = pick(("participant-joined", "participant-left"))
                body = webhook(kind, room, session, participantId=who, participantName=who.title())
            case _:
                run = f"{session}-{self._random.randint(1, 3)}"
                names = pick(({}, {"playbackHlsUrl": _url(run)}, {"id": run, "downstreamUrl": _url(run)}, {"id": run}))
                body = webhook(f"hls-{pick(STATES)}", room, session, **names)
        read = parse(body)
        return Entry(Source.VIDEOSDK, read.type, read.room_id, body)

    def _operator(self) -> Entry:
        command = self._random.choice(("start", "end", "release"))
        data = {"start": {"config": {"layout": {"priority": "PIN"}}}} if command == "start" else {}
        return entry(Source.OPERATOR, command, self._random.choice(ROOMS), data)

    def _rules(self) -> Entry:
        rule = self._random.choice(RULES)
        match self._random.randint(0, 5):
            case 0:
                return entry(Source.CONFIG, "rule-deleted", None, {"name": rule["name"]})
            case 1:
                kind = self._random.choice(("rule-paused", "rule-resumed"))
                return entry(Source.OPERATOR, kind, None, {"name": rule["name"]})
            case 2:
                rooms = {"main": {"room_id": self._random.choice(ROOMS), "groups": ["loud"]}}
                rules = [{**rule, "name": "of-the-file"}] if self._random.random() < 0.5 else []
                return entry(Source.CONFIG, "file-applied", None, {"rooms": rooms, "rules": rules})
            case _:
                return entry(Source.CONFIG, "rule-put", None, {"rule": rule})

    def _rest(self) -> Entry:
        match self._random.randint(0, 5):
            case 0:
                return entry(Source.SYSTEM, "settings", None, {"bodies": self._random.random() < 0.5})
            case 1:
                return entry(Source.SYSTEM, "alarm-raised", None, {"name": "smoke", "summary": "there is smoke"})
            case 2:
                return entry(Source.SYSTEM, "alarm-cleared", None, {"name": "smoke"})
            case 3:
                return Entry(Source.VIDEOSDK, "unreadable", None, b"\xff not JSON")
            case 4:
                return Entry(Source.VIDEOSDK, "resource-acquired", None, b'{"data": {"id": "x"}}')
            case _:
                return entry(Source.CONFIG, "rule-put", None, {"rule": {"name": "impossible"}})

    def _answer(self, call: Call) -> Entry:
        run = f"called-{self._random.randint(1, 3)}"
        stream = {"id": run, "roomId": call.room_id, "playbackHlsUrl": _url(run)}
        if call.kind is CallKind.PROBE:
            session = {"session_id": f"{call.room_id}-1", "live": True, "participants": {"ada": "Ada"}}
            answer: dict[str, Any] = {
                "outcome": "probed",
                "reached": self._random.random() < 0.9,
                "asked_id": self._journal.last_id(),
                "asked_at": self._calls.now_ms(),
                "active": self._random.choice((None, stream)),
                "session": self._random.choice((None, session)),
            }
            return entry(Source.PROBE, "probed", call.room_id, {"call_id": call.call_id, "kind": "probe", **answer})
        outcome = self._random.choice(OUTCOMES)
        answer = {"outcome": outcome, "status": 400 if outcome == "refused" else 200, "stream": stream}
        data = {"call_id": call.call_id, "kind": call.kind.value, **answer}
        return entry(Source.CALL, f"{call.kind}-{outcome}", call.room_id, data)


def _url(run: str) -> str:
    return f"https://cdn.example/meetings-hls/{run}/index.m3u8"
