"""Limits of the HTTP client."""

from dataclasses import dataclass

from webhook_app.domain.delivery.delivery import RESPONSE_KEPT_BYTES


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """Times in seconds.

    `total_timeout_s` bounds a request up to its status line, `connect_timeout_s` the connecting within it, and
    `body_timeout_s` what follows the status line. `next_address_delay_s` is the connection attempt delay of RFC 8305.
    """

    total_timeout_s: float = 15.0
    connect_timeout_s: float = 5.0
    body_timeout_s: float = 2.0
    next_address_delay_s: float = 0.25
    body_kept_bytes: int = RESPONSE_KEPT_BYTES
    keep_alive_s: float = 30.0
    idle_connections_max: int = 2_048
    sweep_every_s: float = 0.1
