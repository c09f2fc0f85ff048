"""openings: with 10,000 scheduled rules, 200 windows open within one second; time until each start reaches VideoSDK."""

import http.client
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench import children, product
from bench.http_client import percentile
from bench.results import Goal, Result
from bench.scale import Scale
from webhook_app.domain.events import Source
from webhook_app.domain.times import from_rfc3339
from webhook_app.store.connection.clients import Client, connect
from webhook_app.store.journal.journal import Journal, entry
from webhook_app.store.state.store import StateStore

RULES = 10_000
OPENINGS = 200
ANSWER_S = 0.05
AHEAD_S = 12
GOALS = {50: None, 99: Goal(400, absolute=True, at_most=True)}
CHUNK = 500
LIMIT_S = 120.0


def run(directory: Path, scale: Scale) -> Iterator[Result]:
    """Measure from the opening (store clock) to the start's arrival at the sandbox (same machine's clock)."""
    rules = RULES if scale.rounds > 1 else RULES // 10
    port = children.free_port()
    secrets = {"SANDBOX_API_KEY": "bench", "SANDBOX_SECRET": "bench-secret-of-32-characters-00"}
    arguments = ("--port", str(port), "--data", str(directory / "videosdk"))
    with children.python("sandbox", *arguments, environ=secrets, log=directory / "sandbox.log"):
        children.wait_for(lambda: children.answers(port, "/"), "the sandbox")
        with product.up(directory, 9, videosdk=(port, "bench", secrets["SANDBOX_SECRET"])):
            lags = _measure(directory, port, rules)
    for percent, goal in GOALS.items():
        what = f"opening to POST, {OPENINGS} of {rules:,} rules in one second, p{percent}"
        detail = {"starts": len(lags), "max_ms": max(lags)}
        yield Result("openings", what, "ms", percentile(lags, percent), goal=goal, detail=detail)


def _measure(directory: Path, sandbox: int, rules: int) -> list[float]:
    run = json.loads((directory / "run.json").read_text())
    client = connect(run["store"])
    far = datetime.now(UTC) + timedelta(days=30)
    _put(client, [_rule(f"far-{at}", f"far-{at}", far) for at in range(rules - OPENINGS)])
    for at in range(OPENINGS):
        _request(sandbox, "POST", f"/sandbox/rooms/near-{at}/join", {"name": "somebody"})
    _request(sandbox, "PUT", "/sandbox/pace", {"answer_s": ANSWER_S})
    opens = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=AHEAD_S)
    moments = {f"near-{at}": opens + timedelta(milliseconds=1000 * at // OPENINGS) for at in range(OPENINGS)}
    _put(client, [_rule(room, room, moment, sessions=True) for room, moment in moments.items()])
    until = time.monotonic() + LIMIT_S
    while time.monotonic() < until:
        starts = _starts(sandbox)
        if len(starts) >= OPENINGS:
            break
        time.sleep(0.5)
    client.close()
    return [(starts[room] - moment.timestamp()) * 1000 for room, moment in moments.items()]


def _put(client: Client, rules: list[dict[str, Any]]) -> None:
    journal = Journal(client)
    last = "0-0"
    for at in range(0, len(rules), CHUNK):
        entries = [entry(Source.CONFIG, "rule-put", None, {"rule": rule}) for rule in rules[at : at + CHUNK]]
        sessions = [
            entry(Source.VIDEOSDK, "session-started", rule["rooms"][0], _session(rule["rooms"][0]))
            for rule in rules[at : at + CHUNK]
            if rule.pop("sessions", False)
        ]
        last = journal.append(sessions + entries)[0][-1]
    state = StateStore(client)
    children.wait_for(lambda: state.cursor() >= last, "folding", limit_s=LIMIT_S)


def _session(room: str) -> dict[str, Any]:
    return {"webhookType": "session-started", "data": {"meetingId": room, "sessionId": f"session-of-{room}"}}


def _rule(name: str, room: str, opens: datetime, *, sessions: bool = False) -> dict[str, Any]:
    schedule = {"at": [opens.isoformat(timespec="milliseconds").removesuffix("+00:00")], "duration_s": 600}
    rule: dict[str, Any] = {"name": name, "rooms": [room], "schedule": schedule}
    return rule | {"sessions": True} if sessions else rule


def _starts(sandbox: int) -> dict[str, float]:
    items = _request(sandbox, "GET", "/sandbox/log?kind=call", None)["items"]
    starts: dict[str, float] = {}
    for item in items:
        if item["path"].endswith("/hls/start"):
            starts.setdefault(item["room"], from_rfc3339(item["at"]) / 1000)
    return starts


def _request(port: int, method: str, path: str, body: Any) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    sent = None if body is None else json.dumps(body)
    connection.request(method, path, sent, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    read = answer.read()
    connection.close()
    if answer.status >= 300:
        raise children.NotReadyError(f"{method} {path} returned {answer.status}: {read[:200]!r}")
    return json.loads(read)
