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
    _type: str = ""

    def feed_line(self, line: str) -> Json | None:
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
            self._type = value
        elif name == "retry" and value.isdecimal():
            self.retry_s = min(RETRY_MAX_S, int(value) / 1000)
        return None

    def reset(self) -> None:
        """Discard an incomplete event after a disconnect; the server sends it again."""
        self._data, self._id, self._type = [], None, ""

    def _complete(self) -> Json | None:
        data, event_type = "\n".join(self._data), self._type
        self.last_id = self._id or self.last_id
        self.reset()
        event: Any = json.loads(data) if data else None
        if not isinstance(event, dict):
            return None
        if event_type == "gap":
            self.gap = str(event.get("detail"))
            return None
        return event if "id" in event else None


def follow(
    api: ApiClient, *, last_id: str | None, print_status: Callable[[str], None], **filters: str | None
) -> Iterator[Json]:
    """Yield every event after `last_id` for ever; a lost connection is reported once and retried.

    Raises the connection error if the first connection fails.
    """
    parser = EventStreamParser(last_id)
    was_connected, is_lost = False, False
    while True:
        try:
            for line in api.stream("/events/stream", last_id=parser.last_id, read_timeout_s=SILENCE_MAX_S, **filters):
                was_connected = True
                if is_lost:
                    is_lost = False
                    print_status("Connected again.")
                event = parser.feed_line(line)
                if parser.gap is not None:
                    print_status(f"Events are missing here: {parser.gap}")
                    parser.gap = None
                if event is not None:
                    yield event
        except (requests.RequestException, urllib3.exceptions.HTTPError, ProductUnavailableError) as error:
            if not was_connected:
                raise
            if not is_lost:
                is_lost = True
                print_status(f"Connection lost ({type(error).__name__}). Reconnecting; no events will be missed.")
        parser.reset()
        sleep(parser.retry_s)
