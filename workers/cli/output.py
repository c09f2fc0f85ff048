"""How commands print: JSON for machines, tables for people, colours on a terminal only."""

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

Cell = str | tuple[str, str | None]  # with a colour


def print_json(value: Any) -> None:
    """One JSON document, indented."""
    click.echo(json_for_terminal(value, indent=2))


def print_json_line(value: Any) -> None:
    """One JSON document on one line."""
    click.echo(json_for_terminal(value))


def print_table(head: Sequence[str], rows: Sequence[Sequence[Cell]], *, empty: str) -> None:
    """Columns as wide as what is in them, without those that say nothing; `empty` when there are no rows."""
    if not rows:
        click.echo(empty)
        return
    says = [at for at in range(len(head)) if any(row[at] != NOTHING for row in rows)]
    head, rows = [head[at] for at in says], [[row[at] for at in says] for row in rows]
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
    """A room's lamp: red on air, amber while it starts, grey off; in words too."""
    if room["on_air"]:
        return LAMPS["on air"]
    return LAMPS["starting"] if room["state"] == "starting" else LAMPS["off"]


def room(item: Mapping[str, Any]) -> str:
    """An item's room by name, by id where it has none, a dash for no room."""
    return str(item.get("room_name") or item.get("room_id") or NOTHING)


def moment(text: str | None) -> str:
    """A time of the API to the second; a dash for none."""
    return NOTHING if text is None else f"{text[:10]} {text[11:19]}Z"


def one_line(text: str) -> str:
    """A text as one line; what would steer a terminal is escaped."""
    return printable(" ".join(text.splitlines()))


def more(cursor: str | None) -> None:
    """Say on stderr that the list goes on."""
    if cursor is not None:
        click.echo("there is more: raise --limit", err=True)


def _plain(cell: Cell) -> str:
    return one_line(cell if isinstance(cell, str) else cell[0])


def _cut(text: str) -> str:
    return text if len(text) <= CELL_MAX_CHARS else text[: CELL_MAX_CHARS - 1] + "…"


def _colour(cell: Cell) -> str | None:
    return None if isinstance(cell, str) else cell[1]


def _last_free(texts: Sequence[str], widths: Sequence[int]) -> list[tuple[str, int]]:
    """Each text with its width; the last column is not filled up."""
    return [*zip(texts[:-1], widths[:-1], strict=True), (texts[-1], 0)]
