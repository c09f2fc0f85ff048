"""Hosts and viewers: modes, pages of participants, and rosters that stay small however many people are there."""

import json
from typing import Any

import pytest

from tests.support.scenario import MINUTE, ROOM, SECOND, SESSION, Scenario, on_air, rest, with_session
from webhook_app.domain.frozen import replace
from webhook_app.domain.reasons import Reason
from webhook_app.domain.room import Room
from webhook_app.domain.sessions.participants import LISTED_MAX, MOVES_MAX, Role
from webhook_app.domain.sessions.roster import assume_viewers
from webhook_app.domain.sessions.session import Session
from webhook_app.domain.views import participants_view
from webhook_app.providers.videosdk import session_participants as reading
from webhook_app.providers.videosdk.answers import ApiAnswer
from webhook_app.providers.videosdk.modes import MODE_ROLES, role_of
from webhook_app.providers.videosdk.objects import read_participant_mode
from webhook_app.providers.videosdk.participants import participants_in, read_participant_page
from webhook_app.store import codec

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


class RepeatedPage:
    """The same answer for each page; keeps the numbers of the pages."""

    def __init__(self, body: dict[str, Any]) -> None:
        self.body = body
        self.numbers: list[int] = []

    def __call__(self, page: int, per_page: int | None) -> ApiAnswer:
        self.numbers.append(page)
        return ApiAnswer(200, self.body)


