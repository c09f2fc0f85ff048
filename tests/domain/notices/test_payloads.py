"""The typed payloads of notices, and what is read from stored notices."""

from typing import get_args

from tests.support.notice_examples import notice_examples
from webhook_app.domain.notices import payloads
from webhook_app.domain.notices.content import NoticeContent, alarm_of, content_of
from webhook_app.domain.notices.notice import Notice
from webhook_app.domain.notices.payloads import NoticePayload, RecoveryRequest, encode_payload
from webhook_app.domain.notices.types import NOTICES, NoticeType


def notice(kind: str, **data: object) -> Notice:
    return Notice("msg_1", kind, 0, "room", None, data)


def test_each_type_of_notice_has_a_headline_and_the_data_that_it_is_about() -> None:
    examples = notice_examples()
    assert [kind for kind in NoticeType if kind not in NOTICES] == []
    assert [kind for kind in NoticeType if NOTICES[kind].data not in examples[kind]["data"]] == []


def test_each_payload_of_the_module_is_encoded() -> None:
    defined = {value for value in vars(payloads).values() if getattr(value, "__module__", "") == payloads.__name__}
    assert {value for value in defined if isinstance(value, type)} == set(get_args(NoticePayload))


def test_a_recovery_names_its_span() -> None:
    assert encode_payload(RecoveryRequest("sub_1", 5, None), at=0) == {"subscriber_id": "sub_1", "from": 5, "to": None}


def test_the_content_of_a_notice_has_texts_in_place_of_codes() -> None:
    message = {"code": "no-session", "arguments": {}}
    content = content_of(notice("broadcast.missed", message=message, reason="no-session", opens_at="2026-11-22T10:00Z"))
    assert content.opens_at == "2026-11-22T10:00Z"
    assert content.message not in (None, "no-session", message)
    assert content_of(notice("broadcast.missed", message="a text of an earlier version")).message is not None


def test_a_notice_of_another_version_is_read_as_far_as_it_is_known() -> None:
    assert content_of(notice("planet.moved", planet={"name": "Mars"}, stream="not an object")) == NoticeContent()


def test_only_notices_of_alarms_are_about_an_alarm() -> None:
    alarm = {"name": "max-streams", "later": 1}
    content = alarm_of(notice("alarm.raised", alarm=alarm))
    assert content is not None
    assert content.name == "max-streams"
    assert alarm_of(notice("stream.started", alarm=alarm)) is None
