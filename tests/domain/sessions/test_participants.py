"""Hosts and viewers: modes, pages of participants, and rosters that stay small however many people are there."""

import json
from typing import Any

import pytest

from tests.support.scenario import MINUTE, ROOM, SECOND, SESSION, Story, on_air, rest, with_session
from webhook_app.domain.room import Room
from webhook_app.domain.sessions.participants import LISTED_MAX, MOVES_MAX, Role, read_mode, role_of
from webhook_app.domain.views import participants_view
from webhook_app.providers.videosdk.answers import Answer
from webhook_app.providers.videosdk.participants import page_of, people_in
from webhook_app.store import codec
from workers.calls import participants as reading

CROWD = 10_000
STATE_MAX_BYTES = 250_000


def person(who: str, mode: str | None = None, **more: Any) -> dict[str, Any]:
    """A participant as REST shows them."""
    shown = {"participantId": who, "name": who.title(), "timelog": [{"start": "x", "end": None}], **more}
    return shown if mode is None else {**shown, "mode": mode}


def documented(people: list[Any], *, page: int = 1, last: int = 1, total: int | None = None) -> dict[str, Any]:
    """A page as VideoSDK documents it: a list of one session with its participants."""
    info = {"currentPage": page, "perPage": 20, "lastPage": last, "total": len(people) if total is None else total}
    return {"pageInfo": info, "data": [{"_id": "s1", "status": "ongoing", "participants": people}]}


def of_the_sdks(people: list[Any], *, page: int = 1, last: int = 1, total: int | None = None) -> dict[str, Any]:
    """A page as VideoSDK's SDKs read it: a list of participants."""
    return {**documented(people, page=page, last=last, total=total), "data": people}


