"""The circuit before a silent store: one caller probes, the others are refused at once."""

import threading

import pytest
import redis

from webhook_app.domain.events import Source
from webhook_app.store.circuit import RETRY_AFTER_S, Circuit
from webhook_app.store.clients import StoreSilentError, StoreUnavailable
from webhook_app.store.journal import Entry, GroupAppender, Journal, Wake

LIMIT_S = 20.0


class World:
    """A store that is silent or not, and a clock."""

    def __init__(self) -> None:
        self.now = 0.0
        self.error: Exception | None = None
        self.probes = 0
        self.circuit = Circuit(self._probe, now=lambda: self.now)

    def _probe(self) -> None:
        self.probes += 1
        if self.error is not None:
            raise self.error


def test_a_store_that_answers_lets_everybody_pass() -> None:
    world = World()
    assert not any(world.circuit.admit() for _ in range(100))
    assert world.probes == 0


@pytest.mark.parametrize("silence", [redis.TimeoutError("silent"), redis.ConnectionError("refused")])
def test_while_the_store_is_silent_one_caller_at_a_time_probes(silence: Exception) -> None:
    world = World()
    world.error = silence
    world.circuit.open()
    for _ in range(3):
        for _ in range(10):
            with pytest.raises(StoreUnavailable):
                world.circuit.admit()
        world.now += RETRY_AFTER_S
        assert world.circuit.admit()
        with pytest.raises(StoreUnavailable):  # the probe is still under way
            world.circuit.admit()
        with pytest.raises(StoreUnavailable):
            world.circuit.probe()
    assert world.probes == 3


@pytest.mark.parametrize("error", [None, redis.ReadOnlyError("READONLY"), redis.ResponseError("MISCONF")])
def test_any_answer_closes_it(error: Exception | None) -> None:
    world = World()
    world.error = error
    world.circuit.open()
    world.now += RETRY_AFTER_S
    assert world.circuit.admit()
    world.circuit.probe()
    assert not world.circuit.admit()


def test_a_probe_that_breaks_leaves_the_next_one_possible() -> None:
    world = World()
    world.error = RuntimeError("broken")
    world.circuit.open()
    world.now += RETRY_AFTER_S
    assert world.circuit.admit()
    with pytest.raises(RuntimeError):
        world.circuit.probe()
    world.now += RETRY_AFTER_S
    assert world.circuit.admit()


class SilentJournal(Journal):
    """A journal whose store is silent until it is let go."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.let_go = threading.Event()
        self.appends = 0
        self.error: Exception = StoreSilentError("no answer")

    def append(self, entries: object) -> tuple[list[str], bool]:
        self.appends += 1
        self.asked.set()
        assert self.let_go.wait(LIMIT_S)
        raise self.error


class NoWake(Wake):
    """Wakes nobody."""

    def wake(self, queue: str) -> None:
        pass


@pytest.mark.parametrize("error", [StoreSilentError("no answer"), StoreUnavailable("refused"), ValueError("a bug")])
def test_everybody_who_waits_gets_an_answer_whatever_the_append_raises(error: Exception) -> None:
    journal = SilentJournal()
    journal.error = error
    appender = GroupAppender(journal, NoWake(), circuit=Circuit(lambda: None))
    raised: list[Exception] = []

    def append() -> None:
        try:
            appender.append(Entry(Source.VIDEOSDK, "t", "r", b"{}"))
        except Exception as failure:
            raised.append(failure)

    threads = [threading.Thread(target=append) for _ in range(20)]
    threads[0].start()
    assert journal.asked.wait(LIMIT_S)
    for thread in threads[1:]:
        thread.start()
    journal.let_go.set()
    for thread in threads:
        thread.join(LIMIT_S)
    assert len(raised) == len(threads)
    assert all(isinstance(failure, (StoreUnavailable, type(error))) for failure in raised)


def test_a_silent_store_is_asked_once_for_all_who_wait_and_later_comers_are_refused() -> None:
    journal = SilentJournal()
    appender = GroupAppender(journal, NoWake(), circuit=Circuit(lambda: None, now=lambda: 0.0))
    gate = threading.Lock()
    refused: list[StoreUnavailable] = []

    def append() -> None:
        try:
            appender.append(Entry(Source.VIDEOSDK, "t", "r", b"{}"))
        except StoreUnavailable as failure:
            refused.append(failure)

    threads = [threading.Thread(target=append) for _ in range(10)]
    threads[0].start()
    assert journal.asked.wait(LIMIT_S)
    for thread in threads[1:]:
        thread.start()
    while len(appender._waiting) < len(threads) - 1:
        threads[1].join(0.01)
    journal.let_go.set()
    for thread in threads:
        thread.join(LIMIT_S)
    assert len(refused) == len(threads)
    with gate, pytest.raises(StoreUnavailable):
        appender.append(Entry(Source.VIDEOSDK, "t", "r", b"{}"), gate=gate)
    assert not gate.locked()
    assert journal.appends == 1
