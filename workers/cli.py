"""`tally`: the command line."""

import os
import signal
import sys
import threading
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import NoReturn

import click

from webhook_app import secrets_file
from webhook_app.settings import SettingError, Settings, load
from workers import cli_rules


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tallylight")
def main() -> None:
    """Knows which VideoSDK rooms are on air, puts them on air and takes them off, and tells everyone."""


@main.command()
def up() -> None:
    """Run everything on this machine, supervised; with the sandbox when there are no credentials."""
    from workers.up import run

    sys.exit(run(_settings()))


@main.command()
def web() -> None:
    """Serve the receiver, the API and the page."""
    from workers.web import run

    settings = _process("web")
    sys.exit(run(settings))


@main.command()
def worker() -> None:
    """Fold the journal into state."""
    _work("worker", "process")


@main.command()
def call() -> None:
    """Call VideoSDK."""
    _work("call", "call")


@main.command()
def deliver() -> None:
    """Deliver notices to subscribers."""
    _work("deliver", "deliver")


@main.command()
def clock() -> None:
    """Pop timers, and sweep for work that lost its wake-up."""
    from workers.calendars import refresher
    from workers.clock import Clock
    from workers.config_file import watcher
    from workers.tidy import Tidy
    from workers.wiring import Wiring, beating

    settings = _process("clock")
    wiring, stop = Wiring(settings), threading.Event()

    def ask_to_stop(number: int, frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, ask_to_stop)
    signal.signal(signal.SIGINT, ask_to_stop)
    with (
        beating("clock", wiring.client, threading.Event()),
        watcher(settings, wiring, stop),
        refresher(settings, wiring, stop),
    ):
        Clock(wiring.client, wiring.wakeups, tidy=Tidy(wiring.client, settings.retention_days)).run(stop)


@main.command(context_settings={"ignore_unknown_options": True}, add_help_option=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def sandbox(arguments: tuple[str, ...]) -> None:
    """Run a VideoSDK on this machine; see `tally sandbox --help` for its options."""
    os.execv(sys.executable, [sys.executable, "-m", "sandbox", *arguments])  # noqa: S606 - our own module


@main.group()
def config() -> None:
    """The configuration file."""


@config.command("check")
@click.argument("path", type=click.Path(path_type=Path), required=False)
def config_check(path: Path | None) -> None:
    """Read a configuration file and say what is wrong with it, by line and field."""
    from workers.config_file import FileError, read

    settings = _settings()
    found = path or settings.config_file
    if found is None:
        raise click.UsageError("name a file, or set CONFIG_FILE")
    try:
        read_file = read(found, settings)
    except FileError as error:
        for line in error.lines:
            click.echo(line, err=True)
        sys.exit(1)
    click.echo(
        f"{found}: {len(read_file.rooms)} rooms, {len(read_file.rules)} rules, {len(read_file.subscribers)} subscribers"
    )


def _work(name: str, queue: str) -> NoReturn:
    settings = _process(name)
    from workers.rq_worker import run
    from workers.wiring import Wiring

    sys.exit(run(Wiring(settings), queue, name))


def _process(name: str) -> Settings:
    from workers.logs import configure

    settings = _on_a_store(_settings())
    configure(name, settings.log_format)
    return settings


def _settings() -> Settings:
    try:
        return load(os.environ)
    except SettingError as error:
        click.echo(f"tally: {error}", err=True)
        sys.exit(1)


def _on_a_store(settings: Settings) -> Settings:
    """The settings with the store of REDIS_URL, or of the `tally up` that runs on this data directory."""
    if settings.redis_url is not None:
        return secrets_file.resolve(settings)
    from workers.up_checks import read_run

    run = read_run(settings.data_dir)
    url = run.get("store") if run else None
    if not isinstance(url, str):
        click.echo("tally: REDIS_URL is not set, and no `tally up` runs here: set it, or run `tally up`", err=True)
        sys.exit(1)
    return secrets_file.resolve(replace(settings, redis_url=url))


cli_rules.add_to(main, lambda: _on_a_store(_settings()))
