"""Limits of the deliver worker."""

from dataclasses import dataclass, field

from webhook_app.store.deliveries.queue import LEASE_MS

ATTEMPT_AND_SETTLE_S = 18.0  # an attempt takes 15 s at most, then its outcome is written


@dataclass(frozen=True, slots=True)
class DispatchLimits:
    """How much is sent at once.

    `in_flight_max` bounds the attempts in flight to all subscribers, `unhealthy_in_flight_max` those of them to
    subscribers whose last attempt failed: a thousand endpoints that hang leave the healthy ones their share.
    A healthy subscriber may have as many deliveries waiting in memory as it took in the last second, up to `ahead_max`.
    A delivery that has waited longer than `send_within_s` is given back, as its lease would run out during the attempt.

    A subscriber's backlog is throttled to `backlog_rate_per_s`, with `backlog_ahead` deliveries waiting in memory, for
    `backlog_throttle_s` after another subscriber was sent a delivery younger than `fresh_s`.
    """

    in_flight_max: int = 2_048
    unhealthy_in_flight_max: int = 1_024
    ahead_max: int = 480
    send_within_s: float = LEASE_MS / 1000 - ATTEMPT_AND_SETTLE_S
    backlog_rate_per_s: int = 500
    backlog_ahead: int = 8
    backlog_throttle_s: float = 5.0
    fresh_s: float = 1.0


@dataclass(frozen=True, slots=True)
class DeliveryLimits:
    """Sizes of batches, and times.

    - Expanding: `expand_notices` notices are read at once, expanded to about `expand_deliveries` deliveries, or for as
      long as `expand_max_s`, which is how long the event loop may be kept from everything else. A batch of at most
      `small_batch` deliveries is written without competing claims and settlements. When the outbox is long, expanding
      pauses for up to `pressure_max_s` while healthy subscribers have more than they can take.
    - Claiming: `claim_max` deliveries at once, `claim_healthy` of a subscriber that succeeded last.
    - Settling: `settle_max` outcomes at once; they are gathered for `settle_gather_s`.
    - A run ends when nothing was done for `linger_s`, or after `run_max_s` as soon as nothing is in flight. Without
      work the store is polled every `idle_ms`.
    - While a worker runs it keeps the wake-up flag set: for `awake_ttl_ms`, again every `awake_every_s`.
    """

    dispatch: DispatchLimits = field(default_factory=DispatchLimits)
    expand_notices: int = 200
    expand_deliveries: int = 2_000
    expand_max_s: float = 0.02
    small_batch: int = 64
    pressure_max_s: float = 0.25
    pressure_poll_s: float = 0.005
    claim_max: int = 128
    claim_healthy: int = 8
    settle_max: int = 128
    settle_gather_s: float = 0.006
    discard_max: int = 128
    linger_s: float = 0.25
    run_max_s: float = 60.0
    poll_s: float = 0.02
    idle_ms: int = 100
    awake_ttl_ms: int = 1_000
    awake_every_s: float = 0.4
