"""The RQ worker: one queue, no forks, jobs that carry nothing; it outlives the store's absence."""

from types import FrameType
from typing import Any

import redis
import structlog
from rq import SimpleWorker
from rq.exceptions import StopRequested
from rq.serializers import JSONSerializer
from rq.worker.base import WorkerStatus

from webhook_app.store.connection.clients import STORE_ERRORS
from workers.container import WorkerContainer, install, process_heartbeat
from workers.gc_tuning import tune_gc

RESTART_AFTER_S = 1.0

log = structlog.get_logger()


class WakeWorker(SimpleWorker):
    """Tells its running job to come to an end when asked to stop, and asks nothing of the store for that."""

    max_connection_wait_time = 2.0
    dequeue_timeout = 5  # seconds; RQ's own of minutes would leave a worker with a primary that hangs for as long
    connection_timeout = 8
    container: WorkerContainer

    def _pubsub_exception_handler(self, exc: Exception, pubsub: Any, pubsub_thread: Any) -> None:
        """Keep the thread that listens for RQ's commands alive through anything the store does, not only absence."""
        if isinstance(exc, redis.RedisError):
            exc = redis.ConnectionError(str(exc))
        super()._pubsub_exception_handler(exc, pubsub, pubsub_thread)

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """SIGTERM or SIGINT: finish the job in hand, or leave at once when idle."""
        self.container.stopping.set()
        self._stop_requested = True
        if self.get_state() != WorkerStatus.BUSY:
            raise StopRequested


def run(container: WorkerContainer, queue: str, name: str) -> int:
    """Work on one queue until asked to stop."""
    install(container)
    tune_gc()
    if name == "worker":
        container.guard_folds()
    with process_heartbeat(name, container.client, container.loops):
        while not container.stopping.is_set():
            try:
                if name == "worker":
                    container.announce()
                worker = WakeWorker(
                    [queue], connection=container.queue_client, serializer=JSONSerializer, log_job_description=False
                )
                worker.container = container
                worker.work(logging_level="CRITICAL")
            except StopRequested:
                break
            except STORE_ERRORS as error:
                log.warning("the store is away", error=str(error))
            except Exception:
                log.exception("worker failed, restarting it")
            container.stopping.wait(RESTART_AFTER_S)
    container.close()
    return 0
