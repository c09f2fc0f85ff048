"""A token bucket of bytes that one source may add to the journal."""

from time import monotonic


class JournalAllowance:
    """Limits what a calendar that changes with each fetch can add to the journal."""

    def __init__(self, burst_bytes: int, bytes_per_s: float) -> None:
        self._burst_bytes, self._bytes_per_s = burst_bytes, bytes_per_s
        self.bytes_left: float = burst_bytes
        self._refilled_at = monotonic()

    def take(self, size: int) -> bool:
        """Take `size` bytes; False if there are not enough left."""
        now = monotonic()
        refill = (now - self._refilled_at) * self._bytes_per_s
        self.bytes_left, self._refilled_at = min(self._burst_bytes, self.bytes_left + refill), now
        if size > self.bytes_left:
            return False
        self.bytes_left -= size
        return True
