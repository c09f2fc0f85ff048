"""Following the product's events: Server-Sent Events read line by line, taken up again where they broke off."""

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
SILENCE_MAX_S = 60.0  # the product says something well within this, if only a heartbeat


@dataclass
class EventStreamParser:
    """Lines in, events out; remembers the last id and the wait that the product asks for."""

    last_id: str | None = None
    retry_s: float = RETRY_S
    gap: str | None = None  # why something is missing, when the product says so
    _data: list[str] = field(default_factory=list)
    _id: str | None = None
    _kind: str = ""

    def take(self, line: str) -> Json | None:
        """The event that this line completes, if it does."""
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
        """What was begun is forgotten: it comes again."""
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
    """Every event after `last_id`, for ever; a broken line is said once and tried again until it holds."""
    reader = EventStreamParser(last_id)
    heard, broken = False, False
    while True:
        try:
            for line in api.stream("/events/stream", last_id=reader.last_id, read_timeout_s=SILENCE_MAX_S, **filters):
                heard = True
                if broken:
                    broken = False
                    say("the events go on")
                found = reader.take(line)
                if reader.gap is not None:
                    say(f"something is missing here: {reader.gap}")
                    reader.gap = None
                if found is not None:
                    yield found
        except (requests.RequestException, urllib3.exceptions.HTTPError, ProductUnavailableError) as error:
            if not heard:
                raise
            if not broken:
                broken = True
                say(f"the line broke ({type(error).__name__}); trying again, nothing is missed")
        reader.broke()
        sleep(reader.retry_s)
