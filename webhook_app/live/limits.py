"""Limits of the event stream."""

from dataclasses import dataclass


@dataclass(frozen=True)
class SseLimits:
    """How long streams live, how much a client may lag, and how fast events are read and sent."""

    slots: int = 64  # streams that are kept open and live
    streams_max: int = 512  # open streams, with or without a slot
    stream_max_s: float = 1_800.0
    heartbeat_s: float = 15.0
    retry_ms: int = 3_000  # when a client reconnects: usually,
    retry_full_ms: int = 5_000  # when all slots are taken,
    retry_more_ms: int = 100  # when it has not caught up yet

    queue_max_events: int = 2_000  # per client that reads too slowly
    queue_max_bytes: int = 1024 * 1024

    catch_up_max_events: int = 10_000  # per connection
    page_first_events: int = 32
    page_max_events: int = 250
    page_bytes: int = 128 * 1024
    page_readers: int = 2  # threads
    send_max_bytes: int = 16 * 1024

    read_max_events: int = 1_000
    block_ms: int = 1_000
    pause_s: float = 0.05  # between reads: usually,
    busy_events: int = 40
    busy_pause_s: float = 0.25  # after reads of at least `busy_events`
    poll_interval_s: float = 0.01  # while an event waits to be processed
    error_pause_s: float = 1.0
