"""The sandbox's pure model, told as stories."""

from typing import Any

import pytest

from sandbox import model
from sandbox.demo import GUEST, HOST, RECORDED_SCRIPT, SCRIPT, DemoStep, perform
from sandbox.faults import Faults, read_faults
from sandbox.json_views import iso, stream_json, webhook_json
from sandbox.model import Outcome, Pace, RefusedError, SandboxState, ScheduledStep, StartOptions, Stream, StreamState
from sandbox.recipients import receivers

ROOM = "abcd-efgh-ijkl"


class Scenario:
    """Plays outcomes on a clock of its own and keeps what was told, with when."""

    def __init__(self, world: SandboxState | None = None) -> None:
        self.world = world or SandboxState()
        self.now = 1_000_000
        self.began = self.now
        self.due: list[ScheduledStep] = []
        self.announced: list[tuple[int, str]] = []
        self.bodies: list[dict[str, Any]] = []

    def play(self, *result: Any) -> Any:
        outcome = result[-1]
        assert isinstance(outcome, Outcome)
        self.due.extend(outcome.due)
        self.announced.extend((self.now - self.began, webhook.type) for webhook in outcome.webhooks)
        self.bodies.extend(webhook_json(webhook) for webhook in outcome.webhooks)
        return result[0]

    def pass_time(self, seconds: float) -> None:
        until = self.now + round(seconds * 1000)
        while due := min((d for d in self.due if d.at_ms <= until), key=lambda d: d.at_ms, default=None):
            self.due.remove(due)
            self.now = due.at_ms
            self.play(model.advance(self.world, self.now, due))
        self.now = until

    def join(self, who: str = "ada", room: Any = ROOM) -> Any:
        return self.play(*model.join(self.world, self.now, room, participant_id=who, name=who))

    def leave(self, who: str = "ada", keep: bool = False) -> Any:
        return self.play(*model.leave(self.world, self.now, ROOM, who, keep=keep))

    def start(self, room: Any = ROOM) -> Any:
        return self.play(*model.start(self.world, self.now, room))

    def end(self, **more: Any) -> Any:
        return self.play(*model.end(self.world, self.now, ROOM, **more))

    def types(self) -> Any:
        return [kind for _, kind in self.announced]


def refused(call: Any) -> tuple[int, int | None]:
    with pytest.raises(RefusedError) as caught:
        call()
    assert caught.value.message
    return caught.value.status, caught.value.code


def on_air() -> Scenario:
    scenario = Scenario()
    scenario.join()
    scenario.start()
    scenario.pass_time(7)
    return scenario


def live_stream(scenario: Scenario) -> Stream:
    stream = model.running_stream(scenario.world, scenario.world.rooms[ROOM])
    assert stream is not None
    return stream


def test_a_stream_takes_its_time_from_start_to_stop() -> None:
    scenario = Scenario()
    scenario.join()
    stream = scenario.start()
    scenario.pass_time(10)
    assert stream.state is StreamState.PLAYABLE
    scenario.end()
    scenario.pass_time(5)
    assert scenario.announced == [
        (0, "session-started"),
        (0, "participant-joined"),
        (0, "hls-starting"),
        (2000, "hls-started"),
        (7000, "hls-playable"),
        (10000, "hls-stopping"),
        (11000, "hls-stopped"),
    ]
    assert stream_json(stream, "")["duration"] == 11.0


def test_webhooks_have_the_documented_shapes() -> None:
    scenario = on_air()
    stream = next(iter(scenario.world.streams.values()))
    where = {"meetingId": ROOM, "sessionId": stream.session_id}
    url = stream_json(stream, "")["playbackHlsUrl"]
    by_type = {body["webhookType"]: body["data"] for body in scenario.bodies}
    assert by_type["hls-starting"] == where
    assert by_type["hls-started"] == {**where, "playbackHlsUrl": url}
    live = url.replace("index.m3u8", "live.m3u8")
    assert by_type["hls-playable"] == {**where, "playbackHlsUrl": url, "livestreamUrl": live}
    assert by_type["participant-joined"]["participantName"] == "ada"
    assert by_type["session-started"]["start"] == iso(scenario.began)


