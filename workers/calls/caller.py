"""The call worker: makes the calls that the controller decided, and journals their results."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from time import monotonic, sleep
from typing import Any, assert_never

from webhook_app.domain.control.call import (
    Call,
    CallKind,
    CaptureStream,
    CheckTranscoding,
    EndStream,
    ProbeRoom,
    StartStream,
    TranscodeStream,
)
from webhook_app.domain.events import Source
from webhook_app.domain.facts.results import CallOutcome, ProbeOutcome, Refusal
from webhook_app.domain.outputs import Output
from webhook_app.providers.client_port import CallAnswer, ConnectClient, RoomClient
from webhook_app.runtime.logs import logger
from webhook_app.secrets.encryption import SecretBox, WrongKeyError
from webhook_app.secrets.stream_keys import Destination
from webhook_app.store.calls import TOO_OLD_MS, Calls, ClaimedCall, MarkResult
from webhook_app.store.connection.clients import Client
from webhook_app.store.journal.journal import Journal, Wake, entry
from workers.calls.destinations import opened_start, without_destinations
from workers.calls.prober import ProbeLimits, Prober, rate_limit_observer

Marked = StartStream | EndStream | TranscodeStream  # requests that are never sent twice
DONE_OUTCOMES = (CallOutcome.SUCCEEDED, CallOutcome.ALREADY)
SEALED = "its stream key cannot be decrypted: SECRETS_KEY is not the one under which it was stored"

log = logger()


@dataclass(frozen=True, slots=True)
class CallLimits:
    """Limits of one job and of each call."""

    threads: int = 128
    deadline_s: float = 10.0  # for the check before a start and the start itself, together
    probe_deadline_s: float = 10.0
    too_old_ms: int = TOO_OLD_MS  # a call that was decided longer ago is not sent
    claim_max: int = 64
    poll_interval_s: float = 0.02
    linger_s: float = 0.25
    job_max_s: float = 60.0


@dataclass(frozen=True, slots=True)
class StartOptions:
    """What is added to each start: the URL for the stream's webhooks."""

    webhook_url: str | None = None


