"""Health of the store and, out of it, of the product, in one round trip."""

from collections.abc import Mapping
from dataclasses import dataclass

import redis

from webhook_app.store import keys
from webhook_app.store.connection.clients import Client
from webhook_app.store.connection.refusals import Refusal, refusal_of
from webhook_app.store.connection.server_time import time_ms
from webhook_app.store.journal.lag import Lag, lag_of, queue_lag
from webhook_app.store.operations.processes import LiveProcesses, live_processes_of, queue_live_processes
from webhook_app.store.operations.system_alarms import STALLED, alarms_of

WRITE_PROBE_TTL_MS = 60_000
LAG_COUNTED_MAX = 1_000
_PROBLEMS: Mapping[Refusal | None, str] = {
    Refusal.LOADING: "loading its data",
    Refusal.READONLY: "a replica that takes no writes",
    Refusal.OOM: "full",
}


@dataclass(frozen=True, slots=True)
class StoreHealth:
    """The health; `problem` says why the store takes no writes, and then the rest is unknown."""

    problem: str | None
    live: LiveProcesses = LiveProcesses({}, {})  # noqa: RUF009 - frozen, and never changed
    halted: bool = False
    lag: Lag | None = None
    lag_s: float = 0.0
    stalled: str | None = None


def read_health(client: Client) -> StoreHealth:
    """Write, then read everything, in one round trip; a store that answers but refuses writes is unhealthy.

    Raises what the client raises when the store does not answer.
    """
    with client.pipeline(transaction=False) as pipe:
        pipe.set(keys.WRITE_PROBE, "1", px=WRITE_PROBE_TTL_MS)
        queue_live_processes(pipe)
        pipe.exists(keys.HALTED)
        queue_lag(pipe, at_most=LAG_COUNTED_MAX)
        pipe.hgetall(keys.SYSTEM_ALARMS)
        pipe.time()
        answers = pipe.execute(raise_on_error=False)
    refusal = next((answer for answer in answers if isinstance(answer, redis.RedisError)), None)
    if refusal is not None:
        return StoreHealth(problem=problem_of(refusal))
    _, live, halted, answer, records, time = answers
    lag, stalled = lag_of(answer), alarms_of(records).get(STALLED)
    return StoreHealth(
        problem=None,
        live=live_processes_of(live),
        halted=bool(halted),
        lag=lag,
        lag_s=lag.waited_s(time_ms(time)),
        # Without a clock the alarm is not cleared: it holds until the cursor that it names moves.
        stalled=stalled.alarm.summary_text if stalled is not None and stalled.condition == lag.cursor else None,
    )


def problem_of(error: redis.RedisError) -> str:
    """Describe an error of the store."""
    refusal = refusal_of(error)
    if refusal in _PROBLEMS:
        return _PROBLEMS[refusal]
    if isinstance(error, redis.ConnectionError | redis.TimeoutError):
        return "no answer"
    return " ".join(str(error).split())[:200]
