"""Conditions of rules are tried on rooms whose participants' modes are the provider's words."""

import pytest

from webhook_app.schemas.condition_field import condition_errors, example_rooms


def test_the_examples_show_a_host_and_a_viewer_in_the_providers_words() -> None:
    modes = {
        participant["mode"]
        for room in example_rooms()
        if room["session"] is not None
        for participant in room["session"]["participants"]
    }
    assert modes == {"CONFERENCE", "RECV_ONLY"}


@pytest.mark.parametrize("mode", ["CONFERENCE", "RECV_ONLY"])
def test_a_misspelt_field_behind_a_mode_is_found(mode: str) -> None:
    when = f'room.session.participants.exists(p, p.mode == "{mode}" && p.nam == "Ada")'
    assert "nam" in condition_errors({"when": when}, "when", with_event=False)["when"][0]
