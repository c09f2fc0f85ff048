"""Failed log-ins by client network, counted for all processes in a window that expires by itself."""

from webhook_app.store import keys
from webhook_app.store.connection.clients import Client
from webhook_app.store.scripts import lua


class LoginFailures:
    """The shared counts."""

    def __init__(self, client: Client, *, networks_max: int, window_ms: int) -> None:
        self._count = client.register_script(lua("count_login_failure"))
        self._networks_max = networks_max
        self._window_ms = window_ms

    def count(self, network: str) -> tuple[int, int]:
        """Count one more failure of a network; how many there are in this window, and the ms that are left of it."""
        failures, left_ms = self._count(keys=[keys.LOGIN_FAILURES], args=[network, self._networks_max, self._window_ms])
        return int(failures), max(0, int(left_ms))
