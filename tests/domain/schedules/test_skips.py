"""Skipping one occurrence and taking it back: it holds for that one alone, while the schedule has it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.scenario import MINUTE
from tests.support.scheduled_room import HOUR, ONE, ScheduledRoom
from tests.support.web_client import ROOM, WebClient, append, fold_all
from webhook_app.domain.events import Source
from webhook_app.domain.reasons import Reason
from webhook_app.domain.schedules.skips import skips_of
from webhook_app.schemas.rule import RuleSchema
from webhook_app.store.connection.clients import Client
from webhook_app.store.journal.journal import entry


def skip(scenario: Any, opens_at: Any, *, back: bool = False, rule: str = "show") -> Any:
    kind = "occurrence-unskipped" if back else "occurrence-skipped"
    scenario.process(Source.OPERATOR, kind, {"name": rule, "opens_at": opens_at}, room=None)
    return scenario.outcomes[-1].reasons[0]


def hourly(*, at: Any = ("13:00", "14:30", "16:00"), **more: Any) -> Any:
    return ScheduledRoom().open_session().put_schedule(at=at, **more)


def test_a_skipped_window_does_not_open_and_the_others_do() -> None:
    scenario = hourly()
    assert skip(scenario, ONE + 90 * MINUTE) is Reason.OCCURRENCE_SKIPPED
    assert scenario.decisions[0].rule == "show"
    scenario.until(ONE)
    scenario.playable()
    scenario.until(ONE + HOUR)
    scenario.ended()
    scenario.until(ONE + 2 * HOUR)
    assert len(scenario.starts) == 1
    scenario.until(ONE + 3 * HOUR)
    assert len(scenario.starts) == 2


def test_a_skip_that_is_taken_back_lets_the_window_open() -> None:
    scenario = hourly()
    skip(scenario, ONE)
    assert skip(scenario, ONE, back=True) is Reason.OCCURRENCE_UNSKIPPED
    scenario.until(ONE)
    assert len(scenario.starts) == 1


def test_a_skip_that_is_taken_back_inside_its_window_opens_it_at_once() -> None:
    scenario = hourly()
    skip(scenario, ONE)
    scenario.until(ONE + 10 * MINUTE)
    assert scenario.starts == []
    skip(scenario, ONE, back=True)
    assert [call.because for call in scenario.starts] == ["rule:show"]


@pytest.mark.parametrize(
    ("opens_at", "back", "wait", "reason"),
    [
        (ONE + MINUTE, False, 0, Reason.OCCURRENCE_NOT_FOUND),
        (ONE, True, 0, Reason.OCCURRENCE_NOT_SKIPPED),
        (ONE, False, HOUR + 10 * MINUTE, Reason.OCCURRENCE_BEGUN),
        (ONE, False, 3 * HOUR, Reason.OCCURRENCE_BEGUN),
    ],
)
def test_what_cannot_be_skipped_changes_nothing_and_says_why(opens_at: Any, back: bool, wait: Any, reason: Any) -> None:
    scenario = hourly()
    scenario.until(scenario.now + wait)
    before = scenario.world.config.rules["show"]
    assert skip(scenario, opens_at, back=back) is reason
    assert scenario.world.config.rules["show"] == before


def test_skipping_twice_is_harmless() -> None:
    scenario = hourly()
    skip(scenario, ONE)
    assert skip(scenario, ONE) is Reason.OCCURRENCE_SKIPPED_ALREADY
    assert skips_of(scenario.world.config.rules["show"]) == (ONE,)


def test_a_skip_of_a_rule_that_is_gone_or_has_no_schedule_changes_nothing() -> None:
    scenario = hourly()
    assert skip(scenario, ONE, rule="other") is Reason.SCHEDULE_NOT_FOUND


@pytest.mark.parametrize(
    ("at", "kept"),
    [(("13:00", "14:30"), (ONE,)), (("13:00", "18:00"), (ONE,)), (("13:05", "14:30"), ())],
)
def test_a_skip_is_dropped_when_the_schedule_loses_its_occurrence(at: Any, kept: Any) -> None:
    scenario = hourly()
    skip(scenario, ONE)
    scenario.put_schedule(at=at)
    assert skips_of(scenario.world.config.rules["show"]) == kept


def test_a_skip_of_a_file_s_rule_stays_when_the_file_is_applied_again() -> None:
    scenario = ScheduledRoom().open_session()
    schedule = {"at": ["2026-11-22T13:00", "2026-11-22T15:00"], "duration_s": 3600}
    rule = {"name": "show", "rooms": [ROOM], "schedule": schedule}
    scenario.process(Source.CONFIG, "file-applied", {"rules": [rule]}, room=None)
    assert skip(scenario, ONE) is Reason.OCCURRENCE_SKIPPED
    scenario.process(Source.CONFIG, "file-applied", {"rules": [{**rule, "late_after_s": 90}]}, room=None)
    assert skips_of(scenario.world.config.rules["show"]) == (ONE,)
    moved = {**rule, "schedule": {**schedule, "at": ["2026-11-22T15:00"]}}
    scenario.process(Source.CONFIG, "file-applied", {"rules": [moved]}, room=None)
    assert skips_of(scenario.world.config.rules["show"]) == ()


# The API


@pytest.fixture
def web_client(store_url: str, tmp_path: Path, client: Client) -> Any:
    return WebClient(store_url, tmp_path)


def put(client: Client, name: Any, schedule: Any, **more: Any) -> None:
    rule = RuleSchema().load({"name": name, "rooms": [ROOM], "schedule": schedule, **more})
    append(client, entry(Source.CONFIG, "rule-put", None, {"rule": rule}))
    fold_all(client)


def act(client: Client, web_client: Any, name: Any, opens_at: Any, what: str = "skip") -> Any:
    answer = web_client.api("POST", f"/rules/{name}/occurrences/{opens_at}/{what}")
    fold_all(client)
    return answer


def occurrences(web_client: Any, name: Any) -> Any:
    return web_client.get(f"/rules/{name}/occurrences?count=5")["items"]


def test_an_occurrence_is_skipped_and_taken_back_by_its_opening(client: Client, web_client: WebClient) -> None:
    put(client, "talk", {"cron": "30 */2 * * *", "duration": "10m"})
    second = occurrences(web_client, "talk")[1]
    assert second["openings"] == [second["opens_at"]]
    answer = act(client, web_client, "talk", second["opens_at"])
    assert answer.status_code == 202
    assert web_client.get(f"/events/{answer.json['id']}")["reason"] == "occurrence-skipped"
    assert [occurrence["skipped"] for occurrence in occurrences(web_client, "talk")] == [
        False,
        True,
        False,
        False,
        False,
    ]
    assert act(client, web_client, "talk", second["opens_at"]).status_code == 202
    assert act(client, web_client, "talk", second["opens_at"], "unskip").status_code == 202
    assert not any(occurrence["skipped"] for occurrence in occurrences(web_client, "talk"))


def test_an_opening_may_be_written_in_any_zone(client: Client, web_client: WebClient) -> None:
    put(client, "talk", {"cron": "30 9 * * *", "duration": "10m"})
    opens = datetime.fromisoformat(occurrences(web_client, "talk")[0]["opens_at"]).astimezone(UTC)
    written = f"{opens + timedelta(hours=2):%Y-%m-%dT%H:%M}:00%2B02:00"
    assert act(client, web_client, "talk", written).status_code == 202
    assert occurrences(web_client, "talk")[0]["skipped"]


def test_a_rule_s_own_openings_in_a_merged_window_can_be_skipped(client: Client, web_client: WebClient) -> None:
    put(client, "early", {"cron": "0 9 * * *", "duration": "2h"})
    put(client, "later", {"cron": "0 10 * * *", "duration": "2h"})
    (merged,) = [occurrence for occurrence in occurrences(web_client, "later") if len(occurrence["rules"]) == 2][:1]
    assert merged["opens_at"] != merged["openings"][0]
    assert act(client, web_client, "later", merged["opens_at"]).status_code == 404
    assert act(client, web_client, "later", merged["openings"][0]).status_code == 202
    assert any(occurrence["skipped"] for occurrence in occurrences(web_client, "later"))


@pytest.mark.parametrize(
    ("name", "opens_at", "status"),
    [
        ("nobody", "2027-11-29T09:00:00Z", 404),
        ("talk", "2027-11-29T09:00:00Z", 404),
        ("talk", "tomorrow", 422),
        ("ends", "2027-11-29T09:00:00Z", 409),
    ],
)
def test_what_is_no_occurrence_is_refused_with_what_would_be(
    client: Client, web_client: WebClient, name: str, opens_at: str, status: int
) -> None:
    put(client, "talk", {"cron": "30 9 * * *", "duration": "10m"})
    rule = RuleSchema().load({"name": "ends", "rooms": [ROOM], "on": "session.ended", "do": "end"})
    append(client, entry(Source.CONFIG, "rule-put", None, {"rule": rule}))
    fold_all(client)
    answer = act(client, web_client, name, opens_at)
    assert answer.status_code == status
    if name == "talk" and status == 404:  # what would be right: the next openings
        assert "T09:30:00.000Z" in answer.json["detail"]


def test_an_open_window_is_not_skipped_and_one_that_is_over_not_taken_back(
    client: Client, web_client: WebClient
) -> None:
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    opened, over = now - timedelta(minutes=5), now - timedelta(hours=3)
    put(client, "talk", {"at": [f"{at:%Y-%m-%dT%H:%M}" for at in (opened, over)], "duration": "1h"})
    assert act(client, web_client, "talk", f"{opened:%Y-%m-%dT%H:%M:00Z}").status_code == 409
    assert act(client, web_client, "talk", f"{over:%Y-%m-%dT%H:%M:00Z}", "unskip").status_code == 409
