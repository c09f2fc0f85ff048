"""One room of a scenario: what people and operators do in it, what it waits for, and what must hold at its end."""

import itertools
import json
import time
from contextlib import closing
from typing import Any
from zlib import crc32

from tests.e2e.scenarios.toggle_proxy import ToggleProxy
from tests.e2e.scenarios.waiting import retry_while_down, wall_clock
from tests.support.pauses import wait_for_moment
from tests.support.polling import last_lines, wait_until
from tests.support.product import API_KEY, SECRET, Json, Product, Sandbox, ask
from tests.support.replay import differences, refold
from webhook_app.domain.explanations import Explanation
from webhook_app.domain.reasons import Reason
from webhook_app.providers.videosdk.client import Token
from webhook_app.store.connection.clients import connect

LIMIT_S = 20.0
SHOWN_LAST = 20
CHECKS = ("probe", "transcode-check")  # calls that only read, so that no decision explains them
SHOWN_LINES = 50


class ScenarioRoom:
    """One room of a running product, with one scheduled rule and one session.

    `down_at` and `up_at` are when an outage begins and ends (seconds since 1970); `proxy` is the way to VideoSDK of a
    gated product.
    """

    def __init__(
        self, product: Product, name: str, *, down_at: float = 0.0, up_at: float = 0.0, proxy: ToggleProxy | None = None
    ) -> None:
        self.product = product
        self.down_at = down_at
        self.up_at = up_at
        self.proxy = proxy
        self.room = name
        self.rule = f"show-{crc32(name.encode())}"
        self.session = ""
        self.opens_at = 0.0
        self.closes_at = 0.0
        self._person = Token(API_KEY, SECRET)

    # What people do

    def joins(self, who: str = "ada", name: str = "Host Ada", mode: str = "CONFERENCE") -> str:
        """Somebody joins; the first one opens a session."""
        self.session = self.sandbox.join(self.room, who, name, mode)
        return self.session

    def leaves(self, who: str = "ada", *, keep: bool = False) -> None:
        """Somebody leaves; the last one ends the session unless it is kept open."""
        self.sandbox.leave(self.room, who, keep=keep)

    def session_ends(self) -> None:
        self.sandbox.end_session(self.room)

    def person_starts(self) -> None:
        """Somebody starts a stream in the app."""
        assert self.app("/v2/hls/start").status == 200

    def person_stops(self) -> None:
        """Somebody stops the stream in the app."""
        assert self.app("/v2/hls/end").status == 200

    def breaks(self) -> None:
        """VideoSDK's stream fails."""
        self.sandbox.fail(self.room)

    def inject_faults(self, *rest: str | Json, **webhooks: Any) -> None:
        """What goes wrong from now on, in this room only: `"start:409"`, a REST fault, or what webhooks suffer."""
        faults = [_fault(item) if isinstance(item, str) else item for item in rest]
        self.sandbox.spoil(self.room, **({"rest": faults} | ({"webhooks": webhooks} if webhooks else {})))

    def pace(self, **pace: float) -> None:
        self.sandbox.room_pace(self.room, **pace)

    # What operators do

    def opens(self, in_s: float = 2.0, *, lasts: float = 20.0, at: float | None = None, **rule: Any) -> None:
        """Put the room's rule: a window that opens so soon and lasts so long."""
        self.opens_at = float(int(time.time() + in_s if at is None else at))
        self.lasts(lasts, **rule)

    def lasts(self, lasts: float, **rule: Any) -> None:
        """Put the room's rule again: its window opens when it did, and lasts so long."""
        self.closes_at = self.opens_at + lasts
        schedule = {"at": [wall_clock(self.opens_at)], "duration": f"{int(lasts)}s"}
        self.puts_rule(self.rule, schedule=schedule, **rule)

    def puts_rule(self, name: str, **rule: Any) -> None:
        retry_while_down(lambda: self.product.put_rule(name, rooms=[self.room], **rule))

    def rule_is(self, what: str) -> None:
        """The room's rule is `pause`d, `resume`d or `delete`d."""
        if what == "delete":
            self.rule_is_gone(self.rule)
            return
        answer = retry_while_down(lambda: self.product.api("POST", f"/rules/{self.rule}/{what}"))
        assert answer.status == 202, answer.body

    def rule_is_gone(self, name: str) -> None:
        """Delete a rule."""
        assert retry_while_down(lambda: self.product.api("DELETE", f"/rules/{name}")).status == 204

    def operator(self, command: str, **body: Any) -> None:
        """An operator's `start`, `end` or `release`."""
        retry_while_down(lambda: self.product.api("POST", "/rooms", {"room_id": self.room}))
        answer = retry_while_down(lambda: self.product.api("POST", f"/rooms/{self.room}/{command}", body or None))
        assert answer.status == 202, answer.body

    # What is waited for

    def receives(self, kind: str, times: int = 1, limit_s: float = LIMIT_S) -> Json:
        """The so-many-th notice of a type, once it was told."""
        received = wait_until(
            lambda: self.notices(kind)[times - 1 :], limit_s, f"{kind} (x{times})", describe=lambda: self.notice_types
        )
        return received[0]

    def on_air(self, times: int = 1, limit_s: float = LIMIT_S) -> Json:
        """The room's so-many-th run became playable."""
        return self.receives("stream.playable", times, limit_s)

    def off_air(self, times: int = 1, limit_s: float = LIMIT_S) -> Json:
        """The room's so-many-th run was stopped."""
        return self.receives("stream.stopped", times, limit_s)

    def closed(self, after_s: float = 0.0, limit_s: float = LIMIT_S) -> None:
        """The room's window has closed, and so many seconds more have passed."""
        self.until(self.closes_at)
        self.receives_one_of(("broadcast.completed", "broadcast.missed"), limit_s)
        wait_for_moment(time.time() + after_s)

    def receives_one_of(self, kinds: tuple[str, ...], limit_s: float) -> None:
        wait_until(
            lambda: any(kind in kinds for kind in self.notice_types),
            limit_s,
            f"one of {kinds}",
            describe=lambda: self.notice_types,
        )

    def until(self, moment: float) -> None:
        """Wait for a moment on the clock."""
        wait_for_moment(moment)

    def desires(self, on_air: bool | None, limit_s: float = LIMIT_S) -> Json:
        """The room, once this is what is wanted of it; None is nothing."""

        def there() -> Json | None:
            view = retry_while_down(lambda: self.product.room(self.room))
            if view is None:
                return None
            is_desired = None if view["desired"] is None else view["desired"]["on_air"]
            return view if is_desired is on_air else None

        return wait_until(there, limit_s, f"the desired state {on_air}", describe=lambda: self.now["desired"])

    def wait_for_request(self, path: str, times: int = 1, limit_s: float = LIMIT_S) -> Json:
        """The so-many-th call to a path that ends so, once VideoSDK has it."""
        return wait_until(lambda: self.requests_to(path)[times - 1 :], limit_s, f"call {times} of {path}")[0]

    # What has come of it

    @property
    def sandbox(self) -> Sandbox:
        assert self.product.sandbox is not None
        return self.product.sandbox

    @property
    def now(self) -> Json:
        """The room as the API shows it."""
        view = retry_while_down(lambda: self.product.room(self.room))
        assert view is not None
        return view

    @property
    def calls(self) -> list[Json]:
        """Starts, ends and requests for MP4s, as the API shows them."""
        calls = retry_while_down(lambda: self.product.items(f"/calls?room_id={self.room}"))
        return [call for call in calls if call["kind"] not in CHECKS]

    @property
    def alarms(self) -> list[Json]:
        """The alarms that are active in the whole product."""
        return retry_while_down(lambda: self.product.items("/alarms?active=true"))

    @property
    def notice_types(self) -> list[str]:
        return self.product.sink.types(self.room)

    def notices(self, kind: str) -> list[Json]:
        return self.product.sink.notices(kind, self.room)

    @property
    def broadcasts(self) -> list[str]:
        """What was told of windows, short."""
        kinds = {kind for kind in self.notice_types if kind.startswith("broadcast.")}
        received = sorted((notice for kind in kinds for notice in self.notices(kind)), key=_in_order)
        return [str(item["type"]).removeprefix("broadcast.") for item in received]

    def reason(self, kind: str) -> str:
        """Why the last `broadcast.<kind>` was, which names the room's rule too."""
        last = self.notices(f"broadcast.{kind}")[-1]["data"]
        assert (last["rule"], last["because"]) == (self.rule, f"rule:{self.rule}")
        return str(last["reason"])

    @property
    def runs(self) -> list[Json]:
        """VideoSDK's own record of the room's runs."""
        return self.sandbox.log("run", self.room)

    def requests_to(self, path: str) -> list[Json]:
        """What VideoSDK was asked: the calls whose path ends so."""
        return [item for item in self.sandbox.log("call", self.room) if item["path"].partition("?")[0].endswith(path)]

    @property
    def starts(self) -> list[Json]:
        return self.requests_to("/hls/start")

    @property
    def ends(self) -> list[Json]:
        return self.requests_to("/hls/end")

    @property
    def timeline(self) -> list[Json]:
        """The room's timeline, oldest first."""
        return retry_while_down(lambda: self.product.items(f"/rooms/{self.room}/timeline"))

    @property
    def decisions(self) -> list[str]:
        return [str(decision["did"]) for item in self.timeline for decision in item["decisions"]]

    def kills(self, process: str) -> None:
        """`kill -9` of one process of the product, which its supervisor starts again."""
        self.product.kill(self.product.pids()[process])

    def timeline_shows(self, what: Reason | Explanation, times: int = 1) -> None:
        """The timeline says this in a decision or an effect: a reason's code, or an explanation's text."""
        count = 0
        for item in self.timeline:
            if isinstance(what, Reason):
                count += [*item["reasons"], *(decision["reason"] for decision in item["decisions"])].count(what)
            else:
                count += sum(what.text in text for text in (item["effect"] or "", *map(_did, item["decisions"])))
        assert count >= times, f"the timeline does not say {what!r} (x{times})"

    def repairs(self) -> list[str]:
        """What was put right by asking VideoSDK."""
        probes = [item for item in self.timeline if item["source"] == "probe"]
        return [item["effect"] for item in probes if any(code.startswith("stream-") for code in item["reasons"])]

    def event(self, kind: str, nth: int = -1) -> Json:
        """One event of a type on the timeline."""
        return [item for item in self.timeline if item["type"] == kind][nth]

    # What must hold of every scenario

    def settle(self, limit_s: float = LIMIT_S) -> None:
        """All that happened is folded and no call is out."""

        def quiet() -> bool:
            out = [call for call in self.calls if call["state"] in ("waiting", "sent")]
            return not out and all(item["effect"] is not None for item in self.timeline)

        wait_until(quiet, limit_s, "the room being quiet")

    def assert_sound(self) -> None:
        """Never two runs of an output at once; every event says what it did, every call why it was made."""
        self.settle()
        for output in {run["output"] for run in self.runs}:
            runs = [run for run in self.runs if run["output"] == output]
            for before, after in itertools.pairwise(runs):
                assert before["ended_at"] is not None and before["ended_at"] <= after["started_at"], (before, after)
        timeline = self.timeline
        assert [item for item in timeline if item["effect"].startswith("error")] == []
        explained = {
            decision["call_id"]: decision["did"]
            for item in timeline
            for decision in item["decisions"]
            if decision["call_id"]
        }
        for call in self.calls:
            assert call["id"] in explained, call
            assert call["because"]
        sent = [item for item in self.sandbox.log("call", self.room) if item["path"].endswith(("/start", "/end"))]
        assert len(sent) <= len(explained) + self._persons_calls, "VideoSDK was called without a decision"
        for kind in ("late", "missed", "interrupted", "armed"):
            for notice in self.notices(f"broadcast.{kind}"):
                assert notice["data"]["rule"] and notice["data"]["reason"], notice

    def assert_replayed(self) -> None:
        """Folding the journal of a product of the test's own again gives what is stored."""
        self.settle()
        with closing(connect(self.product.run()["store"])) as client:
            # What is written between the two readings differs; the next try is without.
            wait_until(lambda: not differences(client, refold(client)), LIMIT_S, "a replay like the stored state")

    def describe(self) -> str:
        """What has happened, for the report of a scenario that failed."""
        lines = [f"room {self.room}", f"told: {self.notice_types}"]
        try:
            lines += [f"run: {run}" for run in self.runs]
            for item in self.timeline[-SHOWN_LAST:]:
                lines.append(f"{item['at']} {item['source']} {item['type']}: {item['effect']}")
                lines += [f"    {decision['rule'] or '-'}: {decision['did']}" for decision in item["decisions"]]
            lines += [
                f"{item['at']} {item['method']} {item['path']} {item['status']} {item['fault'] or ''}"
                for item in self.sandbox.log("call", self.room)[-SHOWN_LAST:]
            ]
        except Exception as error:
            lines.append(f"(and no more could be had: {error!r})")
        return last_lines("\n".join(lines), SHOWN_LINES)

    _persons_calls = 0

    def app(self, path: str, **body: Any) -> Any:
        """What the app of somebody in the room asks of VideoSDK."""
        self._persons_calls += 1
        headers = {"Authorization": self._person.header(), "Content-Type": "application/json"}
        return ask("POST", f"{self.sandbox.url}{path}", json.dumps({"roomId": self.room, **body}).encode(), headers)


def _fault(text: str) -> Json:
    """`start:409` once, `start:409*3` three times, `start:409*` for ever."""
    path, _, rest = text.partition(":")
    fault, star, times = rest.partition("*")
    return {"path": path, "fault": fault, "times": (int(times) if times else None) if star else 1}


def _did(decision: Json) -> str:
    return str(decision["did"])


def _in_order(notice: Json) -> int:
    return int(notice["data"]["sequence"])
