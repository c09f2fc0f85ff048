"""What every page of the console works with, and how it answers."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import Response, make_response, render_template, request

from webhook_app.config.settings import Settings
from webhook_app.console.auth import ConsoleAuth
from webhook_app.console.room_cache import RoomCache
from webhook_app.usecases.context import AppContext


@dataclass(frozen=True)
class ConsoleContext:
    """The store's parts, who is at the door, and the rooms as last seen."""

    context: AppContext
    door: ConsoleAuth
    rooms: RoomCache
    settings: Settings

    @property
    def config_file_name(self) -> str | None:
        """The configuration file's name, without its folder."""
        return None if self.settings.config_file is None else self.settings.config_file.name


def page(name: str, **given: Any) -> str:
    """A whole page; asked for by a dialog, only what is between its head and its foot."""
    layout = "bare.html" if request.headers.get("X-Fragment") else "base.html"
    return render_template(name, layout=layout, **given)


def live_part(template: str, **given: Any) -> Response:
    """The part of a page that changes, or 304 when it is what the asker has."""
    strip = render_template("alarm_strip.html")
    body = f"{render_template(template, **given)}<template data-alarms>{strip}</template>".encode()
    tag = hashlib.blake2b(body, digest_size=12).hexdigest()
    answer = make_response(body)
    answer.set_etag(tag)
    answer.make_conditional(request)
    return answer


def page_of(items: Sequence[Any], number: int, size: int) -> tuple[Sequence[Any], int, int]:
    """Items of one page: them, the page's number within bounds, and how many pages there are."""
    pages = max(1, -(-len(items) // size))
    number = min(max(1, number), pages)
    return items[(number - 1) * size : number * size], number, pages
