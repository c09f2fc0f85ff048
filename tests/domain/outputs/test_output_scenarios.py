"""Recordings and RTMP streams: the same promise as for HLS, with what VideoSDK tells of them."""

from typing import Any

import pytest

from tests.support.scenario import MINUTE, ROOM, SECOND, SESSION, Scenario, on_air, url
from webhook_app.domain.alarms.alarm import AlarmName
from webhook_app.domain.events import Source
from webhook_app.domain.notices.text import render_notice
from webhook_app.domain.outputs import Output
from webhook_app.domain.reasons import Reason
from webhook_app.domain.times import rfc3339
from webhook_app.store import codec

OTHERS = pytest.mark.parametrize("output", [Output.RECORDING, Output.RTMP], ids=str)
FILE = {"filePath": "/encoded/videos/a.mp4", "fileUrl": "https://cdn.example/encoded/videos/a.mp4"}
HOURLY = {"at": ["2026-11-22T13:00"], "duration_s": 3600}


def in_session(output: Output, **more: Any) -> Scenario:
    scenario = Scenario(output=output, **more)
    scenario.webhook("session-started")
    return scenario


def desired(output: Output) -> Scenario:
    """An operator has started the output; the call is under way."""
    scenario = in_session(output)
    scenario.operator("start")
    return scenario


def running(output: Output) -> Scenario:
    scenario = desired(output)
    scenario.answer("succeeded", status=200)
    scenario.output_webhooks("starting", "started")
    return scenario


def row(scenario: Scenario, *, ended: bool, started_at: int | None = None, **more: Any) -> dict[str, Any]:
    """A row of VideoSDK's list."""
    start = scenario.now if started_at is None else started_at
    end = rfc3339(scenario.now) if ended else None
    return {"id": "r1", "roomId": ROOM, "sessionId": SESSION, "start": rfc3339(start), "end": end, **more}


def active_alarms(scenario: Scenario) -> set[str]:
    return {alarm.name for alarm in scenario.world.alarms.values()}


@OTHERS
def test_a_start_is_one_call_for_the_output_and_webhooks_carry_it_on(output: Output) -> None:
    scenario = running(output)
    assert [(call.output, call.because) for call in scenario.starts] == [(output, "operator")]
    assert scenario.states == ["started"]
    assert scenario.view["outputs"][output.value]["live"] is True
    assert scenario.view["on_air"] is False
    prefix = "recording" if output is Output.RECORDING else "rtmp"
    assert [kind for kind in scenario.notices if kind.startswith(prefix)] == [f"{prefix}.starting", f"{prefix}.started"]


@OTHERS
def test_an_end_stops_it_and_nothing_is_started_again(output: Output) -> None:
    scenario = running(output)
    scenario.operator("end")
    assert [(call.output, dict(call.body)) for call in scenario.ends] == [(output, {})]
    scenario.answer("succeeded", status=200)
    scenario.output_webhooks("stopping", "stopped")
    scenario.wait(30 * MINUTE)
    assert (scenario.states, len(scenario.starts), len(scenario.ends)) == (["stopped"], 1, 1)


@OTHERS
def test_hls_and_the_output_run_beside_each_other(output: Output) -> None:
    scenario = on_air()
    scenario.output = output
    scenario.operator("start")
    scenario.answer("succeeded", status=200)
    scenario.output_webhooks("started")
    scenario.operator("end")
    scenario.answer("succeeded", status=200)
    scenario.output_webhooks("stopped")
    assert scenario.view["state"] == "playable"
    assert scenario.view["outputs"][output.value]["state"] == "stopped"
    assert {call.output for call in scenario.starts + scenario.ends} == {output}


@OTHERS
def test_one_that_a_person_stops_stays_off(output: Output) -> None:
    scenario = running(output)
    scenario.output_webhooks("stopping", "stopped")
    scenario.wait(30 * MINUTE)
    assert (scenario.states, len(scenario.starts)) == (["stopped"], 1)
    assert scenario.runs[0].stopped_because == "somebody"


@OTHERS
def test_one_that_fails_is_started_again_after_a_while(output: Output) -> None:
    scenario = running(output)
    scenario.output_webhooks("failed")
    scenario.wait(5 * SECOND)
    assert len(scenario.starts) == 2


