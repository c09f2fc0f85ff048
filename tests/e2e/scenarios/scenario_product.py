"""Products that scenarios run in: one that many share, and those that a scenario has to itself."""

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.e2e.scenarios.toggle_proxy import ToggleProxy
from tests.support.pauses import wait_for_moment
from tests.support.polling import scaled_limit
from tests.support.product import Product, Sandbox, Sink, children_of, product

OUTAGE_AFTER_S = 12.0
OUTAGE_S = 22.0
OUTAGE_LIMIT_S = scaled_limit(120.0)


@dataclass(frozen=True)
class ProductAddress:
    """Where another process finds a running product and its sandbox."""

    home: str
    url: str
    sandbox_url: str

    def to_dict(self) -> dict[str, str]:
        """The fields, as pytest-xdist can send them."""
        return asdict(self)


@dataclass(frozen=True)
class OutageProduct:
    """A product that is killed at `down_at` and started again at `up_at` (seconds since 1970)."""

    product: Product
    down_at: float
    up_at: float


@contextlib.contextmanager
def shared_product(home: Path) -> Iterator[ProductAddress]:
    """Run a product that other processes attach to."""
    with product(home, pinned=True) as running:
        yield ProductAddress(str(home), running.url, running.sandbox_url)


@contextlib.contextmanager
def attach(address: ProductAddress) -> Iterator[Product]:
    """A product that runs elsewhere, with a sink of this process."""
    sink = Sink()
    sandbox = Sandbox.attached(address.sandbox_url)
    try:
        yield Product(Path(address.home), address.url, {}, sink, address.sandbox_url, sandbox)
    finally:
        sink.stop()


@contextlib.contextmanager
def gated_product(home: Path) -> Iterator[tuple[Product, ToggleProxy]]:
    """A product that reaches VideoSDK through a proxy that can be shut."""
    proxy = ToggleProxy()
    try:
        with product(home, pinned=True, VIDEOSDK_API_URL=proxy.url) as running:
            proxy.behind = running.sandbox_url
            yield running, proxy
    finally:
        proxy.stop()


@contextlib.contextmanager
def outage_product(home: Path) -> Iterator[OutageProduct]:
    """A product of which every process is killed (`kill -9`) soon after its start, and started again later."""
    with product(home, pinned=True) as running:
        running.subscribe("*")
        down_at = float(int(time.time() + OUTAGE_AFTER_S))
        outage = OutageProduct(running, down_at, down_at + OUTAGE_S)
        thread = threading.Thread(target=_take_down, args=(outage,), name="outage")
        thread.start()
        try:
            yield outage
        finally:
            thread.join(OUTAGE_LIMIT_S)


def _take_down(outage: OutageProduct) -> None:
    running = outage.product
    wait_for_moment(outage.down_at)
    pids = [running.supervisor, *running.pids().values()]
    pids += [child for pid in pids for child in children_of(pid)]
    for pid in pids:
        running.kill(pid)
    running.stop()  # it is dead: this only collects its exit status
    wait_for_moment(outage.up_at)
    running.start()
