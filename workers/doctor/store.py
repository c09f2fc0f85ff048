"""Check the store: version, role, durability, eviction, memory and clock."""

from collections.abc import Iterator, Mapping
from time import time
from typing import Any

import redis

from webhook_app.config.sentinel_url import is_sentinel_url
from webhook_app.config.settings import Settings
from webhook_app.store.connection.clients import Client
from webhook_app.store.connection.refusals import refusal_of
from webhook_app.store.connection.sentinels import NoPrimaryError, SentinelFailure
from workers.dev.embedded_store.files import StoreFiles
from workers.doctor.finding import Finding, failed, ok, warning
from workers.doctor.settings import is_embedded_store

REDIS_MIN = (6, 2)
VALKEY_MIN = (7, 2)
FULL_WARNING = 0.80
FULL_FAILED = 0.95
SKEW_WARNING_S = 2.0
SKEW_FAILED_S = 60.0
_OPERATIONS = "docs/operations.md"


def check_store(client: Client, settings: Settings) -> Iterator[Finding]:
    """Run all checks of the store; a single failed finding if it does not answer."""
    try:
        info: Mapping[str, Any] = client.info("all")
    except (redis.RedisError, OSError) as error:
        yield failed("store", f"does not answer: {_one_line(error)}", hint_for(error, settings))
        return
    yield version(info)
    yield role(info, settings.ack_replicas)
    if settings.redis_url is not None and is_sentinel_url(settings.redis_url):
        yield failover(settings.ack_replicas)
    yield durability(info, _configured(client, "appendfsync"))
    yield eviction(info)
    yield memory(info)
    yield _clock(client)


def version(info: Mapping[str, Any]) -> Finding:
    """Check the version: Redis 6.2 or later, Valkey 7.2 or later."""
    valkey = info.get("server_name") == "valkey" or "valkey_version" in info
    name, least = ("Valkey", VALKEY_MIN) if valkey else ("Redis", REDIS_MIN)
    text = str(info.get("valkey_version" if valkey else "redis_version", "0"))
    message = f"{name} {text}"
    if _numbers(text) < least:
        return failed("store", message, f"{name} {'.'.join(map(str, least))} or later is needed")
    return ok("store", message)


def role(info: Mapping[str, Any], ack_replicas: int) -> Finding:
    """Check that the store accepts writes and has enough replicas for ACK_REPLICAS."""
    replicas = int(info.get("connected_slaves", 0))
    if info.get("role") != "master":
        return failed("replicas", "this is a read-only replica", "set REDIS_URL to the primary")
    if replicas < ack_replicas:
        return failed(
            "replicas",
            f"{replicas} connected, and ACK_REPLICAS is {ack_replicas}: every webhook gets 503",
            "connect the replicas, or lower ACK_REPLICAS",
        )
    return ok("replicas", f"{replicas} connected, ACK_REPLICAS is {ack_replicas}")


def failover(ack_replicas: int) -> Finding:
    """Check whether a failover may lose acknowledged webhooks."""
    if ack_replicas:
        return ok("failover", f"acknowledged webhooks are also on {ack_replicas} of the replicas")
    return warning(
        "failover",
        "ACK_REPLICAS is 0: a failover may lose acknowledged webhooks",
        "set ACK_REPLICAS=1 with at least two replicas; see docs/how-to/sentinel.md",
    )


def durability(info: Mapping[str, Any], appendfsync: str | None) -> Finding:
    """Check that acknowledged webhooks are on disk."""
    name = "durability"
    if not info.get("aof_enabled"):
        return warning(
            name,
            "no append-only file: a restart may lose acknowledged webhooks",
            "set appendonly yes and appendfsync always",
        )
    if info.get("aof_last_write_status", "ok") != "ok":
        return failed(name, "the append-only file cannot be written", "check the store's disk and its log")
    if appendfsync is None:
        return warning(name, "append-only file; appendfsync cannot be read", "check that it is always or everysec")
    if appendfsync == "always":
        return ok(name, "append-only file, synced on every write")
    loss = "the last second" if appendfsync == "everysec" else "some seconds or more"
    return warning(
        name,
        f"append-only file, appendfsync is {appendfsync}: a power cut may lose {loss} of acknowledged webhooks",
        "set appendfsync always, or ignore",
    )


