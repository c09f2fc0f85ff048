"""What a refusal of VideoSDK comes to: settled by a probe, tried again, or given up."""

import pytest

from tests.support.scenario import MINUTE, ROOM, SECOND, Story, rest, url, wanted_on_air, with_session
from webhook_app.providers.videosdk.answers import Answer, refusal_of

SESSION_LIVE = {"session_id": "s1", "live": True, "participants": {"p1": "Ada"}}
TRANSIENT_400 = [
    {"message": "The organisation quota of HLS streams is used up", "code": 4029},
    {"message": "Error 4020"},
    {"message": "HLS is already running"},
    {"message": "Limit of streams reached"},
    {"error": "previous HLS is being processed"},
]


def refuse(story, status, body=None):
    """VideoSDK refuses the room's call, as the call job journals it."""
    answer = Answer(status, body)
    refusal = refusal_of(answer, start=story.room.call.kind == "start")
    more = {} if refusal is None else {"refusal": refusal.value}
    return story.answer("refused", status=status, message=answer.message, **more)


def started(start=None):
    story = with_session()
    story.operator("start", **({} if start is None else {"start": start}))
    return story


def alarms(story):
    return {alarm.name for alarm in story.world.alarms.values()}


@pytest.mark.parametrize("status", [400, 402, 404, 409])
def test_a_start_that_is_refused_because_the_room_is_on_air_is_no_refusal(status):
    story = started()
    refuse(story, status)
    assert "call.refused" not in story.notices
    story.probe(rest("a"), session=SESSION_LIVE)
    assert story.states == ["started"]
    assert story.room.call is None
    story.wait(15 * MINUTE)
    assert len(story.starts) == 1
    assert "call.refused" not in story.notices


def test_a_refused_start_is_told_once_a_probe_shows_nothing_and_is_tried_again():
    story = started()
    refuse(story, 409, {"message": "try later"})
    story.probe(None, session=SESSION_LIVE)
    assert story.notices[-2:] == ["call.refused", "alarm.raised"]
    story.timer("backoff")
    assert len(story.starts) == 2


def test_a_probe_that_does_not_get_through_leaves_it_open_whether_a_start_was_refused():
    story = started()
    refuse(story, 400)
    for _ in range(3):
        story.probe(reached=False, unreadable="418 teapot")
    assert "call.refused" not in story.notices
    assert len(story.starts) == 1
    assert alarms(story) == {"videosdk-unreadable"}
    story.probe(rest("a"))
    assert (story.states, alarms(story)) == (["started"], set())


def test_a_start_that_could_be_sent_clears_the_alarm_about_an_unknown_form():
    story = started()
    story.answer("unreached", unreadable="418 teapot")
    assert alarms(story) == {"videosdk-unreadable"}
    story.timer("backoff")
    story.answer("succeeded", run="a")
    assert alarms(story) == set()


def test_an_answer_to_an_earlier_probe_settles_no_refusal():
    story = started()
    before = story.last_id
    refuse(story, 400)
    story.probe(None, session=SESSION_LIVE, asked_id=before)
    assert "call.refused" not in story.notices
    assert story.room.call is not None


def test_a_start_that_is_refused_since_everybody_has_left_waits_for_a_session():
    story = started()
    refuse(story, 400, {"message": "no session"})
    story.probe(None, session={**SESSION_LIVE, "live": False})
    assert "call.refused" not in story.notices
    assert story.view["armed"]
    for n in range(2, 5):
        story.webhook("session-started", session=f"s{n}")
        assert len(story.starts) == n
        refuse(story, 400, {"message": "no session"})
        story.probe(None, session={**SESSION_LIVE, "session_id": f"s{n}", "live": False})
    assert "call.given-up" not in story.notices


@pytest.mark.parametrize(("status", "probed"), [(406, False), (422, False), (400, True)])
def test_a_start_whose_body_is_rejected_is_sent_twice_and_given_up(status, probed):
    story = started({"config": {"theme": "PINK"}})
    for _ in range(2):
        refuse(story, status, {"message": "config is wrong"})
        if probed:
            story.probe(None, session=SESSION_LIVE)
        story.wait(2 * MINUTE)
    assert len(story.starts) == 2
    assert story.notices.count("call.refused") == 2
    assert story.notices.count("call.given-up") == 1
    assert story.view["desired"] is None
    assert "start-refused" in alarms(story)
    story.wait(60 * MINUTE)
    assert len(story.starts) == 2


