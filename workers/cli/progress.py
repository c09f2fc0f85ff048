"""Progress bars of long work: on stderr, on a terminal only."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click


@contextmanager
def bar(length: int, label: str) -> Iterator[Callable[[int], None]]:
    """A bar; call what it gives with how far the work is."""
    with click.progressbar(
        length=max(1, length), label=label, file=sys.stderr, hidden=not sys.stderr.isatty()
    ) as shown:
        yield lambda done: shown.update(max(0, min(done, max(1, length)) - shown.pos))


@contextmanager
def unknown_length(label: str) -> Iterator[Callable[[int, int], None]]:
    """A bar whose length is found on the way; call what it gives with how far the work is, and of how much."""
    with click.progressbar(length=1, label=label, file=sys.stderr, hidden=not sys.stderr.isatty()) as shown:

        def update(done: int, of: int) -> None:
            shown.length = max(1, of)
            shown.update(max(0, done - shown.pos))

        yield update
