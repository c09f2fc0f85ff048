"""The call hand: makes the calls that the controller decided, and journals what came of them."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from time import monotonic, sleep
from typing import Any, assert_never

from webhook_app.domain.control.call import Call, CallKind
from webhook_app.domain.events import Source
from webhook_app.domain.facts.results import CallOutcome, ProbeOutcome
from webhook_app.ops.logs import logger
from webhook_app.providers.videosdk.answers import ActivityReading, ApiAnswer, StreamActivity
from webhook_app.providers.videosdk.call_answers import read_call_answer, read_capture_answer, read_failed_check
from webhook_app.providers.videosdk.client import VideoSDK
from webhook_app.providers.videosdk.probe_client import ProbeClient
from webhook_app.store.calls import Calls, ClaimedCall, MarkResult
from webhook_app.store.connection.clients import Client
from webhook_app.store.journal.journal import Journal, Wake, entry
from workers.calls.prober import Prober, rate_limit_observer

THREADS = 128
DEADLINE_S = 10.0
CLAIM_MAX = 64
LOOK_EVERY_S = 0.02
LINGER_S = 0.25
JOB_MAX_S = 60.0

DONE_OUTCOMES = (CallOutcome.SUCCEEDED, CallOutcome.ALREADY)

log = logger()


@dataclass(frozen=True, slots=True)
class StartOptions:
    """What is added to each start: where VideoSDK is to send the stream's webhooks."""

    webhook_url: str | None = None


class Caller:
    """Makes calls on a pool of threads; a slow VideoSDK holds up nothing else."""

    def __init__(
        self, client: Client, videosdk: VideoSDK | None, wake: Wake, *, options: StartOptions, ack_replicas: int = 0
    ) -> None:
        self._calls = Calls(client, ack_replicas=ack_replicas)
        self._videosdk = videosdk
        self._observe_answer = rate_limit_observer(self._calls)
        self._probe_client = None if videosdk is None else ProbeClient(videosdk, observe_answer=self._observe_answer)
        self._prober = Prober(self._calls, Journal(client), self._probe_client, self._answer)
        self._wake = wake
        self._options = options
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="call")

    def run(self, *, stopping: Callable[[], bool] = lambda: False) -> int:
        """Make what is due until there is nothing for a moment. Returns how many calls and probes were taken."""
        taken, until, quiet_since = 0, monotonic() + JOB_MAX_S, monotonic()
        running: set[Future[None]] = set()
        self._calls.clear_wake_up()
        while True:
            free = 0 if stopping() else min(CLAIM_MAX, THREADS - len(running))
            claimed = self._calls.claim(free) if free > 0 else []
            for one in claimed:
                running.add(self._pool.submit(self._make, one))
            probed = 0 if stopping() else self._prober.take()
            taken += len(claimed) + probed
            under_way = running | self._prober.running
            if claimed or probed or under_way:
                quiet_since = monotonic()
            if not under_way and (stopping() or monotonic() - quiet_since > LINGER_S or monotonic() > until):
                return taken
            if under_way:
                wait(under_way, timeout=LOOK_EVERY_S)
                running = {one for one in running if not one.done()}
            elif not claimed and not probed:
                sleep(LOOK_EVERY_S)

    def _make(self, claimed: ClaimedCall) -> None:
        call = claimed.call
        try:
            if call.kind is CallKind.PROBE:
                self._prober.begin([call])
            elif call.kind is CallKind.CAPTURE:
                self._capture(call)
            elif claimed.marked:
                self._answer(call, CallOutcome.UNKNOWN, message="its sender left no answer")
            else:
                self._call(call)
        except Exception:
            log.exception(
                "call or its result could not be completed; retrying when its lease expires", call=call.call_id
            )

    def _call(self, call: Call) -> None:
        if self._probe_client is None:
            self._answer(call, CallOutcome.REFUSED, message="no VideoSDK credentials")
            return
        deadline = monotonic() + DEADLINE_S
        if call.kind is CallKind.START:
            look, reading = self._probe_client.active(call.room_id, deadline=deadline)
            if reading.activity is StreamActivity.ACTIVE:
                self._answer(call, CallOutcome.ALREADY, status=look.status, stream=reading.stream)
                return
            if reading.activity is not StreamActivity.NONE:
                self._look_failed(call, look, reading)
                return
        result, now = self._calls.mark(call)
        match result:
            case MarkResult.MARKED:
                self._send_marked(call, deadline, now)
            case MarkResult.MARKED_BEFORE:
                self._answer(call, CallOutcome.UNKNOWN, message="its sender left no answer")
            case MarkResult.SUPERSEDED:
                self._answer(call, CallOutcome.DROPPED, message="superseded")
            case MarkResult.TOO_OLD:
                self._answer(call, CallOutcome.DROPPED, message="older than 5 s before it could be sent")
            case _:
                assert_never(result)

    def _send_marked(self, call: Call, deadline: float, now: int) -> None:
        answer = self._send(call, deadline)
        self._observe_answer(answer)
        self._calls.record_attempt(call.call_id, {"at": now, "status": answer.status, "message": answer.message})
        result = read_call_answer(answer, call.kind, deadline_at=now + int(DEADLINE_S * 1000))
        self._answer(call, result.outcome, **result.data)

    def _capture(self, call: Call) -> None:
        """Take a picture. Doing that twice does no harm: no mark is made, and a lost answer is not looked for."""
        if self._videosdk is None:
            self._answer(call, CallOutcome.REFUSED, message="no VideoSDK credentials")
            return
        at = self._calls.now_ms()
        answer = self._videosdk.capture(call.room_id, deadline=monotonic() + DEADLINE_S)
        self._observe_answer(answer)
        self._calls.record_attempt(call.call_id, {"at": at, "status": answer.status, "message": answer.message})
        result = read_capture_answer(answer)
        self._answer(call, result.outcome, **result.data)

    def _send(self, call: Call, deadline: float) -> ApiAnswer:
        assert self._videosdk is not None
        if call.kind is CallKind.END:
            return self._videosdk.end(call.room_id, call.body.get("id"), deadline=deadline)
        webhook_url = self._options.webhook_url
        return self._videosdk.start(call.room_id, call.body, webhook_url=webhook_url, deadline=deadline)

    def _look_failed(self, call: Call, look: ApiAnswer, reading: ActivityReading) -> None:
        self._calls.record_attempt(
            call.call_id, {"at": self._calls.now_ms(), "status": look.status, "message": f"check: {look.message}"}
        )
        result = read_failed_check(look, reading)
        self._answer(call, result.outcome, **result.data)

    def _answer(self, call: Call, outcome: CallOutcome | ProbeOutcome, **data: Any) -> None:
        source = Source.PROBE if call.kind is CallKind.PROBE else Source.CALL
        what = {"call_id": call.call_id, "kind": call.kind.value, "outcome": outcome.value, **data}
        kind = "probed" if call.kind is CallKind.PROBE else f"{call.kind}-{outcome}"
        event_id, woken = self._calls.answer(call, entry(source, kind, call.room_id, what))
        say = log.debug if call.kind is CallKind.PROBE or outcome in DONE_OUTCOMES else log.info
        said = {"call_id": call.call_id, "room_id": call.room_id, "because": call.because, "outcome": outcome.value}
        say("call answered", kind=call.kind.value, status=data.get("status"), event_id=event_id, **said)
        if woken:
            self._wake.wake("process")
