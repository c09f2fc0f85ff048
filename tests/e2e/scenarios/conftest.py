"""Stories run all at once: each test that takes a `hall` is begun with the first of them, and then waited for."""

import os
from collections.abc import Iterator
from functools import partial

import pytest

from tests.e2e.scenarios.scenario_product import Scenario, ScenarioProduct

SCENARIO_FIXTURE = "scenario"
TOLD_AGAIN = pytest.StashKey[list[str]]()


@pytest.fixture(scope="session")
def products(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, ScenarioProduct]]:
    """One product for all stories that disturb no other, and one for each kind of those that do."""
    tales: dict[str, dict[str, Scenario]] = {}
    for item in reversed(request.session.items):  # those that wait longest are last, and begin first
        if SCENARIO_FIXTURE in getattr(item, "fixturenames", ()):
            tales.setdefault(_kind(item), {})[item.name] = _scenario(item)
    built = {kind: ScenarioProduct(tmp_path_factory.mktemp(kind), tales[kind], kind) for kind in sorted(tales)}
    yield built
    for product in built.values():
        product.close()
        request.config.stash[TOLD_AGAIN].extend(product.told_again)
    if os.environ.get("STORIES_TOOK"):
        took = [(took_s, name) for product in built.values() for name, took_s in product.took_s.items()]
        print("\n".join(f"{took_s:6.1f} s {name}" for took_s, name in sorted(took)))


def pytest_configure(config: pytest.Config) -> None:
    config.stash[TOLD_AGAIN] = []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for name in config.stash[TOLD_AGAIN]:
        terminalreporter.write_line(f"AGAIN {name}: it failed while the machine was overloaded, and was run again")


@pytest.fixture
def scenario(request: pytest.FixtureRequest, products: dict[str, ScenarioProduct]) -> ScenarioProduct:
    """What a story is given is its room; whoever calls the test is given the house, to wait for the story's end."""
    return products[_kind(request.node)]


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    found = pyfuncitem.funcargs.get(SCENARIO_FIXTURE)
    if not isinstance(found, ScenarioProduct):
        return None
    found.verdict(pyfuncitem.name)
    return True


def _kind(item: pytest.Item) -> str:
    marker = item.get_closest_marker("product")
    return "calm" if marker is None else str(marker.args[0])


def _scenario(item: pytest.Item) -> Scenario:
    assert isinstance(item, pytest.Function)
    given = item.callspec.params if hasattr(item, "callspec") else {}
    return partial(item.obj, **given)
