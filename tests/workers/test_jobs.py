"""Jobs are named by string: each name must lead to a function."""

import time
from importlib import import_module
from inspect import signature

import pytest
import redis
from rq.serializers import JSONSerializer

from webhook_app.store.connection.clients import Client
from webhook_app.store.journal.wakeups import JOBS, QUEUES
from workers.rq_worker import WakeWorker


@pytest.mark.parametrize("queue", QUEUES)
def test_every_wake_up_names_a_job_that_takes_no_data(queue: str) -> None:
    module, _, name = JOBS[queue].rpartition(".")
    job = getattr(import_module(module), name)
    assert len(signature(job).parameters) == 0


@pytest.mark.parametrize(
    "error", [redis.TimeoutError("silent"), redis.ReadOnlyError("READONLY"), redis.ConnectionError("refused")]
)
def test_the_thread_for_rqs_commands_outlives_whatever_the_store_does(
    client: Client, monkeypatch: pytest.MonkeyPatch, error: redis.RedisError
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    worker = WakeWorker(["process"], connection=client, serializer=JSONSerializer)
    worker._pubsub_exception_handler(error, None, None)
    assert pauses  # it is tried again after a pause, and nothing was raised


def test_a_worker_waits_for_a_silent_store_for_seconds_only(client: Client) -> None:
    worker = WakeWorker(["process"], connection=client, serializer=JSONSerializer)
    assert worker.dequeue_timeout < worker.connection_timeout
    assert worker.connection.connection_pool.connection_kwargs["socket_timeout"] == worker.connection_timeout
