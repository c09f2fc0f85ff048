"""Commands to subscribers and reports about them, and passing webhooks on: notices that change no state."""

from collections.abc import Mapping
from typing import Any, assert_never

from webhook_app.domain.events import JournalEvent
from webhook_app.domain.explanations import Explanation, explain
from webhook_app.domain.facts.commands import RecoverSubscriber, SubscriberCommand, TestSubscriber
from webhook_app.domain.facts.system import SubscriberDisabled
from webhook_app.domain.notices.notice import Notice, make_notice
from webhook_app.domain.notices.types import RECOVER, AnyNoticeType, NoticeType, webhook_notice
from webhook_app.domain.outcome import StepOutcome
from webhook_app.domain.reasons import Reason
from webhook_app.domain.room import Room
from webhook_app.domain.state import SystemState


def on_subscriber_disabled(event: JournalEvent, disabled: SubscriberDisabled, outcome: StepOutcome) -> None:
    """Emit `subscriber.disabled`."""
    reason = disabled.reason
    message = reason.stored if isinstance(reason, Explanation) else reason
    data = {"subscriber_id": disabled.subscriber_id, "message": message}
    outcome.notices.append(_notice_without_room(event, NoticeType.SUBSCRIBER_DISABLED, data))
    outcome.record_effect(Reason.SUBSCRIBER_DISABLED)


def on_subscriber_command(event: JournalEvent, command: SubscriberCommand, outcome: StepOutcome) -> None:
    """Pass a command on to the deliver workers through the outbox: it runs once, in its place among the notices."""
    match command:
        case TestSubscriber(subscriber_id):
            message = explain(Reason.TEST_MESSAGE).stored
            data: dict[str, Any] = {"subscriber_id": subscriber_id, "message": message}
            outcome.notices.append(_notice_without_room(event, NoticeType.SUBSCRIBER_TEST, data))
            outcome.record_effect(Reason.SUBSCRIBER_TEST, subscriber=subscriber_id)
        case RecoverSubscriber(subscriber_id, since, until):
            data = {"subscriber_id": subscriber_id, "from": since, "to": until}
            outcome.notices.append(_notice_without_room(event, RECOVER, data))
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
            data={"body": event.raw_webhook},
            room_name=state.config.room_name(event.room_id),
        )
    )


def _notice_without_room(event: JournalEvent, kind: AnyNoticeType, data: Mapping[str, Any]) -> Notice:
    return make_notice(event.id, kind, event.at, room_id=None, sequence=None, because=None, data=data)
