"""What the processes that read the journal and the state must not load for it."""

import subprocess
import sys

import pytest

HEAVY = ("marshmallow", "common_expression_language", "celpy", "apprise")


@pytest.mark.parametrize("module", ["webhook_app.store.codec", "workers.deliver.deliverer", "workers.calls.caller"])
def test_reading_the_store_loads_no_validation(module: str) -> None:
    code = f"import sys, {module}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not set(HEAVY) & set(loaded)