@OTHERS
def test_a_second_run_in_the_session_is_a_stream_of_its_own(output: Output) -> None:
    scenario = in_session(output)
    scenario.output_webhooks("starting", "started", "stopping", "stopped", "starting", "started")
    assert scenario.states == ["stopped", "started"]
    scenario.output_webhooks("stopped")
    assert scenario.states == ["stopped", "stopped"]


@OTHERS
def test_the_end_of_the_session_ends_it_after_a_while(output: Output) -> None:
    scenario = running(output)
    scenario.webhook("session-ended")
    scenario.wait(61 * SECOND)
    assert scenario.states == ["stopped"]
    assert scenario.runs[0].ended_by == "inferred"


@OTHERS
def test_a_list_that_shows_nothing_ends_nothing(output: Output) -> None:
    scenario = running(output)
    for _ in range(10):
        scenario.probe(listed=[])
    assert scenario.states == ["started"]
    assert Reason.LIST_INCONCLUSIVE in scenario.reasons


@OTHERS
def test_a_list_that_shows_its_end_ends_it(output: Output) -> None:
    scenario = running(output)
    started_at = scenario.now
    scenario.wait(80 * SECOND)
    scenario.probe(listed=[row(scenario, ended=True, started_at=started_at)])
    assert scenario.states == ["stopped"]
    assert scenario.runs[0].ended_by == "probe"


@OTHERS
def test_a_list_that_shows_one_running_opens_it(output: Output) -> None:
    scenario = desired(output)
    scenario.answer("unknown", status=None)
    scenario.probe(listed=[row(scenario, ended=False)])
    assert scenario.states == ["started"]
    assert scenario.room.control.call is None
    assert len(scenario.starts) == 1


@OTHERS
def test_an_unknown_start_is_given_up_after_two_minutes_and_only_a_person_repeats_it(output: Output) -> None:
    scenario = desired(output)
    scenario.answer("unknown", status=None)
    until = scenario.now + 2 * MINUTE
    while scenario.now < until + SECOND:
        if scenario.room.probing.probe is None:
            scenario.wait(SECOND)
        else:
            scenario.probe(listed=[])
    assert [call.state for call in scenario.last_starts] == ["given-up"]
    assert active_alarms(scenario) == {AlarmName.START_UNKNOWN}
    scenario.wait(30 * MINUTE)
    assert len(scenario.starts) == 1
    scenario.operator("start")
    assert len(scenario.starts) == 2
    assert active_alarms(scenario) == set()


@OTHERS
def test_an_unknown_start_is_settled_by_its_webhook(output: Output) -> None:
    scenario = desired(output)
    scenario.answer("unknown", status=None)
    scenario.output_webhooks("started")
    assert scenario.room.control.call is None
    assert scenario.runs[0].because == "operator"
    scenario.wait(10 * MINUTE)
    assert len(scenario.starts) == 1


@OTHERS
def test_an_answer_that_comes_too_late_is_still_about_its_output(output: Output) -> None:
    scenario = desired(output)
    call = scenario.room.control.call
    scenario.answer("unknown", status=None)
    scenario.probe(listed=[row(scenario, ended=False)])
    scenario.answer("already", call=call, status=200, stream=row(scenario, ended=False))
    assert scenario.reasons == (Reason.CALL_LATE,)
    assert scenario.states == ["started"]
    assert scenario.stored_room.streams == ()


@OTHERS
def test_an_account_without_the_output_gets_an_alarm_and_no_storm(output: Output) -> None:
    scenario = desired(output)
    for _ in range(2):
        scenario.answer("refused", status=400, message="4021 add-on disabled", refusal="invalid")
        scenario.wait(5 * SECOND)
    scenario.wait(60 * MINUTE)
    assert len(scenario.starts) == 2
    assert active_alarms(scenario) == {AlarmName.START_REFUSED}


@OTHERS
def test_a_stop_of_one_that_was_never_seen_is_recorded(output: Output) -> None:
    scenario = in_session(output)
    scenario.output_webhooks("stopped")
    assert scenario.states == ["stopped"]