def test_two_streams_of_a_session_stop_in_the_same_words() -> None:
    webhooks: list[Any] = []
    scenario = on_air()
    for _ in range(2):
        model.end(scenario.world, scenario.now, ROOM)
        stream = live_stream(scenario)
        due = ScheduledStep(scenario.now, stream.id, model.Step.STOPPED)
        webhooks += model.advance(scenario.world, scenario.now, due).webhooks
        scenario.start()
        scenario.pass_time(7)
    first, second = (webhook_json(webhook) for webhook in webhooks)
    assert first == second
    assert webhooks[0].stream_id != webhooks[1].stream_id


def test_a_start_needs_a_known_room_with_a_running_session() -> None:
    scenario = Scenario()
    assert refused(scenario.start) == (404, None)
    room = model.create_room(scenario.world, scenario.now)
    assert refused(lambda: scenario.start(room.id)) == (400, None)


def test_a_room_has_one_stream_at_a_time() -> None:
    scenario = Scenario()
    scenario.join()
    scenario.start()
    assert refused(scenario.start) == (409, None)
    scenario.pass_time(7)
    assert refused(scenario.start) == (409, None)
    scenario.end()
    assert refused(scenario.start) == (409, 4020)
    scenario.pass_time(1)
    scenario.start()


def test_an_end_is_refused_while_the_stream_starts_and_while_it_stops() -> None:
    scenario = Scenario()
    scenario.join()
    assert refused(scenario.end) == (404, None)
    scenario.start()
    assert refused(scenario.end) == (400, 4017)
    scenario.pass_time(2)
    scenario.end()
    assert refused(scenario.end) == (400, 4017)


def test_an_end_may_name_its_stream_and_then_means_no_other() -> None:
    scenario = on_air()
    assert refused(lambda: scenario.end(stream_id="another")) == (404, None)
    stream = live_stream(scenario)
    assert scenario.end(stream_id=stream.id) is stream


def test_the_quota_counts_the_streams_of_all_rooms_until_they_are_over() -> None:
    scenario = Scenario(SandboxState(quota=1))
    scenario.join()
    scenario.join(room="other")
    scenario.start()
    assert refused(lambda: scenario.start("other")) == (400, 4029)
    scenario.pass_time(7)
    scenario.end()
    scenario.pass_time(1)
    scenario.start("other")


def test_the_session_ends_with_the_last_to_leave_and_takes_its_stream_along() -> None:
    scenario = on_air()
    scenario.join("grace")
    scenario.leave("ada")
    assert scenario.world.rooms[ROOM].session_id is not None
    scenario.announced.clear()
    scenario.leave("grace")
    scenario.pass_time(5)
    assert scenario.types() == ["participant-left", "hls-stopping", "hls-stopped", "session-ended"]
    assert model.running_stream(scenario.world, scenario.world.rooms[ROOM]) is None


def test_a_kept_session_outlives_its_people_until_it_is_ended() -> None:
    scenario = on_air()
    scenario.leave(keep=True)
    assert scenario.types()[-1] == "participant-left"
    scenario.end()
    scenario.pass_time(1)
    scenario.play(*model.end_session(scenario.world, scenario.now, ROOM))
    assert scenario.types()[-2:] == ["hls-stopped", "session-ended"]


def test_a_session_that_ends_while_its_stream_starts_stops_it_for_good() -> None:
    scenario = Scenario()
    scenario.join()
    scenario.start()
    scenario.leave()
    scenario.pass_time(60)
    assert scenario.types()[-3:] == ["hls-stopping", "hls-stopped", "session-ended"]
    assert "hls-started" not in scenario.types()


def test_a_new_session_may_begin_while_the_old_ones_stream_still_stops() -> None:
    scenario = on_air()
    old = scenario.leave()
    new = scenario.join()
    assert new.id != old.id
    assert refused(scenario.start) == (409, 4020)
    scenario.pass_time(1)
    scenario.start()
    assert scenario.types().count("session-ended") == 1


def test_a_stream_that_breaks_frees_its_room() -> None:
    scenario = on_air()
    scenario.play(*model.fail(scenario.world, scenario.now, ROOM))
    assert scenario.types()[-1] == "hls-failed"
    scenario.start()


def test_a_stream_stops_after_two_hours() -> None:
    scenario = on_air()
    scenario.pass_time(7201)
    assert scenario.announced[-2:] == [(7_200_000, "hls-stopping"), (7_201_000, "hls-stopped")]


