"""Sends notices as text to chat, mail and push services through Apprise, which runs in a separate process.

Apprise is third-party code and its egress guard patches the interpreter, so neither runs in the process that sends
webhooks. `apprise_process` starts and ends that process, `apprise_worker` is its main module.
"""

from collections.abc import Sequence
from time import perf_counter

from webhook_app.domain.delivery.delivery import AttemptError
from webhook_app.domain.delivery.subscriber import Subscriber
from webhook_app.domain.notices.text import announced_state, render_notice
from webhook_app.domain.rules.configured_rooms import ConfiguredRoom
from webhook_app.outbound.addresses import Network
from webhook_app.store.connection.clients import Client
from webhook_app.store.deliveries.last_announced import LastAnnounced
from workers.channels.apprise_connection import ProcessEndedError
from workers.channels.apprise_limits import AppriseLimits
from workers.channels.apprise_process import AppriseProcess
from workers.channels.port import AttemptResult, Message
from workers.channels.settings import ChannelSettings

ANNOUNCED_KEPT_S = 30 * 24 * 3600
ALREADY_ANNOUNCED = "Not sent: this state is the one that was announced last."


class AppriseChannel:
    """Renders a notice as text and passes it to the Apprise process. A state is announced once, not per notice."""

    def __init__(
        self,
        client: Client,
        *,
        allowed: Sequence[Network],
        base_url: str | None,
        limits: AppriseLimits = AppriseLimits(),  # noqa: B008 - frozen
    ) -> None:
        self._last_announced = LastAnnounced(client, kept_s=ANNOUNCED_KEPT_S)
        self._allowed = tuple(str(network) for network in allowed)
        self._base_url = base_url
        self._process = AppriseProcess(limits)

    async def send(self, message: Message, subscriber: Subscriber, *, room: ConfiguredRoom | None) -> AttemptResult:
        """Send a notice unless it repeats the state that was announced last. ChannelBusyError; store errors."""
        notice = message.notice
        state = announced_state(notice)
        if state is not None and await self._last_announced.is_current(subscriber.subscriber_id, *state):
            return AttemptResult(None, None, 0, ALREADY_ANNOUNCED, sent=False)
        text = render_notice(
            notice, room_name=room.name if room else None, base_url=self._base_url, stale=message.stale
        )
        started = perf_counter()
        try:
            result = await self._process.send(subscriber.url, text.title, text.body, self._allowed)
        except ProcessEndedError as error:
            # Whether the service received it is unknown: retry without counting a failure of the endpoint.
            return AttemptResult(None, AttemptError.REFUSED, _ms_since(started), str(error), sent=False)
        except TimeoutError:
            return AttemptResult(None, AttemptError.TIMEOUT, _ms_since(started))
        waited_ms = max(0, _ms_since(started) - result.duration_ms)
        if result.error is None and state is not None and not message.stale:
            await self._last_announced.record(subscriber.subscriber_id, *state)
        return AttemptResult(result.status, result.error, result.duration_ms, result.response, waited_ms=waited_ms)

    async def close(self) -> None:
        """End the process."""
        self._process.close()


def open_channel(settings: ChannelSettings) -> AppriseChannel:
    """Build the channel; its process starts with the first notice."""
    return AppriseChannel(
        settings.client, allowed=settings.allowed, base_url=settings.public_url, limits=settings.apprise
    )


def _ms_since(started: float) -> int:
    return round((perf_counter() - started) * 1000)
