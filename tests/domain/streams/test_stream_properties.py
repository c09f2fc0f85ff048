"""What holds of runs however their events arrive: repeated, reordered, mixed, late, or pure nonsense."""

from copy import deepcopy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.scenario import MINUTE, NOON, ROOM, SECOND, SESSION, Scenario, on_air, rest, url
from webhook_app.domain.events import Source
from webhook_app.domain.reasons import Reason
from webhook_app.domain.reducer import step
from webhook_app.domain.streams.machine import ENDED, StreamState

ROOMS = [ROOM, "other-room"]
STATES = [state.value for state in StreamState]
BARE_ENDS = ["stopping", "stopped", "failed"]
few = settings(max_examples=150, deadline=None)

# A run in one of two sessions of one of two rooms, and which of its webhooks were sent.
runs_of_a_while = st.lists(
    st.tuples(st.integers(0, 1), st.integers(1, 2), st.sets(st.sampled_from(STATES), min_size=1)),
    min_size=1,
    max_size=5,
)


@st.composite
def deliveries(draw: Any) -> Any:
    """Every webhook of some runs that each carry an id, in any order, some of them more than once."""
    sent = [
        (ROOMS[where], f"session-{where}-{session}", f"run-{n}", state)
        for n, (where, session, states) in enumerate(draw(runs_of_a_while))
        for state in sorted(states)
    ]
    repeats = draw(st.lists(st.sampled_from(sent), max_size=4))
    with_url = draw(st.booleans())
    return sent, draw(st.permutations(sent + repeats)), with_url


@few
@given(deliveries())
def test_streams_with_ids_end_up_the_same_in_any_order_with_any_repeats(delivery: Any) -> None:
    sent, arrived, with_url = delivery
    scenario = Scenario()
    for room, session, run, state in arrived:
        scenario.webhook(f"hls-{state}", room=room, session=session, id=run, url=url(run) if with_url else None)
    runs = {run.videosdk_id: run for room in scenario.world.rooms.values() for run in room.streams}
    assert sum(len(room.streams) for room in scenario.world.rooms.values()) == len(runs)
    for room, session, run, _ in sent:
        furthest = max((state for *names, state in sent if names[2] == run), key=STATES.index)
        assert (runs[run].state, runs[run].room_id, runs[run].session_id) == (furthest, room, session)


noise = st.sampled_from(["joined", "left", "repeat", "session", "bare-started", "bare-playable"])


@few
@given(
    named=st.sampled_from(["id", "url", "both", "bare"]),
    ends=st.lists(st.one_of(st.sampled_from(BARE_ENDS), noise), min_size=1, max_size=8),
)
def test_a_stop_without_an_id_ends_nothing_in_a_session_of_two_streams(named: Any, ends: Any) -> None:
    def names(run: Any) -> Any:
        return {
            **({"id": run} if named in ("id", "both") else {}),
            **({"url": url(run)} if named in ("url", "both") else {}),
        }

    scenario = Scenario()
    scenario.webhook("session-started")
    scenario.hls("starting", "started", "playable", "stopped", **names("a"))
    if named == "bare":
        scenario.hls("starting")
        scenario.probe(rest("b"))
        scenario.hls("playable")
    else:
        scenario.hls("starting", "started", "playable", **names("b"))
    assert scenario.states == ["stopped", "playable"]
    for end in ends:
        match end:
            case "joined" | "left":
                scenario.webhook(f"participant-{end}", participantId="ada")
            case "session":
                scenario.webhook("session-started")
            case "repeat":
                scenario.hls("stopped", **({"id": "a", "url": url("a")} if named != "bare" else {}))
            case "bare-started" | "bare-playable":
                scenario.hls(end.removeprefix("bare-"))
            case _:
                scenario.hls(end)
                assert "ask:settle" in scenario.room.timers or scenario.room.probing.probe is not None
        assert scenario.room.streams[-1].live


