"""The system: processes, journal, queues, store, key and versions, as the store shows them now."""

import platform
from importlib.metadata import version
from typing import Any

import redis
from flask import Blueprint, Response

from webhook_app.api.system import public_key_view
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

NEEDED = ("web", "worker", "call", "deliver", "clock")
RATE_MINUTES = 60
BEHIND_MAX = 1_000
SUBSCRIBERS_SUMMED = 200
HOURS = 24
GONE_SHOWN_MS = 15 * 60 * 1000


def add(blueprint: Blueprint, desk: ConsoleContext) -> None:
    """The page, and the part of it that changes."""

    @blueprint.get("/system")
    def system() -> str:
        return page("system.html", here="system", **_seen(desk))

    @blueprint.get("/page/live/system")
    def system_live() -> Response:
        return live_part("system_live.html", **_seen(desk))


def _seen(desk: ConsoleContext) -> dict[str, Any]:
    client = desk.context.client
    now = now_ms(client)
    return {
        "processes": _processes(client, now),
        "journal": _journal(client, now),
        "queues": _queues(desk, now),
        "store": _store(client),
        "told": _told(desk, now),
        "counts": _counts(client),
        "key": _key(desk),
        "versions": {"Tallylight": version("tallylight"), "Python": platform.python_version()},
        "settings": desk.settings,
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
        # The moment of a process that lives is left out: it would make every look another one.
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
    said = f"Events a minute over {len(by_minute)} minutes: {sum(by_minute)} in all, {peak} at most"
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


def _queues(desk: ConsoleContext, now: int) -> list[tuple[str, int, str]]:
    client = desk.context.client
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
    counts = desk.context.deliveries.counts()
    last, at = (newest[0][0].decode() if newest else "0-0"), (cursor or b"0-0").decode()
    told = "all handed out" if order(at) >= order(last) else "some are still to be handed out"
    return [
        ("Wake-ups", sum(map(int, wakeups)), ", ".join(f"{q} {n}" for q, n in zip(QUEUES, wakeups, strict=True))),
        ("Calls waiting", int(calls), "to VideoSDK"),
        ("Probes waiting", int(probes), "questions to VideoSDK"),
        ("Timers", int(timers), f"{overdue} overdue" if overdue else "none overdue"),
        ("Deliveries in line", counts["pending"], f"notices: {told}"),
        ("Deliveries dead", counts["dead"], f"{counts['delivered']} delivered"),
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
        "gauge": gauge(share, f"Memory: {share:.0%} of what it may use") if most else "",
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


def _told(desk: ConsoleContext, now: int) -> dict[str, Any]:
    who = [one.subscriber_id for one in desk.context.subscribers.all()[:SUBSCRIBERS_SUMMED]]
    good, bad = attempts_by_hour(desk.context.client, who, now)
    said = f"Attempts an hour over a day: {sum(good)} answered, {sum(bad)} failed"
    return {"chart": stacked(good, bad, said), "answered": sum(good), "failed": sum(bad)}


def attempts_by_hour(client: Client, subscriber_ids: list[str], now: int) -> tuple[list[int], list[int]]:
    """Attempts of the last 24 hours by hour, those answered and those that failed, of these subscribers together."""
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


def _key(desk: ConsoleContext) -> dict[str, Any]:
    view = public_key_view(desk.context.client, desk.settings)
    return {"known": view["known"], "pinned": view["pinned"], "print": view["fingerprint"]}
