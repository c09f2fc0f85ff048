"""Jobs are named by string: each name must lead to a function."""

from importlib import import_module
from inspect import signature

import pytest

from webhook_app.store.wakeups import JOBS, QUEUES


@pytest.mark.parametrize("queue", QUEUES)
def test_every_wake_up_names_a_job_that_takes_no_data(queue: str) -> None:
    module, _, name = JOBS[queue].rpartition(".")
    job = getattr(import_module(module), name)
    assert len(signature(job).parameters) == 0
