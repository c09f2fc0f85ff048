"""Makes one attempt at a delivery through its subscriber's channel, and records how it ended."""

from time import time

from webhook_app.domain.delivery.breaker import failure_score
from webhook_app.domain.delivery.connectivity import ConnectivityMonitor, shows_connectivity
from webhook_app.domain.delivery.delivery import AttemptError, Delivery
from webhook_app.domain.delivery.disabled_reasons import DisabledReason
from webhook_app.runtime.logs import logger
from workers.channels.port import AttemptResult, ChannelBusyError
from workers.channels.registry import ChannelRegistry
from workers.deliver.escalations import Escalations
from workers.deliver.settler import Settler
from workers.deliver.subscriber_cache import SubscriberCache
from workers.deliver.subscriber_queue import LeasedDelivery, SubscriberQueue
from workers.deliver.transitions import GONE, after_attempt

log = logger()


class AttemptRunner:
    """Sends leased deliveries. `started` counts the attempts of this process."""

    def __init__(
        self, channels: ChannelRegistry, subscribers: SubscriberCache, settler: Settler, escalations: Escalations
    ) -> None:
        self._channels = channels
        self._subscribers = subscribers
        self._settler = settler
        self._escalations = escalations
        self._connectivity = ConnectivityMonitor()
        self._was_offline: bool | None = None
        self.started = 0

    async def send(self, queue: SubscriberQueue, leased: LeasedDelivery) -> AttemptError | None:
        """Make one attempt; returns its error, and never raises."""
        subscriber, delivery, message = queue.subscriber, leased.delivery, leased.message
        self.started += 1
        started_at = int(time() * 1000)
        try:
            room = self._subscribers.rooms.named(message.notice.room_id or "")
            result = await self._channels.for_url(subscriber.url).send(message, subscriber, room=room)
        except ChannelBusyError:
            self._settler.give_back(delivery)
            return AttemptError.REFUSED
        except Exception:
            log.exception("an attempt could not be made", delivery=delivery.delivery_id)
            result = AttemptResult(None, AttemptError.REFUSED, 0, sent=False)
        self._record(queue, delivery, result, started_at)
        return result.error

    def _record(self, queue: SubscriberQueue, delivery: Delivery, result: AttemptResult, started_at: int) -> None:
        at = started_at + result.waited_ms
        now = at + result.duration_ms
        if result.sent:
            self._record_health(queue, delivery, result, now)
        self._settler.settle_soon(after_attempt(delivery, result, at=at, now=now))
        if result.sent and result.status == GONE:
            self._escalations.disable(delivery.subscriber_id, DisabledReason.GONE)

    def _record_health(self, queue: SubscriberQueue, delivery: Delivery, result: AttemptResult, now: int) -> None:
        is_offline = self._connectivity.record(queue.host, result.error, now)
        self._report_connectivity(result.error, is_offline=is_offline)
        if result.error is None:
            self._settler.count_success(delivery.subscriber_id, max(0, now - delivery.created_at))
            return
        score = 0 if is_offline or result.status == GONE else failure_score(result.error)
        error = result.error if result.status is None else f"{result.error} {result.status}"
        self._settler.count_failure(delivery.subscriber_id, score, error)

    def _report_connectivity(self, error: AttemptError | None, *, is_offline: bool) -> None:
        """Raise or clear the alarm when connectivity changes; at the first sign of it clear what an earlier process
        has raised."""
        if is_offline == self._was_offline or not (is_offline or shows_connectivity(error)):
            return
        if self._was_offline is None and not is_offline:
            self._escalations.clear_offline_alarm()
        else:
            self._escalations.set_offline(is_offline)
        self._was_offline = is_offline