def test_a_pace_of_zero_still_sends_all_webhooks_in_order() -> None:
    scenario = Scenario(SandboxState(pace=Pace(0, 0, 0)))
    scenario.join()
    scenario.start()
    scenario.pass_time(0)
    scenario.end()
    scenario.pass_time(0)
    assert [kind.removeprefix("hls-") for kind in scenario.types()[2:]] == [
        "starting",
        "started",
        "playable",
        "stopping",
        "stopped",
    ]


def test_joining_twice_is_joining_once_and_leaving_twice_is_refused() -> None:
    scenario = Scenario()
    scenario.join()
    scenario.join()
    scenario.leave(keep=True)
    assert scenario.types() == ["session-started", "participant-joined", "participant-left"]
    assert refused(scenario.leave) == (404, None)


def test_the_same_seed_produces_the_same_events() -> None:
    assert on_air().bodies == on_air().bodies


def test_a_custom_id_makes_one_room() -> None:
    world = SandboxState()
    room = model.create_room(world, 0, custom_id="sunday")
    assert model.create_room(world, 0, custom_id="sunday") is room
    assert model.find_room(world, "sunday") is room
    assert [len(part) for part in room.id.split("-")] == [4, 4, 4]


def test_only_a_stream_that_is_over_can_be_deleted() -> None:
    scenario = on_air()
    stream = live_stream(scenario)
    assert refused(lambda: model.delete_stream(scenario.world, stream.id)) == (400, None)
    scenario.leave()
    scenario.pass_time(1)
    model.delete_stream(scenario.world, stream.id)
    assert refused(lambda: model.find_stream(scenario.world, stream.id)) == (404, None)


def test_each_receiver_gets_a_webhook_once_and_a_room_only_those_it_asked_for() -> None:
    world = SandboxState()
    room = model.create_room(world, 0, end_point="http://a", events=("hls-*", "session-ended"))
    _, _, joined = model.join(world, 0, room.id)
    _, started = model.start(world, 0, room.id, options=StartOptions(webhook_url="http://b"))
    assert receivers(world, joined.webhooks[0], ["http://c"]) == ("http://c",)
    assert receivers(world, started.webhooks[0], ["http://a", "http://c"]) == (
        "http://a",
        "http://b",
        "http://c",
    )


def test_the_demo_fills_and_empties_its_room_in_under_a_minute() -> None:
    scenario = Scenario()
    assert sum(wait_s for wait_s, _ in SCRIPT) < 60
    for wait_s, act in SCRIPT:
        scenario.pass_time(wait_s)
        scenario.play(perform(scenario.world, scenario.now, "demo", act))
        if act is DemoStep.HOST_JOINS:
            scenario.start("demo")
    assert scenario.world.rooms["demo"].session_id is None
    people = [body["data"].get("participantId") for body in scenario.bodies if "part" in body["webhookType"]]
    assert people == [HOST, GUEST, GUEST, HOST]
    assert scenario.types()[-3:] == ["hls-stopping", "hls-stopped", "session-ended"]


def test_now_and_then_the_demo_records() -> None:
    scenario = Scenario()
    assert sum(wait_s for wait_s, _ in RECORDED_SCRIPT) == sum(wait_s for wait_s, _ in SCRIPT)
    for wait_s, act in RECORDED_SCRIPT:
        scenario.pass_time(wait_s)
        scenario.play(perform(scenario.world, scenario.now, "demo", act))
    recorded = [kind for kind in scenario.types() if kind.startswith("recording-")]
    assert recorded == [f"recording-{state}" for state in ("starting", "started", "stopping", "stopped")]


def test_a_fault_spoils_its_calls_and_no_more() -> None:
    faults = read_faults(b'{"rest": [{"path": "start", "fault": "429", "times": 2}]}')
    taken = [faults.take(path) for path in ("end", "start", "start", "start")]
    assert [fault and fault.fault for fault in taken] == [None, "429", "429", None]
    assert Faults().take("start") is None


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b'{"webhook": {}}', "webhook"),
        (b'{"webhooks": {"drop": 2}}', "webhooks.drop"),
        (b'{"webhooks": {"repeat": 1.5}}', "webhooks.repeat"),
        (b'{"rest": [{"path": "stop", "fault": "429"}]}', "rest[0].path"),
        (b'{"rest": [{"path": "start", "fault": "418"}]}', "rest[0].fault"),
        (b"{", "truncated"),
        (b'{"a": "\xff"}', ""),
    ],
)
def test_a_wrong_fault_is_named(body: bytes, named: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        read_faults(body)
    assert named in str(caught.value)
