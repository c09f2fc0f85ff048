"""What every page of the console works with, and how it is rendered."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import Response, make_response, render_template, request

from webhook_app.config.settings import Settings
from webhook_app.console.auth import ConsoleAuth
from webhook_app.console.room_cache import RoomCache
from webhook_app.usecases.context import AppContext

FILTER_MAX_CHARS = 200  # of one filter in the address of a page


@dataclass(frozen=True)
class ConsoleContext:
    """What every page needs: the use cases' context, who is logged in, the cached rooms, the settings."""

    context: AppContext
    auth: ConsoleAuth
    rooms: RoomCache
    settings: Settings

    @property
    def config_file_name(self) -> str | None:
        """The file name of the configuration file, without its directory."""
        return None if self.settings.config_file is None else self.settings.config_file.name


def page(name: str, **values: Any) -> str:
    """Render a page; only its main content when a dialog requests it."""
    layout = "bare.html" if request.headers.get("X-Fragment") else "base.html"
    return render_template(name, layout=layout, **values)


def live_part(template: str, **values: Any) -> Response:
    """Render the live part of a page, or 304 when the client has the same."""
    strip = render_template("alarm_strip.html")
    body = f"{render_template(template, **values)}<template data-alarms>{strip}</template>".encode()
    tag = hashlib.blake2b(body, digest_size=12).hexdigest()
    response = make_response(body)
    response.set_etag(tag)
    response.make_conditional(request)
    return response


def page_of(items: Sequence[Any], number: int, size: int) -> tuple[Sequence[Any], int, int]:
    """Return the items of a page, the page number within bounds, and the number of pages."""
    pages = max(1, -(-len(items) // size))
    number = min(max(1, number), pages)
    return items[(number - 1) * size : number * size], number, pages