@few
@given(
    named=st.sampled_from(["id", "url", "both"]),
    next_named=st.sampled_from(["id", "url", "both", "bare"]),
    end_names=st.sampled_from(["id", "url", "both"]),
    ends=st.lists(st.sampled_from(BARE_ENDS), min_size=1, max_size=4),
    ended_before=st.booleans(),
    named_later=st.booleans(),
)
def test_a_stop_of_one_stream_never_ends_the_next(
    named: Any, next_named: Any, end_names: Any, ends: Any, ended_before: Any, named_later: Any
) -> None:
    def names(run: Any, by: Any) -> Any:
        return {
            **({"id": run} if by in ("id", "both") else {}),
            **({"url": url(run)} if by in ("url", "both") else {}),
        }

    scenario = Scenario()
    scenario.webhook("session-started")
    scenario.hls("starting", **({} if named_later else names("a", named)))
    scenario.hls("started", "playable", **names("a", named))
    if ended_before:
        scenario.hls("stopping", "stopped", **names("a", named))
    scenario.hls("starting", **names("b", next_named))
    if next_named == "bare" and ended_before:
        scenario.probe(rest("b"))
    opened = len(scenario.room.streams)
    for end in ends:
        scenario.hls(end, **names("a", end_names))
    if opened == 2:
        assert scenario.room.streams[1].live


@st.composite
def an_old_question(draw: Any) -> Any:
    """A run, a question put in its middle, and what happened before the answer came."""
    states = STATES[:5]
    before = draw(st.integers(0, 4))
    after = draw(st.integers(before + 1, 5))
    named = draw(st.sampled_from(["id", "url", "bare"]))
    return named, states[:before], states[before:after]


@few
@given(an_old_question(), st.booleans(), st.sampled_from([SECOND, 5 * MINUTE]))
def test_the_answer_to_an_old_question_undoes_nothing_that_came_later(
    question: Any, was_active: Any, after: Any
) -> None:
    named, before, meanwhile = question
    names = {"id": {"id": "a"}, "url": {"url": url("a")}, "bare": {}}[named]
    scenario = Scenario()
    scenario.hls("stopped", session="an-older-one")
    scenario.webhook("session-started")
    scenario.hls(*before, **names)
    asked_id = scenario.ask()
    scenario.hls(*meanwhile, **names)
    states = scenario.states
    scenario.probe(rest("a") if was_active else None, asked_id=asked_id, asked_at=scenario.now, after=after)
    assert len(scenario.runs) == len(states)
    if was_active:
        assert all(STATES.index(now) >= STATES.index(then) for now, then in zip(scenario.states, states, strict=True))
        assert [now in ENDED for now in scenario.states] == [then in ENDED for then in states]
    else:
        assert scenario.states == states
    if any(run.live for run in scenario.runs) != was_active:
        assert "ask:again" in scenario.room.timers


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
names_or_nonsense = st.one_of(st.sampled_from(["a", "b", "s1", "s2", ""]), json)
any_data = st.dictionaries(
    st.sampled_from(
        [
            *("id", "sessionId", "playbackHlsUrl", "downstreamUrl", "livestreamUrl", "participantId"),
            *("participantName", "filePath", "fileUrl", "file"),
        ]
    ),
    names_or_nonsense,
) | st.dictionaries(st.text(max_size=6), json, max_size=4)
any_type = st.one_of(
    st.sampled_from(
        [
            *(f"{prefix}-{state}" for prefix in ("hls", "recording", "livestream") for state in STATES),
            "session-started",
            "session-ended",
            "participant-joined",
            "participant-left",
            "unreadable",
        ]
    ),
    st.text(max_size=12),
)
RULES: list[dict[str, Any]] = [
    {"name": "host", "on": "participant-joined", "if": "event.data.participantName == 'a'", "do": "start"},
    {"name": "empty", "when": "room.on_air && room.session.participant_count == 0", "for_s": 5, "do": "end"},
    {"name": "record", "on": "participant-joined", "do": "start", "output": "recording"},
    {"name": "sent", "when": "room.outputs.rtmp.live && room.recording", "for_s": 5, "do": "end", "output": "rtmp"},
    {"name": "ready", "on": "recording.ready", "do": "notify", "message": "{event.data.stream.files[0].path}"},
    {"name": "say", "on": "stream.stopped", "do": "notify", "message": "{room.room_id}: {event.data.stream.state}"},
]


