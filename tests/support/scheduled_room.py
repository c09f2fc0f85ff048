"""A room with schedules, whose probes are answered at once with the state that the scenario has reported."""

from typing import Any

from tests.support.scenario import MINUTE, NOON, ROOM, SESSION, Scenario, shown, url

HOUR = 60 * MINUTE
DAY = 24 * HOUR
ONE = NOON + HOUR  # where most windows open
HIGH = {"config": {"quality": "high"}}


class ScheduledRoom(Scenario):
    """A scenario that answers each probe at once, with the streams and participants it has reported so far."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.reachable = True

    def wait(self, ms: Any) -> None:
        until = self.now + ms
        self.answer_probes()
        while due := [(at, name) for name, at in self.room.timers.items() if at <= until]:
            self.timer(min(due)[1])
            self.answer_probes()
        self.now = max(self.now, until)

    def answer_probes(self) -> None:
        """Answer the pending probe, and those that its answer causes."""
        for _ in range(8):
            if self.reachable and self.room.probing.probe is not None:
                self.answer_probe()

    def answer_probe(self) -> None:
        live = [run for run in self.runs if run.live]
        active = shown(live[-1]) if live else None
        session = self.room.session
        session_data = None
        if session is not None and session.live and self.pending_probe.body.get("session"):
            people = dict(session.participants) if session.complete else {"ada": "Ada"}
            session_data = {"session_id": session.session_id, "live": True, "participants": people}
        self.probe(active, session=session_data, after=0)

    def until(self, moment: Any) -> None:
        """Let the clock run to a moment."""
        self.wait(moment - self.now)

    def skip_to(self, moment: Any) -> None:
        """Skip to a moment without firing timers, then fire those that are due."""
        self.now = moment
        self.wait(0)

    def put_schedule(self, name: str = "show", *, at: Any = ("13:00",), long: Any = HOUR, **more: Any) -> Any:
        """Put a rule whose windows open today."""
        schedule = {"at": [f"2026-11-22T{time}" if len(time) == 5 else time for time in at], "duration_s": long // 1000}
        self.put_rule({"name": name, "rooms": [ROOM], "schedule": schedule, **more})
        return self

    def open_session(self, who: str = "ada", session: Any = SESSION) -> Any:
        """Somebody opens a session."""
        self.webhook("session-started", session=session)
        self.joined(who, session=session)
        return self

    def playable(self, run: str = "a", **more: Any) -> Any:
        """The start that was called succeeds, and the stream becomes playable."""
        self.answer("succeeded", run=run, **more)
        self.hls("started", "playable", id=run, url=url(run))
        return self

    def stopped(self, run: str = "a") -> Any:
        self.hls("stopping", "stopped", id=run, after=0)
        return self

    def ended(self, run: str = "a") -> Any:
        """The end that was called succeeds, and the stream stops."""
        self.answer("succeeded")
        return self.stopped(run)

    @property
    def broadcasts(self) -> Any:
        """The notices about windows so far, without their prefix."""
        return [
            notice.type.removeprefix("broadcast.") for notice in self.announced if notice.type.startswith("broadcast.")
        ]

    def reason(self, kind: Any) -> Any:
        return [notice.data["reason"] for notice in self.announced if notice.type == f"broadcast.{kind}"][-1]

    @property
    def desired(self) -> Any:
        desired = self.view["desired"]
        return None if desired is None else desired["on_air"]


def on_show(run: str = "a", **more: Any) -> Any:
    """A room whose window opened at 13:00 and whose stream is playable."""
    scenario = ScheduledRoom().open_session().put_schedule(**more)
    scenario.until(ONE)
    return scenario.playable(run)


def after_show(scenario: Any) -> Any:
    """The window has closed and the stream has ended."""
    scenario.until(ONE + HOUR)
    return scenario.ended(scenario.runs[-1].videosdk_id)
