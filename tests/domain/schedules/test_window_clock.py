"""Windows and the clock: daylight saving, listed occurrences, backtests, and timers set again as they fire."""

from typing import Any

from tests.support.scenario import NOON, ROOM, Scenario
from tests.support.scheduled_room import HIGH, HOUR, ONE, ScheduledRoom
from webhook_app.domain.context import StepContext
from webhook_app.domain.events import Event, Source
from webhook_app.domain.outcome import StepOutcome
from webhook_app.domain.probing.subjects import ProbeSubject
from webhook_app.domain.rules.backtest import backtest
from webhook_app.domain.schedules.occurrences import occurrences, over_quota
from webhook_app.domain.state import SystemState
from webhook_app.domain.timers import TimerKind, probe_timer
from webhook_app.event_decoding.rules import decode_rule
from webhook_app.providers.registry import CALLED
from webhook_app.store import codec


def test_a_schedule_opens_at_local_time_across_a_daylight_saving_change() -> None:
    scenario = ScheduledRoom()
    scenario.now = 1_774_656_000_000  # 2026-03-28T00:00:00Z, the day before London's clocks go forward
    scenario.open_session()
    schedule = {"cron": "30 1 * * *", "timezone": "Europe/London", "duration_s": 600}
    scenario.put_rule({"name": "night", "rooms": [ROOM], "schedule": schedule})
    opened: list[Any] = []
    while len(opened) < 3:
        scenario.timer("window")
        if scenario.room.schedule.window is not None:
            opened.append(scenario.view["desired"]["since"][8:16])
            scenario.playable(f"r{len(opened)}")
        else:
            scenario.ended(f"r{len(opened)}")
    assert opened == ["28T01:30", "29T01:30", "30T00:30"]


def test_listed_occurrences_reflect_windows_that_cut_each_other_short() -> None:
    scenario = ScheduledRoom().put_schedule(long=4 * HOUR)
    scenario.put_schedule("choir", at=["14:00"], start=HIGH)

    def shown(name: Any, at: Any) -> Any:
        rule = scenario.world.config.rules[name]
        listed = occurrences(scenario.world.config, rule, [ROOM], at=at, count=5)
        return [
            ((occurrence.window.opens_at - NOON) / HOUR, (occurrence.window.closes_at - NOON) / HOUR)
            for occurrence in listed
        ]

    assert shown("show", NOON) == [(1, 2)]
    assert shown("choir", NOON) == [(2, 3)]
    assert shown("show", ONE + 3 * HOUR) == []
    assert over_quota(scenario.world.config, [ROOM], at=NOON, limit=1) == []


def test_a_backtest_of_a_schedule_lists_its_actions_and_calls_nothing() -> None:
    scenario = ScheduledRoom().open_session()
    before = SystemState(scenario.world.config)
    scenario.until(ONE + 2 * HOUR)
    scenario.joined("bob")
    draft = decode_rule(
        {"name": "draft", "rooms": [ROOM], "schedule": {"at": ["2026-11-22T13:00"], "duration_s": 3600, "given": {}}}
    )
    result = backtest(
        before, scenario.events, [draft], since=NOON, until=scenario.now, webhook_for=CALLED.stream_webhook
    )
    assert [(act.kind, act.at) for act in result.would] == [
        ("start", ONE),
        ("end", ONE + HOUR),
        ("broadcast.completed", ONE + HOUR),
    ]
    assert result.only_would == result.would
    assert scenario.starts == []


def test_a_timer_that_is_set_again_as_it_fires_is_due_later() -> None:
    scenario = Scenario()
    scenario.webhook("session-started")
    scenario.hls("starting", id="a")
    due = scenario.room.timers["watch"]
    event = codec.journal_event(Event("1-0", Source.CLOCK, "timer", ROOM, due, {"timer": "watch", "due": due}))
    turn = StepContext(scenario.world, event, scenario.room, StepOutcome())
    turn.clear_timer(TimerKind.WATCH)
    turn.set_timer(TimerKind.WATCH, due)
    assert turn.room.timers["watch"] == due + 1
    turn.set_timer(probe_timer(ProbeSubject.SETTLE), due)
    assert turn.room.timers["ask:settle"] == due
