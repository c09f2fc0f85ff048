"""People of the simulated world: who joins, leaves, stops and commands, which rules there are, what breaks down."""

from typing import Any

from sandbox import model
from sandbox.outputs import Output
from tests.simulation.agenda import DAY, HOUR, MINUTE, SECOND, Agenda
from tests.simulation.videosdk import Cloud
from tests.simulation.worker import Worker
from webhook_app.domain.events import Source
from webhook_app.domain.schedules.schedule import Window, windows

ROOMS = ("aaaa-aaaa-aaaa", "bbbb-bbbb-bbbb")
NAMES = ("ada", "bob", "host-eve")
ACTS = (*("join",) * 8, *("leave",) * 3, *("start", "stop", "stop") * 2, *("fail",) * 4, "close", "say", "say", "rule")
MISHAPS = ("fail", "fail", "stop", "close", "start", "say", "leave", "rule")
ZONES = ("UTC", "Europe/London", "America/New_York", "Asia/Kathmandu")
EMPTY = "room.on_air && room.session.participant_count == 0"
EMPTY_RECORDING = "room.recording && room.session.participant_count == 0"
OUTPUTS = (*(Output.HLS,) * 2, Output.RECORDING, Output.RTMP)
WINDOWS_A_DAY = 8


class People:
    """What people do to rooms, rules and machines."""

    def __init__(self, agenda: Agenda, worker: Worker, cloud: Cloud) -> None:
        self.agenda = agenda
        self.worker = worker
        self.cloud = cloud
        self.daily = False

    def have_rules(self) -> None:
        """Every room gets some rules to begin with."""
        for room_id in ROOMS:
            self._put_rules(room_id)

    # Hours in which something happens all the time

    def rush(self) -> None:
        """Act now, and again soon, as long as there is trouble."""
        if not self.agenda.trouble:
            return
        rng = self.agenda.rng
        self.agenda.later(rng.choice((5, 30, 120, 600)) * rng.randrange(200, 2_000), self.rush)
        self.act(rng.choice(ROOMS), rng.choice(ACTS))

    def wear(self) -> None:
        """Let something break now and then, as long as there is trouble."""
        if self.agenda.trouble:
            self.agenda.later(self.agenda.rng.randrange(2 * MINUTE, 40 * MINUTE), self.wear)
            self.something_breaks()

    # Days with a few broadcasts

    def windows(self) -> list[tuple[str, Window]]:
        """The windows of the coming day, in each room."""
        now, config = self.agenda.now, self.worker.world.config
        openings: list[tuple[str, Window]] = []
        for room_id in ROOMS:
            for rule in config.about(room_id):
                if rule.schedule_trigger is not None:
                    ahead = windows(rule.schedule_trigger.schedule, now, now + DAY, config.calendars)
                    openings += [(room_id, window) for _, window in zip(range(WINDOWS_A_DAY), ahead, strict=False)]
        return openings

    def live_a_day(self, broadcasts: list[tuple[str, Window]]) -> None:
        """Whoever comes to the day's broadcasts comes, something else happens, and something breaks."""
        rng = self.agenda.rng
        for room_id, window in broadcasts:
            self._attend(room_id, window)
        for room_id in ROOMS:  # and towards its end everybody goes home
            self._at(self.agenda.now + rng.randrange(14 * HOUR, 20 * HOUR), self.act, room_id, "close")
        for _ in range(rng.randrange(6)):
            self._at(self.agenda.now + rng.randrange(DAY), self.act, rng.choice(ROOMS), rng.choice(ACTS))
        for _ in range(rng.randrange(3)):
            self._at(self.agenda.now + rng.randrange(DAY), self.something_breaks)

    def _attend(self, room_id: str, window: Window) -> None:
        rng = self.agenda.rng
        long = min(window.closes_at - window.opens_at, 3 * HOUR)
        closes_at = window.opens_at + long
        for who in rng.sample(NAMES, rng.randrange(4)):
            comes_at = window.opens_at + rng.choice((rng.randrange(-15 * MINUTE, 5 * MINUTE), rng.randrange(long)))
            self._at(comes_at, self._join, room_id, who)
            self._at(closes_at + rng.randrange(-10 * MINUTE, 20 * MINUTE), self._leave, room_id, who)
        if rng.random() < 0.8:
            self._at(closes_at + rng.randrange(30 * MINUTE), self.act, room_id, "close")
        if rng.random() < 0.4:
            self._at(window.opens_at + rng.randrange(long), self.act, room_id, rng.choice(MISHAPS))
        if rng.random() < 0.15:
            goes_at = rng.choice((window.opens_at, closes_at)) - rng.randrange(10 * MINUTE)
            self._at(goes_at, self.break_down, rng.choice(("worker", "clock", "call")), 20 * MINUTE)
        elif rng.random() < 0.05:
            self._at(window.opens_at - MINUTE, self.break_down, "worker", long + 2 * MINUTE)

    def _at(self, moment: int, act: Any, *args: Any) -> None:
        if moment >= self.agenda.now:
            self.agenda.later(moment - self.agenda.now, act, *args)

    # Acts

    def act(self, room_id: str, what: str) -> None:
        """Somebody does something; in peace nobody does."""
        if not self.agenda.trouble:
            return
        rng = self.agenda.rng
        self.agenda.say("{} somebody: {}", room_id[:1], what)
        match what:
            case "join":
                self._join(room_id, rng.choice(NAMES))
            case "leave":
                self._leave(room_id, rng.choice(NAMES))
            case "start":
                output = rng.choice(OUTPUTS)
                if not self.cloud.late.get((room_id, output)):  # two at once would be no doing of ours
                    self.cloud.try_to(model.start, room_id, output=output)
            case "stop":
                self.cloud.try_to(model.end, room_id, output=rng.choice(OUTPUTS))
            case "fail":
                reason = rng.choice((None, "encoder crashed"))
                self.cloud.try_to(model.fail, room_id, output=rng.choice(OUTPUTS), reason=reason)
            case "close":
                self.cloud.try_to(model.end_session, room_id)
            case "say":
                self._say(room_id)
            case _:
                self._change_rule(room_id)

    def something_breaks(self) -> None:
        """A hand of ours goes down, VideoSDK refuses our token or a room, or all is well again."""
        faults, rng = self.agenda.faults, self.agenda.rng
        what = rng.choice(("worker", "clock", "call", "deliver", "token", "forbidden", "well", "well"))
        if not self.agenda.trouble or faults.crash + faults.refuse == 0:
            return
        if what in self.worker.down_until:
            self.break_down(what, rng.choice((5, 60, 600, 2_400)) * SECOND)
        elif what == "token":
            self.cloud.token_ok = False
        elif what == "forbidden":
            self.cloud.forbidden.add(rng.choice(ROOMS))
        else:
            self.cloud.token_ok = True
            self.cloud.forbidden.clear()
        if self.daily and what in ("token", "forbidden"):  # somebody sees to it
            self.agenda.later(rng.randrange(MINUTE, 4 * HOUR), self._mend)

    def break_down(self, what: str, long: int) -> None:
        """A hand of ours is down for so many ms."""
        if self.agenda.trouble:
            self.worker.down_until[what] = max(self.worker.down_until[what], self.agenda.now + long)
            self.agenda.say("{} is down for {} s", what, long // SECOND)

    def _mend(self) -> None:
        self.cloud.token_ok = True
        self.cloud.forbidden.clear()

    def _join(self, room_id: str, who: str) -> None:
        if self.agenda.trouble:
            self.agenda.say("{} {} joins", room_id[:1], who)
            mode = "VIEWER" if who == "bob" else "CONFERENCE"
            self.cloud.try_to(model.join, room_id, participant_id=who, name=who.title(), mode=mode)

    def _leave(self, room_id: str, who: str) -> None:
        if self.agenda.trouble:
            self.agenda.say("{} {} leaves", room_id[:1], who)
            self.cloud.try_to(model.leave, room_id, who)

    def _say(self, room_id: str) -> None:
        rng = self.agenda.rng
        command = rng.choice(("start", "end", "release"))
        output = rng.choice(OUTPUTS)
        data: dict[str, Any] = {} if output is Output.HLS else {"output": output.value}
        if command != "release" and rng.random() < 0.5:
            data["until"] = self.agenda.now + rng.randrange(MINUTE, HOUR)
        self.agenda.say("{} operator: {} {}", room_id[:1], command, data)
        self.worker.append(Source.OPERATOR, command, room_id, data)
        if self.daily and command == "start":  # nobody leaves a room on air for days
            later = rng.randrange(MINUTE, 3 * HOUR)
            released = {name: value for name, value in data.items() if name == "output"}
            self.agenda.later(later, self.worker.append, Source.OPERATOR, "release", room_id, released)

    # Rules

    def _change_rule(self, room_id: str) -> None:
        rng = self.agenda.rng
        name = f"{rng.choice(('show', 'choir', 'in', 'out', 'empty', 'nobody'))}-{_short(room_id)}"
        what = rng.choice(("put", "put", "rule-paused", "rule-resumed", "rule-resumed", "rule-skip-next", "drop"))
        if what == "put":
            self._put_rules(room_id, only=name)
        elif what == "drop":
            self.worker.append(Source.OPERATOR, "rule-deleted", None, {"name": name})
        else:
            self.worker.append(Source.OPERATOR, what, None, {"name": name})

    def _put_rules(self, room_id: str, only: str | None = None) -> None:
        letter = _short(room_id)
        schedule = self._a_daily_schedule if self.daily else self._an_hourly_schedule
        rules = [
            {"name": f"show-{letter}", "schedule": schedule(), **self._options()},
            {"name": f"choir-{letter}", "schedule": schedule(), **self._options()},
            {"name": f"in-{letter}", "on": "participant-joined", "do": "start", **self._output()},
            {"name": f"out-{letter}", "on": "participant-left", "do": "end", **self._output()},
            {"name": f"empty-{letter}", "when": EMPTY, "for_s": 120, "do": "end"},
            {"name": f"nobody-{letter}", "when": EMPTY_RECORDING, "for_s": 60, "do": "end", "output": "recording"},
        ]
        for rule in rules:
            if rule["name"] == only or (only is None and self.agenda.rng.random() < 0.6):
                self.agenda.say("rule {}", rule)
                self.worker.append(Source.CONFIG, "rule-put", None, {"rule": {"rooms": [room_id], **rule}})

    def _an_hourly_schedule(self) -> dict[str, Any]:
        rng = self.agenda.rng
        minute, long = rng.randrange(60), rng.choice((5, 20, 40, 60, 75)) * 60
        zone = rng.choice(ZONES)
        which = rng.choice(("hourly", "hourly", "two-hourly", "always", "rrule"))
        if which == "always":
            return {"always": True, "timezone": zone}
        if which == "rrule":
            return _recurring("FREQ=HOURLY;INTERVAL=3", 0, minute, long, zone)
        hours = "*" if which == "hourly" else "*/2"
        return {"cron": f"{minute} {hours} * * *", "duration_s": long, "timezone": zone}

    def _a_daily_schedule(self) -> dict[str, Any]:
        rng = self.agenda.rng
        hour, minute, long = rng.randrange(24), rng.choice((0, 0, 30, 45)), rng.choice((15, 30, 60, 60, 90)) * 60
        zone = rng.choice(ZONES)
        match rng.choice(("daily", "daily", "twice", "week-days", "weekly", "rrule", "rrule-weekly")):
            case "daily":
                when: dict[str, Any] = {"cron": f"{minute} {hour} * * *"}
            case "twice":
                when = {"cron": f"{minute} {hour},{(hour + 5) % 24} * * *"}
            case "week-days":
                when = {"cron": f"{minute} {hour} * * MON-FRI"}
            case "weekly":
                when = {"cron": f"{minute} {hour} * * SUN,WED"}
            case "rrule":
                return _recurring("FREQ=DAILY", hour, minute, long, zone)
            case _:
                return _recurring("FREQ=WEEKLY;BYDAY=MO,TU,SA", hour, minute, long, zone)
        return {**when, "duration_s": long, "timezone": zone}

    def _options(self) -> dict[str, Any]:
        drawn: dict[str, Any] = {
            "late_after_s": 60,
            "remind_s": 300,
            "end_when_empty_s": 180,
            "overrun_s": 600,
            "max_run_s": 1_800,
            "restart": self.agenda.rng.choice(("always", "never", "on-failure")),
            "if": 'room.session.participants.exists(p, p.name.startsWith("Host"))',
            "start": {"config": {"quality": "high"}},
            "recording": {"config": {"quality": "low"}},
            "empty_means": self.agenda.rng.choice(("nobody", "no-hosts")),
        }
        options = {name: value for name, value in drawn.items() if self.agenda.rng.random() < 0.3}
        outputs = [output.value for output in Output if self.agenda.rng.random() < 0.5]
        return options | ({"outputs": outputs} if outputs else {})

    def _output(self) -> dict[str, Any]:
        output = self.agenda.rng.choice(OUTPUTS)
        return {} if output is Output.HLS else {"output": output.value}


def _short(room_id: str) -> str:
    return room_id.partition("-")[0]


def _recurring(rrule: str, hour: int, minute: int, long: int, zone: str) -> dict[str, Any]:
    dtstart = f"2025-12-01T{hour:02d}:{minute:02d}"
    return {"rrule": rrule, "dtstart": dtstart, "duration_s": long, "timezone": zone}
