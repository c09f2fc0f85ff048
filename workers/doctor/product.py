"""Check the running product: processes, background loops, event processing and alarms."""

from collections.abc import Iterator, Mapping
from time import time

from webhook_app.domain.alarms.alarm import Alarm
from webhook_app.store.connection.clients import Client
from webhook_app.store.connection.server_time import now_ms
from webhook_app.store.journal.lag import COUNTED_MAX, read_lag
from webhook_app.store.operations.halt import read_halt
from webhook_app.store.operations.processes import Processes
from webhook_app.store.operations.system_alarms import STALLED, raised_system_alarms
from webhook_app.store.state.alarms import active_alarms
from workers.doctor.finding import Finding, failed, ok, warning

PROCESSES = ("web", "worker", "call", "deliver", "clock")
LAG_WARNING_S = 10.0
LAG_FAILED_S = 60.0
QUOTED_MAX = 3  # alarms


def check_product(client: Client) -> Iterator[Finding]:
    """Check what the store shows about the product."""
    live = Processes(client).live()
    yield processes(live.alive)
    if live.failing:
        yield loops(live.failing)
    system = raised_system_alarms(client)
    halt = read_halt(client)
    now, lag = now_ms(client), read_lag(client)
    stalled = next((alarm for alarm in system if alarm.name == STALLED), None)
    yield folding(
        lag.events,
        lag.waited_s(now),
        halted=None if halt is None else halt.reason.decode(errors="replace"),
        stalled=None if stalled is None else stalled.summary_text,
    )
    yield raised([*active_alarms(client), *system])


def loops(failing: Mapping[str, str]) -> Finding:
    """Report background loops that fail or hang."""
    problems = "; ".join(f"{loop} {why}" for loop, why in sorted(failing.items()))
    return failed("loops", problems, "see the log of that process; restart it if it does not recover")


def processes(alive: Mapping[str, int]) -> Finding:
    """Check that every process runs at least once."""
    missing = [name for name in PROCESSES if not alive.get(name)]
    running = ", ".join(f"{name}{f' x{count}' if count > 1 else ''}" for name, count in alive.items())
    if missing:
        return failed(
            "processes",
            f"not seen for 10 s: {', '.join(missing)}" + (f" (seen: {running})" if running else ""),
            "run `tally up`, or start " + ", ".join(f"`tally {name}`" for name in missing),
        )
    return ok("processes", running)


def folding(behind: int, oldest_s: float, *, halted: str | None, stalled: str | None = None) -> Finding:
    """Check event processing: `behind` events wait, the oldest for `oldest_s` seconds."""
    name = "journal"
    if halted is not None:
        return failed(
            name,
            f"event processing is halted: {' '.join(halted.split())[:200]}",
            "a key of Tallylight holds foreign data: see `Event processing is halted` in docs/operations.md",
        )
    if stalled is not None:
        hint = (
            "an event that cannot be processed is skipped within two minutes; otherwise check that `tally worker` runs"
        )
        return failed(name, stalled, hint)
    if not behind:
        return ok(name, "no backlog")
    count = f"{COUNTED_MAX} or more" if behind >= COUNTED_MAX else str(behind)
    message = f"{count} events are not processed yet, the oldest for {oldest_s:.0f} s"
    hint = "check that `tally worker` runs, and its log"
    if oldest_s >= LAG_FAILED_S:
        return failed(name, message, hint)
    return warning(name, message, hint) if oldest_s >= LAG_WARNING_S else ok(name, message)


def raised(alarms: list[Alarm]) -> Finding:
    """Report active alarms."""
    active = [alarm for alarm in alarms if alarm.is_active and not alarm.is_acknowledged(int(time() * 1000))]
    acknowledged = sum(alarm.is_active for alarm in alarms) - len(active)
    if not active and acknowledged:
        return ok("alarms", f"{acknowledged} active, all acknowledged")
    if not active:
        return ok("alarms", "no active alarms")
    worst = sorted(active, key=lambda alarm: (alarm.severity != "critical", alarm.since))
    summaries = ", ".join(f"{alarm.name}: {alarm.summary_text}" for alarm in worst[:QUOTED_MAX])
    more = f"; and {len(worst) - QUOTED_MAX} more" if len(worst) > QUOTED_MAX else ""
    return warning("alarms", f"{len(worst)} active: {summaries}{more}", "see `tally alarms`")
