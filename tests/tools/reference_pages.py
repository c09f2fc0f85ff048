"""The pages of reference that are written out of the code: settings, metrics, reasons, the API. `make docs` writes them."""

# ruff: noqa: E501 (a paragraph of a page is one line)

import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sandbox.index_page import NOTES, SANDBOX, VIDEOSDK, Endpoint
from sandbox.open_points import describe_forms
from tests.support.product import TREE
from tests.support.web_client import WebClient
from webhook_app.console.components.alarm_advice import ADVICE, ALARM_TITLES
from webhook_app.domain.alarms.alarm import AlarmName
from webhook_app.domain.reasons import Reason
from webhook_app.ops.metrics import StoreMetrics
from webhook_app.problems.reasons import MEANINGS
from webhook_app.store.connection.clients import Client, connect
from workers.dev.embedded_store.server import EmbeddedStore

REFERENCE = TREE / "docs" / "reference"
METHODS = ("get", "post", "put", "patch", "delete")
SETTINGS_HEAD = """# Settings

Written by `make docs` out of [.env.example](../../.env.example); a test compares. Settings are environment variables, or lines of a file `.env` beside the program; the environment wins. Set but empty counts as unset. A setting that is wrong stops the process at its start with one line that names it and says what would be right.

| name | default | meaning |
|---|---|---|
"""
METRICS_HEAD = """# Metrics

Written by `make docs` out of the code; a test compares. `GET /metrics` answers in Prometheus' text format, or in OpenMetrics to who asks for it. No token is needed when `HOST` is loopback, the request came through no proxy (it has no `X-Forwarded-For`, `Forwarded` or `X-Real-IP`), and it names `localhost`, a loopback address or the host of `PUBLIC_URL` as its host; else either token is, as `Authorization: Bearer <token>`.

Every process that serves it (`tally web`, whatever its `SURFACE`) answers the same: everything is read from the store at each scrape, so scrape one of them, or all and take the `max`. Counters and histograms are added up in the store and outlive restarts. Labels are bounded: at most 1,000 rooms, 1,000 rules, and VideoSDK's types that we do not know count as `other`.

[Alerts and a dashboard](../how-to/monitoring.md) come with the product.

| metric | kind | labels | what it says |
|---|---|---|---|
"""
METRICS_TAIL = """
## Where each comes from

- `tallylight_event_to_state_seconds` counts every event once, from the store's time of its append to the store's time of the transaction that folded it.
- `tallylight_notice_to_delivered_seconds` counts each delivery that was answered with 2xx, from the notice's time.
- `tallylight_webhooks_total`: `outcome` is `kept`, `not-ours` (see `ROOMS`), `unsigned`, `wrong-signature`, `no-key`, `too-large` or `store-unavailable`. A process that is killed loses the counts of its last two seconds.
- `tallylight_calls_total`: `outcome` is `succeeded`, `refused`, `unknown` (no answer came), `already` (it was on air when we looked), `dropped` (no longer wanted, or too old to be sent), `unreached`, `given-up` or `other`; `kind` is `start`, `end` or `probe`.
- `tallylight_broadcasts_total`: one for each `broadcast.*` notice; `outcome` is its second word.
- `tallylight_repairs_total` grows when a probe tells of a change that no webhook told.
- `tallylight_next_opening_timestamp_seconds` is what the rooms' state says, not what a calendar says: when folding stands still, it stays in the past, and an alert can see it.
- `tallylight_journal_lag_events` is counted up to 10,000.
"""
REASONS_HEAD = """# Reasons

Written by `make docs` out of the code; a test compares. Every effect of an event, every decision on a timeline and every `broadcast.*` notice carries one of these codes as `reason`, beside its words. A code never changes its meaning; the words may change. `{…}` stands for what the case fills in. What an earlier version processed may have no code: `reason` is null there.

| reason | in words |
|---|---|
"""
SANDBOX_HEAD = """# The sandbox

Written by `make docs` out of the code; a test compares. The sandbox plays VideoSDK on this machine: under `make run` without credentials at the port after `PORT`, or by itself as `tally sandbox`. It shows this page's content at `/`. Try your rules on it, and your product against what VideoSDK may do:

```sh
SANDBOX=http://127.0.0.1:8001/sandbox
curl -X POST $SANDBOX/rooms/main-hall/join -d '{"participantId": "ada", "name": "Host Ada"}'
curl -X PUT $SANDBOX/rooms/main-hall/faults -d '{"webhooks": {"drop": ["hls-stopped"]}}'
curl -X PUT $SANDBOX/rooms/main-hall/faults -d '{"rest": [{"path": "start", "fault": "503", "times": 2}], "forms": {"none_active": "null"}}'
curl -X PUT $SANDBOX/rooms/main-hall/faults -d '{}'
```

"""
SANDBOX_FAULTS = """
## Faults

A room's own faults (`PUT /sandbox/rooms/{roomId}/faults`) come before those of all rooms (`PUT /sandbox/faults`). Each `PUT` replaces what held before.

`webhooks`, what happens to webhooks on their way:

| fault | what it does |
|---|---|
| `drop` | loses them: all with this probability, those of these types (`["hls-stopped"]`, wildcards allowed), or `{"probability", "types"}` |
| `repeat` | below 1 the probability of a second copy, from 1 up the number of further copies |
| `reorder` | the probability that one is held back until the next of its room was sent |
| `delay_s` | sends each so much later |
| `retries` | `false`: each is sent once, whatever the answer |
| `stream_ids` | `true`: `hls-*` carry the stream's `id`; `"composer"`: its composer's. As documented they carry none |
| `urls` | the keys of addresses: `documented`, `2024` (`downstreamUrl`), `playback` or `livestream` alone, `none` |
| `room_key` | `meetingId`, as documented, or `roomId` |
| `viewers` | `false`: nobody is told of viewers who join or leave |

`rest`, a list of `{"path", "fault", "times", "after_s"}`: what happens to calls of this name, so often (`null`: always):

| fault | what it does |
|---|---|
| `400` to `503` | refuses with this status and does nothing |
| `4020`, `4029` | refuses with this code: the previous stream is still processed; the quota is used up |
| `hang` | does nothing and never answers |
| `slow` | does the work, and answers after `after_s` |
| `answer-lost` | does the work, and cuts the connection without an answer |
| `late` | cuts the connection, and does the work after `after_s` |

`quota`, of all rooms only: how many streams there may be at a time.
"""
SANDBOX_POINTS = """
## Open points

VideoSDK's documentation leaves these open. `forms` in `PUT /sandbox/faults`, or in a room's own, chooses what the sandbox does; left out, the default holds.

| form | values | default | what it is about |
|---|---|---|---|
"""
ALARMS_HEAD = """# Alarms

Written by `make docs` out of the code; a test compares. An alarm is raised while something needs attention and clears by itself when that is over; acknowledging it takes it off the counts of the console. `GET /api/v1/alarms` and `tally alarms` list them, `alarm.raised` and `alarm.cleared` are [notices](notices.md), `tallylight_alarm_active` is a [metric](metrics.md).

| alarm | what it is about | what to do |
|---|---|---|
"""
API_HEAD = """# The API

Written by `make docs` out of `GET /openapi.json`; a test compares. A product that runs shows the same at `/docs`.

Everything is under `/api/v1` and wants `Authorization: Bearer <token>`: the admin token for everything, the viewer token for looking. Bodies are JSON. Times are RFC 3339 in UTC with milliseconds; ids are text.

**Lists** are `{"items": […], "next": "<cursor>"|null}`, newest first (occurrences: soonest). `limit` is 50 unless you say otherwise, at most 500; `cursor` takes the `next` of the page before. What is written meanwhile moves nothing: no item comes twice and none is passed over.

**Errors** are `application/problem+json` (RFC 9457): `{"type", "title", "status", "reason", "detail"}`, and `errors` by field where the input is wrong. `reason` is one of [the codes below](#reasons-of-refusals).

| status | when |
|---|---|
| 400 | the body cannot be read |
| 401, 403 | no token that is ours; the viewer's token where something would change |
| 404 | not found |
| 409 | the request does not fit the current state |
| 412 | a condition (`If-Match`, `If-None-Match`) does not hold |
| 413 | the body is over 1 MiB |
| 422 | something in the request is wrong: `errors` says what |
| 429 | more than 300 requests a second with one token (600 in a burst), in one process; or more than ten wrong tokens within a minute from one address, then only for wrong ones; `Retry-After` |
| 503 | the store does not answer; `Retry-After` |

**Commands** (`start`, `end`, `release`, `pause` …) answer 202 with the id of the event that was journaled, and its `Location`: there its `effect` can be read once it is folded.

**Polling.** Each `GET` has an `ETag`; send it back as `If-None-Match` and get 304 without a body while nothing has changed. That a live stream has gone on (`duration_s`) is no change: count from `started_at`.

**Conditional writes.** `GET /rules/{name}` has an `ETag` that names what the rule says (before the dot) and what it has done (after it). Sent as `If-Match` with `PUT` or `DELETE`, the rule is changed only if it still says the same, else 412. `If-None-Match: *` with `PUT` makes a rule only if there is none. Who writes takes turns, rule by rule, on the console too.

**Request ids.** Each answer has `X-Request-Id`: yours if you sent a well-formed one (1 to 128 letters, digits and `._:+/=-`), else one of ours. [The log](../logs.md) has it too.

## The events stream

`GET /api/v1/events/stream` is Server-Sent Events: each event as `GET /events/{id}` shows it (without decisions), once it is folded, so that its `effect` is known. The message's id is the event's.

```text
retry: 3000
id: 1763805600000-0

id: 1763805600120-0
data: {"id":"1763805600120-0","source":"videosdk","type":"hls-started","room_id":"abcd-efgh-ijkl","at":"2025-11-22T10:00:00.120Z","data":{},"effect":"stream started"}

: still here
id: 1763805615000-2
```

- It begins now; after the event whose id is in `Last-Event-ID` (browsers send it when they come back), or in `?after`. `0-0` is the very beginning. Nothing is lost and nothing comes twice, as long as the journal keeps it (`RETENTION_DAYS`); where it does not, a message of the type `gap` says so first.
- `room_id`, `type` and `source` filter as they do in `GET /events`.
- Every 15 s without an event a comment is sent, with an id without data: it moves on where the next resume begins.
- A stream ends after half an hour, when its reader falls behind by 2,000 events or 1 MiB, and when the process ends: come back with the last id. A reader that takes nothing for 20 s is cut off.
- With `SURFACE=console` 256 viewers are held open on one process, with `SURFACE=all` 16. Others are answered with what is new, and when to come again (`retry`): browsers do that by themselves.
- Besides the token, the console's cookie opens it, for pages of the same origin only.
- Behind nginx it needs no setting: the answer says `X-Accel-Buffering: no`.

```js
const events = new EventSource("/api/v1/events/stream?room_id=abcd-efgh-ijkl");
events.onmessage = (message) => console.log(JSON.parse(message.data).effect);
```

## Beside the API

`GET /healthz`, `GET /readyz`, [`GET /metrics`](metrics.md), `GET /openapi.json`, `GET /docs`; with `LIVE_LINKS=1` `GET /live/<room>.m3u8`, which leads to the room's playback URL of the moment while viewers can watch (302, for any origin), else 404 with `Retry-After`.

"""
API_REASONS_HEAD = """## Reasons of refusals

`reason` in a problem document; `detail` says the same in words, which may change.

| reason | meaning |
|---|---|
"""
API_CALLS_HEAD = """
## Every call
"""