def eviction(info: Mapping[str, Any]) -> Finding:
    """Check that a full store does not evict keys."""
    policy = str(info.get("maxmemory_policy", "unknown"))
    if policy == "noeviction":
        return ok("eviction", policy)
    return warning(
        "eviction",
        f"maxmemory-policy is {policy}: a full store evicts keys",
        "set maxmemory-policy noeviction: a full store then means 503, and VideoSDK retries",
    )


def memory(info: Mapping[str, Any]) -> Finding:
    """Check how full the store is."""
    used, most = int(info.get("used_memory", 0)), int(info.get("maxmemory", 0))
    if most == 0:
        return warning(
            "memory",
            f"{_mib(used)} used, no limit: when the machine runs out of memory, the kernel kills a process",
            "set maxmemory below the machine's memory",
        )
    share = used / most
    message = f"{_mib(used)} of {_mib(most)} used ({share:.0%})"
    hint = "raise maxmemory, or lower RETENTION_DAYS"
    if share >= FULL_FAILED:
        return failed("memory", message, hint)
    return warning("memory", message, hint) if share >= FULL_WARNING else ok("memory", message)


def clock(ahead_s: float) -> Finding:
    """Check this machine's clock against the store's."""
    message = f"{abs(ahead_s):.1f} s {'ahead of' if ahead_s > 0 else 'behind'} the store's"
    hint = "synchronise both clocks with NTP (timedatectl set-ntp true)"
    if abs(ahead_s) >= SKEW_FAILED_S:
        return failed("clock", message, hint + "; VideoSDK rejects tokens from a wrong clock")
    return warning("clock", message, hint) if abs(ahead_s) >= SKEW_WARNING_S else ok("clock", message)


def _clock(client: Client) -> Finding:
    before = time()
    seconds, micros = client.time()
    return clock((before + time()) / 2 - (int(seconds) + int(micros) / 1e6))


def _configured(client: Client, name: str) -> str | None:
    """Return a setting of the store; None where reading it is not permitted, as on many managed services."""
    try:
        reply = client.config_get(name)
    except redis.RedisError:
        return None
    value = reply.get(name.encode(), reply.get(name))
    return value.decode() if isinstance(value, bytes) else value


def hint_for(error: Exception, settings: Settings) -> str:
    """Return what to check when the store, or its sentinels, do not answer."""
    if isinstance(error, NoPrimaryError):
        return _sentinel_hint(error, settings)
    if isinstance(error, (redis.AuthenticationError, redis.exceptions.NoPermissionError)):
        return "check the user and password in REDIS_URL"
    refusal = refusal_of(error)
    if refusal is not None:
        return f"the store runs but rejects commands for now ({refusal}); see {_OPERATIONS}"
    if is_embedded_store(settings):
        log = StoreFiles.of(settings.data_dir).log
        return f"`tally up` restarts it automatically; see its output and {log}"
    return f"start it, or check REDIS_URL; see {_OPERATIONS}"


def _sentinel_hint(error: NoPrimaryError, settings: Settings) -> str:
    if error.has(SentinelFailure.UNKNOWN_SERVICE):
        return "check the service name in REDIS_URL: the one given to `sentinel monitor`"
    if error.has(SentinelFailure.NO_PRIMARY):
        return "wait for the failover, or start the primary; `SENTINEL masters` shows what the sentinels see"
    if error.has(SentinelFailure.LOGIN) and settings.sentinel_password is None:
        return "set SENTINEL_PASSWORD: the sentinels require their own password"
    if error.has(SentinelFailure.LOGIN):
        return "check SENTINEL_PASSWORD and SENTINEL_USERNAME; the store's own password belongs in REDIS_URL"
    return "check the hosts and ports in REDIS_URL, and that sentinels listen there (rediss+sentinel:// if with TLS)"


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".")[:2] if part.isdecimal())


def _mib(count: int) -> str:
    return f"{count / 2**20:.0f} MiB"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
