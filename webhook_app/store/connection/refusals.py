"""Recognizes errors by which a running store refuses commands for now.

A refused command had no effect. The refusal passes: another server becomes the primary, memory or disk gets room,
replicas come back. The codes are those at the start of the server's error texts.
"""

import re
from enum import StrEnum

import redis


class Refusal(StrEnum):
    """Why a store refuses commands."""

    READONLY = "READONLY"  # a replica, or a primary that was demoted
    MASTERDOWN = "MASTERDOWN"  # a replica that has lost its primary
    LOADING = "LOADING"  # it reads its data
    NOREPLICAS = "NOREPLICAS"  # fewer replicas than min-replicas-to-write
    CLUSTERDOWN = "CLUSTERDOWN"
    UNBLOCKED = "UNBLOCKED"  # a blocking read was ended because the server changed its role
    MISCONF = "MISCONF"  # it cannot write to its disk
    OOM = "OOM"  # maxmemory is reached
    BUSY = "BUSY"  # a script runs for too long
    TRYAGAIN = "TRYAGAIN"


# After these another server may be the primary: all connections of the pool are reopened.
RECONNECT_REFUSALS = frozenset(
    {
        Refusal.READONLY,
        Refusal.MASTERDOWN,
        Refusal.LOADING,
        Refusal.NOREPLICAS,
        Refusal.CLUSTERDOWN,
        Refusal.UNBLOCKED,
        Refusal.MISCONF,
    }
)

_CODES = "|".join(Refusal)
_AT_START = re.compile(rf"-?(?P<code>{_CODES})\b")
# EXEC names why its transaction was discarded; Redis 6.2 puts the error of a command inside a script behind the
# script's place.
_INSIDE = re.compile(
    rf"(?:Transaction discarded because of:|Error running script .*@user_script: ?[0-9]+:) -?(?P<code>{_CODES})\b",
    re.DOTALL,
)


def refusal_of(error: BaseException) -> Refusal | None:
    """The refusal that an error of the client stands for; None when it is none."""
    if not isinstance(error, redis.RedisError):
        return None
    if (
        error.status_code is not None and error.status_code in Refusal.__members__
    ):  # the client has cut the code off the text
        return Refusal(error.status_code)
    text = str(error)
    match = _AT_START.match(text) or _INSIDE.search(text)
    return Refusal(match["code"]) if match else None


def is_store_unavailable(error: BaseException) -> bool:
    """Whether an error means that the store cannot serve now: it is unreachable, silent, or refuses commands."""
    return isinstance(error, (redis.ConnectionError, redis.TimeoutError)) or refusal_of(error) is not None
