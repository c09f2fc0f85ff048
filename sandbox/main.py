"""The sandbox as a program: command line options, and `run` for use from Python."""

import asyncio
import os
import secrets
import signal
from collections.abc import Sequence
from pathlib import Path

import click

from sandbox.entities import Pace
from sandbox.keys import load_key
from sandbox.runtime import SandboxRuntime
from sandbox.server import build, serve


def run(
    *,
    host: str = "127.0.0.1",
    port: int = 8001,
    data: Path | str | None = None,
    api_key: str,
    secret: str,
    webhook_urls: Sequence[str] = (),
    demo: str | None = None,
    demo_factor: float = 1.0,
    pace_factor: float = 1.0,
    pace: Pace | None = None,
    quota: int | None = None,
    seed: str | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT; call it from the main thread.

    The signing key is stored in `data`, if given. `pace` is multiplied by `pace_factor`, the demo's waits by
    `demo_factor`. Without `seed` every run generates different ids. If the port is unavailable, prints a line on
    stderr and raises `SystemExit(1)`.
    """
    try:
        key = load_key(None if data is None else Path(data))
    except (OSError, ValueError) as error:
        click.echo(f"The sandbox cannot store its signing key: {error}", err=True)
        raise SystemExit(1) from error
    runtime = SandboxRuntime(
        key=key,
        api_key=api_key,
        secret=secret,
        webhook_urls=webhook_urls,
        pace=_scaled(pace or Pace(), pace_factor),
        quota=quota,
        seed=secrets.token_hex(16) if seed is None else seed,
    )
    try:
        asyncio.run(_serve(runtime, host, port, demo, demo_factor))
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        click.echo(f"The sandbox cannot listen on {host}:{port}: {reason}", err=True)
        raise SystemExit(1) from error


@click.command(name="sandbox", help="Run a local VideoSDK simulator.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    default=8001,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="Port to listen on; 0 picks a free one.",
)
@click.option("--data", type=click.Path(file_okay=False, path_type=Path), help="Directory of the signing key.")
@click.option("--api-key", envvar="SANDBOX_API_KEY", required=True, help="API key that tokens must carry.")
@click.option("--secret", envvar="SANDBOX_SECRET", required=True, help="Secret that tokens must be signed with.")
@click.option("--webhook-url", "webhook_urls", multiple=True, help="Receives all webhooks; repeatable.")
@click.option("--demo", metavar="ROOM_ID", help="Run the demo (a host and a guest join and leave) in this room.")
@click.option(
    "--demo-factor", default=1.0, show_default=True, type=click.FloatRange(0.001), help="Scales the demo's waits."
)
@click.option(
    "--pace-factor",
    default=1.0,
    show_default=True,
    type=click.FloatRange(0),
    help="Scales delays; 0: none.",
)
@click.option(
    "--quota", type=click.IntRange(0), help="Concurrent streams of one output over all rooms.  [default: no limit]"
)
@click.option("--seed", help="Generate the same ids and faults on every run.")
def main(
    host: str,
    port: int,
    data: Path | None,
    api_key: str,
    secret: str,
    webhook_urls: tuple[str, ...],
    demo: str | None,
    demo_factor: float,
    pace_factor: float,
    quota: int | None,
    seed: str | None,
) -> None:
    """Run the sandbox."""
    run(
        host=host,
        port=port,
        data=data,
        api_key=api_key,
        secret=secret,
        webhook_urls=webhook_urls,
        demo=demo,
        demo_factor=demo_factor,
        pace_factor=pace_factor,
        quota=quota,
        seed=seed,
    )


async def _serve(runtime: SandboxRuntime, host: str, port: int, demo: str | None, demo_factor: float) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    app = build(runtime, demo_room=demo, demo_factor=demo_factor)
    await serve(app, host=host, port=port, stop=stop, listening=_print_address)


def _print_address(address: str) -> None:
    click.echo(f"The sandbox listens on {address}")


def _scaled(pace: Pace, factor: float) -> Pace:
    """Return the pace with scaled delays; the maximum duration is a limit of VideoSDK, not a delay, and stays."""
    return Pace(
        started_ms=round(pace.started_ms * factor),
        playable_ms=round(pace.playable_ms * factor),
        stopped_ms=round(pace.stopped_ms * factor),
        max_duration_ms=pace.max_duration_ms,
        transcoded_ms=round(pace.transcoded_ms * factor),
    )
