"""Send the requests of a run, one after another, and keep their answers."""

from collections.abc import Callable
from dataclasses import replace
from time import monotonic, time

from webhook_app.domain.outputs import Output
from webhook_app.providers.videosdk.answers import ApiAnswer, read_active, started_stream
from webhook_app.providers.videosdk.client import VideoSDK
from webhook_app.providers.videosdk.objects import stream_report
from webhook_app.providers.videosdk.output_bodies import start_body
from workers.doctor.conformance.ending import is_of_start
from workers.doctor.conformance.limits import Limits
from workers.doctor.conformance.observations import Observations, Step, TimedAnswer
from workers.doctor.conformance.pauses import Pauses
from workers.doctor.conformance.state_file import RunRecord, StartedOutput

Send = Callable[[float], ApiAnswer]  # gets the deadline
TIMED_OUT = 408  # like no answer: it may have started


class Requests:
    """Requests about one output of one room. Every start is in the run's record before it is sent."""

    def __init__(
        self,
        videosdk: VideoSDK,
        record: RunRecord,
        output: Output,
        *,
        pauses: Pauses,
        limits: Limits,
        webhook_url: str | None,
        report_step: Callable[[Step, int | None], None],
    ) -> None:
        self._videosdk = videosdk
        self._record = record
        self._output = output
        self._pauses = pauses
        self._limits = limits
        self._webhook_url = webhook_url
        self._report_step = report_step
        self.observations = Observations(output)

    @property
    def room_id(self) -> str:
        """The room of the run."""
        return self._record.state.room_id

    @property
    def has_single_start(self) -> bool:
        """Whether no more than one stream of this output may be running."""
        return sum(started.output is self._output for started in self._record.state.started) <= 1

    def send(self, step: Step, send: Send) -> ApiAnswer:
        """Send a request and keep its answer under the step; a step that is repeated keeps its first answer."""
        self._pauses.check()
        before = monotonic()
        answer = send(before + self._limits.request_s)
        timed = TimedAnswer(answer, round((monotonic() - before) * 1000))
        self.observations = replace(self.observations, answers={step: timed, **self.observations.answers})
        self._report_step(step, answer.status)
        return answer

    def start(self, step: Step) -> ApiAnswer:
        """Start the output. The record keeps it unless VideoSDK refuses it, or names a stream that it has already."""
        self._pauses.check()
        started = StartedOutput(self._output, round(time() * 1000))
        self._record.add(started)
        body = start_body(self._output, {})
        answer = self.send(
            step,
            lambda deadline: self._videosdk.start(
                self.room_id, self._output, body, webhook_url=self._webhook_url, deadline=deadline
            ),
        )
        if not answer.ok:
            if answer.code is not None and 400 <= answer.code < 500 and answer.code != TIMED_OUT:
                self._record.remove(started)
            return answer
        shown = started_stream(answer)
        report = None if shown is None else stream_report(shown)
        names = () if report is None else report.names
        others = [other for other in self._record.state.started if other != started]
        if names and any(not set(names).isdisjoint(other.names) for other in others):
            self._record.remove(started)
            return answer
        videosdk_id = None if report is None else report.videosdk_id
        self._record.replace(started, replace(started, names=names, is_answered=True, videosdk_id=videosdk_id))
        return answer

    def end(self, step: Step) -> ApiAnswer:
        """End the output; an end that is accepted is recorded for the stream that was started first."""
        running = self._running()
        videosdk_id = None if running is None else running.videosdk_id
        answer = self.send(
            step,
            lambda deadline: self._videosdk.end(self.room_id, self._output, videosdk_id, deadline=deadline),
        )
        if answer.ok and running is not None and not running.is_end_accepted:
            self._record.replace(running, replace(running, is_end_accepted=True))
        return answer

    def active(self, step: Step) -> ApiAnswer:
        """Ask which stream is active; the record keeps that it was shown."""
        answer = self.send(step, lambda deadline: self._videosdk.active(self.room_id, deadline=deadline))
        running, stream = self._running(), read_active(answer).stream
        if running is not None and stream is not None and is_of_start(stream, running):
            self._record.replace(running, replace(running, was_shown=True))
        return answer

    def list_streams(self, step: Step, *, in_room: bool = True) -> ApiAnswer:
        """List the room's streams of this output, or those of all rooms."""
        room_id = self.room_id if in_room else None
        return self.send(
            step,
            lambda deadline: self._videosdk.streams(deadline=deadline, room_id=room_id, output=self._output),
        )

    def detail(self, step: Step) -> None:
        """Read the stream's own object, if its id is known."""
        running = self._running()
        if running is not None and (videosdk_id := running.videosdk_id) is not None:
            self.send(step, lambda deadline: self._videosdk.stream(videosdk_id, deadline=deadline))

    def participants(self, step: Step) -> None:
        """List who is in the session; only the form of the answer is reported."""
        session_id = self._record.state.session_id
        if session_id is not None:
            self.send(
                step,
                lambda deadline: self._videosdk.active_participants(
                    session_id, deadline=deadline, page=1, per_page=None
                ),
            )

    def _running(self) -> StartedOutput | None:
        return next((started for started in self._record.state.started if started.output is self._output), None)