@OTHERS
def test_one_that_never_reports_its_start_can_be_ended(output: Output) -> None:
    scenario = desired(output)
    scenario.answer("succeeded", status=200)
    scenario.wait(61 * SECOND)
    scenario.operator("end")
    scenario.wait(2 * MINUTE)
    assert len(scenario.ends) >= 1


@OTHERS
def test_an_end_that_is_refused_twice_while_nothing_shows_it_counts_as_ended(output: Output) -> None:
    scenario = running(output)
    scenario.operator("end")
    for _ in range(2):
        assert scenario.states == ["started"]
        scenario.answer("refused", status=400, refusal="conflict")
        scenario.probe(listed=[])
        scenario.wait(6 * SECOND)
    assert scenario.states == ["stopped"]
    assert scenario.runs[0].ended_by == "inferred"
    scenario.wait(30 * MINUTE)
    assert len(scenario.ends) == 2


@OTHERS
def test_an_end_that_is_refused_while_it_stops_waits_for_the_stop(output: Output) -> None:
    scenario = running(output)
    scenario.operator("end")
    scenario.output_webhooks("stopping")
    scenario.answer("refused", status=409, refusal="conflict")
    scenario.probe(listed=[])
    assert scenario.states == ["stopping"]
    scenario.wait(2 * MINUTE)
    scenario.probe(listed=[])
    assert scenario.states == ["stopped"]
    assert len(scenario.ends) == 1


def test_a_recording_tells_when_its_file_is_ready() -> None:
    scenario = running(Output.RECORDING)
    scenario.output_webhooks("stopped", **FILE)
    assert scenario.notices[-2:] == ["recording.stopped", "recording.ready"]
    assert scenario.announced[-1].data["stream"]["files"] == [{"path": FILE["filePath"], "url": FILE["fileUrl"]}]


def test_a_recording_in_the_customers_own_storage_is_ready_by_its_path() -> None:
    scenario = running(Output.RECORDING)
    scenario.output_webhooks("stopped", filePath="/mine/a.mp4")
    assert scenario.announced[-1].data["stream"]["files"] == [{"path": "/mine/a.mp4", "url": None}]


def test_a_file_that_only_the_list_shows_is_found() -> None:
    scenario = running(Output.RECORDING)
    started_at = scenario.now
    scenario.output_webhooks("stopped")
    scenario.probe(listed=[row(scenario, ended=True, started_at=started_at, file=FILE)])
    assert "recording.ready" in scenario.notices


def test_a_second_stop_with_the_file_is_ready_once() -> None:
    scenario = running(Output.RECORDING)
    for _ in range(3):
        scenario.output_webhooks("stopped", **FILE)
    assert scenario.notices.count("recording.ready") == 1


@OTHERS
def test_a_window_turns_its_outputs_on_and_off(output: Output) -> None:
    scenario = in_session(output)
    rule = {"name": "show", "schedule": HOURLY, "outputs": ["hls", output.value], output.value: {"config": {"a": 1}}}
    scenario.put_rule(rule)
    scenario.wait(61 * MINUTE)
    starts = {call.output: dict(call.body) for call in scenario.starts}
    assert starts == {Output.HLS: {}, output: {"config": {"a": 1}}}
    assert len(scenario.starts) == 2
    scenario.answer("succeeded", status=200)
    scenario.output_webhooks("started")
    scenario.wait(60 * MINUTE)
    assert [call.output for call in scenario.ends] == [output]
    broadcasts = [notice.data["output"] for notice in scenario.announced if notice.type == "broadcast.completed"]
    assert broadcasts == [output.value]


@OTHERS
def test_one_that_does_not_start_in_its_window_is_late_and_missed(output: Output) -> None:
    scenario = Scenario(output=output)
    scenario.put_rule({"name": "show", "schedule": HOURLY, "outputs": [output.value]})
    scenario.webhook("session-started")
    scenario.webhook("session-ended")
    scenario.wait(122 * MINUTE)
    broadcasts = [
        (notice.type, notice.data["output"]) for notice in scenario.announced if notice.type.startswith("broadcast.")
    ]
    assert ("broadcast.late", output.value) in broadcasts
    assert broadcasts[-1] == ("broadcast.missed", output.value)


