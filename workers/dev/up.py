"""`tally up`: run all processes on this machine under a supervisor."""

import contextlib
import importlib
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click

from webhook_app.config import secrets_file
from webhook_app.config.loading import SettingError, child_environ
from webhook_app.config.settings import Settings
from workers.dev import preflight
from workers.dev.embedded_store.server import EmbeddedStore, StoreError
from workers.dev.preflight import StartupError
from workers.dev.readiness import Readiness
from workers.dev.supervisor import WATCH_S, ChildProcess, Supervised, Supervisor, describe, stop_in_order
from workers.dev.web_probe import probing
from workers.shutdown import SignalWaiter

DEMO_ROOM = "demo-demo-demo"
LAUNCH_ORDER = ("sandbox", "web", "worker", "call", "deliver", "clock")
STOP_ORDER = ("web", "clock", "worker", "call", "deliver", "sandbox")


@dataclass(frozen=True, slots=True)
class Plan:
    """What will run: the settings of the child processes, and the directories of store and sandbox."""

    settings: Settings
    store_dir: Path | None  # None: an external Redis
    sandbox_dir: Path | None  # None: the real VideoSDK


def run(settings: Settings) -> int:
    """Run until stopped and return the exit status. Startup errors are printed on one line."""
    try:
        with SignalWaiter() as signals, _lock(settings.data_dir):
            plan = plan_for(settings)
            leftovers = preflight.terminate_leftovers(settings.data_dir)
            if leftovers:
                _print_line(f"stopped processes left over from an earlier run: {', '.join(leftovers)}")
            preflight.check_ports(settings, sandbox=plan.sandbox_dir is not None)
            return _run(plan, signals, banner=_banner(plan, configured=settings))
    except (StartupError, SettingError, StoreError) as wrong:
        _print_line(str(wrong), error=True)
        return 1


def plan_for(settings: Settings) -> Plan:
    """Plan for VideoSDK if there are credentials, otherwise for the sandbox with a separate store."""
    settings = secrets_file.resolve(settings)
    if settings.has_credentials:
        store_dir = None if settings.redis_url else settings.data_dir
        return Plan(_on_store(settings, store_dir), store_dir, None)
    key, secret = secrets_file.sandbox_credentials(settings.data_dir)
    sandbox_dir, sandbox_url = settings.data_dir / "sandbox", f"http://127.0.0.1:{settings.port + 1}"
    played = replace(
        settings,
        videosdk_api_key=key,
        videosdk_secret=secret,
        videosdk_api_url=sandbox_url,
        videosdk_public_key=None,  # the sandbox signs with its own key
        public_url=None,  # and sends its webhooks directly
        sandbox_url=sandbox_url,
        ack_replicas=0,
        rooms=settings.rooms if "*" in settings.rooms else (*settings.rooms, DEMO_ROOM),
    )
    return Plan(_on_store(played, sandbox_dir), sandbox_dir, sandbox_dir)


def children_of(plan: Plan) -> dict[str, ChildProcess]:
    """Return the processes other than the store, by name, in launch order."""
    environ = child_environ(plan.settings)
    names = LAUNCH_ORDER if plan.sandbox_dir else LAUNCH_ORDER[1:]
    children = {name: ChildProcess(name, (sys.executable, "-m", "workers", name), environ) for name in names}
    if plan.sandbox_dir:
        children["sandbox"] = _sandbox(plan.settings, plan.sandbox_dir)
    return children


def _run(plan: Plan, signals: SignalWaiter, *, banner: Sequence[str]) -> int:
    settings = plan.settings
    for line in banner:
        click.echo(line)
    store = EmbeddedStore(plan.store_dir, print_line=_print_line) if plan.store_dir else None
    children = children_of(plan)
    supervised: list[Supervised] = [*([store] if store else []), *children.values()]
    with contextlib.ExitStack() as at_end:
        probe = at_end.enter_context(probing(_reachable(settings.host), settings.port))
        supervisor = Supervisor(
            supervised,
            print_line=_print_line,
            changed=lambda: _write_run(plan, supervised),
            unresponsive=probe.is_unresponsive,
        )
        at_end.callback(preflight.remove_run, settings.data_dir)
        if store:
            at_end.callback(store.stop)
        at_end.callback(
            stop_in_order, [children[name] for name in STOP_ORDER if name in children], signals, print_line=_print_line
        )
        if store:
            store.start(interrupted=signals.stop_requested)
        if not signals.stop_requested():
            supervisor.launch_all()
            if plan.sandbox_dir:
                _install_demo(settings)
        _watch(supervisor, Readiness(_reachable(settings.host), settings.port, print_line=_print_line), signals)
        _print_line("stopping (press Ctrl-C again to force)")
    _print_line("stopped")
    return 0


