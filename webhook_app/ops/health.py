"""Health checks: `/healthz` (this process) and `/readyz` (everything it depends on)."""

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from typing import Any

import redis
from flask import Blueprint, Response, jsonify

from webhook_app.providers.port import KeyedVerifier
from webhook_app.runtime.loops import Loops
from webhook_app.store.connection.clients import Client
from webhook_app.store.operations.health import StoreHealth, problem_of, read_health

WORKERS = ("worker", "call", "deliver")


@dataclass(frozen=True, slots=True)
class HealthLimits:
    """How long a check of the store may take: each read and write of its client, and all of it."""

    store_timeout_s: float = 0.6
    answer_within_s: float = 0.8


def health(
    *,
    client: Client,
    verifier: KeyedVerifier,
    receiver_only: bool,
    loops: Loops | None = None,
    limits: HealthLimits = HealthLimits(),
) -> Blueprint:
    """`/healthz` and `/readyz`; a receiver is ready with store and key alone, so a dead worker turns nothing away.

    `readyz` answers within a second whatever the store does. `loops` are those of this process.
    """
    blueprint = Blueprint("health", __name__)
    store = StoreCheck(lambda: read_health(client), limits)

    @blueprint.get("/healthz")
    def healthz() -> Response:
        return jsonify({"ok": True})

    @blueprint.get("/readyz")
    def readyz() -> Response:
        store_health = store()
        checks: dict[str, dict[str, Any]] = {"store": _store(store_health), "public_key": {"ok": verifier.ready}}
        if not receiver_only:
            own_failing = loops.failing() if loops is not None else {}
            own_failures = {f"web: {name}": problem for name, problem in own_failing.items()}
            checks |= _product(store_health, own_failures)
        ready = all(check["ok"] for check in checks.values())
        response = jsonify({"ready": ready, "checks": checks})
        response.status_code = 200 if ready else 503
        return response

    return blueprint


def _store(store_health: StoreHealth) -> dict[str, Any]:
    return {"ok": True} if store_health.problem is None else {"ok": False, "problem": store_health.problem}


def _product(store_health: StoreHealth, own_failures: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    alive, lag = store_health.live.alive, store_health.lag
    missing = [name for name in WORKERS if not alive.get(name)]
    failing = {**store_health.live.failing, **own_failures}
    workers: dict[str, Any] = {"ok": not missing and not store_health.halted}
    if missing:
        workers["missing"] = missing
    if store_health.halted:
        workers["halted"] = True
    journal: dict[str, Any] = {"ok": lag is not None and store_health.stalled is None}
    if lag is not None:
        journal |= {"waiting": lag.events, "waited_s": round(store_health.lag_s, 1)}
    if store_health.stalled is not None:
        journal["stalled"] = store_health.stalled
    loops: dict[str, Any] = {"ok": not failing}
    if failing:
        loops["failing"] = failing
    return {"workers": workers, "clock": {"ok": bool(alive.get("clock"))}, "journal": journal, "loops": loops}


class StoreCheck:
    """Checks the store with a deadline; one check at a time, shared by all waiting requests.

    The check runs on its own thread, since a client's own time-outs are for each read and each address in turn.
    """

    def __init__(
        self,
        read_health: Callable[[], StoreHealth],
        limits: HealthLimits = HealthLimits(),
    ) -> None:
        self._read_health = read_health
        self._within_s = limits.answer_within_s
        self._lock = threading.Lock()
        self._under_way: Future[StoreHealth] | None = None

    def __call__(self) -> StoreHealth:
        """Return the result, or a time-out when the deadline passes first."""
        with self._lock:
            future = self._under_way
            if future is None or future.done():
                future = self._under_way = Future()
                threading.Thread(target=self._run, args=(future,), name="health", daemon=True).start()
        try:
            return future.result(self._within_s)
        except FutureTimeoutError:
            return StoreHealth(problem="no answer")
        except redis.RedisError as error:
            return StoreHealth(problem=problem_of(error))
        except Exception as error:
            return StoreHealth(problem=f"{type(error).__name__}: {error}"[:200])

    def _run(self, future: "Future[StoreHealth]") -> None:
        try:
            future.set_result(self._read_health())
        except Exception as error:
            future.set_exception(error)
