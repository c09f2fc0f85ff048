"""Play one short run of an output, trying what the documentation leaves open.

For HLS:

1. Before: nothing is active; the list without a room; the participants.
2. Start. While it is starting: `/active`, then an end. If VideoSDK accepts that end, play another stream without it.
3. Once it is playable: a second start. If VideoSDK accepts it, end both, and play another stream without it. Then
   `/active` and the list.
4. End, and end again while it is stopping.
5. Once it has stopped: `/active`, an end, the list, the stream's object.

A recording has neither `/active` nor `playable`, and is not ended while it is starting.
"""

from collections.abc import Callable
from dataclasses import replace
from time import monotonic

from webhook_app.domain.outputs import OUTPUTS, Output
from webhook_app.domain.streams.machine import StreamState
from webhook_app.providers.videosdk.client import VideoSDK
from webhook_app.providers.videosdk.objects import STREAM_WEBHOOKS
from workers.doctor.conformance.journal import WebhookLog
from workers.doctor.conformance.limits import Limits
from workers.doctor.conformance.observations import Step
from workers.doctor.conformance.pauses import Pauses
from workers.doctor.conformance.requests import Requests
from workers.doctor.conformance.webhook_checks import SESSION_ENDED

ENDED = (StreamState.STOPPED, StreamState.FAILED)


class Player:
    """Plays runs in one room. `require_over` ends what was started, or raises an error."""

    def __init__(
        self, videosdk: VideoSDK, log: WebhookLog, pauses: Pauses, limits: Limits, require_over: Callable[[], None]
    ) -> None:
        self._videosdk = videosdk
        self._log = log
        self._pauses = pauses
        self._limits = limits
        self._require_over = require_over

    def play(self, requests: Requests) -> None:
        """Play a run; its observations are those of `requests`, complete up to an exception."""
        output = requests.observations.output
        self._log.skip()
        try:
            if output is Output.HLS:
                requests.active(Step.ACTIVE_BEFORE)
                requests.list_streams(Step.LIST_WITHOUT_ROOM, in_room=False)
                requests.participants(Step.PARTICIPANTS)
            if self._start(requests) and self._second_start(requests):
                self._while_running(requests)
                self._end(requests)
        finally:
            requests.observations = replace(requests.observations, webhooks=self._log.read())

    def play_until_session_ends(self, requests: Requests, *, start_afterwards: bool) -> None:
        """Play another stream and end the session under it, and then try a start without a session."""
        self._log.skip()
        try:
            if not requests.start(Step.START_AGAIN).ok:
                return
            self._wait_for_state(requests.observations.output, (StreamState.PLAYABLE, *ENDED), self._limits.playable_s)
            requests.active(Step.ACTIVE_BEFORE_SESSION_END)
            requests.send(
                Step.END_SESSION,
                lambda deadline: self._videosdk.end_session(requests.room_id, deadline=deadline),
            )
            self._wait_until(lambda: SESSION_ENDED in self._kinds(), self._limits.stopped_s)
            self._pauses.wait(self._limits.settle_s)
            requests.active(Step.ACTIVE_AFTER_SESSION)
            if start_afterwards:
                requests.start(Step.START_WITHOUT_SESSION)
        finally:
            requests.observations = replace(requests.observations, webhooks=self._log.read())

    def _start(self, requests: Requests) -> bool:
        """Start the output and wait until it runs; False if VideoSDK refuses."""
        output = requests.observations.output
        if not requests.start(Step.START).ok:
            return False
        if OUTPUTS[output].has_active_lookup:
            requests.active(Step.ACTIVE_WHILE_STARTING)
            if requests.end(Step.END_WHILE_STARTING).ok and not self._start_again(requests):
                return False
        self._wait_until_running(output)
        return True

    def _start_again(self, requests: Requests) -> bool:
        """End what has been started and start once more; False if VideoSDK refuses."""
        self._require_over()
        self._log.skip()
        return requests.start(Step.START_AGAIN).ok

    def _wait_until_running(self, output: Output) -> None:
        if OUTPUTS[output].has_playable:
            self._wait_for_state(output, (StreamState.PLAYABLE, *ENDED), self._limits.playable_s)
        else:
            self._wait_for_state(output, (StreamState.STARTED, *ENDED), self._limits.playable_s)
            self._pauses.wait(self._limits.recording_s)

    def _second_start(self, requests: Requests) -> bool:
        """Start while it runs, which should be refused; False if nothing runs afterwards."""
        answer = requests.start(Step.SECOND_START)
        if not answer.ok or requests.has_single_start:
            return True
        if not self._start_again(requests):
            return False
        self._wait_until_running(requests.observations.output)
        return True

    def _while_running(self, requests: Requests) -> None:
        if OUTPUTS[requests.observations.output].has_active_lookup:
            requests.active(Step.ACTIVE_RUNNING)
        requests.list_streams(Step.LIST_RUNNING)

    def _end(self, requests: Requests) -> None:
        output = requests.observations.output
        requests.end(Step.END)
        requests.end(Step.END_WHILE_STOPPING)
        self._wait_for_state(output, ENDED, self._limits.stopped_s)
        self._pauses.wait(self._limits.settle_s)
        if OUTPUTS[output].has_active_lookup:
            requests.active(Step.ACTIVE_AFTER)
        requests.end(Step.END_AFTER)
        requests.list_streams(Step.LIST_AFTER)
        if output is Output.HLS:
            requests.detail(Step.DETAIL)

    def _wait_for_state(self, output: Output, states: tuple[StreamState, ...], limit_s: float) -> None:
        awaited = {kind for kind, (of, state) in STREAM_WEBHOOKS.items() if of is output and state in states}
        self._wait_until(lambda: not awaited.isdisjoint(self._kinds()), limit_s)

    def _kinds(self) -> set[str]:
        return {webhook.kind for webhook in self._log.read()}

    def _wait_until(self, condition: Callable[[], bool], limit_s: float) -> None:
        until = monotonic() + limit_s
        while not condition() and monotonic() < until:
            self._pauses.wait(self._limits.poll_s)
