"""One output of a scenario's room: what people and operators do with it, and what has come of it."""

from dataclasses import dataclass
from typing import Any

from tests.e2e.scenarios.scenario_room import LIMIT_S, ScenarioRoom
from tests.support.polling import wait_until
from tests.support.product import Json

PATHS = {"hls": "hls", "recording": "recordings", "rtmp": "livestreams"}
WEBHOOKS = {"hls": "hls", "recording": "recording", "rtmp": "livestream"}  # their types, and the state
NOTICES = {"hls": "stream", "recording": "recording", "rtmp": "rtmp"}
BODIES: dict[str, Json] = {
    "recording": {"fileFormat": "mp4"},
    "rtmp": {"streams": [{"url": "rtmps://live.example/app", "stream_key": "key-of-the-scenario"}]},
}
PERSON_BODIES: dict[str, Json] = {
    "recording": {},
    "rtmp": {
        "config": {"layout": {"type": "GRID", "priority": "SPEAKER"}},
        "outputs": [{"url": "rtmps://live.example/app", "streamKey": "key-of-a-person"}],
    },
}


@dataclass(frozen=True)
class OutputRoom:
    """A scenario's room, with one of its outputs in view."""

    scenario: ScenarioRoom
    output: str

    def opens(self, in_s: float = 2.0, *, lasts: float = 20.0, **rule: Any) -> None:
        """Put the room's rule: a window in which the output is to be on."""
        body: dict[str, Any] = {name: BODIES[name] for name in (self.output,) if name in BODIES}
        self.scenario.opens(in_s, lasts=lasts, outputs=[self.output], **body, **rule)

    def operator(self, command: str) -> None:
        """An operator's `start`, `end` or `release` of the output."""
        body = {self.output: BODIES[self.output]} if command == "start" else {}
        self.scenario.operator(command, output=self.output, **body)

    def inject_faults(self, *rest: str | Json, drop_webhooks: bool = False) -> None:
        """What goes wrong with the output from now on: `"start:409"`, a REST fault, lost webhooks."""
        faults = [self._of_output(fault) for fault in rest]
        webhooks = {"drop": [f"{WEBHOOKS[self.output]}-*"]} if drop_webhooks else {}
        self.scenario.inject_faults(*faults, **webhooks)

    def _of_output(self, fault: str | Json) -> str | Json:
        if isinstance(fault, str):
            return f"{self._calls}{fault}"
        return {**fault, "path": f"{self._calls}{fault['path']}"}

    @property
    def _calls(self) -> str:
        """What the names of its calls begin with in faults; those of HLS are plain."""
        return "" if self.output == "hls" else f"{self.output}-"

    def person_starts(self) -> None:
        """Somebody starts it in the app."""
        assert self.scenario.app(f"/v2/{PATHS[self.output]}/start", **PERSON_BODIES[self.output]).status == 200

    def person_stops(self) -> None:
        """Somebody stops it in the app."""
        assert self.scenario.app(f"/v2/{PATHS[self.output]}/end").status == 200

    def breaks(self) -> None:
        """It fails at VideoSDK."""
        self.scenario.sandbox.fail(self.scenario.room, output=self.output)

    def on(self, times: int = 1, limit_s: float = LIMIT_S) -> Json:
        """The so-many-th run has started."""
        return self.scenario.receives(f"{NOTICES[self.output]}.started", times, limit_s)

    def off(self, times: int = 1, limit_s: float = LIMIT_S) -> Json:
        """The so-many-th run has stopped."""
        return self.scenario.receives(f"{NOTICES[self.output]}.stopped", times, limit_s)

    def wait_for_start(self) -> Json:
        """The first start, once VideoSDK has it."""
        return self.scenario.wait_for_request(f"/{PATHS[self.output]}/start")

    def wait_for_state(self, state: str, limit_s: float = LIMIT_S) -> None:
        """VideoSDK's own record shows the last run in this state."""
        wait_until(
            lambda: self.runs and self.runs[-1]["state"] == state,
            limit_s,
            f"{self.output} being {state}",
            describe=lambda: self.runs,
        )

    @property
    def starts(self) -> list[Json]:
        return self.scenario.requests_to(f"/{PATHS[self.output]}/start")

    @property
    def ends(self) -> list[Json]:
        return self.scenario.requests_to(f"/{PATHS[self.output]}/end")

    @property
    def runs(self) -> list[Json]:
        """VideoSDK's own record of the output's runs."""
        return [run for run in self.scenario.runs if run["output"] == self.output]

    @property
    def calls(self) -> list[Json]:
        """The output's starts and ends, as the API shows them."""
        return [call for call in self.scenario.calls if call["output"] == self.output]

    @property
    def view(self) -> Json:
        """The output as the API shows it."""
        view: Json = self.scenario.now["outputs"][self.output]
        return view

    @property
    def alarms(self) -> list[str]:
        """The names of the alarms that are active for the room."""
        return [alarm["name"] for alarm in self.scenario.alarms if alarm["room_id"] == self.scenario.room]
