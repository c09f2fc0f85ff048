"""System status: processes, journal, queues, store, public key and versions."""

import platform
from importlib.metadata import version
from typing import Any

import redis
from flask import Blueprint, Response

from webhook_app.console.components.charts import bars, gauge, stacked
from webhook_app.console.context import ConsoleContext, live_part, page
from webhook_app.domain.ids import order
from webhook_app.store import keys
from webhook_app.store.connection.clients import Client
from webhook_app.store.connection.server_time import now_ms
from webhook_app.store.deliveries.queue import hour_number
from webhook_app.store.journal.event_rates import events_by_minute
from webhook_app.store.journal.wakeups import QUEUES
from webhook_app.store.operations.processes import ALIVE_FOR_MS
from webhook_app.usecases.system import public_key_view

NEEDED = ("web", "worker", "call", "deliver", "clock")
RATE_MINUTES = 60
BEHIND_MAX = 1_000
SUBSCRIBERS_SUMMED = 200
HOURS = 24
GONE_SHOWN_MS = 15 * 60 * 1000


def add(blueprint: Blueprint, console: ConsoleContext) -> None:
    """Add the page and its live part."""

    @blueprint.get("/system")
    def system() -> str:
        return page("system.html", here="system", **_seen(console))

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
        "told": _told(console, now),
        "counts": _counts(client),
        "key": _key(console),
        "versions": {"Tallylight": version("tallylight"), "Python": platform.python_version()},
        "settings": console.settings,
    }


def _processes(client: Client, now: int) -> dict[str, Any]:
    found = []
    for member, at in client.zrange(keys.PROCESSES, 0, -1, withscores=True):
        name, _, where = member.decode().partition("|")
        alive = now - at < ALIVE_FOR_MS
        if alive or now - at < GONE_SHOWN_MS:
            found.append({"name": name, "where": where, "alive": alive, "seen_at": int(at)})
    found.sort(key=lambda one: (not one["alive"], one["name"], one["where"]))
    lives = {one["name"] for one in found if one["alive"]}
    return {
        # Omitted for live processes: it would change the page, and its ETag, on every request.
        "found": [one | {"seen_at": None if one["alive"] else one["seen_at"]} for one in found],
        "missing": [name for name in NEEDED if name not in lives],
    }


def _journal(client: Client, now: int) -> dict[str, Any]:
    with client.pipeline(transaction=True) as pipe:
        pipe.xlen(keys.JOURNAL)
        pipe.xrange(keys.JOURNAL, count=1)
        pipe.get(keys.CURSOR)
        pipe.get(keys.LAST_WEBHOOK)
        length, oldest, cursor, last_webhook = pipe.execute()
    behind = client.xrange(keys.JOURNAL, min="(" + (cursor or b"0-0").decode(), count=BEHIND_MAX)
    by_minute, whole = events_by_minute(client, RATE_MINUTES)
    lag_s = max(0, now - int(behind[0][1][b"a"])) // 1000 if behind and b"a" in behind[0][1] else 0
    peak = max(by_minute, default=0)
    said = f"Events per minute, last {len(by_minute)} min: {sum(by_minute)} in total, peak {peak}"
    return {
        "length": int(length),
        "since": int(oldest[0][0].partition(b"-")[0]) if oldest else None,
        "behind": len(behind),
        "behind_max": BEHIND_MAX,
        "lag_s": lag_s,
        "last_webhook": int(float(last_webhook) * 1000) if last_webhook else None,
        "rate": bars(by_minute, said),
        "peak": peak,
        "minutes": len(by_minute),
        "whole": whole,
    }


def _queues(console: ConsoleContext, now: int) -> list[tuple[str, int, str]]:
    client = console.context.client
    with client.pipeline(transaction=False) as pipe:
        for queue in QUEUES:
            pipe.llen(f"rq:queue:{queue}")
        pipe.zcard(keys.CALLS_DUE)
        pipe.zcard(keys.PROBES_DUE)
        pipe.zcard(keys.TIMERS)
        pipe.zcount(keys.TIMERS, "-inf", now)
        pipe.get(keys.OUTBOX_CURSOR)
        pipe.xrevrange(keys.OUTBOX, count=1)
        *wakeups, calls, probes, timers, overdue, cursor, newest = pipe.execute()
    counts = console.context.deliveries.counts()
    last, at = (newest[0][0].decode() if newest else "0-0"), (cursor or b"0-0").decode()
    outbox = "all queued" if order(at) >= order(last) else "some not yet queued"
    return [
        ("Job signals", sum(map(int, wakeups)), ", ".join(f"{q} {n}" for q, n in zip(QUEUES, wakeups, strict=True))),
        ("Pending calls", int(calls), "to VideoSDK"),
        ("Pending status checks", int(probes), "to VideoSDK"),
        ("Timers", int(timers), f"{overdue} overdue" if overdue else "none overdue"),
        ("Queued deliveries", counts["pending"], f"notifications: {outbox}"),
        ("Failed deliveries", counts["dead"], f"{counts['delivered']} delivered"),
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
        said: dict[str, str] = client.config_get(name)
    except redis.ResponseError:
        return None
    return said.get(name)


def _told(console: ConsoleContext, now: int) -> dict[str, Any]:
    who = [one.subscriber_id for one in console.context.subscribers.all()[:SUBSCRIBERS_SUMMED]]
    good, bad = attempts_by_hour(console.context.client, who, now)
    said = f"Attempts per hour, last 24 h: {sum(good)} succeeded, {sum(bad)} failed"
    return {"chart": stacked(good, bad, said), "answered": sum(good), "failed": sum(bad)}


def attempts_by_hour(client: Client, subscriber_ids: list[str], now: int) -> tuple[list[int], list[int]]:
    """Count the attempts of the last 24 hours by hour, of several subscribers together: succeeded, and failed."""
    hours = range(hour_number(now) - HOURS + 1, hour_number(now) + 1)
    with client.pipeline(transaction=False) as pipe:
        for one in subscriber_ids:
            for hour in hours:
                pipe.hmget(keys.subscriber_hour(one, hour), ["answered", "failed"])
        found = pipe.execute()
    good, bad = [0] * HOURS, [0] * HOURS
    for at, (answered, failed) in enumerate(found):
        good[at % HOURS] += int(answered or 0)
        bad[at % HOURS] += int(failed or 0)
    return good, bad


def _counts(client: Client) -> list[tuple[str, dict[str, int]]]:
    by_type: dict[str, dict[str, int]] = {}
    for label, count in client.hgetall(keys.COUNTS).items():
        kind, _, outcome = label.decode().partition("|")
        by_type.setdefault(kind, {})[outcome] = int(count)
    return sorted(by_type.items())


def _key(console: ConsoleContext) -> dict[str, Any]:
    view = public_key_view(console.context.client, console.settings)
    return {"known": view["known"], "pinned": view["pinned"], "print": view["fingerprint"]}
