"""One notice of each type, made by processing events: the examples of docs/reference/notices.md."""

from typing import Any

from tests.support.scenario import MINUTE, Scenario
from tests.support.scheduled_room import HOUR, ONE, ScheduledRoom
from webhook_app.domain.events import Source
from webhook_app.domain.notices.notice import Notice, notice_body
from webhook_app.domain.outputs import OTHER_OUTPUTS, Output

HOST = 'event.data.participantName.startsWith("Host")'


def notice_examples() -> dict[str, dict[str, Any]]:
    """The body of one notice of each type."""
    bodies: dict[str, dict[str, Any]] = {}
    for notices in (
        _a_window(),
        _a_failure(),
        *(_another_output(output) for output in OTHER_OUTPUTS),
        _a_window_without_a_session(),
        _a_late_window(),
        _a_person_who_stops(),
        _refusals(),
        _a_rule_that_notifies(),
        _alarms_and_subscribers(),
        _bodies(),
    ):
        for notice in notices:
            bodies.setdefault(notice.type, notice_body(notice))
    return bodies


def _a_window() -> list[Notice]:
    """Sunday's service as it should be, up to the moment when everybody has left."""
    scheduled = ScheduledRoom()
    scheduled.put_schedule("sunday-service", remind_s=600)
    scheduled.until(ONE - 5 * MINUTE)
    scheduled.open_session("host-ada").until(ONE)
    scheduled.webhook("hls-starting", after=0)
    scheduled.playable("6581a3f2c4b0e7a1d2c3b4a5").until(ONE + HOUR)
    scheduled.answer("succeeded")
    scheduled.stopped("6581a3f2c4b0e7a1d2c3b4a5")
    scheduled.left("host-ada")
    scheduled.webhook("session-ended")
    return scheduled.announced


def _a_failure() -> list[Notice]:
    scenario = Scenario()
    scenario.webhook("session-started")
    scenario.hls("started", id="6581a3f2c4b0e7a1d2c3b4a5", url="https://cdn.example/meetings-hls/a/index.m3u8")
    scenario.webhook("hls-failed", id="6581a3f2c4b0e7a1d2c3b4a5", reason="the encoder was lost")
    return scenario.announced


def _another_output(output: Output) -> list[Notice]:
    """A recording or an RTMP stream that goes well, and one that fails."""
    scenario = Scenario(output=output)
    scenario.webhook("session-started")
    is_rtmp = output is Output.RTMP
    url = "rtmps://a.rtmps.youtube.com/live2"
    command: dict[str, Any] = {"start": {"streams": [{"url": url, "stream_key": "sealed:…"}]}} if is_rtmp else {}
    scenario.operator("start", **command)
    scenario.answer("succeeded", status=200)
    scenario.output_webhooks("started")
    scenario.operator("end")
    scenario.answer("succeeded", status=200)
    scenario.output_webhooks("stopping")
    file = {"filePath": "/recordings/a.mp4", "fileUrl": "https://cdn.example/recordings/a.mp4"}
    scenario.output_webhooks("stopped", **(file if output is Output.RECORDING else {}))
    reason = f"{url} closed the connection" if is_rtmp else "the storage is full"
    scenario.output_webhooks("starting", "failed", reason=reason, **({"outputs": [{"url": url}]} if is_rtmp else {}))
    return scenario.announced


def _a_window_without_a_session() -> list[Notice]:
    scheduled = ScheduledRoom()
    scheduled.put_schedule("sunday-service")
    scheduled.until(ONE + HOUR + MINUTE)
    return scheduled.announced


def _a_late_window() -> list[Notice]:
    scheduled = ScheduledRoom()
    scheduled.put_schedule("sunday-service").open_session()
    scheduled.until(ONE + 2 * MINUTE)
    return scheduled.announced


def _a_person_who_stops() -> list[Notice]:
    scheduled = ScheduledRoom()
    scheduled.put_schedule("sunday-service").open_session().until(ONE)
    scheduled.playable().stopped()
    return scheduled.announced


def _refusals() -> list[Notice]:
    scheduled = ScheduledRoom()
    scheduled.put_schedule("sunday-service").open_session().until(ONE)
    for _ in range(60):
        if "call.given-up" in scheduled.notices:
            break
        if scheduled.room.control.call is not None:
            scheduled.answer("refused", status=400, message="the add-on is not active")
        scheduled.wait(2 * MINUTE)
    return scheduled.announced


def _a_rule_that_notifies() -> list[Notice]:
    scenario = Scenario()
    message = "{event.data.participantName} is in {room.room_id}"
    scenario.put_rule(
        {"name": "host-is-here", "on": "participant-joined", "if": HOST, "do": "notify", "message": message}
    )
    scenario.webhook("session-started")
    scenario.webhook("participant-joined", participantId="host-ada", participantName="Host Ada")
    return scenario.announced


def _alarms_and_subscribers() -> list[Notice]:
    scenario = Scenario()
    summary = "tally.yaml is wrong and was not applied: tally.yaml:12: rules.sunday-service.rooms: missing"
    alarm = {"name": "configuration-file", "severity": "warning", "summary": summary}
    scenario.process(Source.SYSTEM, "alarm-raised", alarm, room=None)
    scenario.process(Source.SYSTEM, "alarm-cleared", {"name": "configuration-file"}, room=None, after=MINUTE)
    subscriber = "sub_2f1d0c9b8a7e6d5c4b3a"
    gone = {"subscriber_id": subscriber, "reason": "it answered 410 Gone"}
    scenario.process(Source.SYSTEM, "subscriber-disabled", gone, room=None)
    scenario.process(Source.OPERATOR, "subscriber-test", {"subscriber_id": subscriber}, room=None)
    return scenario.announced


def _bodies() -> list[Notice]:
    scenario = Scenario()
    scenario.process(Source.SYSTEM, "settings", {"bodies": True}, room=None)
    scenario.webhook("recording-stopped", fileUrl="https://cdn.example/recordings/a.mp4", filePath="recordings/a.mp4")
    return scenario.announced
