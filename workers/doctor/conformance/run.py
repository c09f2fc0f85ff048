"""A conformance run from the first request to the report. It never leaves a stream running."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from webhook_app.domain.outputs import Output
from webhook_app.providers.videosdk.client import VideoSDK
from workers.cli.api_client import ApiClient
from workers.cli.context import CommandError
from workers.doctor.conformance.ending import Ending
from workers.doctor.conformance.journal import WebhookLog
from workers.doctor.conformance.limits import Limits
from workers.doctor.conformance.observations import Observations, Step
from workers.doctor.conformance.pauses import Pauses, RunInterruptedError
from workers.doctor.conformance.plan import RunOptions
from workers.doctor.conformance.playing import Player
from workers.doctor.conformance.preconditions import room_refusals, running_session, videosdk_refusals
from workers.doctor.conformance.requests import Requests
from workers.doctor.conformance.state_file import RunRecord, RunState, StateFile, StateFileError

RULES_MAX = 10_000
INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class Target:
    """Where a run takes place."""

    videosdk: VideoSDK
    api: ApiClient
    api_url: str
    webhook_url: str | None
    room: Mapping[str, Any]  # as the product shows it
    session_id: str | None = None

    @property
    def room_id(self) -> str:
        """The room's id."""
        return str(self.room["room_id"])


@dataclass(slots=True)
class RunOutcome:
    """What a run has observed; `failure` says why it ended early, `is_over` whether everything has ended."""

    observations: tuple[Observations, ...] = ()
    failure: str | None = None
    is_over: bool = True


@dataclass(slots=True)
class ConformanceRun:
    """Plays the runs of a target, one after another."""

    target: Target
    options: RunOptions
    pauses: Pauses
    limits: Limits = field(default_factory=Limits)
    report_step: Callable[[Step, int | None], None] = lambda step, status: None

    def run(self, file: StateFile) -> RunOutcome:
        """Play everything, end everything, and return what was observed. Signals end it early."""
        target = self.target
        record = RunRecord(file, RunState(target.api_url, target.room_id, target.session_id))
        outcome = RunOutcome()
        played: list[Requests] = []
        try:
            self._play(record, played)
        except RunInterruptedError:
            outcome.failure = INTERRUPTED
        except (CommandError, StateFileError) as error:
            outcome.failure = str(error)
        finally:
            outcome.is_over = self.end_all(record)
            outcome.observations = tuple(requests.observations for requests in played)
        return outcome

    def end_all(self, record: RunRecord) -> bool:
        """End everything in the record; False when something may still be running."""
        return Ending(self.target.videosdk, self.pauses, self.limits).end_all(record)

    def _play(self, record: RunRecord, played: list[Requests]) -> None:
        player = Player(
            self.target.videosdk,
            WebhookLog(self.target.api, self.target.room_id),
            self.pauses,
            self.limits,
            require_over=lambda: self._require_over(record),
        )
        outputs = [Output.HLS, *([Output.RECORDING] if self.options.recording else [])]
        for output in outputs:
            played.append(self._requests(record, output))
            player.play(played[-1])
            self._require_over(record)
        if self.options.end_session:
            played.append(self._requests(record, Output.HLS))
            player.play_until_session_ends(played[-1], start_afterwards=self.options.start_without_session)

    def _requests(self, record: RunRecord, output: Output) -> Requests:
        return Requests(
            self.target.videosdk,
            record,
            output,
            pauses=self.pauses,
            limits=self.limits,
            webhook_url=self.target.webhook_url,
            report_step=self.report_step,
        )

    def _require_over(self, record: RunRecord) -> None:
        if not self.end_all(record):
            raise CommandError("VideoSDK still shows what was started")


def refusals(target: Target, limits: Limits) -> list[str]:
    """Return why the room may not be used; empty when it may."""
    rules, _ = target.api.items("/rules", RULES_MAX)
    reasons = list(room_refusals(target.room, rules))
    if reasons:
        return reasons
    videosdk, room_id = target.videosdk, target.room_id
    lists = {output: videosdk.streams(deadline=_deadline(limits), room_id=room_id, output=output) for output in Output}
    return list(
        videosdk_refusals(
            videosdk.ongoing_session(room_id, deadline=_deadline(limits)),
            videosdk.active(room_id, deadline=_deadline(limits)),
            lists,
        )
    )


def session_of(target: Target, limits: Limits) -> str | None:
    """Return the id of the session that runs in the room."""
    return running_session(target.videosdk.ongoing_session(target.room_id, deadline=_deadline(limits)))


def private_texts(target: Target, observations: Sequence[Observations]) -> tuple[str, ...]:
    """Return the ids and names that a report must not show whole."""
    texts = {target.room_id, target.room.get("name"), target.session_id}
    people = ("participantName", "participantId", "name", "sessionId", "id")
    texts |= {
        value
        for part in observations
        for webhook in part.webhooks
        for key in people
        if isinstance(value := webhook.data.get(key), str)
    }
    session = target.room.get("session") or {}
    for person in session.get("participants") or ():
        texts |= {person.get("participant_id"), person.get("name")}
    return tuple(sorted(text for text in texts if isinstance(text, str) and len(text) > 2))


def _deadline(limits: Limits) -> float:
    return monotonic() + limits.request_s
