"""Alarms on the reducer itself: raised and cleared by any clock, announced once, and not in the reducer's state."""

from tests.support.replay import differences, outbox, refold
from tests.support.web_client import NullWake
from webhook_app.domain.events import Source
from webhook_app.store import keys
from webhook_app.store.connection.clients import Client
from webhook_app.store.journal.journal import Journal, entry
from webhook_app.store.operations.system_alarms import raised_system_alarms
from workers.clock.journal_watch import CHECK_COUNTS_AT_MOST_S, JournalWatch
from workers.reduce.reducer import Reducer


class FakeClock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Watched:
    """A watch, and a clock that moves with each of its looks."""

    def __init__(self, client: Client) -> None:
        self.clock = FakeClock()
        self.watch = JournalWatch(client, stalled_after_s=30.0, clock=self.clock)

    def look(self, *, seconds: int, each_s: float = 1.0) -> None:
        for _ in range(seconds):
            self.watch.check()
            self.clock.now += each_s
        self.watch.check()


def append(client: Client, *rooms: str) -> list[str]:
    return Journal(client).append([entry(Source.OPERATOR, "start", room, {}) for room in rooms])[0]


def announced(client: Client) -> list[tuple[str, str]]:
    return [(notice.type, notice.data["alarm"]["name"]) for notice in outbox(client) if "alarm" in notice.data]


def test_a_journal_that_stands_still_raises_an_alarm_that_names_the_next_event(client: Client) -> None:
    first, _ = append(client, "a", "b")
    watched = Watched(client)
    watched.look(seconds=29)
    assert raised_system_alarms(client) == []
    watched.look(seconds=2)
    [alarm] = raised_system_alarms(client)
    assert (alarm.name, alarm.severity) == ("journal-stalled", "critical")
    assert first in alarm.summary_text and "2 wait" in alarm.summary_text
    assert announced(client) == [("alarm.raised", "journal-stalled")]


def test_the_alarm_is_cleared_when_the_reducer_advances_and_each_change_is_announced_once(client: Client) -> None:
    append(client, "a")
    clocks = [Watched(client), Watched(client)]
    for watched in clocks:
        watched.look(seconds=40)
    fresh = Watched(client)
    fresh.look(seconds=1)  # a clock that has just started has not seen the journal stand still, and clears nothing
    assert len(raised_system_alarms(client)) == 1
    Reducer(client, NullWake()).reduce()
    for watched in [*clocks, fresh]:
        watched.look(seconds=1)
    assert raised_system_alarms(client) == []
    assert announced(client) == [("alarm.raised", "journal-stalled"), ("alarm.cleared", "journal-stalled")]
    assert client.zcard(keys.ALARMS_PAST) == 1
    assert differences(client, refold(client)) == []


def test_a_backlog_that_is_worked_off_and_an_idle_journal_raise_nothing(client: Client) -> None:
    reducer, watched = Reducer(client, NullWake()), Watched(client)
    watched.look(seconds=100)
    for at in range(10):
        append(client, f"room-{at}")
        watched.look(seconds=20)
        reducer.reduce()
    assert raised_system_alarms(client) == [] and announced(client) == []


def test_a_suspended_machine_does_not_count(client: Client) -> None:
    append(client, "a")
    watched = Watched(client)
    watched.look(seconds=int(30 / CHECK_COUNTS_AT_MOST_S) - 1, each_s=3_600.0)
    assert raised_system_alarms(client) == []


def test_halted_reducing_is_announced_and_cleared_outside_the_reducer(client: Client) -> None:
    append(client, "a")
    client.mset({keys.HALTED: "WRONGTYPE", keys.HALTED_AT: 1_795_871_583_549})
    assert [alarm.name for alarm in raised_system_alarms(client)] == ["reducing-halted"]  # before a clock has looked
    watched = Watched(client)
    watched.look(seconds=100)
    [alarm] = raised_system_alarms(client)
    assert (alarm.name, alarm.since) == ("reducing-halted", 1_795_871_583_549)  # one alarm for one cause
    client.delete(keys.HALTED, keys.HALTED_AT)
    assert raised_system_alarms(client) == []
    watched.look(seconds=1)
    assert announced(client) == [("alarm.raised", "reducing-halted"), ("alarm.cleared", "reducing-halted")]
