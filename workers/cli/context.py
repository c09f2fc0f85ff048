"""What every command begins with: the settings, the store of the product that runs here, and plain failures."""

import os
from dataclasses import replace
from typing import IO, Any
from urllib.parse import urlsplit

import click

from webhook_app.config import secrets_file
from webhook_app.config.settings import SettingError, Settings, load
from webhook_app.outbound.tls import use_ca_file
from webhook_app.text.masking import masked
from workers.child_process import exists
from workers.cli import output as show
from workers.dev.preflight import read_run


class CommandError(click.ClickException):
    """The command could not be done: one line on stderr, exit status 1."""

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(f"tally: {show.one_line(masked(self.format_message()))}", file=file, err=True)


class InvalidUsageError(CommandError):
    """What was given to the command is wrong: exit status 2."""

    exit_code = 2


def settings() -> Settings:
    """The settings of the environment and `.env`; Failed names the one that is wrong.

    Libraries that read SSL_CERT_FILE themselves find it in the environment from here on.
    """
    try:
        loaded = load(os.environ)
    except SettingError as error:
        raise CommandError(str(error)) from None
    use_ca_file(loaded.ca_file)
    return loaded


def running_product(given: Settings) -> dict[str, Any] | None:
    """What the `tally up` on this data directory says of itself; None when none runs, or it was killed."""
    run = read_run(given.data_dir)
    pid = run.get("supervisor") if run is not None else None
    return run if isinstance(pid, int) and pid > 0 and exists(pid) else None


def with_store(given: Settings) -> Settings:
    """The settings with the store of REDIS_URL, or of the `tally up` that runs on this data directory."""
    if given.redis_url is not None:
        return with_secrets(given)
    run = running_product(given)
    url = run.get("store") if run else None
    if not isinstance(url, str):
        raise CommandError("REDIS_URL is not set, and no `tally up` runs here: set it, or run `tally up`")
    return with_secrets(replace(given, redis_url=url))


def with_secrets(given: Settings) -> Settings:
    """The settings with the tokens that nobody gave, made up where there are none yet."""
    try:
        return secrets_file.resolve(given)
    except SettingError as error:
        raise CommandError(str(error)) from None


def effective_settings() -> Settings:
    """The settings as the product here runs with them: with the sandbox's, where it plays VideoSDK."""
    mine = settings()
    return sandbox_settings(mine) or mine


def sandbox_settings(given: Settings) -> Settings | None:
    """The settings of a `tally up` here that plays VideoSDK with the sandbox; None when there is no such.

    The address under which the sandbox reaches us stands for `PUBLIC_URL`. The ports are the running product's: this
    shell may have another PORT, or none.
    """
    from workers.dev.up import plan_for

    run = running_product(given)
    if run is None or not run.get("sandbox") or given.has_credentials:
        return None
    url, sandbox_url = str(run["url"]), str(run["sandbox"])
    port = urlsplit(url).port or given.port
    try:
        settings = plan_for(replace(given, port=port)).settings
        return replace(settings, public_url=url, videosdk_api_url=sandbox_url, sandbox_url=sandbox_url)
    except SettingError as error:
        raise CommandError(str(error)) from None