def settings_page() -> str:
    """Each variable with its default, and the comment above it."""
    rows: list[str] = []
    about: list[str] = []
    named = False
    for line in (TREE / ".env.example").read_text("utf-8").splitlines()[2:]:
        found = re.fullmatch(r"# ([A-Z][A-Z_]+)=(.*)", line)
        if found:
            default = f"`{found[2]}`" if found[2] else "unset"
            rows.append(f"| `{found[1]}` | {default} | {' '.join(about)} |")
        elif line.startswith("# "):
            about = [*([] if named else about), line[2:]]
        else:
            about = []
        named = found is not None
    return SETTINGS_HEAD + "\n".join(rows) + "\n"


def alarms_page() -> str:
    """Every kind of alarm, with what to do about it."""
    return ALARMS_HEAD + "".join(f"| `{name.value}` | {ALARM_TITLES[name]} | {ADVICE[name]} |\n" for name in AlarmName)


def reasons_page() -> str:
    """Every reason code and its words."""
    return REASONS_HEAD + "".join(f"| `{reason.value}` | {reason.text} |\n" for reason in Reason)


def sandbox_page() -> str:
    """What the sandbox can do, as it says by itself, and its faults."""
    rows = "".join(
        f"| `{name}` | {' '.join(f'`{value}`' for value in point['values'].split('|'))} | "
        f"`{json.dumps(point['default'])}` | {point['about']} |\n"
        for name, point in describe_forms().items()
    )
    return (
        f"{SANDBOX_HEAD}## VideoSDK's endpoints\n\n{_endpoints(VIDEOSDK)}\n## The sandbox's own\n\n{_endpoints(SANDBOX)}"
        f"{SANDBOX_FAULTS}{SANDBOX_POINTS}{rows}\n## Notes\n\n" + "".join(f"- {note}\n" for note in NOTES)
    )


