"""What the commands share that ask the running product: how to reach it, and room names on the Tab key."""

from collections.abc import Callable
from typing import Any

import click
from click.shell_completion import CompletionItem

from workers.commands import given
from workers.commands.api import Api, find

COMPLETE_MAX = 200


def api() -> Api:
    """The API of the product that `--url` or the settings name."""
    url = click.get_current_context().find_root().params.get("url")
    return Api(find(given.settings(), url))


def limit_option(default: int = 50) -> Callable[[Any], Any]:
    """How many items of a list are shown."""
    return click.option(
        "--limit", default=default, show_default=True, type=click.IntRange(1, 100_000), help="Show at most so many."
    )


def complete_rooms(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """The rooms whose id begins so, asked from the product; none when it does not answer."""
    try:
        place = find(given.settings(), context.find_root().params.get("url"))
        found, _ = Api(place).items("/rooms", COMPLETE_MAX)
    except (click.ClickException, OSError):
        return []
    return [CompletionItem(room["room_id"], help=room["name"]) for room in found if room["room_id"].startswith(begun)]
