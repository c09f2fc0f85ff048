"""The HTTP server: all endpoints in one application, with clean startup and shutdown."""

import asyncio
from collections.abc import AsyncIterator, Callable

from aiohttp import web

from sandbox import controls, demo, index_page, media, rest_hls, rest_rooms, rest_streams, rest_transcodings
from sandbox.fault_injection import LATE_CALLS, inject_faults
from sandbox.middleware import authorise, log_call, render_refusals
from sandbox.origin_check import refuse_other_sites
from sandbox.runtime import RUNTIME, SandboxRuntime

BODY_MAX_BYTES = 64 * 1024
CLOSE_S = 0.25  # grace period of calls in progress at shutdown


def build(runtime: SandboxRuntime, *, demo_room: str | None = None, demo_factor: float = 1.0) -> web.Application:
    """Build the application; with `demo_room` it runs the demo in that room."""
    app = web.Application(
        middlewares=(log_call, render_refusals, refuse_other_sites, authorise, inject_faults),
        client_max_size=BODY_MAX_BYTES,
    )
    app[RUNTIME] = runtime
    app[LATE_CALLS] = set()
    rest = (rest_rooms, rest_streams, rest_hls, rest_transcodings)
    for module in (*rest, controls, media, index_page):
        app.add_routes(module.ROUTES)

    async def play_demo(_: web.Application) -> AsyncIterator[None]:
        if demo_room is None:
            yield
            return
        task = asyncio.create_task(demo.play(runtime, demo_room, factor=demo_factor))
        yield
        await _cancel({task})

    async def close(app: web.Application) -> None:
        await runtime.close()
        await _cancel(app[LATE_CALLS])

    app.cleanup_ctx.append(play_demo)
    app.on_shutdown.append(close)
    return app


async def serve(
    app: web.Application, *, host: str, port: int, stop: asyncio.Event, listening: Callable[[str], None]
) -> None:
    """Serve until `stop` is set; calls `listening` with the address. Raises `OSError` if it cannot listen there."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=CLOSE_S)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        address = runner.addresses[0]
        base_url = f"http://{_bracketed(address[0])}:{address[1]}"
        app[RUNTIME].state.cdn = base_url
        listening(base_url)
        await stop.wait()
    finally:
        await runner.cleanup()


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


async def _cancel(tasks: set[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
