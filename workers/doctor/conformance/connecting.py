"""Connect to VideoSDK and to the product for a conformance run."""

from dataclasses import replace

from webhook_app.config.settings import Settings
from webhook_app.providers.videosdk.client import Token, VideoSDK
from workers.cli.api_client import ApiClient
from workers.cli.context import CommandError, InvalidUsageError
from workers.cli.options import room_path
from workers.doctor.conformance.ending import Ending
from workers.doctor.conformance.limits import Limits
from workers.doctor.conformance.pauses import Pauses
from workers.doctor.conformance.run import Target, refusals, session_of
from workers.doctor.conformance.state_file import RunRecord, RunState, StateFile
from workers.webhook_address import webhook_url


def connect_videosdk(settings: Settings) -> VideoSDK:
    """Return a client with this shell's credentials. Raises InvalidUsageError without them."""
    if settings.videosdk_api_key is None or settings.videosdk_secret is None:
        raise InvalidUsageError(
            "this shell has no VideoSDK credentials: set VIDEOSDK_API_KEY and VIDEOSDK_SECRET, or run where .env is"
        )
    token = Token(settings.videosdk_api_key, settings.videosdk_secret)
    return VideoSDK(settings.videosdk_api_url, token, settings.proxies)


def find_target(settings: Settings, videosdk: VideoSDK, api: ApiClient, room: str, limits: Limits) -> Target:
    """Return the room as a target. Raises InvalidUsageError with every reason why it may not be used."""
    if settings.observe:
        raise InvalidUsageError("the product only observes (OBSERVE=1): run this beside the one that makes calls")
    view = api.get(room_path(room))
    target = Target(videosdk, api, settings.videosdk_api_url, webhook_url(settings), view)
    reasons = refusals(target, limits)
    if reasons:
        raise InvalidUsageError(f"not in room {room}: {'; '.join(reasons)}")
    return replace(target, session_id=session_of(target, limits))


def end_leftover(file: StateFile, left: RunState, settings: Settings, pauses: Pauses, limits: Limits) -> None:
    """End what an earlier run has left running. Raises CommandError when that fails."""
    if left.api_url != settings.videosdk_api_url:
        raise CommandError(f"an earlier run was killed while it used {left.api_url}: set VIDEOSDK_API_URL to it first")
    if not Ending(connect_videosdk(settings), pauses, limits).end_all(RunRecord(file, left)):
        raise CommandError(still_running(file, left.room_id))


def still_running(file: StateFile, room_id: str) -> str:
    """Return the warning that a stream could not be ended."""
    return (
        f"what was started in room {room_id} may still be running: run this again, which ends it first, or end it in "
        f"VideoSDK's dashboard and delete {file.path}"
    )
