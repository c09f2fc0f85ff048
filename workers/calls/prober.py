"""Make due probes and journal what VideoSDK shows; many rooms on air are probed with one list."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus
from time import monotonic
from typing import Any, Protocol

import structlog

from webhook_app.domain.control.call import Call
from webhook_app.domain.facts.results import ProbeOutcome
from webhook_app.providers.client_port import Answer, RateLimitObserver, RoomClient
from webhook_app.store.calls import Calls
from webhook_app.store.journal.journal import Journal

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ProbeLimits:
    """How many probes are made at once, and how long probing pauses when VideoSDK limits requests."""

    threads: int = 32
    in_flight_max: int = 64
    list_min_rooms: int = 4  # fewer rooms are probed individually
    list_retry_after_s: float = 600.0  # after VideoSDK refused to list all streams
    pause_first_s: float = 10.0
    pause_max_s: float = 300.0


class ResultRecorder(Protocol):
    """Journals the result of a call."""

    def __call__(self, call: Call, outcome: ProbeOutcome, **data: Any) -> None:
        """Journal a probe's outcome."""


def rate_limit_observer(calls: Calls, limits: ProbeLimits) -> RateLimitObserver:
    """Return a function that pauses probing in all processes, for as long as the provider asks to wait."""

    def pause_probes(retry_after_s: float | None) -> None:
        wait_s = limits.pause_first_s if retry_after_s is None else max(1.0, retry_after_s)
        calls.pause_probes(int(min(wait_s, limits.pause_max_s) * 1000))

    return pause_probes


class Prober:
    """Makes probes on separate threads, so that a slow answer delays no start or end."""

    def __init__(
        self,
        calls: Calls,
        journal: Journal,
        room_client: RoomClient | None,
        record_result: ResultRecorder,
        *,
        limits: ProbeLimits = ProbeLimits(),
    ) -> None:
        self._limits = limits
        self._calls = calls
        self._journal = journal
        self._room_client = room_client
        self._record_result = record_result
        self._pool = ThreadPoolExecutor(limits.threads, thread_name_prefix="probe")
        self._lock = threading.Lock()
        self._running: set[Future[None]] = set()
        self._list_retry_at = 0.0

    @property
    def running(self) -> set[Future[None]]:
        """The probes in progress."""
        with self._lock:
            self._running = {future for future in self._running if not future.done()}
            return set(self._running)

    def take(self) -> int:
        """Claim due probes and start them; return how many."""
        free_slots = self._limits.in_flight_max - len(self.running)
        probes = self._calls.claim_probes(free_slots) if free_slots > 0 else []
        self.begin(probes)
        return len(probes)

    def begin(self, probes: Sequence[Call]) -> None:
        """Probe many rooms on air with one list, others individually; none while probing is paused."""
        if not probes:
            return
        probe_pause_ms = self._calls.probe_pause_ms()
        if probe_pause_ms:
            self._run(self._postpone, probes, probe_pause_ms)
            return
        routine = [probe for probe in probes if probe.probe_request.routine]
        if len(routine) < self._limits.list_min_rooms or monotonic() < self._list_retry_at:
            routine = []
        if routine:
            self._run(self._probe_many, routine)
        for probe in probes:
            if probe not in routine:
                self._run(self._probe, probe)

    def _run(self, work: Callable[..., None], *arguments: Any) -> None:
        with self._lock:
            self._running.add(self._pool.submit(self._guarded, work, *arguments))

    def _guarded(self, work: Callable[..., None], *arguments: Any) -> None:
        try:
            work(*arguments)
        except Exception:
            log.exception("probe or its result could not be completed; retrying when its lease expires")

    def _postpone(self, probes: Sequence[Call], probe_pause_ms: int) -> None:
        for probe in probes:
            message = "not asked: VideoSDK has asked for fewer requests"
            self._record_result(
                probe,
                ProbeOutcome.PROBED,
                reached=False,
                status=HTTPStatus.TOO_MANY_REQUESTS.value,
                message=message,
                retry_after_ms=probe_pause_ms,
            )

    def _probe(self, probe: Call) -> None:
        if self._room_client is None:
            self._record_result(probe, ProbeOutcome.REFUSED, reached=False, message="no VideoSDK credentials")
            return
        sent = {"asked_id": self._journal.last_id(), "asked_at": self._calls.now_ms()}
        answer, findings = self._room_client.probe(probe)
        self._record(probe, answer, sent, findings, None)

    def _probe_many(self, probes: Sequence[Call]) -> None:
        if self._room_client is None:
            for probe in probes:
                self._probe(probe)
            return
        sent = {"asked_id": self._journal.last_id(), "asked_at": self._calls.now_ms()}
        answer, findings_by_call = self._room_client.probe_many(probes)
        if answer.lists_nothing:
            self._list_retry_at = monotonic() + self._limits.list_retry_after_s
            log.info("VideoSDK does not list all streams, probing rooms individually", status=answer.status)
        elif not answer.ok:
            findings_by_call = {probe.call_id: {"reached": False} for probe in probes}
        for probe in probes:
            findings = findings_by_call.get(probe.call_id)
            if findings is None:
                self._run(self._probe, probe)
            else:
                self._record(probe, answer, sent, findings, f"by one list for {len(probes)} rooms")

    def _record(
        self, probe: Call, answer: Answer, sent: dict[str, Any], findings: dict[str, Any], how: str | None
    ) -> None:
        message = None if findings["reached"] else answer.message
        attempt = {"at": sent["asked_at"], "status": answer.status, "message": message or how}
        self._calls.record_attempt(probe.call_id, attempt)
        result = {"status": answer.code, "message": message, **sent, **answer.wait, **findings}
        self._record_result(probe, ProbeOutcome.PROBED, **result)