@OTHERS
def test_an_event_rule_starts_and_ends_the_output_it_names(output: Output) -> None:
    scenario = Scenario(output=output)
    scenario.put_rule({"name": "in", "on": "participant-joined", "do": "start", "output": output.value})
    scenario.put_rule({"name": "out", "on": "participant-left", "do": "end", "output": output.value})
    scenario.joined("ann")
    assert [call.output for call in scenario.starts] == [output]
    scenario.answer("succeeded", status=200)
    scenario.output_webhooks("started")
    scenario.left("ann")
    assert [call.output for call in scenario.ends] == [output]


def test_timers_of_outputs_do_not_meet() -> None:
    scenario = on_air()
    scenario.output = Output.RECORDING
    scenario.operator("start", until=scenario.now + 10 * MINUTE)
    scenario.output = Output.HLS
    scenario.operator("end", until=scenario.now + 20 * MINUTE)
    names = {name for name in scenario.stored_room.all_timers if "until" in name}
    assert names == {"until", "recording/until"}


def test_url_names_hls_alone() -> None:
    scenario = on_air()
    scenario.webhook("recording-started", url=url("a"))
    assert scenario.states == ["playable"]


@OTHERS
def test_a_rule_that_is_put_inside_its_window_acts_at_once(output: Output) -> None:
    scenario = in_session(output)
    scenario.put_rule({"name": "show", "schedule": {"always": True}, "outputs": [output.value]})
    assert [call.output for call in scenario.starts] == [output]


@OTHERS
def test_a_room_is_not_forgotten_while_an_output_runs(output: Output) -> None:
    scenario = running(output)
    scenario.process(Source.CONFIG, "room-forgotten", {"room_id": ROOM})
    assert scenario.states == ["started"]


@OTHERS
def test_a_copy_that_begins_to_act_drops_what_its_event_rules_wanted(output: Output) -> None:
    scenario = Scenario(output=output)
    scenario.process(Source.SYSTEM, "settings", {"calls": False, "observing": True}, room=None)
    scenario.put_rule({"name": "in", "on": "participant-joined", "do": "start", "output": output.value})
    scenario.joined("ann")
    scenario.process(Source.SYSTEM, "settings", {"calls": True, "observing": False}, room=None)
    assert scenario.starts == []


@OTHERS
def test_a_deleted_rule_drops_what_it_wanted_of_the_output(output: Output) -> None:
    scenario = Scenario(output=output)
    scenario.put_rule({"name": "in", "on": "participant-joined", "do": "start", "output": output.value})
    scenario.joined("ann")
    scenario.delete("in")
    assert scenario.room.desired is None


@OTHERS
def test_calls_that_were_paused_go_on_for_each_output(output: Output) -> None:
    scenario = desired(output)
    scenario.answer("refused", status=401)
    scenario.wait(61 * SECOND)
    scenario.probe(listed=[])
    scenario.wait(61 * SECOND)
    assert len(scenario.starts) == 2


@OTHERS
def test_a_replay_from_stored_rooms_gives_the_same(output: Output) -> None:
    scenario = running(output)
    stored = codec.room_of(codec.encode_room(scenario.stored_room))
    assert stored == scenario.stored_room


def given_up_in_a_window(output: Output) -> Scenario:
    """The window's start has no outcome, and has been given up."""
    scenario = in_session(output)
    scenario.put_rule({"name": "show", "schedule": HOURLY, "outputs": [output.value]})
    scenario.wait(60 * MINUTE + SECOND)
    scenario.answer("unknown", status=None)
    until = scenario.now + 3 * MINUTE
    while scenario.now < until:
        if scenario.room.probing.probe is None:
            scenario.wait(SECOND)
        else:
            scenario.probe(listed=[])
    return scenario


@OTHERS
def test_a_window_whose_start_was_given_up_is_late_and_missed(output: Output) -> None:
    scenario = given_up_in_a_window(output)
    scenario.wait(60 * MINUTE)
    assert len(scenario.starts) == 1
    broadcasts = [(notice.type, notice.data["reason"]) for notice in scenario.announced if "broadcast." in notice.type]
    assert broadcasts[-1] == ("broadcast.missed", Reason.START_UNKNOWN_GIVEN_UP)
    assert "broadcast.late" in dict(broadcasts)