class Pages:
    """VideoSDK's answers for `people`, in pages of at most `largest`; keeps what it was asked."""

    def __init__(self, people: list[dict[str, Any]], *, largest: int = 500, form: Any = documented) -> None:
        self.people, self.largest, self.form = people, largest, form
        self.requests: list[tuple[int, int | None]] = []

    def __call__(self, page: int, per_page: int | None) -> ApiAnswer:
        self.requests.append((page, per_page))
        if per_page is not None and per_page > self.largest:
            return ApiAnswer(400, {"message": "perPage is too large"})
        size = per_page or 20
        last = max(1, -(-len(self.people) // size))
        rows = self.people[(page - 1) * size : page * size]
        return ApiAnswer(200, self.form(rows, page=page, last=last, total=len(self.people)))


def crowd(hosts: int, viewers: int) -> list[dict[str, Any]]:
    """So many viewers, among whom hosts are spread over all pages."""
    people = [person(f"viewer-{number}", "VIEWER") for number in range(viewers)]
    for number in range(hosts):
        people.insert(number * len(people) // hosts, person(f"host-{number}", "CONFERENCE"))
    return people


def probed(scenario: Scenario, people: list[dict[str, Any]], **more: Any) -> None:
    """A probe of who is there, read in pages as a worker does."""
    roster = reading.read_pages(Pages(people))
    assert roster is not None
    scenario.probe(
        rest("a"), session={"session_id": SESSION, "live": True, **reading.journaled_participants(roster)}, **more
    )


def session(scenario: Scenario) -> dict[str, Any]:
    shown: dict[str, Any] = scenario.view["session"]
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
def test_a_mode_says_whether_somebody_is_a_host(mode: str | None, role: Any) -> None:
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
def test_a_mode_is_read_wherever_videosdk_says_it(shown: dict[str, Any], mode: str | None) -> None:
    assert read_participant_mode(shown) == mode


# Pages


def test_participants_who_have_left_are_not_there() -> None:
    timelog = {
        "in": [{"start": "x", "end": None}],
        "out": [{"start": "x", "end": "y"}],
        "back": [{"end": "y"}, {"end": None}],
    }
    people: list[Any] = [person(who, timelog=spans) for who, spans in timelog.items()]
    people += ["junk", {"participantId": 5}, {"participantId": "odd", "timelog": "x", "name": 7}]
    people += [{"participantId": ""}, {"participantId": "x" * 1_000}]
    assert participants_in(people) == {"in": ("In", None), "back": ("Back", None), "odd": (None, None)}


@pytest.mark.parametrize("form", [documented, of_the_sdks])
@pytest.mark.parametrize("largest", [500, 100, 20])
@pytest.mark.parametrize("count", [0, 1, 20, 21, 100, 501, 1_000])
def test_all_pages_are_read_whatever_their_size(form: Any, largest: int, count: int) -> None:
    pages = Pages([person(f"p{number}", "VIEWER") for number in range(count)], largest=largest, form=form)
    roster = reading.read_pages(pages)
    assert roster is not None
    assert (len(roster.participants), roster.whole) == (count, True)
    assert len(set(pages.requests)) == len(pages.requests)


@pytest.mark.parametrize(
    "body",
    [
        {"data": [person("ada", "CONFERENCE")]},
        {"data": {"participants": [person("ada", "CONFERENCE")], "status": "ongoing"}},
        {"participants": [person("ada", "CONFERENCE")]},
    ],
)
def test_a_page_without_page_info_is_the_last(body: dict[str, Any]) -> None:
    repeated = RepeatedPage(body)
    roster = reading.read_pages(repeated)
    assert roster is not None
    assert (roster.participants, roster.whole, repeated.numbers) == ({"ada": ("Ada", "CONFERENCE")}, True, [1])


@pytest.mark.parametrize(
    "answer",
    [
        ApiAnswer(404, {"message": "Not found"}),
        ApiAnswer(402, None),
        ApiAnswer(500, "oops"),
        ApiAnswer(None, None, "timed out"),
        ApiAnswer(200, "a string"),
        ApiAnswer(200, None),
        ApiAnswer(200, {"code": 404, "data": None}),
        ApiAnswer(200, {"data": "text"}),
        ApiAnswer(200, {"data": [{"unheard": "of"}]}),
        ApiAnswer(200, ["a", "list"]),
    ],
)
def test_an_answer_in_an_unknown_form_says_nothing_about_who_is_there(answer: Any) -> None:
    assert read_participant_page(answer) is None
    assert reading.read_pages(lambda page, size: answer) is None


def test_a_server_that_repeats_one_page_is_not_requested_endlessly() -> None:
    repeated = RepeatedPage(documented([person("ada")], last=1_000_000, total=1_000_000))
    roster = reading.read_pages(repeated)
    assert roster is not None
    assert len(roster.participants) == 1
    assert len(repeated.numbers) <= 1 + reading.PAGES_AT_ONCE


def test_pages_are_read_up_to_a_limit() -> None:
    def ask(page: int, size: int | None) -> ApiAnswer:
        return ApiAnswer(200, documented([person(f"p{page}")], page=page, last=10**9, total=10**9))

    roster = reading.read_pages(ask)
    assert roster is not None
    assert (len(roster.participants), roster.whole) == (reading.PAGES_MAX, False)
    assert reading.journaled_participants(roster)["unlisted"] == 10**9 - reading.PAGES_MAX


def test_when_a_page_is_missing_hosts_found_so_far_are_named_and_the_others_counted() -> None:
    pages = Pages(crowd(2, 2_000))

    def ask(page: int, size: int | None) -> ApiAnswer:
        return pages(page, size) if page == 1 else ApiAnswer(503, None)

    roster = reading.read_pages(ask)
    assert roster is not None
    scenario = on_air()
    scenario.probe(rest("a"), session={"session_id": SESSION, "live": True, **reading.journaled_participants(roster)})
    assert session(scenario)["participant_count"] == 2_002
    assert session(scenario)["host_count"] is None
    assert session(scenario)["participants"][0]["participant_id"] == "host-0"


# What a room keeps of it


def test_hosts_are_distinguished_from_viewers() -> None:
    scenario = on_air()
    probed(scenario, [person("eve", "VIEWER"), person("ada", "CONFERENCE"), person("bob", "RECV_ONLY")])
    shown = session(scenario)
    assert (shown["participant_count"], shown["host_count"]) == (3, 1)
    assert shown["participants"] == [
        {"participant_id": "ada", "name": "Ada", "mode": "CONFERENCE"},
        {"participant_id": "eve", "name": "Eve", "mode": "VIEWER"},
        {"participant_id": "bob", "name": "Bob", "mode": "RECV_ONLY"},
    ]


def test_the_number_of_hosts_is_not_known_while_anybodys_mode_is_not() -> None:
    scenario = on_air()
    probed(scenario, [person("ada", "CONFERENCE"), person("bob", "HOLOGRAM")])
    assert session(scenario)["host_count"] is None
    probed(scenario, [person("ada", "CONFERENCE"), person("bob", "VIEWER")])
    assert session(scenario)["host_count"] == 1
    scenario.joined("eve")
    assert (session(scenario)["participant_count"], session(scenario)["host_count"]) == (3, None)
    scenario.left("eve")
    assert session(scenario)["host_count"] == 1


def test_a_webhook_that_gives_a_mode_is_believed() -> None:
    scenario = with_session()
    scenario.joined("ada", mode="CONFERENCE")
    scenario.joined("bob", mode="VIEWER")
    assert (session(scenario)["participant_count"], session(scenario)["host_count"]) == (2, 1)
    joined = [notice for notice in scenario.announced if notice.type == "participant.joined"]
    assert [notice.data["participant"]["mode"] for notice in joined] == ["CONFERENCE", "VIEWER"]
    assert joined[-1].data["session"]["host_count"] == 1


def test_a_mode_that_is_new_is_shown_and_stored_as_the_provider_writes_it() -> None:
    scenario = with_session()
    scenario.joined("ada", mode="HOLOGRAM")
    assert session(scenario)["participants"] == [{"participant_id": "ada", "name": "Ada", "mode": "HOLOGRAM"}]
    assert session(scenario)["host_count"] is None
    assert codec.room_of(codec.encode_room(scenario.room)) == scenario.room
    scenario.left("ada")
    left = [notice for notice in scenario.announced if notice.type == "participant.left"]
    assert [notice.data["participant"]["mode"] for notice in left] == ["HOLOGRAM"]


def test_what_the_modes_mean_is_kept_while_somebody_is_there() -> None:
    scenario = with_session()
    assert scenario.session.mode_roles == {}
    scenario.joined("ada", mode="CONFERENCE")
    assert scenario.session.mode_roles == MODE_ROLES
    scenario.left("ada")
    assert scenario.session.mode_roles == {}
    probed(scenario, [person("eve", "VIEWER")])
    assert scenario.session.mode_roles == MODE_ROLES
    probed(scenario, [])
    assert scenario.session.mode_roles == {}


def test_those_who_join_an_empty_session_while_a_probe_is_under_way_have_their_roles() -> None:
    scenario = on_air()
    probed(scenario, [])
    asked_id = scenario.ask()
    scenario.joined("ada", mode="CONFERENCE")
    probed(scenario, [], asked_id=asked_id)
    assert session(scenario)["host_count"] == 1


def test_a_session_that_was_stored_without_the_meaning_of_its_modes_gets_it() -> None:
    scenario = with_session()
    scenario.joined("ada", mode="CONFERENCE")
    scenario.joined("bob", mode="HOLOGRAM")
    stored = json.loads(codec.encode_room(scenario.room))
    del stored["session"]["mode_roles"]
    assert codec.room_of(codec.encode(stored)) == scenario.room


def test_a_stored_session_with_nobody_in_it_is_read_as_it_is() -> None:
    scenario = with_session()
    stored = json.loads(codec.encode_room(scenario.room))
    del stored["session"]["mode_roles"]
    assert codec.room_of(codec.encode(stored)) == scenario.room


def test_who_counts_as_a_viewer_for_now_is_shown_with_the_providers_word() -> None:
    scenario = on_air()
    probed(scenario, [person("ada", "SEND_AND_RECV"), person("bob", "HOLOGRAM"), person("eve")])
    assumed = assume_viewers(scenario.session)
    assert dict(assumed.modes) == {"ada": "SEND_AND_RECV", "bob": "VIEWER", "eve": "VIEWER"}
    assert assumed.host_count == 1


def test_words_of_another_provider_tell_hosts_from_viewers() -> None:
    roles = {"speaker": Role.HOST, "audience": Role.VIEWER}
    people = {"ada": "Ada", "bob": None, "eve": None}
    modes = {"bob": "audience", "ada": "speaker"}
    unnamed = Session("s", live=True, started_at=1, complete=True, participants=people)
    other_session = replace(unnamed, modes=modes, mode_roles=roles)
    assert (other_session.known_hosts, other_session.unknown_roles, other_session.host_count) == (1, 1, None)
    assert [shown["mode"] for shown in participants_view(other_session)] == ["speaker", "audience", None]
    assert dict(assume_viewers(other_session).modes) == {"ada": "speaker", "bob": "audience", "eve": "audience"}
    assert assume_viewers(unnamed).host_count == 0


def test_a_viewer_who_is_made_a_host_is_one_after_the_next_probe() -> None:
    scenario = on_air()
    probed(scenario, [person("ada", "CONFERENCE"), person("bob", "VIEWER", changeModeHistory=[{"mode": "VIEWER"}])])
    history = [{"mode": "VIEWER"}, {"mode": "CONFERENCE"}]
    before = list(scenario.notices)
    probed(scenario, [person("ada", "CONFERENCE"), person("bob", "CONFERENCE", changeModeHistory=history)])
    assert session(scenario)["host_count"] == 2
    assert scenario.notices == before


def test_nobody_is_a_host_in_a_session_that_has_ended() -> None:
    scenario = on_air()
    probed(scenario, [person("ada", "CONFERENCE")])
    scenario.webhook("session-ended")
    assert (session(scenario)["participant_count"], session(scenario)["host_count"]) == (0, 0)


def test_ten_thousand_viewers_are_counted_and_hosts_are_named() -> None:
    scenario = on_air()
    probed(scenario, crowd(30, CROWD))
    shown = session(scenario)
    assert (shown["participant_count"], shown["host_count"]) == (CROWD + 30, 30)
    assert {participant["participant_id"] for participant in shown["participants"][:30]} == {
        f"host-{number}" for number in range(30)
    }
    assert len(shown["participants"]) == 100
    assert len(codec.encode(scenario.room)) < STATE_MAX_BYTES
    assert codec.room_of(codec.encode_room(scenario.room)) == scenario.room
    assert scenario.notices.count("participant.joined") == 30
    assert scenario.notices.count("participant.left") == 0


def test_conditions_see_every_host_and_the_api_a_hundred() -> None:
    scenario = on_air()
    probed(scenario, crowd(150, 10))
    assert scenario.room.session is not None
    assert len(participants_view(scenario.room.session, all_hosts=True)) == 150
    assert len(session(scenario)["participants"]) == 100


def test_ten_thousand_joins_and_leaves_by_webhook_keep_the_count_and_a_small_state() -> None:
    scenario = with_session()
    for number in range(CROWD):
        scenario.joined(f"p{number}")
    assert session(scenario)["participant_count"] == CROWD
    assert session(scenario)["host_count"] is None
    assert len(codec.encode(scenario.room)) < STATE_MAX_BYTES
    assert len(scenario.session.participants) == LISTED_MAX
    assert len(scenario.session.moves) <= MOVES_MAX
    for number in range(CROWD):
        scenario.left(f"p{number}")
    assert session(scenario)["participant_count"] == 0
    assert scenario.session.emptied


def test_repeats_of_a_participant_who_is_only_counted_count_once() -> None:
    scenario = with_session()
    for number in range(LISTED_MAX):
        scenario.joined(f"p{number}")
    for _ in range(3):
        scenario.joined("last")
    assert session(scenario)["participant_count"] == LISTED_MAX + 1
    for _ in range(3):
        scenario.left("last")
    assert session(scenario)["participant_count"] == LISTED_MAX


def test_in_a_full_roster_a_newcomer_is_listed_in_place_of_a_viewer() -> None:
    scenario = on_air()
    probed(scenario, crowd(1, LISTED_MAX - 1))
    scenario.joined("newcomer")
    assert "newcomer" in scenario.session.participants
    assert "host-0" in scenario.session.participants
    assert (session(scenario)["participant_count"], scenario.session.unlisted_viewers) == (LISTED_MAX + 1, 1)
    scenario.left("newcomer")
    assert (session(scenario)["participant_count"], session(scenario)["host_count"]) == (LISTED_MAX, 1)


def test_who_joins_or_leaves_while_a_probe_is_under_way_is_added_to_its_answer() -> None:
    scenario = on_air()
    asked_id = scenario.ask()
    scenario.joined("ada")
    scenario.joined("bob")
    scenario.left("bob")
    probed(scenario, [person("bob", "VIEWER"), person("eve", "CONFERENCE")], asked_id=asked_id)
    assert sorted(scenario.session.participants) == ["ada", "eve"]
    assert scenario.notices.count("participant.joined") == 3
    assert scenario.notices.count("participant.left") == 1


def test_when_more_people_move_than_are_kept_the_probe_is_repeated() -> None:
    scenario = on_air()
    asked_id = scenario.ask()
    for number in range(MOVES_MAX + 1):
        scenario.joined(f"p{number}")
    probed(scenario, [person("eve", "CONFERENCE")], asked_id=asked_id)
    assert Reason.SESSION_NEWER_THAN_PROBE in scenario.reasons
    assert session(scenario)["participant_count"] == MOVES_MAX + 1


def test_a_host_on_a_page_that_could_not_be_read_stays_a_host() -> None:
    scenario = on_air()
    probed(scenario, crowd(2, 1_000))
    partial = {"participants": {}, "modes": {}, "unlisted": 1_002, "unlisted_viewers": 0}
    scenario.probe(rest("a"), session={"session_id": SESSION, "live": True, **partial})
    assert session(scenario)["participant_count"] == 1_002
    assert [participant["participant_id"] for participant in session(scenario)["participants"]] == ["host-0", "host-1"]
    assert session(scenario)["host_count"] is None


def test_a_participant_known_only_from_a_count_is_not_announced_as_joined_or_left() -> None:
    scenario = on_air()
    probed(scenario, crowd(1, 2_000))
    before = list(scenario.notices)
    probed(scenario, list(reversed(crowd(1, 2_000))))
    assert scenario.notices == before


# What earlier versions stored


def test_a_session_that_an_earlier_version_stored_is_read() -> None:
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


def test_a_probe_that_an_earlier_version_journaled_is_folded() -> None:
    scenario = on_air()
    people = {f"p{number}": f"P{number}" for number in range(3_000)}
    scenario.probe(rest("a"), session={"session_id": SESSION, "live": True, "participants": people})
    assert (session(scenario)["participant_count"], session(scenario)["host_count"]) == (3_000, None)
    assert len(scenario.session.participants) == LISTED_MAX
    scenario.wait(2 * MINUTE)
    scenario.left("p2999", after=SECOND)
    assert session(scenario)["participant_count"] == 2_999
