"""Makes the probes that are due and journals their results; one list can answer for many rooms."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from time import monotonic
from typing import Any, Protocol

import structlog

from webhook_app.domain.control.call import Call
from webhook_app.domain.facts.results import ProbeOutcome
from webhook_app.domain.probing.probe_request import read_request
from webhook_app.providers.videosdk.answers import RATE_LIMITED, ApiAnswer
from webhook_app.providers.videosdk.probe_client import ProbeClient
from webhook_app.store.calls import Calls
from webhook_app.store.journal.journal import Journal

PROBES_AT_ONCE = 32
PROBES_IN_FLIGHT_MAX = 64
TOGETHER_MIN = 4
LIST_REFUSED_S = 600.0
QUIET_FIRST_S = 10.0
QUIET_MAX_S = 300.0

log = structlog.get_logger()


class ResultRecorder(Protocol):
    """Journals what came of a call."""

    def __call__(self, call: Call, outcome: ProbeOutcome, **data: Any) -> None: ...


def rate_limit_observer(calls: Calls) -> Callable[[ApiAnswer], None]:
    """Heed a 429: nothing is probed, by no process of ours, for as long as VideoSDK asks, or for a moment."""

    def observe_answer(answer: ApiAnswer) -> None:
        if answer.code == RATE_LIMITED:
            wait = QUIET_FIRST_S if answer.retry_after_s is None else max(1.0, answer.retry_after_s)
            calls.pause_probes(int(min(wait, QUIET_MAX_S) * 1000))

    return observe_answer


class Prober:
    """Makes probes on threads of its own, so that a slow answer delays no start and no end."""

    def __init__(
        self, calls: Calls, journal: Journal, probe_client: ProbeClient | None, answer: ResultRecorder
    ) -> None:
        self._calls = calls
        self._journal = journal
        self._probe_client = probe_client
        self._answer = answer
        self._pool = ThreadPoolExecutor(PROBES_AT_ONCE, thread_name_prefix="probe")
        self._lock = threading.Lock()
        self._running: set[Future[None]] = set()
        self._list_refused_until = 0.0

    @property
    def running(self) -> set[Future[None]]:
        """What is under way."""
        with self._lock:
            self._running = {one for one in self._running if not one.done()}
            return set(self._running)

    def take(self) -> int:
        """Claim what is due and begin to ask; returns how many probes were taken."""
        free = PROBES_IN_FLIGHT_MAX - len(self.running)
        probes = self._calls.claim_probes(free) if free > 0 else []
        self.begin(probes)
        return len(probes)

    def begin(self, probes: Sequence[Call]) -> None:
        """Ask about many rooms on air by one list, about others one by one; in quiet times nothing is asked."""
        if not probes:
            return
        probe_pause_ms = self._calls.probe_pause_ms()
        if probe_pause_ms:
            self._run(self._put_off, probes, probe_pause_ms)
            return
        routine = [probe for probe in probes if read_request(probe.body).routine]
        if len(routine) < TOGETHER_MIN or monotonic() < self._list_refused_until:
            routine = []
        if routine:
            self._run(self._probe_many, routine)
        for probe in probes:
            if probe not in routine:
                self._run(self._ask, probe)

    def _run(self, ask: Callable[..., None], *what: Any) -> None:
        with self._lock:
            self._running.add(self._pool.submit(self._guarded, ask, *what))

    def _guarded(self, ask: Callable[..., None], *what: Any) -> None:
        try:
            ask(*what)
        except Exception:
            log.exception("probe or its result could not be completed; retrying when its lease expires")

    def _put_off(self, probes: Sequence[Call], probe_pause_ms: int) -> None:
        for probe in probes:
            message = "not asked: VideoSDK has asked for fewer requests"
            self._answer(
                probe,
                ProbeOutcome.PROBED,
                reached=False,
                status=RATE_LIMITED,
                message=message,
                retry_after_ms=probe_pause_ms,
            )

    def _ask(self, probe: Call) -> None:
        if self._probe_client is None:
            self._answer(probe, ProbeOutcome.REFUSED, reached=False, message="no VideoSDK credentials")
            return
        asked = {"asked_id": self._journal.last_id(), "asked_at": self._calls.now_ms()}
        look, seen = self._probe_client.probe(probe)
        self._note(probe, look, asked, seen, None)

    def _probe_many(self, probes: Sequence[Call]) -> None:
        if self._probe_client is None:
            for probe in probes:
                self._ask(probe)
            return
        asked = {"asked_id": self._journal.last_id(), "asked_at": self._calls.now_ms()}
        look, found = self._probe_client.probe_many(probes)
        if look.lists_nothing:
            self._list_refused_until = monotonic() + LIST_REFUSED_S
            log.info("VideoSDK does not list all streams, probing rooms individually", status=look.status)
        elif not look.ok:
            found = {probe.call_id: {"reached": False} for probe in probes}
        for probe in probes:
            seen = found.get(probe.call_id)
            if seen is None:
                self._run(self._ask, probe)
            else:
                self._note(probe, look, asked, seen, f"by one list for {len(probes)} rooms")

    def _note(self, probe: Call, look: ApiAnswer, asked: dict[str, Any], seen: dict[str, Any], how: str | None) -> None:
        message = None if seen["reached"] else look.message
        attempt = {"at": asked["asked_at"], "status": look.status, "message": message or how}
        self._calls.record_attempt(probe.call_id, attempt)
        self._answer(probe, ProbeOutcome.PROBED, status=look.code, message=message, **asked, **look.wait, **seen)
