"""Health: whether this process lives, and whether everything that must be there is."""

from collections.abc import Callable

import redis
from flask import Blueprint, Response, jsonify

from webhook_app.public_key import KeyRing
from webhook_app.store import keys
from webhook_app.store.clients import Client
from webhook_app.store.processes import Processes

WORKERS = ("worker", "call", "deliver")


def health(*, client: Client, keyring: KeyRing, receiver_only: bool) -> Blueprint:
    """`/healthz` and `/readyz`; a receiver is ready with store and key alone, so a dead worker turns nothing away."""
    blueprint = Blueprint("health", __name__)
    processes = Processes(client)

    @blueprint.get("/healthz")
    def healthz() -> Response:
        return jsonify({"ok": True})

    @blueprint.get("/readyz")
    def readyz() -> Response:
        checks: dict[str, dict[str, object]] = {
            "store": _check(lambda: bool(client.ping())),
            "public_key": {"ok": keyring.ready},
        }
        if not receiver_only:
            try:
                alive, halted = processes.alive(), client.exists(keys.HALTED)
                missing = [name for name in WORKERS if not alive.get(name)]
            except redis.RedisError:
                alive, halted, missing = {}, 0, list(WORKERS)
            checks["workers"] = {"ok": not missing and not halted}
            if missing:
                checks["workers"]["missing"] = missing
            if halted:
                checks["workers"]["halted"] = True
            checks["clock"] = {"ok": bool(alive.get("clock"))}
        ready = all(check["ok"] for check in checks.values())
        response = jsonify({"ready": ready, "checks": checks})
        response.status_code = 200 if ready else 503
        return response

    return blueprint


def _check(look: Callable[[], bool]) -> dict[str, object]:
    try:
        return {"ok": look()}
    except redis.RedisError:
        return {"ok": False}