@OTHERS
def test_one_that_was_given_up_and_started_after_all_ends_with_its_window(output: Output) -> None:
    scenario = given_up_in_a_window(output)
    scenario.output_webhooks("started")
    assert active_alarms(scenario) == set()
    scenario.wait(60 * MINUTE)
    assert (len(scenario.starts), len(scenario.ends)) == (1, 1)


def test_a_start_whose_stream_key_cannot_be_opened_is_given_up_until_the_key_is_given_again() -> None:
    scenario = in_session(Output.RTMP)
    rule = {"name": "show", "schedule": HOURLY, "outputs": ["rtmp"]}
    scenario.put_rule(rule | {"rtmp": {"streams": [{"url": "rtmp://h.example/app", "stream_key": "sealed:one"}]}})
    scenario.wait(60 * MINUTE)
    scenario.answer("refused", refusal="sealed", message="its stream key cannot be decrypted")
    assert Reason.CALL_NOT_MADE in scenario.reasons
    assert "start-refused" in active_alarms(scenario)
    scenario.wait(20 * MINUTE)
    assert len(scenario.starts) == 1
    scenario.put_rule(rule | {"rtmp": {"streams": [{"url": "rtmp://h.example/app", "stream_key": "sealed:two"}]}})
    assert len(scenario.starts) == 2


YOUTUBE, OWN = "rtmps://a.rtmps.youtube.com/live2", "rtmp://****@live.example/app/****"
DESTINATIONS = {"streams": [{"url": url, "stream_key": "sealed:x"} for url in (YOUTUBE, OWN)]}


@pytest.mark.parametrize(
    ("reason", "failed"),
    [
        (None, []),
        ("the encoder crashed", []),
        (f"cannot publish to {YOUTUBE}/****", [YOUTUBE]),
        ("live.example refused the handshake", [OWN]),
        (f"{YOUTUBE} and {OWN} refused", [YOUTUBE, OWN]),
    ],
)
@pytest.mark.parametrize("early", [True, False], ids=["webhook-before-answer", "answer-before-webhook"])
def test_a_failure_of_rtmp_lists_its_destinations_and_which_failed(
    reason: str | None, failed: list[str], early: bool
) -> None:
    scenario = in_session(Output.RTMP)
    scenario.operator("start", start=DESTINATIONS)
    if early:
        scenario.output_webhooks("starting")
    scenario.answer("succeeded", status=200)
    scenario.output_webhooks("failed", **({"error": reason} if reason else {}))
    scenario.wait(5 * SECOND)
    [notice] = [notice for notice in scenario.announced if notice.type == "rtmp.failed"]
    shown = [{"url": url, "failed": url in failed} for url in (YOUTUBE, OWN)]
    assert notice.data["stream"]["destinations"] == shown
    line = ", ".join(f"{url} (failed)" if url in failed else url for url in (YOUTUBE, OWN))
    assert f"Sent to: {line}\n" in render_notice(notice, room_name=None, base_url=None).body


def test_the_destinations_of_an_rtmp_stream_that_others_started_are_those_that_videosdk_shows() -> None:
    scenario = in_session(Output.RTMP)
    scenario.output_webhooks("started", outputs=[{"url": "rtmp://h.example/app/key", "streamKey": "x"}, "odd", {}])
    assert scenario.runs[0].destinations == ("rtmp://h.example/app/****",)


@OTHERS
def test_a_starting_that_is_repeated_after_the_stop_makes_no_stream(output: Output) -> None:
    scenario = running(output)
    scenario.output_webhooks("failed", "starting", "starting")
    assert scenario.states == ["failed"]
    scenario.wait(15 * SECOND)
    scenario.probe(listed=[])
    assert not any(stream.provisional for stream in scenario.room.streams)
    assert len(scenario.starts) == 2


@OTHERS
def test_a_second_run_that_fails_at_once_is_seen(output: Output) -> None:
    scenario = in_session(output)
    scenario.output_webhooks("starting", "started", "stopped", "starting", "failed")
    assert scenario.states == ["stopped", "failed"]
