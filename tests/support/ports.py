"""Ports for servers of the tests, which no other test process picks and no outgoing connection is given."""

import contextlib
import random
import socket
from collections.abc import Iterator

# Below the ports from which Linux (32768 on), macOS and Windows (49152 on) serve outgoing connections and `port 0`: a
# port that is free when it is picked stays free until its server listens.
PORTS = range(20_000, 32_000)
_RESERVED: list[contextlib.ExitStack] = []


def free_ports(count: int, among: range = PORTS) -> list[int]:
    """Ports that nothing listens on, each after the one before; they stay this process's own until it ends."""
    for _ in range(1_000):
        first = random.choice(among[: -count + 1 or None])
        ports = list(range(first, first + count))
        with contextlib.ExitStack() as reservations:
            try:
                for port in ports:
                    reservations.enter_context(_reserved(port))
            except OSError:
                continue
            _RESERVED.append(reservations.pop_all())
            return ports
    raise AssertionError(f"no {count} ports in a row are free")


@contextlib.contextmanager
def _reserved(port: int) -> Iterator[None]:
    """A port on which no server of the tests listens; its UDP twin is bound, so that other test processes skip it."""
    with socket.socket(type=socket.SOCK_DGRAM) as reservation:
        reservation.bind(("127.0.0.1", port))
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
        yield
