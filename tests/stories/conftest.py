"""Stories run all at once: each test that takes a `hall` is begun with the first of them, and then waited for."""

from collections.abc import Iterator
from functools import partial

import pytest
from house import House, Tale

HALL = "hall"


@pytest.fixture(scope="session")
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One product for every story that needs no product of its own."""
    tales = {item.name: _tale(item) for item in request.session.items if HALL in getattr(item, "fixturenames", ())}
    built = House(tmp_path_factory.mktemp("house"), tales)
    yield built
    built.close()


@pytest.fixture
def hall(house: House) -> House:
    """What a story is given is its room; whoever calls the test is given the house, to wait for the story's end."""
    return house


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    found = pyfuncitem.funcargs.get(HALL)
    if not isinstance(found, House):
        return None
    found.verdict(pyfuncitem.name)
    return True


def _tale(item: pytest.Item) -> Tale:
    assert isinstance(item, pytest.Function)
    given = item.callspec.params if hasattr(item, "callspec") else {}
    return partial(item.obj, **given)
