"""Each scenario is a test with a room of its own. Most share one running product; some need one to themselves.

The scenarios wait most of their time, so `tests/all.sh` runs them in many processes side by side with pytest-xdist. The
process that distributes them then runs the shared product for all. Without xdist (`pytest tests/e2e/scenarios -k name`,
`--pdb`) the product runs in the one process there is.
"""

import contextlib
import re
import threading
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.e2e.scenarios.scenario_product import (
    OutageProduct,
    ProductAddress,
    attach,
    gated_product,
    outage_product,
    shared_product,
)
from tests.e2e.scenarios.scenario_room import ScenarioRoom
from tests.support.polling import load_per_core
from tests.support.product import Product, product
from tests.support.reporting import SharedFailureError

RERUNS = 2
OVERLOAD_PER_CORE = 4.0
ROOM_ID_MAX_CHARS = 90
ADDRESS = "shared_product"  # in the input of a pytest-xdist worker
PASSED = pytest.StashKey[bool]()
ROOM = pytest.StashKey[ScenarioRoom]()


class SharedProductPlugin:
    """Runs the shared product in the pytest-xdist process that distributes tests, and gives each worker its address."""

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self._address: ProductAddress | None = None
        self._lock = threading.Lock()

    def pytest_configure_node(self, node: Any) -> None:
        """Start the product before the first worker; give every worker its address."""
        with self._lock:
            if self._address is None:
                home = Path(self._stack.enter_context(TemporaryDirectory(prefix="tallylight-scenarios-")))
                self._address = self._stack.enter_context(shared_product(home))
        node.workerinput[ADDRESS] = self._address.to_dict()

    def pytest_unconfigure(self) -> None:
        """Stop the product after the last worker."""
        self._stack.close()


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("dist", "no") != "no" and not hasattr(config, "workerinput"):
        config.pluginmanager.register(SharedProductPlugin(), "shared-scenario-product")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Scenarios run in real time: one that fails on an overloaded machine gets another try, elsewhere none."""
    for item in items:
        if "scenario" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.flaky(reruns=RERUNS, condition=is_overloaded))


def is_overloaded() -> bool:
    return load_per_core() > OVERLOAD_PER_CORE


@pytest.fixture(scope="session")
def common_product(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """The product that scenarios share."""
    worker_input: dict[str, Any] = getattr(request.config, "workerinput", {})
    with contextlib.ExitStack() as stack:
        if ADDRESS in worker_input:
            address = ProductAddress(**worker_input[ADDRESS])
        else:
            address = stack.enter_context(shared_product(tmp_path_factory.mktemp("shared")))
        yield stack.enter_context(attach(address))


@pytest.fixture
def scenario(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ScenarioRoom]:
    """A room of a running product; what must hold after every scenario is checked when the test has passed.

    With the marker `own_product` the product runs for this test alone: "isolated", "gated" (its way to VideoSDK can be
    shut) or "outage" (all its processes are killed once and started again later).
    """
    marker = request.node.get_closest_marker("own_product")
    with contextlib.ExitStack() as stack:
        room = _room(request, tmp_path, stack, None if marker is None else str(marker.args[0]))
        request.node.stash[ROOM] = room
        yield room
        if request.node.stash.get(PASSED, False):
            room.assert_sound()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if call.when == "call":
        item.stash[PASSED] = report.passed
    room = item.stash.get(ROOM, None)
    if report.failed and room is not None and call.when != "setup":
        report.sections.append(("The room's history", room.describe()))
    return report


def _room(
    request: pytest.FixtureRequest, tmp_path: Path, stack: contextlib.ExitStack, kind: str | None
) -> ScenarioRoom:
    room_id = _room_id(request.node)
    match kind:
        case None:
            shared: Product = request.getfixturevalue("common_product")
            if not shared.answers:
                raise SharedFailureError("the shared product ended", AssertionError(shared.output()))
            shared.subscribe("*", rooms=[room_id])
            return ScenarioRoom(shared, room_id)
        case "isolated":
            own = stack.enter_context(product(tmp_path, pinned=True))
            own.subscribe("*")
            return ScenarioRoom(own, room_id)
        case "gated":
            own, proxy = stack.enter_context(gated_product(tmp_path))
            own.subscribe("*")
            return ScenarioRoom(own, room_id, proxy=proxy)
        case "outage":
            outage: OutageProduct = stack.enter_context(outage_product(tmp_path))
            return ScenarioRoom(outage.product, room_id, down_at=outage.down_at, up_at=outage.up_at)
    raise AssertionError(f"no kind of product: {kind}")


def _room_id(item: pytest.Item) -> str:
    """A room's id for a test; another one for each attempt."""
    words = re.sub(r"[^a-z0-9]+", "-", item.name.removeprefix("test_").lower()).strip("-")[:ROOM_ID_MAX_CHARS]
    return f"{words}-{getattr(item, 'execution_count', 1)}-{int(time.time()) % 100_000}"
