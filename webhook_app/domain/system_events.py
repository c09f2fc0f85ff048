"""Commands to subscribers and reports about them, and passing webhooks on: notices that change no state."""

from typing import assert_never

from webhook_app.domain.events import JournalEvent
from webhook_app.domain.explanations import explain
from webhook_app.domain.facts.commands import RecoverSubscriber, SubscriberCommand, TestSubscriber
from webhook_app.domain.facts.system import SubscriberDisabled
from webhook_app.domain.notices.notice import Notice, make_notice
from webhook_app.domain.notices.payloads import (
    NoticePayload,
    RecoveryRequest,
    SubscriberMessage,
    WebhookBody,
    encode_payload,
)
from webhook_app.domain.notices.types import RECOVER, AnyNoticeType, NoticeType, webhook_notice
from webhook_app.domain.outcome import StepOutcome
from webhook_app.domain.reasons import Reason
from webhook_app.domain.room import Room
from webhook_app.domain.state import SystemState


def on_subscriber_disabled(event: JournalEvent, disabled: SubscriberDisabled, outcome: StepOutcome) -> None:
    """Emit `subscriber.disabled`."""
    message = SubscriberMessage(disabled.subscriber_id, disabled.reason)
    outcome.notices.append(_notice_without_room(event, NoticeType.SUBSCRIBER_DISABLED, message))
    outcome.record_effect(Reason.SUBSCRIBER_DISABLED)


def on_subscriber_command(event: JournalEvent, command: SubscriberCommand, outcome: StepOutcome) -> None:
    """Pass a command on to the deliver workers through the outbox: it runs once, in its place among the notices."""
    match command:
        case TestSubscriber(subscriber_id):
            message = SubscriberMessage(subscriber_id, explain(Reason.TEST_MESSAGE))
            outcome.notices.append(_notice_without_room(event, NoticeType.SUBSCRIBER_TEST, message))
            outcome.record_effect(Reason.SUBSCRIBER_TEST, subscriber=subscriber_id)
        case RecoverSubscriber(subscriber_id, since, until):
            request = RecoveryRequest(subscriber_id, since, until)
            outcome.notices.append(_notice_without_room(event, RECOVER, request))
            outcome.record_effect(Reason.SUBSCRIBER_RECOVER, subscriber=subscriber_id)
        case _ as never:
            assert_never(never)


def emit_webhook_notice(state: SystemState, event: JournalEvent, room: Room | None, outcome: StepOutcome) -> None:
    """Emit the provider's own webhook as a `videosdk.*` notice, if any subscriber wants those."""
    if not state.config.settings.bodies:
        return
    outcome.notices.append(
        make_notice(
            event.id,
            webhook_notice(event.source, event.type),
            event.at,
            room_id=event.room_id,
            sequence=None if room is None else room.sequence,
            because=None,
            data=encode_payload(WebhookBody(event.raw_webhook), at=event.at),
            room_name=state.config.room_name(event.room_id),
        )
    )


def _notice_without_room(event: JournalEvent, kind: AnyNoticeType, payload: NoticePayload) -> Notice:
    data = encode_payload(payload, at=event.at)
    return make_notice(event.id, kind, event.at, room_id=None, sequence=None, because=None, data=data)
