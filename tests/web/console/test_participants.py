"""How the console says who is in a session."""

from typing import Any

import pytest

from webhook_app.console.components.participants import headcount, who_is_there


def session(count: int | None, hosts: int | None, *people: tuple[str, str | None]) -> dict[str, Any]:
    shown = [{"participant_id": who.lower(), "name": who, "mode": mode} for who, mode in people]
    return {"participant_count": count, "host_count": hosts, "participants": shown}


ADA, BOB, EVE = ("Ada", "CONFERENCE"), ("Bob", "RECV_ONLY"), ("Eve", None)


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        (session(None, None), "unknown"),
        (session(0, 0), "nobody"),
        (session(1, 1, ADA), "1 host"),
        (session(2, 1, ADA, BOB), "1 host, 1 viewer"),
        (session(8_433, 2, ADA, BOB), "2 hosts, 8\u202f431 viewers"),
        (session(3, 0, BOB), "no host, 3 viewers"),
        (session(3, None, EVE), "3"),
        (session(3, None, ADA, EVE), "3, at least 1 of them a host"),
    ],
)
def test_hosts_and_viewers_are_counted_separately_when_all_modes_are_known(shown: Any, words: str) -> None:
    assert headcount(shown) == words


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        (session(None, None), ""),
        (session(3, 1, ADA, BOB, EVE), "Ada (host), Bob, Eve"),
        (session(8_433, None, ADA, EVE), "Ada (host), Eve and 8\u202f431 more"),
        (session(None, None, EVE), "Eve"),
        (session(20, 0, *[BOB] * 20), ", ".join(["Bob"] * 12) + " and 8 more"),
    ],
)
def test_the_first_participants_are_named_and_the_others_counted(shown: Any, words: Any) -> None:
    assert who_is_there(shown) == words


def test_a_participant_without_a_name_is_shown_by_id() -> None:
    shown = session(1, None, EVE)
    shown["participants"][0]["name"] = None
    assert who_is_there(shown) == "eve"