class Pages:
    """VideoSDK's answers for `people`, in pages of at most `largest`; keeps what it was asked."""

    def __init__(self, people: list[dict[str, Any]], *, largest: int = 500, form: Any = documented) -> None:
        self.people, self.largest, self.form = people, largest, form
        self.asked: list[tuple[int, int | None]] = []

    def __call__(self, page: int, per_page: int | None) -> Answer:
        self.asked.append((page, per_page))
        if per_page is not None and per_page > self.largest:
            return Answer(400, {"message": "perPage is too large"})
        size = per_page or 20
        last = max(1, -(-len(self.people) // size))
        rows = self.people[(page - 1) * size : page * size]
        return Answer(200, self.form(rows, page=page, last=last, total=len(self.people)))


def crowd(hosts: int, viewers: int) -> list[dict[str, Any]]:
    """So many viewers, among whom hosts are spread over all pages."""
    people = [person(f"viewer-{number}", "VIEWER") for number in range(viewers)]
    for number in range(hosts):
        people.insert(number * len(people) // hosts, person(f"host-{number}", "CONFERENCE"))
    return people


def probed(story: Story, people: list[dict[str, Any]], **more: Any) -> None:
    """A probe of who is there, read in pages as a worker does."""
    roster = reading.read_pages(Pages(people))
    assert roster is not None
    story.probe(rest("a"), session={"session_id": SESSION, "live": True, **reading.kept(roster)}, **more)


def session(story: Story) -> dict[str, Any]:
    shown: dict[str, Any] = story.view["session"]
    return shown


# Modes


@pytest.mark.parametrize(
    ("mode", "role"),
    [
        ("CONFERENCE", Role.HOST),
        ("SEND_AND_RECV", Role.HOST),
        ("VIEWER", Role.VIEWER),
        ("RECV_ONLY", Role.VIEWER),
        ("SIGNALLING_ONLY", Role.VIEWER),
        ("HOLOGRAM", Role.UNKNOWN),
        ("", Role.UNKNOWN),
        (None, Role.UNKNOWN),
    ],
)
def test_a_mode_says_whether_somebody_is_a_host(mode, role):
    assert role_of(mode) is role


@pytest.mark.parametrize(
    ("shown", "mode"),
    [
        ({"mode": "VIEWER"}, "VIEWER"),
        ({"mode": "conference"}, "CONFERENCE"),
        ({"mode": "CONFERENCE", "changeModeHistory": [{"mode": "VIEWER"}]}, "CONFERENCE"),
        ({"changeModeHistory": [{"mode": "VIEWER"}, {"mode": "CONFERENCE"}]}, "CONFERENCE"),
        ({"mode": None, "changeModeHistory": [{"mode": "VIEWER"}]}, "VIEWER"),
        ({"mode": 7}, None),
        ({"mode": "x" * 1000}, None),
        ({"mode": "", "changeModeHistory": []}, None),
        ({"changeModeHistory": ["junk"]}, None),
        ({"changeModeHistory": {"mode": "VIEWER"}}, None),
        ({}, None),
    ],
)
def test_a_mode_is_read_wherever_videosdk_says_it(shown, mode):
    assert read_mode(shown) == mode


# Pages


def test_participants_who_have_left_are_not_there():
    timelog = {
        "in": [{"start": "x", "end": None}],
        "out": [{"start": "x", "end": "y"}],
        "back": [{"end": "y"}, {"end": None}],
    }
    people: list[Any] = [person(who, timelog=spans) for who, spans in timelog.items()]
    people += ["junk", {"participantId": 5}, {"participantId": "odd", "timelog": "x", "name": 7}]
    people += [{"participantId": ""}, {"participantId": "x" * 1_000}]
    assert people_in(people) == {"in": ("In", None), "back": ("Back", None), "odd": (None, None)}


@pytest.mark.parametrize("form", [documented, of_the_sdks])
@pytest.mark.parametrize("largest", [500, 100, 20])
@pytest.mark.parametrize("count", [0, 1, 20, 21, 100, 501, 1_000])
def test_all_pages_are_read_whatever_their_size(form, largest, count):
    pages = Pages([person(f"p{number}", "VIEWER") for number in range(count)], largest=largest, form=form)
    roster = reading.read_pages(pages)
    assert roster is not None
    assert (len(roster.people), roster.whole) == (count, True)
    assert len(set(pages.asked)) == len(pages.asked)


@pytest.mark.parametrize(
    "body",
    [
        {"data": [person("ada", "CONFERENCE")]},
        {"data": {"participants": [person("ada", "CONFERENCE")], "status": "ongoing"}},
        {"participants": [person("ada", "CONFERENCE")]},
    ],
)
def test_a_page_without_page_info_is_the_last(body):
    asked = []
    roster = reading.read_pages(lambda page, size: asked.append(page) or Answer(200, body))
    assert roster is not None
    assert (roster.people, roster.whole, asked) == ({"ada": ("Ada", "CONFERENCE")}, True, [1])


@pytest.mark.parametrize(
    "answer",
    [
        Answer(404, {"message": "Not found"}),
        Answer(402, None),
        Answer(500, "oops"),
        Answer(None, None, "timed out"),
        Answer(200, "a string"),
        Answer(200, None),
        Answer(200, {"code": 404, "data": None}),
        Answer(200, {"data": "text"}),
        Answer(200, {"data": [{"unheard": "of"}]}),
        Answer(200, ["a", "list"]),
    ],
)
def test_an_answer_in_an_unknown_form_says_nothing_about_who_is_there(answer):
    assert page_of(answer) is None
    assert reading.read_pages(lambda page, size: answer) is None


def test_a_server_that_repeats_one_page_is_not_asked_for_ever():
    asked = []
    body = documented([person("ada")], last=1_000_000, total=1_000_000)
    roster = reading.read_pages(lambda page, size: asked.append(page) or Answer(200, body))
    assert roster is not None
    assert len(roster.people) == 1
    assert len(asked) <= 1 + reading.PAGES_AT_ONCE


def test_pages_are_read_up_to_a_limit():
    def ask(page: int, size: int | None) -> Answer:
        return Answer(200, documented([person(f"p{page}")], page=page, last=10**9, total=10**9))

    roster = reading.read_pages(ask)
    assert roster is not None
    assert (len(roster.people), roster.whole) == (reading.PAGES_MAX, False)
    assert reading.kept(roster)["unlisted"] == 10**9 - reading.PAGES_MAX


def test_when_a_page_is_missing_hosts_found_so_far_are_named_and_the_others_counted():
    pages = Pages(crowd(2, 2_000))

    def ask(page: int, size: int | None) -> Answer:
        return pages(page, size) if page == 1 else Answer(503, None)

    roster = reading.read_pages(ask)
    assert roster is not None
    story = on_air()
    story.probe(rest("a"), session={"session_id": SESSION, "live": True, **reading.kept(roster)})
    assert session(story)["participant_count"] == 2_002
    assert session(story)["host_count"] is None
    assert session(story)["participants"][0]["participant_id"] == "host-0"


# What a room keeps of it


def test_hosts_are_told_from_viewers():
    story = on_air()
    probed(story, [person("eve", "VIEWER"), person("ada", "CONFERENCE"), person("bob", "RECV_ONLY")])
    shown = session(story)
    assert (shown["participant_count"], shown["host_count"]) == (3, 1)
    assert shown["participants"] == [
        {"participant_id": "ada", "name": "Ada", "mode": "CONFERENCE"},
        {"participant_id": "eve", "name": "Eve", "mode": "VIEWER"},
        {"participant_id": "bob", "name": "Bob", "mode": "RECV_ONLY"},
    ]


def test_the_number_of_hosts_is_not_known_while_anybodys_mode_is_not():
    story = on_air()
    probed(story, [person("ada", "CONFERENCE"), person("bob", "HOLOGRAM")])
    assert session(story)["host_count"] is None
    probed(story, [person("ada", "CONFERENCE"), person("bob", "VIEWER")])
    assert session(story)["host_count"] == 1
    story.joined("eve")
    assert (session(story)["participant_count"], session(story)["host_count"]) == (3, None)
    story.left("eve")
    assert session(story)["host_count"] == 1


def test_a_webhook_that_gives_a_mode_is_believed():
    story = with_session()
    story.joined("ada", mode="CONFERENCE")
    story.joined("bob", mode="VIEWER")
    assert (session(story)["participant_count"], session(story)["host_count"]) == (2, 1)
    joined = [notice for notice in story.told if notice.type == "participant.joined"]
    assert [notice.data["participant"]["mode"] for notice in joined] == ["CONFERENCE", "VIEWER"]
    assert joined[-1].data["session"]["host_count"] == 1


def test_a_viewer_who_is_made_a_host_is_one_after_the_next_probe():
    story = on_air()
    probed(story, [person("ada", "CONFERENCE"), person("bob", "VIEWER", changeModeHistory=[{"mode": "VIEWER"}])])
    history = [{"mode": "VIEWER"}, {"mode": "CONFERENCE"}]
    before = list(story.notices)
    probed(story, [person("ada", "CONFERENCE"), person("bob", "CONFERENCE", changeModeHistory=history)])
    assert session(story)["host_count"] == 2
    assert story.notices == before


def test_nobody_is_a_host_in_a_session_that_has_ended():
    story = on_air()
    probed(story, [person("ada", "CONFERENCE")])
    story.webhook("session-ended")
    assert (session(story)["participant_count"], session(story)["host_count"]) == (0, 0)


def test_ten_thousand_viewers_are_counted_and_hosts_are_named():
    story = on_air()
    probed(story, crowd(30, CROWD))
    shown = session(story)
    assert (shown["participant_count"], shown["host_count"]) == (CROWD + 30, 30)
    assert {one["participant_id"] for one in shown["participants"][:30]} == {f"host-{number}" for number in range(30)}
    assert len(shown["participants"]) == 100
    assert len(codec.encode(story.room)) < STATE_MAX_BYTES
    assert codec.room_of(codec.encode(story.room)) == story.room
    assert story.notices.count("participant.joined") == 30
    assert story.notices.count("participant.left") == 0


def test_conditions_see_every_host_and_the_api_a_hundred():
    story = on_air()
    probed(story, crowd(150, 10))
    assert story.room.session is not None
    assert len(participants_view(story.room.session, all_hosts=True)) == 150
    assert len(session(story)["participants"]) == 100


def test_ten_thousand_joins_and_leaves_by_webhook_keep_the_count_and_a_small_state():
    story = with_session()
    for number in range(CROWD):
        story.joined(f"p{number}")
    assert session(story)["participant_count"] == CROWD
    assert session(story)["host_count"] is None
    assert len(codec.encode(story.room)) < STATE_MAX_BYTES
    assert len(story.room.session.participants) == LISTED_MAX
    assert len(story.room.session.moves) <= MOVES_MAX
    for number in range(CROWD):
        story.left(f"p{number}")
    assert session(story)["participant_count"] == 0
    assert story.room.session.emptied


def test_repeats_of_a_participant_who_is_only_counted_count_once():
    story = with_session()
    for number in range(LISTED_MAX):
        story.joined(f"p{number}")
    for _ in range(3):
        story.joined("last")
    assert session(story)["participant_count"] == LISTED_MAX + 1
    for _ in range(3):
        story.left("last")
    assert session(story)["participant_count"] == LISTED_MAX


def test_in_a_full_roster_a_newcomer_is_listed_in_place_of_a_viewer():
    story = on_air()
    probed(story, crowd(1, LISTED_MAX - 1))
    story.joined("newcomer")
    assert "newcomer" in story.room.session.participants
    assert "host-0" in story.room.session.participants
    assert (session(story)["participant_count"], story.room.session.unlisted_viewers) == (LISTED_MAX + 1, 1)
    story.left("newcomer")
    assert (session(story)["participant_count"], session(story)["host_count"]) == (LISTED_MAX, 1)


def test_who_joins_or_leaves_while_a_probe_is_under_way_is_added_to_its_answer():
    story = on_air()
    asked = story.ask()
    story.joined("ada")
    story.joined("bob")
    story.left("bob")
    probed(story, [person("bob", "VIEWER"), person("eve", "CONFERENCE")], asked_id=asked)
    assert sorted(story.room.session.participants) == ["ada", "eve"]
    assert story.notices.count("participant.joined") == 3
    assert story.notices.count("participant.left") == 1


def test_when_more_people_move_than_are_kept_the_probe_is_repeated():
    story = on_air()
    asked = story.ask()
    for number in range(MOVES_MAX + 1):
        story.joined(f"p{number}")
    probed(story, [person("eve", "CONFERENCE")], asked_id=asked)
    assert "checking again" in story.effect
    assert session(story)["participant_count"] == MOVES_MAX + 1


def test_a_host_on_a_page_that_could_not_be_read_stays_a_host():
    story = on_air()
    probed(story, crowd(2, 1_000))
    partial = {"participants": {}, "modes": {}, "unlisted": 1_002, "unlisted_viewers": 0}
    story.probe(rest("a"), session={"session_id": SESSION, "live": True, **partial})
    assert session(story)["participant_count"] == 1_002
    assert [one["participant_id"] for one in session(story)["participants"]] == ["host-0", "host-1"]
    assert session(story)["host_count"] is None


def test_somebody_who_was_only_counted_is_not_told_to_have_joined_or_left():
    story = on_air()
    probed(story, crowd(1, 2_000))
    before = list(story.notices)
    probed(story, list(reversed(crowd(1, 2_000))))
    assert story.notices == before


# What earlier versions stored


def test_a_session_that_an_earlier_version_stored_is_read():
    stored = {
        "room_id": ROOM,
        "session": {
            "session_id": SESSION,
            "live": True,
            "started_at": 1,
            "complete": True,
            "participants": {"ada": "Ada", "bob": None},
        },
    }
    room = codec.room_of(json.dumps(stored).encode())
    assert isinstance(room, Room) and room.session is not None
    assert (room.session.count, room.session.host_count, room.session.unknown_roles) == (2, None, 2)


def test_a_probe_that_an_earlier_version_journaled_is_folded():
    story = on_air()
    people = {f"p{number}": f"P{number}" for number in range(3_000)}
    story.probe(rest("a"), session={"session_id": SESSION, "live": True, "participants": people})
    assert (session(story)["participant_count"], session(story)["host_count"]) == (3_000, None)
    assert len(story.room.session.participants) == LISTED_MAX
    story.wait(2 * MINUTE)
    story.left("p2999", after=SECOND)
    assert session(story)["participant_count"] == 2_999
