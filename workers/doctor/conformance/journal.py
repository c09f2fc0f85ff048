"""Read the webhooks of a room from the running product's journal."""

from webhook_app.domain.times import from_rfc3339
from workers.cli.api_client import ApiClient
from workers.doctor.conformance.observations import ReceivedWebhook

READ_MAX = 200  # webhooks of one room in one run


class WebhookLog:
    """The webhooks of a room that arrived after a moment, read by the API."""

    def __init__(self, api: ApiClient, room_id: str) -> None:
        self._api = api
        self._room_id = room_id
        self._after = (0, 0)
        self.skip()

    def skip(self) -> None:
        """Leave out everything that has arrived so far."""
        newest = self._api.get("/events", limit=1, room_id=self._room_id, source="videosdk")["items"]
        if newest:
            self._after = _order(newest[0]["id"])

    def read(self) -> tuple[ReceivedWebhook, ...]:
        """Return the webhooks since, oldest first."""
        items, _ = self._api.items("/events", READ_MAX, room_id=self._room_id, source="videosdk")
        webhooks = [
            ReceivedWebhook(item["id"], item["type"], from_rfc3339(item["at"]), item["data"])
            for item in items
            if _order(item["id"]) > self._after
        ]
        return tuple(reversed(webhooks))


def _order(event_id: str) -> tuple[int, int]:
    first, _, second = event_id.partition("-")
    return int(first), int(second or 0)
