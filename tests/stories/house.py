"""A house: one running product in which many stories happen at once, each in a room of its own."""

import contextlib
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from pathlib import Path

from hall import Hall
from product import Product, product

STORY_LIMIT_S = 240.0
STAGGER_S = 0.1
NAME_CHARS = 90

Tale = Callable[[Hall], None]
Conduct = Callable[[Product], None]


class House:
    """Starts its product and its stories, all at once; each story's verdict waits for whoever asks."""

    def __init__(self, home: Path, tales: Mapping[str, Tale], *, conduct: Conduct | None = None) -> None:
        self._home = home
        self._tales = tales
        self._conduct = conduct
        self._verdicts: dict[str, Future[None]] = {name: Future() for name in tales}
        self._thread = threading.Thread(target=self._live, name=home.name)
        self._thread.start()

    def verdict(self, name: str) -> None:
        """Wait for a story's end; raises what it raised."""
        self._verdicts[name].result(STORY_LIMIT_S)

    def close(self) -> None:
        self._thread.join(STORY_LIMIT_S)

    def _live(self) -> None:
        try:
            with product(self._home, pinned=True) as one:
                one.subscribe("*")
                threads = [threading.Thread(target=self._tell, args=(one, name), name=name) for name in self._tales]
                if self._conduct is not None:
                    threads.append(threading.Thread(target=self._conduct, args=(one,), name="conductor"))
                for thread in threads:
                    thread.start()
                    time.sleep(STAGGER_S)
                for thread in threads:
                    thread.join()
        except BaseException as error:
            for verdict in self._verdicts.values():
                if not verdict.done():
                    verdict.set_exception(error)

    def _tell(self, one: Product, name: str) -> None:
        hall = Hall(one, name.removeprefix("test_").replace("_", "-").replace("[", "-").replace("]", "")[:NAME_CHARS])
        try:
            self._tales[name](hall)
            hall.ended_well()
        except BaseException as error:
            with contextlib.suppress(Exception):
                error.add_note(hall.account())
            self._verdicts[name].set_exception(error)
        else:
            self._verdicts[name].set_result(None)
