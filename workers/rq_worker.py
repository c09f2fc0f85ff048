"""Run an RQ worker on one queue, without forks; it survives an unavailable store."""

from types import FrameType
from typing import Any

import redis
import structlog
from rq import SimpleWorker
from rq.exceptions import StopRequested
from rq.serializers import JSONSerializer
from rq.worker.base import WorkerStatus

from webhook_app.store.connection.clients import STORE_ERRORS
from webhook_app.store.operations.processes import Processes
from workers import jobs
from workers.container import WorkerContainer
from workers.gc_tuning import tune_gc
from workers.process_heartbeat import process_heartbeat

RESTART_AFTER_S = 1.0

log = structlog.get_logger()


class WakeWorker(SimpleWorker):
    """An RQ worker that stops its running job on a signal, without using the store for that."""

    max_connection_wait_time = 2.0
    dequeue_timeout = 5  # seconds; RQ's default of minutes would keep a worker waiting on a primary that hangs
    connection_timeout = 8
    container: WorkerContainer

    def _pubsub_exception_handler(self, exc: Exception, pubsub: Any, pubsub_thread: Any) -> None:
        """Keep the thread that listens for RQ's commands alive through any error of the store."""
        if isinstance(exc, redis.RedisError):
            exc = redis.ConnectionError(str(exc))
        super()._pubsub_exception_handler(exc, pubsub, pubsub_thread)

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """Handle SIGTERM and SIGINT: finish the current job, or exit at once when idle."""
        self.container.stopping.set()
        self._stop_requested = True
        if self.get_state() != WorkerStatus.BUSY:
            raise StopRequested


def run(container: WorkerContainer, queue: str, name: str) -> int:
    """Run the jobs of one queue until stopped; returns the exit status."""
    jobs.container.set(container)
    tune_gc()
    if name == "worker":
        container.guard_folds()
    with process_heartbeat(name, Processes(container.client), container.loops):
        while not container.stopping.is_set():
            try:
                if name == "worker":
                    container.announce()
                worker = WakeWorker(
                    [queue],
                    connection=container.store.queue_client,
                    serializer=JSONSerializer,
                    log_job_description=False,
                )
                worker.container = container
                worker.work(logging_level="CRITICAL")
            except StopRequested:
                break
            except STORE_ERRORS as error:
                log.warning("the store is unavailable", error=str(error))
            except Exception:
                log.exception("worker failed, restarting it")
            container.stopping.wait(RESTART_AFTER_S)
    container.close()
    return 0