class Caller:
    """Makes calls on a pool of threads, so that a slow answer delays no other call."""

    def __init__(
        self,
        client: Client,
        connect: ConnectClient | None,
        wake: Wake,
        *,
        options: StartOptions,
        secret_box: SecretBox,
        ack_replicas: int = 0,
        limits: CallLimits = CallLimits(),
        probe_limits: ProbeLimits = ProbeLimits(),  # noqa: B008 - frozen
    ) -> None:
        self._limits = limits
        self._calls = Calls(client, ack_replicas=ack_replicas, too_old_ms=limits.too_old_ms)
        self._room_client: RoomClient | None = None
        if connect is not None:
            pause_probes = rate_limit_observer(self._calls, probe_limits)
            self._room_client = connect(on_rate_limit=pause_probes, probe_deadline_s=limits.probe_deadline_s)
        self._prober = Prober(self._calls, Journal(client), self._room_client, self._answer, limits=probe_limits)
        self._wake = wake
        self._options = options
        self._secret_box = secret_box
        self._pool = ThreadPoolExecutor(limits.threads, thread_name_prefix="call")

    def run(self, *, stopping: Callable[[], bool] = lambda: False) -> int:
        """Make due calls and probes until there are none for a moment; return how many were claimed."""
        limits, now = self._limits, monotonic()
        claimed_total, deadline, busy_at = 0, now + limits.job_max_s, now
        running: set[Future[None]] = set()
        self._calls.clear_wake_up()
        while True:
            free_slots = 0 if stopping() else min(limits.claim_max, limits.threads - len(running))
            claimed = self._calls.claim(free_slots) if free_slots > 0 else []
            for call in claimed:
                running.add(self._pool.submit(self._make, call))
            probes_claimed = 0 if stopping() else self._prober.take()
            claimed_total += len(claimed) + probes_claimed
            in_progress = running | self._prober.running
            if claimed or probes_claimed or in_progress:
                busy_at = monotonic()
            is_idle = monotonic() - busy_at > limits.linger_s
            if not in_progress and (stopping() or is_idle or monotonic() > deadline):
                return claimed_total
            if in_progress:
                wait(in_progress, timeout=limits.poll_interval_s)
                running = {future for future in running if not future.done()}
            elif not claimed and not probes_claimed:
                sleep(limits.poll_interval_s)

    def _make(self, claimed: ClaimedCall) -> None:
        call = claimed.call
        try:
            match call.request:
                case ProbeRoom():
                    self._prober.begin([call])
                case CaptureStream():
                    self._capture(call)
                case CheckTranscoding() as request:
                    self._check_transcoding(call, request)
                case StartStream() | EndStream() | TranscodeStream() as request:
                    if claimed.marked:
                        self._answer(call, CallOutcome.UNKNOWN, message="its sender left no answer")
                    else:
                        self._call(call, request)
                case _ as request:
                    assert_never(request)
        except Exception:
            log.exception(
                "call or its result could not be completed; retrying when its lease expires", call=call.call_id
            )

    def _call(self, call: Call, request: Marked) -> None:
        room_client = self._room_client
        if room_client is None:
            self._answer(call, CallOutcome.REFUSED, message="no VideoSDK credentials")
            return
        deadline = monotonic() + self._limits.deadline_s
        destinations: list[Destination] = []
        if isinstance(request, StartStream):
            try:
                request, destinations = opened_start(call, request, self._secret_box)
            except WrongKeyError:
                self._answer(call, CallOutcome.REFUSED, refusal=Refusal.SEALED.value, message=SEALED)
                return
        check = self._check(room_client, call, request, deadline)
        if check is not None:
            check = without_destinations(check, destinations)
            if check.outcome is not CallOutcome.ALREADY:
                self._record_attempt(call, check, self._calls.now_ms())
            self._answer(call, check.outcome, **check.data)
            return
        result, now = self._calls.mark(call)
        match result:
            case MarkResult.MARKED:
                answer = self._send(room_client, call, request, deadline, now)
                self._complete(call, without_destinations(answer, destinations), now)
            case MarkResult.MARKED_BEFORE:
                self._answer(call, CallOutcome.UNKNOWN, message="its sender left no answer")
            case MarkResult.SUPERSEDED:
                self._answer(call, CallOutcome.DROPPED, message="superseded")
            case MarkResult.TOO_OLD:
                self._answer(call, CallOutcome.DROPPED, message="older than 5 s before it could be sent")
            case _:
                assert_never(result)

    def _check(self, room_client: RoomClient, call: Call, request: Marked, deadline: float) -> CallAnswer | None:
        """Check that what is requested is not there already; None when the request may be sent."""
        match request:
            case StartStream():
                return room_client.check_start(call.room_id, call.output, deadline=deadline)
            case TranscodeStream(videosdk_id=videosdk_id, session_id=session_id):
                return room_client.check_transcode(videosdk_id, session_id, deadline=deadline)
            case EndStream():
                return None
            case _:
                assert_never(request)

    def _check_transcoding(self, call: Call, check: CheckTranscoding) -> None:
        """Check how far a transcoding is. That changes nothing, so there is no mark."""
        if self._room_client is None:
            self._answer(call, CallOutcome.REFUSED, message="no VideoSDK credentials")
            return
        at, request = self._calls.now_ms(), check.request
        answer = self._room_client.check_transcoding(
            check.transcoding_id,
            request.videosdk_id,
            request.session_id,
            deadline=monotonic() + self._limits.deadline_s,
        )
        self._complete(call, answer, at)

    def _capture(self, call: Call) -> None:
        """Capture a thumbnail. Doing that twice does no harm, so there is no mark, and a lost answer is not probed."""
        if self._room_client is None:
            self._answer(call, CallOutcome.REFUSED, message="no VideoSDK credentials")
            return
        at = self._calls.now_ms()
        answer = self._room_client.capture(call.room_id, deadline=monotonic() + self._limits.deadline_s)
        self._complete(call, answer, at)

    def _send(self, room_client: RoomClient, call: Call, request: Marked, deadline: float, now: int) -> CallAnswer:
        deadline_at = now + int(self._limits.deadline_s * 1000)
        room_id, output = call.room_id, call.output
        match request:
            case StartStream(options=options):
                webhook_url = self._options.webhook_url
                return room_client.start(
                    room_id, output, options, webhook_url=webhook_url, deadline=deadline, deadline_at=deadline_at
                )
            case EndStream(videosdk_id=videosdk_id):
                return room_client.end(room_id, output, videosdk_id, deadline=deadline, deadline_at=deadline_at)
            case TranscodeStream(videosdk_id=videosdk_id, session_id=session_id):
                webhook_url = self._options.webhook_url
                return room_client.transcode(
                    videosdk_id, session_id, webhook_url=webhook_url, deadline=deadline, deadline_at=deadline_at
                )
            case _:
                assert_never(request)

    def _complete(self, call: Call, answer: CallAnswer, at: int) -> None:
        self._record_attempt(call, answer, at)
        self._answer(call, answer.outcome, **answer.data)

    def _record_attempt(self, call: Call, answer: CallAnswer, at: int) -> None:
        self._calls.record_attempt(call.call_id, {"at": at, "status": answer.status, "message": answer.message})

    def _answer(self, call: Call, outcome: CallOutcome | ProbeOutcome, **data: Any) -> None:
        source = Source.PROBE if call.kind is CallKind.PROBE else Source.CALL
        data = {"call_id": call.call_id, "kind": call.kind.value, "outcome": outcome.value, **data}
        if call.output is not Output.HLS:
            data["output"] = call.output.value
        event_type = "probed" if call.kind is CallKind.PROBE else f"{call.kind}-{outcome}"
        event_id, woken = self._calls.answer(call, entry(source, event_type, call.room_id, data))
        write = log.debug if call.kind is CallKind.PROBE or outcome in DONE_OUTCOMES else log.info
        write(
            "call answered",
            kind=call.kind.value,
            status=data.get("status"),
            event_id=event_id,
            call_id=call.call_id,
            room_id=call.room_id,
            because=call.because,
            outcome=outcome.value,
        )
        if woken:
            self._wake.wake("process")
