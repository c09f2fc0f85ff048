"""Signals between the tasks of a run: work is available, progress was made, the run is ending."""

import asyncio
from time import monotonic


class RunSignals:
    """`claim`, `settle` and `recover` are set when there is work for the task of that name.

    `store_free` is cleared while a small batch of new deliveries is written: claims and settlements wait for it.
    `has_more_soon`: the last claim saw deliveries that are due within moments. `active_at` is when something was done
    last (`monotonic`).
    """

    def __init__(self) -> None:
        self.claim = asyncio.Event()
        self.settle = asyncio.Event()
        self.recover = asyncio.Event()
        self.store_free = asyncio.Event()
        self.store_free.set()
        self.is_ending = False
        self.has_more_soon = False
        self.active_at = 0.0

    def start(self) -> None:
        """A run's tasks begin."""
        self.is_ending = False
        self.touch()

    def end(self) -> None:
        """Let every task finish what it is doing."""
        self.is_ending = True
        for event in (self.claim, self.settle, self.recover):
            event.set()

    def touch(self) -> None:
        """Something was done."""
        self.active_at = monotonic()
