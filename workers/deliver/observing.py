"""What a copy of the product does that only observes: it settles every due delivery as dead, without sending it."""

from collections.abc import Awaitable, Callable

from webhook_app.store.connection.clients import Client
from webhook_app.store.deliveries.discarding import begin_discarding, end_discarding, is_discarding
from webhook_app.store.deliveries.queue import Deliveries
from webhook_app.store.journal.wakeups import clear_wake_up
from workers.deliver.limits import DeliveryLimits
from workers.deliver.transitions import unsent


class UnsentDeliveries:
    """Discards due deliveries. A flag in the store says that this copy has only observed so far."""

    def __init__(self, client: Client, deliveries: Deliveries, limits: DeliveryLimits) -> None:
        self._client = client
        self._deliveries = deliveries
        self._limits = limits
        self._is_checked = False

    async def discard_until_quiet(self, expand: Callable[[], Awaitable[int]], stopping: Callable[[], bool]) -> None:
        """Expand notices and discard every due delivery, until there are no more of either."""
        await begin_discarding(self._client)
        has_more = True
        while has_more and not stopping():
            await clear_wake_up(self._client, "deliver")
            expanded = await expand()
            has_more = bool(await self._discard_due() or expanded)

    async def discard_once(self) -> None:
        """Discard what fell due while this copy only observed: it is not sent now that the copy acts."""
        if self._is_checked:
            return
        if await is_discarding(self._client):
            await self._discard_due()
            await end_discarding(self._client)  # set last: after a crash the discarding starts over
        self._is_checked = True

    async def _discard_due(self) -> int:
        """Settle due deliveries as dead; returns how many there were."""
        count = 0
        while due := await self._deliveries.due(self._limits.discard_max):
            await self._deliveries.settle([unsent(delivery) for delivery in due], {})
            count += len(due)
        return count
