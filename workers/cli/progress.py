"""Progress bars on stderr, shown only on a terminal."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click


@contextmanager
def progress_bar(length: int, label: str) -> Iterator[Callable[[int], None]]:
    """Show a progress bar; the yielded function sets how much is done."""
    with click.progressbar(length=max(1, length), label=label, file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:
        yield lambda done: bar.update(max(0, min(done, max(1, length)) - bar.pos))


@contextmanager
def growing_progress_bar(label: str) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar whose length may change; the yielded function sets how much is done, and of how much."""
    with click.progressbar(length=1, label=label, file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:

        def update(done: int, of: int) -> None:
            bar.length = max(1, of)
            bar.update(max(0, done - bar.pos))

        yield update
