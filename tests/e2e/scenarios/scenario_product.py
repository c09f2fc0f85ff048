"""A house: one running product in which many stories happen at once, each in a room of its own."""

import concurrent.futures
import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path

from tests.e2e.scenarios.scenario_room import ScenarioRoom
from tests.e2e.scenarios.toggle_proxy import ToggleProxy
from tests.support.polling import last_lines, load_per_core, scaled_limit
from tests.support.product import Product, children_of, product
from tests.support.reporting import SharedFailureError

STORY_LIMIT_S = scaled_limit(700.0)
STAGGER_S = 0.1
STAGGER_MAX_S = 0.8
OVERLOAD_PER_CORE = 4.0
AGAIN_AT_ONCE = (12, 6)
NAME_CHARS = 90
FALLS_AFTER_S = 25.0
DOWN_S = 22.0

Scenario = Callable[[ScenarioRoom], None]


class ScenarioProduct:
    """Starts its product and its stories, all at once; each story's verdict waits for whoever asks.

    A house that is `falling` dies once, every process of it with `kill -9`, and is started again a while later. One
    that is `gated` reaches VideoSDK through a gate.
    """

    def __init__(self, home: Path, tales: Mapping[str, Scenario], kind: str) -> None:
        self._home = home
        self._tales = tales
        self._kind = kind
        self._falling = kind == "falling"
        self._gate = ToggleProxy() if kind == "gated" else None
        self.took_s: dict[str, float] = {}
        self.told_again: list[str] = []
        self._failed: list[str] = []
        self._final = False
        self._lock = threading.Lock()
        self._gone_error: SharedFailureError | None = None
        self._verdicts: dict[str, Future[None]] = {name: Future() for name in tales}
        self._thread = threading.Thread(target=self._live, name=kind)
        self._thread.start()

    def verdict(self, name: str) -> None:
        """Wait for a story's end; raises what it raised."""
        try:
            self._verdicts[name].result(STORY_LIMIT_S)
        except concurrent.futures.TimeoutError:
            raise AssertionError(f"the story has not ended within {STORY_LIMIT_S:.0f} s") from None

    def close(self) -> None:
        self._thread.join(STORY_LIMIT_S)

    def _live(self) -> None:
        """Run the stories, all at once; then again, fewer at once, those that failed while the machine was overloaded.

        A story is a sequence in real time: a window of 20 s cannot hold what takes this machine 30 s today. On a
        machine that keeps up, the first failure is final.
        """
        try:
            with self._product() as one:
                one.subscribe("*")
                names = list(self._tales)
                for attempt, at_once in enumerate((len(names), *AGAIN_AT_ONCE)):
                    self._failed, self._final = [], attempt == len(AGAIN_AT_ONCE)
                    self._run_round(one, names, attempt, at_once)
                    names = self._failed
                    if not names:
                        break
                    self.told_again.extend(names)
        except BaseException as error:
            shared = SharedFailureError(f"the product of the {self._kind} stories failed", error)
            for verdict in self._verdicts.values():
                if not verdict.done():
                    verdict.set_exception(shared)

    def _run_round(self, one: Product, names: Sequence[str], attempt: int, at_once: int) -> None:
        falls_at = float(int(time.time() + FALLS_AFTER_S))
        places = threading.Semaphore(at_once)

        def run(name: str, scenario: ScenarioRoom) -> None:
            with places:
                self._tell(name, scenario)

        halls = [ScenarioRoom(one, _room(name, attempt), falls_at, falls_at + DOWN_S, self._gate) for name in names]
        threads = [
            threading.Thread(target=run, args=(name, scenario), name=name)
            for name, scenario in zip(names, halls, strict=True)
        ]
        stagger_s = STAGGER_S if self._falling else min(STAGGER_S * max(1.0, load_per_core()), STAGGER_MAX_S)
        for thread in threads:
            thread.start()
            time.sleep(stagger_s)
        if self._falling:
            self._fall(one, falls_at)
        for thread in threads:
            thread.join()

    @contextlib.contextmanager
    def _product(self) -> Iterator[Product]:
        if self._gate is None:
            with product(self._home, pinned=True) as one:
                yield one
            return
        try:
            with product(self._home, pinned=True, VIDEOSDK_API_URL=self._gate.url) as one:
                self._gate.behind = one.sandbox_url
                yield one
        finally:
            self._gate.stop()

    def _tell(self, name: str, scenario: ScenarioRoom) -> None:
        began = time.monotonic()
        try:
            self._tales[name](scenario)
            scenario.ended_well()
            self.took_s[name] = time.monotonic() - began
        except BaseException as error:
            with contextlib.suppress(Exception):
                error.add_note(scenario.account())
            if not (self._falling or scenario.one.runs):
                self._verdicts[name].set_exception(self._gone(scenario.one))
            elif self._final or load_per_core() < OVERLOAD_PER_CORE:
                self._verdicts[name].set_exception(error)
            else:
                with self._lock:
                    self._failed.append(name)
        else:
            self._verdicts[name].set_result(None)

    def _gone(self, one: Product) -> SharedFailureError:
        with self._lock:
            if self._gone_error is None:
                cause = AssertionError(f"`tally up` has ended:\n{last_lines(one.output())}")
                self._gone_error = SharedFailureError(f"the product of the {self._kind} stories ended", cause)
            return self._gone_error

    def _fall(self, one: Product, falls_at: float) -> None:
        time.sleep(max(0.0, falls_at - time.time()))
        pids = [one.supervisor, *one.pids().values()]
        pids += [child for pid in pids for child in children_of(pid)]
        for pid in pids:
            one.kill(pid)
        one.stop()  # nothing is left to stop: it is only waited for
        time.sleep(max(0.0, falls_at + DOWN_S - time.time()))
        one.start()


def _room(test: str, attempt: int) -> str:
    name = test.removeprefix("test_").replace("_", "-").replace("[", "-").replace("]", "")[:NAME_CHARS]
    return f"{name}-{attempt}" if attempt else name