def _watch(supervisor: Supervisor, readiness: Readiness, signals: SignalWaiter) -> None:
    """Keep everything running until stopped, whatever a single round raises."""
    reported = ""
    while not signals.stop_requested():
        try:
            wait_s = supervisor.restart_dead()
            ready_in_s = readiness.poll()
            reported = ""
        except Exception as error:
            wait_s, ready_in_s = WATCH_S, None
            line = f"supervising failed: {describe(error)}; trying again"
            if line != reported:
                reported = line
                _print_line(line)
        signals.wait(wait_s if ready_in_s is None else min(wait_s, ready_in_s))


def _install_demo(settings: Settings) -> None:
    """Install the demo's rules and subscriber; a failure does not stop anything else."""
    try:
        demo = importlib.import_module("workers.dev.demo")
    except ModuleNotFoundError as missing:
        if missing.name != "workers.dev.demo":
            raise
        return
    try:
        demo.install(settings)
    except Exception as error:
        _print_line(f"the demo could not be installed: {describe(error)}; retrying at the next start")


def _on_store(settings: Settings, store_dir: Path | None) -> Settings:
    return replace(settings, redis_url=EmbeddedStore(store_dir).url) if store_dir else settings


def _sandbox(settings: Settings, directory: Path) -> ChildProcess:
    token = f"/{settings.webhook_token}" if settings.webhook_token else ""
    inbox = f"{_address(settings)}/webhooks/videosdk{token}"
    command = (
        *(sys.executable, "-m", "sandbox", "--host", "127.0.0.1", "--port", str(settings.port + 1)),
        *("--data", str(directory / "videosdk"), "--webhook-url", inbox, "--demo", DEMO_ROOM),
    )
    credentials = {
        "SANDBOX_API_KEY": settings.videosdk_api_key or "",
        "SANDBOX_SECRET": settings.videosdk_secret or "",
    }
    return ChildProcess("sandbox", command, child_environ(settings, extra=credentials))


def _write_run(plan: Plan, supervised: Sequence[Supervised]) -> None:
    settings = plan.settings
    run = {
        "supervisor": os.getpid(),
        "url": _address(settings),
        "store": settings.redis_url if plan.store_dir else None,
        "sandbox": settings.sandbox_url,
        "processes": {process.name: process.pid for process in supervised},
        "commands": {process.name: list(process.command) for process in supervised},
    }
    preflight.write_run(settings.data_dir, run)


def _banner(plan: Plan, *, configured: Settings) -> list[str]:
    settings = plan.settings
    token_file = settings.data_dir / secrets_file.ADMIN_TOKEN_FILE
    lines = [f"Tallylight: {_address(settings)}"]
    if "admin_token" in settings.newly_made:
        lines.append(f"  admin token: {settings.admin_token}  (saved in {token_file})")
    else:
        lines.append(f"  admin token: {'as in ADMIN_TOKEN' if configured.admin_token else f'in {token_file}'}")
    if plan.sandbox_dir:
        lines.append(f"  Sandbox mode: no VideoSDK credentials; simulating VideoSDK at {settings.sandbox_url}")
        lines.append(f"  store: {plan.store_dir} (sandbox only)")
        if configured.redis_url:
            lines.append("  Ignoring REDIS_URL in sandbox mode")
    if settings.observe:
        lines.append("  Observe mode: webhooks are recorded; no calls are made and nothing is sent")
    return [*lines, "  Press Ctrl-C to stop"]


def _address(settings: Settings) -> str:
    host = _reachable(settings.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"


def _reachable(host: str) -> str:
    """Return the address at which to reach a server that listens on `host`."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - nothing is bound here


@contextlib.contextmanager
def _lock(data_dir: Path) -> Iterator[None]:
    lock = preflight.take_lock(data_dir)
    try:
        yield
    finally:
        os.close(lock)


def _print_line(line: str, *, error: bool = False) -> None:
    """Print one line; a closed terminal must not interrupt the shutdown."""
    with contextlib.suppress(OSError):
        click.echo(f"tally: {line}", err=error)
