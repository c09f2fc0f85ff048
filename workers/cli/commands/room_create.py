"""`tally rooms create`: create a VideoSDK room with our webhook URL registered."""

from time import monotonic
from typing import TYPE_CHECKING

import click

from webhook_app.config.settings import Settings
from webhook_app.domain.globs import any_glob_matches
from workers.cli import context, options, output
from workers.cli.commands import room_changes
from workers.cli.context import CommandError
from workers.webhook_address import webhook_url

if TYPE_CHECKING:
    from webhook_app.providers.client_port import CreatedRoom

DEADLINE_S = 15.0


@click.command()
@click.option("--custom-id", metavar="ID", help="Your own id for the room at VideoSDK.")
@room_changes.name_option
@room_changes.group_option
@output.as_json_option
def create(custom_id: str | None, name: str | None, groups: tuple[str, ...], as_json: bool) -> None:
    """Create a room at VideoSDK with our webhook URL registered, and add it here.

    VideoSDK documents no way to register webhooks later. Needs VideoSDK credentials and PUBLIC_URL; in sandbox mode
    the room is created in the sandbox.

    \b
    Example:
      tally rooms create --name main-hall --group webinar
    """
    settings = context.settings()
    settings = context.sandbox_settings(settings) or context.with_secrets(
        settings
    )  # the sandbox sends webhooks without a token
    created = _create(settings, custom_id)
    room_id = created.room_id
    end_point = endpoint(settings)
    if not any_glob_matches(room_id, settings.rooms):
        not_ours = f"tally: ROOMS does not match {room_id}: add it, or its webhooks are ignored"
        click.echo(output.one_line(not_ours), err=True)
    else:
        _add(room_id, name, groups)
    if as_json:
        output.print_json({"room_id": room_id, "custom_id": created.custom_id, "webhook_url": masked(end_point)})
        return
    click.echo(output.one_line(f"Created room {room_id}; its webhooks are sent to {masked(end_point)}"))


def _add(room_id: str, name: str | None, groups: tuple[str, ...]) -> None:
    """Add the room to the product; it exists already, so a failure is only a warning."""
    try:
        options.api().post("/rooms", room_changes.new_room(room_id, name, groups))
    except CommandError as error:
        click.echo(
            output.one_line(f"tally: room {room_id} was created but not added: {error.message}; try `tally rooms add`"),
            err=True,
        )


def endpoint(settings: Settings) -> str:
    """Return the webhook URL to register. Raises `CommandError` that says what is missing."""
    from webhook_app.providers.registry import PROVIDER  # reading JSON costs other commands start-up

    url = webhook_url(settings)
    if url is None:
        raise CommandError(
            "PUBLIC_URL is not set: VideoSDK needs the address of its webhooks, such as https://tally.example.org"
        )
    chars_max = PROVIDER.facts.webhook_url_max_chars
    if len(url) > chars_max:
        raise CommandError(
            f"the webhook address has {len(url)} characters, but VideoSDK accepts at most {chars_max}: "
            "use a shorter PUBLIC_URL"
        )
    if settings.videosdk_api_url.startswith("https://") and not url.startswith("https://"):
        raise CommandError("PUBLIC_URL must be https: VideoSDK sends webhooks only to https addresses")
    return url


def masked(end_point: str) -> str:
    """Return the URL without its token."""
    head, sep, rest = end_point.partition("/webhooks/videosdk")
    return head + sep + ("/…" if rest else "")


def _create(settings: Settings, custom_id: str | None) -> "CreatedRoom":
    from webhook_app.providers.client_port import RoomCreationError
    from webhook_app.providers.registry import PROVIDER

    connect = PROVIDER.client(settings)
    if connect is None:
        raise CommandError("No VideoSDK credentials: set VIDEOSDK_API_KEY and VIDEOSDK_SECRET.")
    room_client = connect(on_rate_limit=lambda retry_after_s: None, probe_deadline_s=DEADLINE_S)
    try:
        return room_client.create_room(endpoint(settings), custom_id, deadline=monotonic() + DEADLINE_S)
    except RoomCreationError as error:
        raise CommandError(f"{settings.videosdk_api_url}: {error}") from None
