"""Creates a room at VideoSDK, the one place where a room's webhooks can be registered."""

from typing import Any

from webhook_app.providers.client_port import CreatedRoom, RoomCreationError
from webhook_app.providers.videosdk.answers import answered_object, room_ids_in
from webhook_app.providers.videosdk.client import VideoSDK

EVERY_EVENT = ("*",)  # types that VideoSDK adds later too: a room's events cannot be changed afterwards
CREDENTIALS_REJECTED = frozenset({401, 403})


def create_room(videosdk: VideoSDK, webhook_url: str, custom_id: str | None, *, deadline: float) -> CreatedRoom:
    """Create a room whose webhooks are sent to this URL; RoomCreationError when VideoSDK does not."""
    body: dict[str, Any] = {"webhook": {"endPoint": webhook_url, "events": list(EVERY_EVENT)}}
    if custom_id is not None:
        body["customRoomId"] = custom_id
    answer = videosdk.create_room(body, deadline=deadline)
    if answer.status in CREDENTIALS_REJECTED:
        raise RoomCreationError(
            f"VideoSDK rejected the credentials ({answer.status}): check VIDEOSDK_API_KEY and VIDEOSDK_SECRET."
        )
    created = answered_object(answer)
    if created is None:
        answered = "" if answer.status is None else f"status {answer.status} "
        raise RoomCreationError(f"VideoSDK created no room: {answered}{answer.message or ''}".rstrip())
    room_id = next(iter(room_ids_in(created)), created.get("id"))
    if not isinstance(room_id, str):
        raise RoomCreationError("VideoSDK created a room but returned no room id")
    return CreatedRoom(room_id, created.get("customRoomId"))
