"""VideoSDK as the simulated world has it: the sandbox's model, and what becomes of its webhooks on their way."""

from collections.abc import Callable
from random import Random
from typing import Any

from sandbox import model
from sandbox.json_views import stream_json, webhook_json
from sandbox.model import Outcome, RefusedError, StreamState
from sandbox.open_points import Forms, SessionEnd
from sandbox.outputs import Output
from tests.simulation.agenda import SECOND, Agenda

OnWebhook = Callable[[str, str, dict[str, Any]], None]
SESSION_ENDS: tuple[SessionEnd, ...] = ("events", "stopped", "silent", "first")
ON_AIR = (StreamState.STARTED, StreamState.PLAYABLE)
OTHER_ID = "composer-"
LATE_MAX_MS = 30 * SECOND
REFUSALS = (409, 429, 400, 503)
LISTED_MAX = 8
RoomOutput = tuple[str, str]  # a room's id and the name of an output


class Cloud:
    """The model; `late` are starts that it was sent and may still do, by room and output, until when."""

    def __init__(self, agenda: Agenda, on_webhook: OnWebhook) -> None:
        self.agenda = agenda
        self.world = model.SandboxState(seed=str(agenda.seed))
        forms = Random(agenda.seed)  # drawn apart, so that they change nothing else of a seed's story
        self.world.forms = Forms(
            session_end=forms.choice(SESSION_ENDS),
            second_start=forms.choice(("409", "400")),
            no_session=forms.choice(("400", "402", "404", "409")),
            composer_ids=forms.random() < 0.3,
            running_listed=forms.random() < 0.7,
            own_storage=forms.random() < 0.3,
        )
        self.with_ids = agenda.rng.random() < 0.5
        # Webhooks may carry another id than REST does; equal addresses mean the same stream.
        self.other_ids = agenda.seed % 3 == 0
        self.late: dict[RoomOutput, list[int]] = {}
        self.ours: set[str] = set()  # streams that our starts began
        self.announced: set[str] = set()  # streams of which a webhook has arrived
        self.announced_started: set[str] = set()  # streams whose start a webhook has announced
        self.limited: dict[RoomOutput, int] = {}  # when a run last came to VideoSDK's own limit
        self.token_ok = True
        self.forbidden: set[str] = set()
        self._on_webhook = on_webhook

    def running(self, room_id: str, output: str = Output.HLS) -> model.Stream | None:
        """The run of an output that is not over."""
        room = self.world.rooms.get(room_id)
        return None if room is None else model.running_stream(self.world, room, Output(output))

    def session(self, room_id: str) -> model.Session | None:
        """The session that is going on."""
        room = self.world.rooms.get(room_id)
        return None if room is None else model.running_session(self.world, room)

    def stream(self, videosdk_id: str | None, url_key: str | None) -> model.Stream | None:
        """A run by its id or its folder."""
        if videosdk_id is not None:
            return self.world.streams.get(videosdk_id.removeprefix(OTHER_ID))
        folder = (url_key or "").rpartition("/")[2]
        return next((stream for stream in self.world.streams.values() if folder and stream.folder == folder), None)

    def runs_of(self, session_id: str | None, output: str = Output.HLS) -> int:
        """How many runs of an output a session has had."""
        streams = self.world.streams.values()
        return sum(1 for stream in streams if stream.session_id == session_id and stream.output == output)

    def on_air(self, room_id: str, output: str = Output.HLS) -> bool:
        """Whether a run of an output is on air."""
        running = self.running(room_id, output)
        return running is not None and running.state in ON_AIR

    def active(self, room_id: str) -> dict[str, Any] | None:
        """What REST shows of the run that is not over."""
        running = self.running(room_id)
        return None if running is None else stream_json(running, "https://api.example")

    def listed(self, room_id: str, output: str, session_id: str | None) -> list[dict[str, Any]]:
        """The rows that REST lists of an output, newest first; what runs is shown as `running_listed` says."""
        return [
            stream_json(stream, "https://api.example")
            for stream in reversed(self.world.streams.values())
            if (stream.room_id, stream.output) == (room_id, output)
            and session_id in (None, stream.session_id)
            and (stream.over or self.world.forms.running_listed)
        ][:LISTED_MAX]

    def is_known_started(self, stream: model.Stream) -> bool:
        """Whether anybody can know that a run has started: REST shows it while it runs, or a webhook has said so."""
        is_shown = stream.output is Output.HLS or self.world.forms.running_listed
        return is_shown or stream.id in self.announced_started

    def refusal(self, room_id: str) -> int | None:
        """The status with which it refuses whatever it is asked now."""
        if not self.token_ok:
            return 401
        if room_id in self.forbidden:
            return 403
        return self.agenda.rng.choice(REFUSALS) if self.agenda.chance(self.agenda.faults.refuse) else None

    def try_to(self, act: Any, room_id: str, *more: Any, **named: Any) -> int | None:
        """Let the model do it; the status if it refuses."""
        try:
            result = act(self.world, self.agenda.now, room_id, *more, **named)
        except RefusedError as refused:
            return refused.status
        self._played(result[-1])
        return None

    def start(self, room_id: str, output: str = Output.HLS) -> int | None:
        """A start of ours is done."""
        refused = self.try_to(model.start, room_id, output=Output(output))
        running = self.running(room_id, output)
        if refused is None and running is not None:
            self.ours.add(running.id)
        return refused

    def _played(self, outcome: Outcome) -> None:
        agenda = self.agenda
        for due in outcome.due:
            agenda.later(due.at_ms - agenda.now, self._happen, due)
        for webhook in outcome.webhooks:
            body = webhook_json(webhook, stream_ids=self.with_ids)
            stream_id = getattr(webhook, "stream_id", None)
            if self.other_ids and "id" in body["data"] and body["webhookType"].startswith("hls-"):
                body["data"]["id"] = OTHER_ID + body["data"]["id"]
            copies = 0 if agenda.chance(agenda.faults.drop) else 2 if agenda.chance(agenda.faults.repeat) else 1
            for _ in range(copies):
                wait = agenda.rng.randrange(LATE_MAX_MS) if agenda.chance(agenda.faults.delay) else 40
                agenda.later(wait, self._arrive, webhook.room_id, body, stream_id)

    def _happen(self, due: model.ScheduledStep) -> None:
        outcome = model.advance(self.world, self.agenda.now, due)
        stream = self.world.streams.get(due.stream_id)
        if due.step is model.Step.TOO_LONG and stream is not None and outcome.webhooks:
            self.limited[stream.room_id, stream.output] = self.agenda.now
        self._played(outcome)

    def _arrive(self, room_id: str, body: dict[str, Any], stream_id: str | None) -> None:
        if stream_id is not None:
            self.announced.add(stream_id)
            if body["webhookType"].endswith("-started"):
                self.announced_started.add(stream_id)
        self.agenda.say("{} {} arrives", room_id[:1], body["webhookType"])
        self._on_webhook(room_id, body["webhookType"], body["data"])