def eventful() -> Scenario:
    scenario = Scenario()
    scenario.process(Source.SYSTEM, "settings", {"calls": True, "bodies": True}, room=None)
    for rule in RULES:
        scenario.put_rule(rule)
    return scenario


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(any_type, any_data), max_size=12))
def test_nothing_that_a_webhook_holds_stops_the_fold(bodies: Any) -> None:
    scenario = eventful()
    for kind, data in bodies:
        sequence = scenario.room.sequence
        outcome = scenario.process(Source.VIDEOSDK, kind, data)
        assert outcome.effect
        assert scenario.room.sequence >= sequence
        in_room = [notice.data["sequence"] for notice in outcome.notices if not notice.type.startswith("videosdk.")]
        assert in_room == list(range(sequence + 1, sequence + 1 + len(in_room)))
        if in_room:
            assert scenario.room.sequence == in_room[-1]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(any_type, any_data), min_size=1, max_size=10), st.booleans())
def test_a_step_is_the_same_each_time_and_leaves_its_world_alone(bodies: Any, is_desired: Any) -> None:
    scenario = eventful()
    if is_desired:
        scenario.operator("start")
    for kind, data in bodies:
        scenario.process(Source.VIDEOSDK, kind, data)
    replayed = Scenario()
    replayed.world = deepcopy(Scenario().world)
    for event, outcome in zip(scenario.events, scenario.outcomes, strict=True):
        before = deepcopy(replayed.world)
        first = step(replayed.world, event)
        assert replayed.world == before
        assert first == step(replayed.world, event) == outcome
        replayed.process(event.source, event.type, event.data, room=event.room_id, after=event.at - replayed.now)
    assert replayed.world == scenario.world
    assert replayed.now == scenario.now > NOON


TIMERS = ["watch", "ask:settle", "ask:again", "armed", "for:empty", "until", "backoff", "call-lost", "probe-lost", "x"]
TIMERS += [f"{output}/{timer}" for output in ("recording", "rtmp") for timer in ("watch", "ask:settle", "until", "x")]


@few
@given(
    timer=st.one_of(st.sampled_from(TIMERS), json),
    due=st.one_of(st.none(), st.integers(-100, 100), json),
    command=st.integers(0, 3),
)
def test_a_timer_that_the_room_does_not_hold_at_that_very_moment_does_nothing(
    timer: Any, due: Any, command: Any
) -> None:
    scenario = eventful()
    for state in STATES[:command]:
        scenario.hls(state, id="a")
    scenario.operator("start", until=NOON + 10**9)
    due_at = scenario.room.timers.get(timer) if isinstance(timer, str) else None
    if isinstance(due, int) and not isinstance(due, bool) and due_at is not None:
        due += due_at
    if isinstance(timer, str) and due is not None and due == due_at:
        due += 1
    room = scenario.room
    outcome = scenario.process(Source.CLOCK, "timer", {"timer": timer, "due": due})
    assert outcome.reasons == (Reason.STALE_TIMER,)
    assert not (outcome.rooms or outcome.calls or outcome.notices)
    assert scenario.room is room


def test_events_of_one_room_leave_the_streams_of_another_unchanged() -> None:
    scenario = on_air("a")
    scenario.hls("starting", "started", room="other-room", session="s9", id="z")
    scenario.hls("stopped", id="a")
    assert scenario.states == ["stopped"]
    assert scenario.world.rooms["other-room"].streams[0].live
    assert scenario.room.session is not None
    assert scenario.room.session.session_id == SESSION
