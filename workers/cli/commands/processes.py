"""`tally up`, `web`, `worker`, `call`, `deliver`, `clock` and `sandbox`: run processes."""

import os
import sys
from dataclasses import replace
from typing import NoReturn

import click

from webhook_app.config.settings import Settings
from workers.cli import context

log_as_json = click.option("--json", "as_json", is_flag=True, help="Log as JSON, like LOG_FORMAT=json.")


def add_to(main: click.Group) -> None:
    """Add these commands to `tally`."""
    for command in (up, web, worker, call, deliver, clock, sandbox):
        main.add_command(command)


@click.command()
@click.option("--observe", is_flag=True, help="Record only: make no calls and send nothing, like OBSERVE=1.")
@log_as_json
def up(observe: bool, as_json: bool) -> None:
    """Run and supervise all processes on this machine.

    Without VideoSDK credentials a sandbox simulates VideoSDK. Press Ctrl-C to stop.

    \b
    Example:
      PORT=9000 tally up
      DATA_DIR=/tmp/restored PORT=9000 tally up --observe
    """
    from workers.dev.up import run

    settings = context.settings()
    if observe:
        settings = replace(settings, observe=True)
    sys.exit(run(replace(settings, log_format="json") if as_json else settings))


@click.command()
@log_as_json
def web(as_json: bool) -> None:
    """Serve the webhook receiver, the API and the console.

    SURFACE selects which of them.

    \b
    Example:
      REDIS_URL=redis://store:6379/0 SURFACE=receiver tally web
    """
    from workers.web.process import run

    sys.exit(run(_process("web", as_json)))


@click.command()
@log_as_json
def worker(as_json: bool) -> None:
    """Process events (run one; extra instances stand by).

    \b
    Example:
      REDIS_URL=redis://store:6379/0 tally worker
    """
    _work("worker", "process", as_json)


@click.command()
@log_as_json
def call(as_json: bool) -> None:
    """Make calls to VideoSDK: start, end and probe streams.

    \b
    Example:
      REDIS_URL=redis://store:6379/0 tally call
    """
    _work("call", "call", as_json)


@click.command()
@log_as_json
def deliver(as_json: bool) -> None:
    """Deliver notices to subscribers.

    \b
    Example:
      REDIS_URL=redis://store:6379/0 tally deliver
    """
    _work("deliver", "deliver", as_json)


@click.command()
@log_as_json
def clock(as_json: bool) -> None:
    """Run timers, config reload and calendar sync.

    Also re-sends lost wake-ups. Extra instances do no harm.

    \b
    Example:
      REDIS_URL=redis://store:6379/0 tally clock
    """
    from workers.clock.process import run

    sys.exit(run(_process("clock", as_json)))


@click.command(context_settings={"ignore_unknown_options": True}, add_help_option=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def sandbox(arguments: tuple[str, ...]) -> None:
    """Run a local VideoSDK simulator.

    `tally sandbox --help` lists its options.

    \b
    Example:
      SANDBOX_API_KEY=me SANDBOX_SECRET=a-secret-of-32-bytes-or-longer tally sandbox --port 8001
    """
    os.execv(sys.executable, [sys.executable, "-m", "sandbox", *arguments])  # noqa: S606 - our own module


def _work(name: str, queue: str, as_json: bool) -> NoReturn:
    settings = _process(name, as_json)
    from workers.container import WorkerContainer
    from workers.rq_worker import run

    sys.exit(run(WorkerContainer(settings), queue, name))


def _process(name: str, as_json: bool) -> Settings:
    from webhook_app.config.known_secrets import known_secrets
    from webhook_app.runtime.logs import configure, logger

    settings = context.with_store(context.settings())
    if as_json:
        settings = replace(settings, log_format="json")
    configure(name, settings.log_format, settings.log_level, secrets=known_secrets(settings))
    if name == "call":  # one of the processes is enough
        for line in settings.warnings:
            logger().warning(line)
    return settings