def test_who_wants_a_start_that_was_given_up_again_gets_it_and_success_clears_the_alarm():
    story = started({"config": {}})
    for _ in range(2):
        refuse(story, 406)
        story.wait(MINUTE)
    story.operator("start", start={"templateUrl": "https://t.example"})
    assert len(story.starts) == 3
    assert alarms(story) == set()
    story.answer("succeeded", run="a")
    assert story.states == ["starting"]


@pytest.mark.parametrize("body", TRANSIENT_400)
def test_a_400_that_passes_is_tried_again_as_before(body):
    story = started()
    for n in range(6):
        refuse(story, 400, body)
        story.probe(None, session=SESSION_LIVE)
        story.timer("backoff")
        assert len(story.starts) == n + 2
    assert "call.given-up" not in story.notices


def test_a_400_while_it_is_not_known_who_is_there_is_tried_again():
    story = started()
    for n in range(4):
        refuse(story, 400)
        story.probe(None, session=None, session_unknown=True)
        story.timer("backoff")
        assert len(story.starts) == n + 2


def test_in_a_window_a_rejected_start_is_late_and_missed_for_that_reason_and_tried_in_the_next():
    story = Story()
    story.put_rule(
        {
            "name": "daily",
            "rooms": [ROOM],
            "schedule": {"at": ["2026-11-22T12:01", "2026-11-22T12:30"], "duration_s": 600},
            "start": {"config": {"layout": {"type": "ROUND"}}},
        }
    )
    story.webhook("session-started")
    story.wait(MINUTE)
    for _ in range(2):
        refuse(story, 422, {"message": "layout"})
        story.wait(10 * SECOND)
    assert (len(story.starts), "start-refused" in alarms(story)) == (2, True)
    story.wait(12 * MINUTE)
    assert len(story.starts) == 2
    told = {notice.type: notice.data["message"] for notice in story.told if notice.type.startswith("broadcast.")}
    assert told == dict.fromkeys(("broadcast.late", "broadcast.missed"), "VideoSDK refused: 422 layout")
    assert "start-refused" not in alarms(story)
    story.wait(20 * MINUTE)
    assert len(story.starts) >= 3


def test_in_a_window_a_changed_start_is_sent_at_once():
    rule = {"name": "daily", "rooms": [ROOM], "schedule": {"at": ["2026-11-22T12:01"], "duration_s": 3600}}
    story = Story()
    story.put_rule({**rule, "start": {"config": {"layout": {"type": "ROUND"}}}})
    story.webhook("session-started")
    story.wait(MINUTE)
    for _ in range(2):
        refuse(story, 406)
        story.wait(10 * SECOND)
    story.put_rule({**rule, "start": {}})
    assert (len(story.starts), story.starts[-1].body) == (3, {})
    assert alarms(story) == set()


@pytest.mark.parametrize("status", [400, 402, 404, 409])
def test_an_end_that_is_refused_because_the_stream_has_ended_is_no_refusal(status):
    story = wanted_on_air("a")
    story.operator("end")
    refuse(story, status, {"message": "HLS is not active"})
    story.probe(None)
    assert (story.states, story.room.call) == (["stopped"], None)
    story.wait(10 * MINUTE)
    assert (len(story.ends), len(story.starts)) == (1, 1)
    assert "call.refused" not in story.notices


def test_an_end_that_is_refused_while_the_stream_runs_is_told_and_made_for_the_room_instead():
    story = wanted_on_air("a")
    story.operator("end")
    refuse(story, 404)
    story.probe(rest("a"))
    assert story.notices[-1] == "call.refused"
    story.timer("backoff")
    assert [call.body for call in story.ends] == [{"id": "a"}, {}]
    story.answer("succeeded")
    story.hls("stopped", id="a", url=url("a"))
    assert story.states == ["stopped"]


def test_refusals_that_earlier_versions_journaled_fold_as_they_did():
    story = started()
    story.answer("refused", status=400, message="x")
    assert story.notices[-2:] == ["call.refused", "alarm.raised"]
    story.timer("backoff")
    assert len(story.starts) == 2
