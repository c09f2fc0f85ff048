"""How the product does: which processes live, whether folding goes on, what is raised."""

from collections.abc import Iterator, Mapping
from typing import Any

from webhook_app.domain.alarms import Alarm
from webhook_app.store import codec, keys
from webhook_app.store.clients import Client
from webhook_app.store.processes import Processes
from workers.doctor.finding import Finding, failed, ok, warning

PROCESSES = ("web", "worker", "call", "deliver", "clock")
LAG_MAX_EVENTS = 10_000
LAG_WARNING_S = 10.0
LAG_FAILED_S = 60.0


def look_at_product(client: Client) -> Iterator[Finding]:
    """What the store shows of the processes."""
    yield processes(Processes(client).alive())
    halted = client.get(keys.HALTED)
    yield folding(*_behind(client), halted=None if halted is None else halted.decode(errors="replace"))
    yield raised([codec.alarm_of(raw) for raw in client.hvals(keys.ALARMS)])


def processes(alive: Mapping[str, int]) -> Finding:
    """Each of them at least once."""
    missing = [name for name in PROCESSES if not alive.get(name)]
    seen = ", ".join(f"{name}{f' x{count}' if count > 1 else ''}" for name, count in alive.items())
    if missing:
        return failed(
            "processes",
            f"not seen for 10 s: {', '.join(missing)}" + (f" (seen: {seen})" if seen else ""),
            "run `tally up`, or start " + ", ".join(f"`tally {name}`" for name in missing),
        )
    return ok("processes", seen)


def folding(behind: int, oldest_s: float, *, halted: str | None) -> Finding:
    """Whether the journal is folded: `behind` events wait, the oldest for `oldest_s` seconds."""
    name = "journal"
    if halted is not None:
        return failed(
            name,
            f"folding is halted: {' '.join(halted.split())[:200]}",
            "a key of ours holds something of another's: see `Reducing is halted` in docs/operations.md",
        )
    if not behind:
        return ok(name, "everything is folded")
    count = f"{LAG_MAX_EVENTS} or more" if behind >= LAG_MAX_EVENTS else str(behind)
    said = f"{count} events wait to be folded, the oldest for {oldest_s:.0f} s"
    hint = "see that `tally worker` runs, and what its log says"
    if oldest_s >= LAG_FAILED_S:
        return failed(name, said, hint)
    return warning(name, said, hint) if oldest_s >= LAG_WARNING_S else ok(name, said)


def raised(alarms: list[Alarm]) -> Finding:
    """What is raised now."""
    active = [alarm for alarm in alarms if alarm.cleared_at is None]
    if not active:
        return ok("alarms", "none is raised")
    return warning("alarms", ", ".join(f"{one.name}: {one.summary}" for one in active), "see `tally alarms`")


def _behind(client: Client) -> tuple[int, float]:
    cursor = client.get(keys.CURSOR)
    first = f"({cursor.decode()}" if cursor else "-"
    waiting: Any = client.xrange(keys.JOURNAL, min=first, count=LAG_MAX_EVENTS)
    if not waiting:
        return 0, 0.0
    seconds, micros = client.time()
    since_ms = int(waiting[0][0].partition(b"-")[0])
    return len(waiting), max(0.0, int(seconds) + int(micros) / 1e6 - since_ms / 1000)
