"""Command output: JSON for programs, tables for people, colours only on a terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

import click

from webhook_app.text.printable import json_for_terminal, printable

as_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")

LAMPS = {
    "on air": ("● ON AIR", "red"),
    "starting": ("◐ starting", "yellow"),
    "off": ("○ off", None),
}
CELL_MAX_CHARS = 60
NOTHING = "-"

Cell = str | tuple[str, str | None]  # text, or text and colour


def print_json(value: Any) -> None:
    """Print one indented JSON document."""
    click.echo(json_for_terminal(value, indent=2))


def print_json_line(value: Any) -> None:
    """Print one JSON document on one line."""
    click.echo(json_for_terminal(value))


def print_table(head: Sequence[str], rows: Sequence[Sequence[Cell]], *, empty: str) -> None:
    """Print rows in columns, leaving out empty columns; print `empty` if there are no rows."""
    if not rows:
        click.echo(empty)
        return
    shown_columns = [at for at in range(len(head)) if any(row[at] != NOTHING for row in rows)]
    head, rows = [head[at] for at in shown_columns], [[row[at] for at in shown_columns] for row in rows]
    plain = [[*(_cut(_plain(cell)) for cell in row[:-1]), _plain(row[-1])] for row in rows]
    widths = [max(map(len, column)) for column in zip(head, *plain, strict=True)]
    click.echo("  ".join(click.style(name.ljust(width), dim=True) for name, width in _last_free(head, widths)).rstrip())
    for row, texts in zip(rows, plain, strict=True):
        cells = (
            click.style(text.ljust(width), fg=_colour(cell)) if _colour(cell) else text.ljust(width)
            for cell, (text, width) in zip(row, _last_free(texts, widths), strict=True)
        )
        click.echo("  ".join(cells).rstrip())


def lamp(room: dict[str, Any]) -> Cell:
    """Return a room's tally lamp as text and colour: red while on air by HLS or RTMP, yellow while starting."""
    if room["live"]:
        return LAMPS["on air"]
    return LAMPS["starting"] if room["state"] == "starting" else LAMPS["off"]


def room(item: Mapping[str, Any]) -> str:
    """Return the name of an item's room, its id if it has none, or a dash."""
    return str(item.get("room_name") or item.get("room_id") or NOTHING)


def moment(text: str | None) -> str:
    """Format an API time to the second; a dash for None."""
    return NOTHING if text is None else f"{text[:10]} {text[11:19]}Z"


def one_line(text: str) -> str:
    """Return a text on one line with terminal control characters escaped."""
    return printable(" ".join(text.splitlines()))


def more(cursor: str | None) -> None:
    """Print a hint on stderr if the list has more pages."""
    if cursor is not None:
        click.echo("More results available; use --limit.", err=True)


def _plain(cell: Cell) -> str:
    return one_line(cell if isinstance(cell, str) else cell[0])


def _cut(text: str) -> str:
    return text if len(text) <= CELL_MAX_CHARS else text[: CELL_MAX_CHARS - 1] + "…"


def _colour(cell: Cell) -> str | None:
    return None if isinstance(cell, str) else cell[1]


def _last_free(texts: Sequence[str], widths: Sequence[int]) -> list[tuple[str, int]]:
    """Pair texts and widths; the last column is not padded."""
    return [*zip(texts[:-1], widths[:-1], strict=True), (texts[-1], 0)]
