"""A running sandbox, a room of the test's own, and a receiver of webhooks."""

import hashlib
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.sandbox.processes import Receiver, sandbox_process


@pytest.fixture(scope="module")
def running() -> Iterator[Any]:
    with sandbox_process("--pace-factor", "0") as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Any) -> Any:
    running.put("/sandbox/faults", {})
    running.put("/sandbox/pace", {"started_s": 0, "playable_s": 0, "stopped_s": 0, "transcoded_s": 0, "answer_s": 0})
    return running


@pytest.fixture
def room(request: pytest.FixtureRequest) -> Any:
    """A room of the test's own."""
    digest = hashlib.sha256(request.node.name.encode()).hexdigest()[:8]
    return f"room-{request.node.originalname[:40]}-{digest}"


@pytest.fixture
def receiver() -> Iterator[Any]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()
