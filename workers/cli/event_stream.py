"""Follow the product's event stream (server-sent events), resuming after the last event when reconnecting."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from time import sleep
from typing import Any

import requests
import urllib3

from workers.cli.api_client import ApiClient, Json, ProductUnavailableError

RETRY_S = 2.0
RETRY_MAX_S = 60.0
SILENCE_MAX_S = 60.0  # the server sends at least a heartbeat comment well within this time


@dataclass
class EventStreamParser:
    """Parses lines into events; keeps the last event id and the reconnection delay sent by the server."""

    last_id: str | None = None
    retry_s: float = RETRY_S
    gap: str | None = None  # the server's explanation of missing events
    _data: list[str] = field(default_factory=list)
    _id: str | None = None
    _kind: str = ""

    def take(self, line: str) -> Json | None:
        """Parse one line; return the event that it completes, if any."""
        if not line:
            return self._complete()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "id":
            self._id = value
        elif name == "event":
            self._kind = value
        elif name == "retry" and value.isdecimal():
            self.retry_s = min(RETRY_MAX_S, int(value) / 1000)
        return None

    def broke(self) -> None:
        """Discard an incomplete event after a disconnect; the server sends it again."""
        self._data, self._id, self._kind = [], None, ""

    def _complete(self) -> Json | None:
        data, kind = "\n".join(self._data), self._kind
        self.last_id = self._id or self.last_id
        self._data, self._id, self._kind = [], None, ""
        found: Any = json.loads(data) if data else None
        if not isinstance(found, dict):
            return None
        if kind == "gap":
            self.gap = str(found.get("detail"))
            return None
        return found if "id" in found else None


def follow(api: ApiClient, *, last_id: str | None, say: Callable[[str], None], **filters: str | None) -> Iterator[Json]:
    """Yield every event after `last_id` for ever; a lost connection is reported once and retried.

    Raises the connection error if the first connection fails.
    """
    reader = EventStreamParser(last_id)
    heard, broken = False, False
    while True:
        try:
            for line in api.stream("/events/stream", last_id=reader.last_id, read_timeout_s=SILENCE_MAX_S, **filters):
                heard = True
                if broken:
                    broken = False
                    say("Connected again.")
                found = reader.take(line)
                if reader.gap is not None:
                    say(f"Events are missing here: {reader.gap}")
                    reader.gap = None
                if found is not None:
                    yield found
        except (requests.RequestException, urllib3.exceptions.HTTPError, ProductUnavailableError) as error:
            if not heard:
                raise
            if not broken:
                broken = True
                say(f"Connection lost ({type(error).__name__}). Reconnecting; no events will be missed.")
        reader.broke()
        sleep(reader.retry_s)
