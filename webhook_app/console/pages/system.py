"""System status: processes, journal, queues, store, public key and versions."""

import platform
from importlib.metadata import version
from typing import Any

import redis
from flask import Blueprint, Response

from webhook_app.console.components.charts import bars, gauge, stacked
from webhook_app.console.context import ConsoleContext, live_part, page
from webhook_app.store.connection.clients import Client
from webhook_app.store.connection.server_time import now_ms
from webhook_app.store.journal.event_rates import events_by_minute
from webhook_app.store.operations.processes import ALIVE_FOR_MS, processes_seen
from webhook_app.store.operations.webhook_counts import webhook_counts
from webhook_app.store.queries.system import attempts_by_hour, read_journal_figures, read_queue_figures
from webhook_app.usecases.system import public_key_view

NEEDED = ("web", "worker", "call", "deliver", "clock")
RATE_MINUTES = 60
BEHIND_MAX = 1_000
SUBSCRIBERS_SUMMED = 200
GONE_SHOWN_MS = 15 * 60 * 1000


def add(blueprint: Blueprint, console: ConsoleContext) -> None:
    """Add the page and its live part."""

    @blueprint.get("/system")
    def system() -> str:
        return page("system.html", section="system", **_seen(console))

    @blueprint.get("/page/live/system")
    def system_live() -> Response:
        return live_part("system_live.html", **_seen(console))


def _seen(console: ConsoleContext) -> dict[str, Any]:
    client = console.context.client
    now = now_ms(client)
    return {
        "processes": _processes(client, now),
        "journal": _journal(client, now),
        "queues": _queues(console, now),
        "store": _store(client),
        "delivery_attempts": _delivery_attempts(console, now),
        "counts": _counts(client),
        "key": _key(console),
        "versions": {"Tallylight": version("tallylight"), "Python": platform.python_version()},
        "settings": console.settings,
    }


def _processes(client: Client, now: int) -> dict[str, Any]:
    seen_processes = []
    for process in processes_seen(client):
        age = now - process.seen_at
        alive = age < ALIVE_FOR_MS
        if alive or age < GONE_SHOWN_MS:
            seen_processes.append(
                {"name": process.name, "where": process.where, "alive": alive, "seen_at": int(process.seen_at)}
            )
    seen_processes.sort(key=lambda item: (not item["alive"], item["name"], item["where"]))
    lives = {item["name"] for item in seen_processes if item["alive"]}
    return {
        # Omitted for live processes: it would change the page, and its ETag, on every request.
        "seen": [item | {"seen_at": None if item["alive"] else item["seen_at"]} for item in seen_processes],
        "missing": [name for name in NEEDED if name not in lives],
    }


def _journal(client: Client, now: int) -> dict[str, Any]:
    figures = read_journal_figures(client, behind_max=BEHIND_MAX)
    by_minute, whole = events_by_minute(client, RATE_MINUTES)
    lag_s = max(0, now - figures.oldest_behind_at) // 1000 if figures.oldest_behind_at is not None else 0
    peak = max(by_minute, default=0)
    chart_label = f"Events per minute, last {len(by_minute)} min: {sum(by_minute)} in total, peak {peak}"
    return {
        "length": figures.length,
        "since": figures.oldest_at,
        "behind": figures.behind,
        "behind_max": BEHIND_MAX,
        "lag_s": lag_s,
        "last_webhook": figures.last_webhook_at,
        "rate": bars(by_minute, chart_label),
        "peak": peak,
        "minutes": len(by_minute),
        "whole": whole,
    }


def _queues(console: ConsoleContext, now: int) -> list[tuple[str, int, str, bool]]:
    """Each queue with its depth, a remark, and whether its depth is a fault."""
    figures = read_queue_figures(console.context.client, now=now)
    overdue = figures.timers_overdue
    counts = console.context.deliveries.counts()
    signals = ", ".join(f"{queue} {count}" for queue, count in figures.wakeups.items())
    outbox = "all expanded" if figures.is_outbox_expanded else "some not yet expanded"
    return [
        ("Job signals", sum(figures.wakeups.values()), signals, False),
        ("Pending calls", figures.calls, "to VideoSDK", False),
        ("Pending status checks", figures.probes, "to VideoSDK", False),
        ("Timers", figures.timers, f"{overdue} overdue" if overdue else "none overdue", False),
        ("Pending deliveries", counts["pending"], f"notices: {outbox}", False),
        ("Dead deliveries", counts["dead"], f"{counts['delivered']} delivered", counts["dead"] > 0),
    ]


def _store(client: Client) -> dict[str, Any]:
    info = client.info("all")
    valkey = "valkey_version" in info
    used, most = int(info.get("used_memory", 0)), int(info.get("maxmemory", 0))
    fsync = _configured(client, "appendfsync")
    aof = bool(info.get("aof_enabled"))
    policy = str(info.get("maxmemory_policy", "unknown"))
    share = used / most if most else 0.0
    return {
        "name": f"{'Valkey' if valkey else 'Redis'} {info.get('valkey_version' if valkey else 'redis_version', '?')}",
        "used": used,
        "most": most,
        "share": share,
        "gauge": gauge(share, f"Memory: {share:.0%} of the limit") if most else "",
        "policy": policy,
        "evicts": policy != "noeviction",
        "aof": aof,
        "fsync": fsync,
        "aof_ok": info.get("aof_last_write_status", "ok") == "ok",
        "replicas": int(info.get("connected_slaves", 0)),
        "up_days": int(info.get("uptime_in_seconds", 0)) // 86_400,
    }


def _configured(client: Client, name: str) -> str | None:
    try:
        configured: dict[str, str] = client.config_get(name)
    except redis.ResponseError:
        return None
    return configured.get(name)


def _delivery_attempts(console: ConsoleContext, now: int) -> dict[str, Any]:
    subscriber_ids = [item.subscriber_id for item in console.context.subscribers.all()[:SUBSCRIBERS_SUMMED]]
    succeeded, failed = attempts_by_hour(console.context.client, subscriber_ids, now)
    chart_label = f"Attempts per hour, last 24 h: {sum(succeeded)} succeeded, {sum(failed)} failed"
    return {"chart": stacked(succeeded, failed, chart_label), "answered": sum(succeeded), "failed": sum(failed)}


def _counts(client: Client) -> list[tuple[str, dict[str, int]]]:
    by_type: dict[str, dict[str, int]] = {}
    for label, count in webhook_counts(client).items():
        kind, _, outcome = label.partition("|")
        by_type.setdefault(kind, {})[outcome] = count
    return sorted(by_type.items())


def _key(console: ConsoleContext) -> dict[str, Any]:
    view = public_key_view(console.context.client, console.settings)
    return {"known": view["known"], "pinned": view["pinned"], "print": view["fingerprint"]}
