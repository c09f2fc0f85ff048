"""A house: one running product in which many stories happen at once, each in a room of its own."""

import concurrent.futures
import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from pathlib import Path

from gate import Gate
from hall import Hall
from product import Product, children_of, product
from support.reporting import SharedFailureError
from support.waiting import last_lines, patient

STORY_LIMIT_S = patient(260.0)
STAGGER_S = 0.1
NAME_CHARS = 90
FALLS_AFTER_S = 25.0
DOWN_S = 22.0

Tale = Callable[[Hall], None]


class House:
    """Starts its product and its stories, all at once; each story's verdict waits for whoever asks.

    A house that is `falling` dies once, every process of it with `kill -9`, and is started again a while later. One
    that is `gated` reaches VideoSDK through a gate.
    """

    def __init__(self, home: Path, tales: Mapping[str, Tale], kind: str) -> None:
        self._home = home
        self._tales = tales
        self._kind = kind
        self._falling = kind == "falling"
        self._gate = Gate() if kind == "gated" else None
        self.took_s: dict[str, float] = {}
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
        try:
            with self._product() as one:
                one.subscribe("*")
                falls_at = float(int(time.time() + FALLS_AFTER_S))
                halls = [Hall(one, _room(name), falls_at, falls_at + DOWN_S, self._gate) for name in self._tales]
                threads = [
                    threading.Thread(target=self._tell, args=(name, hall), name=name)
                    for name, hall in zip(self._tales, halls, strict=True)
                ]
                for thread in threads:
                    thread.start()
                    time.sleep(STAGGER_S)
                if self._falling:
                    self._fall(one, falls_at)
                for thread in threads:
                    thread.join()
        except BaseException as error:
            shared = SharedFailureError(f"the product of the {self._kind} stories failed", error)
            for verdict in self._verdicts.values():
                if not verdict.done():
                    verdict.set_exception(shared)

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

    def _tell(self, name: str, hall: Hall) -> None:
        began = time.monotonic()
        try:
            self._tales[name](hall)
            hall.ended_well()
            self.took_s[name] = time.monotonic() - began
        except BaseException as error:
            with contextlib.suppress(Exception):
                error.add_note(hall.account())
            self._verdicts[name].set_exception(error if self._falling or hall.one.runs else self._gone(hall.one))
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


def _room(test: str) -> str:
    return test.removeprefix("test_").replace("_", "-").replace("[", "-").replace("]", "")[:NAME_CHARS]
