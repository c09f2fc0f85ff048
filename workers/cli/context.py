"""What commands share: settings, the product running on this machine, and errors with an exit status."""

import os
from dataclasses import replace
from typing import IO, Any
from urllib.parse import urlsplit

import click

from webhook_app.config import secrets_file
from webhook_app.config.loading import SettingError, load
from webhook_app.config.settings import Settings
from webhook_app.masking.masking import masked
from webhook_app.outbound.tls import use_ca_file
from workers.child_process import exists
from workers.cli.output import one_line
from workers.dev.preflight import read_run


class CommandError(click.ClickException):
    """The command failed: one line on stderr, exit status 1."""

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the message as one line on stderr, with secrets masked."""
        click.echo(f"tally: {one_line(masked(self.format_message()))}", file=file, err=True)


class InvalidUsageError(CommandError):
    """The command's arguments or input are invalid: exit status 2."""

    exit_code = 2


def settings() -> Settings:
    """Load the settings from the environment and `.env`. Raises `CommandError` that names an invalid one.

    Also exports SSL_CERT_FILE, which some libraries read from the environment themselves.
    """
    try:
        loaded = load(os.environ)
    except SettingError as error:
        raise CommandError(str(error)) from None
    use_ca_file(loaded.ca_file)
    return loaded


def running_product(settings: Settings) -> dict[str, Any] | None:
    """Return the run file of the `tally up` on this data directory; None if none is running or it was killed."""
    run = read_run(settings.data_dir)
    pid = run.get("supervisor") if run is not None else None
    return run if isinstance(pid, int) and pid > 0 and exists(pid) else None


def with_store(settings: Settings) -> Settings:
    """Return the settings with REDIS_URL, by default that of the `tally up` running on this data directory."""
    if settings.redis_url is not None:
        return with_secrets(settings)
    run = running_product(settings)
    url = run.get("store") if run else None
    if not isinstance(url, str):
        raise CommandError("REDIS_URL is not set, and no `tally up` is running here: set REDIS_URL, or run `tally up`")
    return with_secrets(replace(settings, redis_url=url))


def as_they_are(settings: Settings) -> Settings:
    """Return the settings with the store running here and the stored webhook token, if any; generates nothing."""
    run = running_product(settings)
    if settings.redis_url is None and run and run.get("store"):
        settings = replace(settings, redis_url=str(run["store"]))
    token_file = settings.data_dir / secrets_file.WEBHOOK_TOKEN_FILE
    if settings.webhook_token is None and settings.public_url is not None and token_file.is_file():
        settings = replace(settings, webhook_token=token_file.read_text("ascii").strip())
    return settings


def with_secrets(settings: Settings) -> Settings:
    """Return the settings with all tokens and secrets, generating those that are missing."""
    try:
        return secrets_file.resolve(settings)
    except SettingError as error:
        raise CommandError(str(error)) from None


def effective_settings() -> Settings:
    """Return the settings of the product on this machine: the sandbox's, if it runs in sandbox mode."""
    shell_settings = settings()
    return sandbox_settings(shell_settings) or shell_settings


def sandbox_settings(settings: Settings) -> Settings | None:
    """Return the settings of a `tally up` running here in sandbox mode; None if there is none.

    The address at which the sandbox reaches the product replaces `PUBLIC_URL`. Ports are those of the running product,
    since this shell may have another PORT, or none.
    """
    from workers.dev.up import plan_for

    run = running_product(settings)
    if run is None or not run.get("sandbox") or settings.has_credentials:
        return None
    url, sandbox_url = str(run["url"]), str(run["sandbox"])
    port = urlsplit(url).port or settings.port
    try:
        settings = plan_for(replace(settings, port=port)).settings
        return replace(settings, public_url=url, videosdk_api_url=sandbox_url, sandbox_url=sandbox_url)
    except SettingError as error:
        raise CommandError(str(error)) from None
