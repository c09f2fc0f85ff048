"""One notice of each type, each out of a story that the domain folds: the examples of docs/reference/notices.md."""

from typing import Any

from tests.domain.schedules.test_window_scenarios import HOUR, ONE, Hall
from tests.support.scenario import MINUTE, Story
from webhook_app.domain.events import Source
from webhook_app.domain.notices.types import Notice, notice_body

HOST = 'event.data.participantName.startsWith("Host")'


def notice_examples() -> dict[str, dict[str, Any]]:
    """The body of one notice of each type."""
    found: dict[str, dict[str, Any]] = {}
    for told in (
        _a_window(),
        _a_failure(),
        _a_window_without_a_session(),
        _a_late_window(),
        _a_person_who_stops(),
        _refusals(),
        _a_rule_that_notifies(),
        _alarms_and_subscribers(),
        _bodies(),
    ):
        for notice in told:
            found.setdefault(notice.type, notice_body(notice))
    return found


def _a_window() -> list[Notice]:
    """Sunday's service as it should be, up to the moment when everybody has left."""
    hall = Hall()
    hall.plan("sunday-service", remind_s=600)
    hall.until(ONE - 5 * MINUTE)
    hall.opened("host-ada").until(ONE)
    hall.webhook("hls-starting", after=0)
    hall.playable("6581a3f2c4b0e7a1d2c3b4a5").until(ONE + HOUR)
    hall.answer("succeeded")
    hall.stopped("6581a3f2c4b0e7a1d2c3b4a5")
    hall.left("host-ada")
    hall.webhook("session-ended")
    return hall.told


def _a_failure() -> list[Notice]:
    story = Story()
    story.webhook("session-started")
    story.hls("started", id="6581a3f2c4b0e7a1d2c3b4a5", url="https://cdn.example/meetings-hls/a/index.m3u8")
    story.webhook("hls-failed", id="6581a3f2c4b0e7a1d2c3b4a5", reason="the encoder was lost")
    return story.told


def _a_window_without_a_session() -> list[Notice]:
    hall = Hall()
    hall.plan("sunday-service")
    hall.until(ONE + HOUR + MINUTE)
    return hall.told


def _a_late_window() -> list[Notice]:
    hall = Hall()
    hall.plan("sunday-service").opened()
    hall.until(ONE + 2 * MINUTE)
    return hall.told


def _a_person_who_stops() -> list[Notice]:
    hall = Hall()
    hall.plan("sunday-service").opened().until(ONE)
    hall.playable().stopped()
    return hall.told


def _refusals() -> list[Notice]:
    hall = Hall()
    hall.plan("sunday-service").opened().until(ONE)
    for _ in range(60):
        if "call.given-up" in hall.notices:
            break
        if hall.room.call is not None:
            hall.answer("refused", status=400, message="the add-on is not active")
        hall.wait(2 * MINUTE)
    return hall.told


def _a_rule_that_notifies() -> list[Notice]:
    story = Story()
    message = "{event.data.participantName} is in {room.room_id}"
    story.put_rule({"name": "host-is-here", "on": "participant-joined", "if": HOST, "do": "notify", "message": message})
    story.webhook("session-started")
    story.webhook("participant-joined", participantId="host-ada", participantName="Host Ada")
    return story.told


def _alarms_and_subscribers() -> list[Notice]:
    story = Story()
    summary = "tally.yaml is wrong and was not applied: tally.yaml:12: rules.sunday-service.rooms: missing"
    alarm = {"name": "configuration-file", "severity": "warning", "summary": summary}
    story.tell(Source.SYSTEM, "alarm-raised", alarm, room=None)
    story.tell(Source.SYSTEM, "alarm-cleared", {"name": "configuration-file"}, room=None, after=MINUTE)
    subscriber = "sub_2f1d0c9b8a7e6d5c4b3a"
    gone = {"subscriber_id": subscriber, "reason": "it answered 410 Gone"}
    story.tell(Source.SYSTEM, "subscriber-disabled", gone, room=None)
    story.tell(Source.OPERATOR, "subscriber-test", {"subscriber_id": subscriber}, room=None)
    return story.told


def _bodies() -> list[Notice]:
    story = Story()
    story.tell(Source.SYSTEM, "settings", {"bodies": True}, room=None)
    story.webhook("recording-stopped", fileUrl="https://cdn.example/recordings/a.mp4", filePath="recordings/a.mp4")
    return story.told
