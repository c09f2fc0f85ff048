"""Options and arguments that several commands share, and completion of room names."""

from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import quote

import click
from click.shell_completion import CompletionItem

from workers.cli.api_client import ApiClient, find_product
from workers.cli.context import settings as load_settings

COMPLETE_MAX = 200

CommandFunction = TypeVar("CommandFunction", bound=Callable[..., Any])


def api() -> ApiClient:
    """Return a client of the product that `--url` or the settings select."""
    url = click.get_current_context().find_root().params.get("url")
    return ApiClient(find_product(load_settings(), url))


def limit_option(default: int = 50) -> Callable[[CommandFunction], CommandFunction]:
    """Return the `--limit` option of a list."""
    return click.option(
        "--limit",
        default=default,
        show_default=True,
        type=click.IntRange(1, 100_000),
        help="Maximum number of results.",
    )


def complete_rooms(context: click.Context, parameter: click.Parameter, prefix: str) -> list[CompletionItem]:
    """Complete a room's name or id from the product's rooms; no completion if it does not answer."""
    try:
        address = find_product(load_settings(), context.find_root().params.get("url"))
        rooms, _ = ApiClient(address).items("/rooms", COMPLETE_MAX)
    except (click.ClickException, OSError):
        return []
    by_name = [CompletionItem(room["name"], help=room["room_id"]) for room in rooms if room["name"]]
    by_id = [CompletionItem(room["room_id"], help=room["name"]) for room in rooms]
    return [item for item in [*by_name, *by_id] if item.value.startswith(prefix)]


def room_path(room: str) -> str:
    """Return the API path of a room given by name or id."""
    # HTTP clients drop the path segments `.` and `..`; no room has such a name, so these are ids.
    return "/rooms/" + quote(f"id:{room}" if room in (".", "..") else room, safe="")


room_argument = click.argument("room", shell_complete=complete_rooms)