def _endpoints(endpoints: tuple[Endpoint, ...]) -> str:
    return "".join(
        f"- **`{endpoint.method} {endpoint.path}`** {endpoint.about}"
        + (f" `{endpoint.body}`" if endpoint.body else "")
        + "\n"
        for endpoint in endpoints
    )


def metrics_page(client: Client) -> str:
    """Each metric with its labels."""
    rows = []
    for family in StoreMetrics(client).collect():
        name = family.name + ("_total" if family.type == "counter" else "")
        labels = ", ".join(f"`{label}`" for label in family._labelnames)  # type: ignore[attr-defined]
        rows.append(f"| `{name}` | {family.type} | {labels} | {family.documentation} |")
    return METRICS_HEAD + "\n".join(rows) + "\n" + METRICS_TAIL


def description() -> dict[str, Any]:
    """What the app says of itself; no store is asked."""
    found: dict[str, Any] = WebClient("unix:///nowhere.sock", Path("/nonexistent")).http.get("/openapi.json").json
    return found


def api_page() -> str:
    """Each call with what it takes and gives."""
    reasons = "".join(f"| `{reason}` | {meaning} |\n" for reason, meaning in MEANINGS.items())
    return API_HEAD + API_REASONS_HEAD + reasons + API_CALLS_HEAD + "\n".join(_calls(description()))


