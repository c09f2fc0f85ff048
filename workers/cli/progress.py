"""Progress bars on stderr, shown only on a terminal."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click


@contextmanager
def bar(length: int, label: str) -> Iterator[Callable[[int], None]]:
    """Show a progress bar; the yielded function sets how much is done."""
    with click.progressbar(
        length=max(1, length), label=label, file=sys.stderr, hidden=not sys.stderr.isatty()
    ) as shown:
        yield lambda done: shown.update(max(0, min(done, max(1, length)) - shown.pos))


@contextmanager
def unknown_length(label: str) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar whose length may change; the yielded function sets how much is done, and of how much."""
    with click.progressbar(length=1, label=label, file=sys.stderr, hidden=not sys.stderr.isatty()) as shown:

        def update(done: int, of: int) -> None:
            shown.length = max(1, of)
            shown.update(max(0, done - shown.pos))

        yield update
