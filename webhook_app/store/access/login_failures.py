"""Failed log-ins by client network, counted for all processes in a window that expires by itself."""

from webhook_app.store import keys
from webhook_app.store.connection.clients import Client

# KEYS[1] the counts, a hash by network. ARGV: the network, how many networks at most, the window in ms.
# Networks beyond the limit share one count, so that a million of them do not fill the store.
# Returns the network's count and the ms that are left of the window.
_COUNT = """
local network = ARGV[1]
if redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[2]) and redis.call('HEXISTS', KEYS[1], network) == 0 then
  network = 'others'
end
local failures = redis.call('HINCRBY', KEYS[1], network, 1)
if redis.call('PTTL', KEYS[1]) < 0 then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
return {failures, redis.call('PTTL', KEYS[1])}
"""


class LoginFailures:
    """The shared counts."""

    def __init__(self, client: Client, *, networks_max: int, window_ms: int) -> None:
        self._count = client.register_script(_COUNT)
        self._networks_max = networks_max
        self._window_ms = window_ms

    def count(self, network: str) -> tuple[int, int]:
        """Count one more failure of a network; how many there are in this window, and the ms that are left of it."""
        failures, left_ms = self._count(keys=[keys.LOGIN_FAILURES], args=[network, self._networks_max, self._window_ms])
        return int(failures), max(0, int(left_ms))
