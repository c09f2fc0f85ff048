"""The call job of the simulation: probe, mark, send, answer, and die in between (see workers/calls/caller.py)."""

from dataclasses import dataclass
from typing import Any

from sandbox import model, outputs
from tests.simulation.agenda import SECOND, Agenda, InvariantError
from tests.simulation.videosdk import Cloud
from tests.simulation.worker import Worker
from webhook_app.domain.control.call import Call, CallKind
from webhook_app.domain.events import Source
from webhook_app.domain.outputs import Output
from webhook_app.providers.videosdk.answers import ApiAnswer, classify_refusal

# What the call job holds to, and how late VideoSDK may still act after it gave up.
LEASE_MS = 20 * SECOND
TOO_OLD_MS = 5 * SECOND
DEADLINE_MS = 10 * SECOND
DONE_AFTER_DEADLINE_MS = 15 * SECOND
DONE_AFTER_ANSWER_MS = 5 * SECOND


@dataclass
class Queued:
    """A call in the store: when it may be claimed (again), and whether it was marked."""

    call: Call
    due: int
    marked: bool = False


class Caller:
    """Makes the calls that were committed."""

    def __init__(self, agenda: Agenda, worker: Worker, cloud: Cloud) -> None:
        self.agenda = agenda
        self.worker = worker
        self.cloud = cloud
        self.queue: dict[str, Queued] = {}
        self.sent_at = 0

    def add(self, call: Call) -> None:
        """A call waits."""
        self.queue[call.call_id] = Queued(call, self.agenda.now)
        self.agenda.later(self.agenda.rng.choice((0, 10, 200)), self._take, call.call_id)

    def sweep(self) -> None:
        """Look at everything that waits."""
        for call_id in self.queue:
            self.agenda.later(0, self._take, call_id)

    def _take(self, call_id: str) -> None:
        """Claim a call by lease, if nobody else has, and make it."""
        agenda, queued = self.agenda, self.queue.get(call_id)
        if queued is None:
            return
        free_at = max(queued.due, self.worker.down_until["call"])
        if free_at > agenda.now:
            agenda.later(free_at - agenda.now, self._take, call_id)
            return
        queued.due = agenda.now + LEASE_MS
        agenda.later(LEASE_MS, self._take, call_id)
        if queued.call.kind is CallKind.PROBE:
            agenda.later(agenda.latency(), self._probe, queued.call, self.worker.last_id, agenda.now)
        elif queued.marked:
            self._answer(queued.call, "unknown", message="its sender left no answer")
        elif agenda.dies():
            return
        elif queued.call.kind is CallKind.START:
            agenda.later(agenda.latency(), self._look, queued, agenda.now + DEADLINE_MS)
        else:
            self._mark(queued)

    def _look(self, queued: Queued, deadline: int) -> None:
        agenda, call = self.agenda, queued.call
        refused = self.cloud.refusal(call.room_id)
        running = self._shown_as_running(call)
        if refused is None and agenda.chance(agenda.faults.unreached):
            more = {"unreadable": "418 teapot"} if agenda.now % 2 else None
            agenda.later(max(0, deadline - agenda.now), self._answer, call, "unreached", None, None, None, more)
        elif refused is not None and refused >= 500:
            self._answer(call, "unreached", status=refused)
        elif refused is not None:
            self._answer(call, "refused", status=refused)
        elif running is not None:
            self._answer(call, "already", status=200, stream=running)
        elif not agenda.dies():
            agenda.later(agenda.rng.choice((0, 20)), self._mark, queued)

    def _shown_as_running(self, call: Call) -> dict[str, Any] | None:
        """What the check before a start finds."""
        if call.output is Output.HLS:
            return self.cloud.active(call.room_id)
        return next((row for row in self.cloud.listed(call.room_id, call.output, None) if row["end"] is None), None)

    def _mark(self, queued: Queued) -> None:
        call = queued.call
        if self.worker.current.get((call.room_id, call.output)) != call.call_id:
            self._answer(call, "dropped", message="superseded")
        elif self.agenda.now - call.created_at > TOO_OLD_MS:
            self._answer(call, "dropped", message="older than 5 s before it could be sent")
        elif queued.marked:
            self._answer(call, "unknown", message="its sender left no answer")
        else:
            queued.marked = True
            if not self.agenda.dies():
                self._send(call)

    def _send(self, call: Call) -> None:
        agenda, room_id, deadline_at = self.agenda, call.room_id, self.agenda.now + DEADLINE_MS
        gone = agenda.dies()  # after it has sent: VideoSDK does it, nobody hears the answer
        refused = self.cloud.refusal(room_id)
        name = "" if call.output is Output.HLS else f" of {call.output}"
        agenda.count(("starts" if call.kind is CallKind.START else "ends") + name)
        self.sent_at = agenda.now
        agenda.say("{} {}{} sent, {}", room_id[:1], call.kind, name, call.because)
        if call.kind is CallKind.START:
            self._check_start(room_id, call.output)
        if refused is not None:
            if not gone:
                self._answer(call, "unknown" if refused >= 500 else "refused", refused, deadline_at=deadline_at)
            return
        hangs, breaks = agenda.chance(agenda.faults.hang), agenda.chance(agenda.faults.broken)
        if not hangs and not breaks:
            done, status = self._do(call)
            if not gone and status is None:
                agenda.later(agenda.latency(), self._answer, call, "succeeded", 200, done)
            elif not gone:
                self._answer(call, "refused", status=status)
            return
        answered_at = deadline_at if hangs else agenda.now + agenda.latency()
        if not gone:
            status = None if hangs else 502
            agenda.later(answered_at - agenda.now, self._answer, call, "unknown", status, None, deadline_at)
        limit = deadline_at + DONE_AFTER_DEADLINE_MS if hangs or gone else answered_at + DONE_AFTER_ANSWER_MS
        fate = agenda.rng.choice(("never", "at once", "late", "late"))
        if fate == "at once":
            self._do(call)
        elif fate == "late" and (call.kind is CallKind.START or call.body.get("id")):
            at = agenda.rng.choice((agenda.rng.randrange(agenda.now + 1, limit), limit - 1))
            if call.kind is CallKind.START:
                self.cloud.late.setdefault((room_id, call.output), []).append(at)
            agenda.later(at - agenda.now, self._do_late, call, at)

    def _check_start(self, room_id: str, output: Output) -> None:
        """Never two runs of an output at once for one desire: neither one that runs nor one that may still begin."""
        where = f"{self.agenda.clock()} {output} {room_id}"
        if any(at > self.agenda.now for at in self.cloud.late.get((room_id, output), ())):
            raise InvariantError(f"{where} a second start while the first may still be done")
        running = self.cloud.running(room_id, output)
        if running is not None and running.id in self.cloud.ours:
            raise InvariantError(f"{where} a start while one that we started is {running.state}")

    def _do_late(self, call: Call, at: int) -> None:
        if call.kind is CallKind.START:
            self.cloud.late[call.room_id, call.output].remove(at)
        self.agenda.say("{} {} done late", call.room_id[:1], call.kind)
        self._do(call)

    def _do(self, call: Call) -> tuple[dict[str, Any] | None, int | None]:
        if call.kind is CallKind.END:
            output = outputs.Output(call.output)
            return None, self.cloud.try_to(model.end, call.room_id, output=output, stream_id=call.body.get("id"))
        refused = self.cloud.start(call.room_id, call.output)
        names_stream = refused is None and call.output is Output.HLS  # the others are answered with a string
        return (self.cloud.active(call.room_id) if names_stream else None), refused

    def _probe(self, call: Call, asked_id: str, asked_at: int) -> None:
        agenda = self.agenda
        if agenda.dies() or call.call_id not in self.queue:
            return
        refused = self.cloud.refusal(call.room_id)
        reached = refused is None and not agenda.chance(agenda.faults.unreached)
        session_id = call.body.get("session_id")
        session = self.cloud.world.sessions.get(session_id) if session_id else self.cloud.session(call.room_id)
        session_data: dict[str, Any] | None = None
        if reached and call.body.get("session") and session is not None:
            present = {
                participant.id: participant.name for participant in session.participants.values() if participant.present
            }
            modes = {
                participant.id: participant.mode for participant in session.participants.values() if participant.present
            }
            session_data = {
                "session_id": session.id,
                "live": session.end_ms is None,
                "participants": present,
                "modes": modes,
            }
        answer: dict[str, Any] = {
            "reached": reached,
            "asked_id": asked_id,
            "asked_at": asked_at,
            "session": session_data,
        }
        if not reached and refused is None and agenda.now % 2:
            answer["unreadable"] = "418 teapot"
        failed = self.cloud.world.streams.get((call.body.get("failed") or {}).get("id") or "")
        if reached and failed is not None:
            answer["failed"] = {"id": failed.id, "reason": failed.reason}
        request = call.probe_request
        if request.listed is None:
            more = {**answer, "active": self.cloud.active(call.room_id) if reached else None}
        else:
            rows = self.cloud.listed(call.room_id, request.listed, request.session_id) if reached else None
            more = {**answer, "listed": rows}
        agenda.later(agenda.latency(), self._answer, call, "probed", refused, None, None, more)

    def _answer(
        self,
        call: Call,
        outcome: str,
        status: int | None = None,
        stream: dict[str, Any] | None = None,
        deadline_at: int | None = None,
        more: dict[str, Any] | None = None,
        message: str | None = None,
    ) -> None:
        """The answer's append and the end of the claim are one step; a call is answered once."""
        if self.agenda.dies() or self.queue.pop(call.call_id, None) is None:
            return
        source = Source.PROBE if call.kind is CallKind.PROBE else Source.CALL
        kind = "probed" if call.kind is CallKind.PROBE else f"{call.kind}-{outcome}"
        data: dict[str, Any] = {"call_id": call.call_id, "kind": call.kind.value, "outcome": outcome, **(more or {})}
        result = {"status": status, "stream": stream, "deadline_at": deadline_at, "message": message}
        data |= {name: value for name, value in result.items() if value is not None}
        if call.output is not Output.HLS:
            data["output"] = call.output.value
        refusal = classify_refusal(ApiAnswer(status, None), start=call.kind is CallKind.START)
        if outcome == "refused" and refusal is not None:
            data["refusal"] = refusal.value
        if call.kind is not CallKind.PROBE:
            self.agenda.say("{} {} {}", call.room_id[:1], kind, status or "")
        self.worker.append(source, kind, call.room_id, data)