def _calls(spec: dict[str, Any]) -> Iterator[str]:
    tag = None
    for path, item in sorted(spec["paths"].items(), key=lambda one: _order(spec, one)):
        for method in METHODS:
            if method not in item:
                continue
            operation = item[method]
            if operation["tags"][0] != tag:
                tag = operation["tags"][0]
                yield f"\n### {tag.capitalize()}\n"
            yield _call(method, path, operation)


def _order(spec: dict[str, Any], one: tuple[str, dict[str, Any]]) -> tuple[int, str]:
    tags = [tag["name"] for tag in spec["tags"]]
    operation = next(one[1][method] for method in METHODS if method in one[1])
    return tags.index(operation["tags"][0]), one[0]


def _call(method: str, path: str, operation: dict[str, Any]) -> str:
    query = [parameter["name"] for parameter in operation["parameters"] if parameter["in"] == "query"]
    headers = [parameter["name"] for parameter in operation["parameters"] if parameter["in"] == "header"]
    takes = [f"`?{'&'.join(query)}`"] if query else []
    takes += [f"`{name}`" for name in headers]
    takes += [f"a body `{_shape(media)}`" for media in operation.get("requestBody", {}).get("content", {}).values()]
    good = [
        f"{code} {' '.join(f'`{_shape(media)}`' for media in answer.get('content', {}).values())}".strip()
        for code, answer in operation["responses"].items()
        if int(code) < 300
    ]
    bad = [code for code in operation["responses"] if int(code) >= 400]
    text = f"- **`{method.upper()} {path}`** {operation['summary']}"
    if takes:
        text += f" Takes {', '.join(takes)}."
    return f"{text} Answers {' or '.join(good)}; {', '.join(bad)}."


def _shape(media: dict[str, Any]) -> str:
    return str(media["schema"].get("$ref", "text").rpartition("/")[2])


def main() -> None:
    """Write them all."""
    REFERENCE.mkdir(parents=True, exist_ok=True)
    (REFERENCE / "settings.md").write_text(settings_page(), "utf-8")
    (REFERENCE / "alarms.md").write_text(alarms_page(), "utf-8")
    (REFERENCE / "reasons.md").write_text(reasons_page(), "utf-8")
    (REFERENCE / "sandbox.md").write_text(sandbox_page(), "utf-8")
    (REFERENCE / "api.md").write_text(api_page(), "utf-8")
    with tempfile.TemporaryDirectory() as directory:
        store = EmbeddedStore(Path(directory), say=lambda line: None)
        store.start()
        try:
            (REFERENCE / "metrics.md").write_text(metrics_page(connect(store.url)), "utf-8")
        finally:
            store.stop()


if __name__ == "__main__":
    main()
