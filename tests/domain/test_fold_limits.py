"""The budget of one fold: it holds however deep the work is, and grows with what an honest event touches."""

import pytest

from tests.support.replay import differences, refold
from tests.support.web_client import NullWake
from webhook_app.domain import reducer
from webhook_app.domain import room_events as steps
from webhook_app.domain.budget import spend, step_budget
from webhook_app.domain.events import Event, Source
from webhook_app.domain.fold_limits import fold_limits
from webhook_app.domain.state import SystemState
from webhook_app.store import codec, keys
from webhook_app.store.connection.clients import Client
from webhook_app.store.journal.journal import Journal, entry
from webhook_app.store.state.alarms import is_raised
from webhook_app.store.state.store import StateStore
from workers.folding import fold
from workers.reduce.reducer import Reducer

AT = 1_795_871_583_549
MANY = 10_000


def endless(*_: object, **__: object) -> None:
    while True:
        spend(1_000)


def swallowed(*_: object, **__: object) -> None:
    try:
        endless()
    except Exception:
        pass


@pytest.mark.parametrize("work", [endless, swallowed])
def test_a_fold_over_its_budget_is_poisoned_and_the_next_event_folds(
    client: Client, monkeypatch: pytest.MonkeyPatch, work: object
) -> None:
    monkeypatch.setattr(steps, "set_operator_desired", work)
    Journal(client).append([entry(Source.OPERATOR, "start", "a", {}), entry(Source.VIDEOSDK, "x", "b", {"data": {}})])
    assert Reducer(client, NullWake()).reduce() == 2
    assert is_raised(client, "poisoned-event")
    assert b"BudgetExceededError" in client.xrange(keys.timeline("a"))[0][1][b"a"]
    assert StateStore(client).room("a") is None
    assert differences(client, refold(client)) == []


def test_the_error_kept_is_the_same_at_every_fold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "set_operator_desired", endless)
    event = Event(f"{AT}-0", Source.OPERATOR, "start", "a", AT, {})
    batches = [fold(SystemState(), [event])[0] for _ in range(2)]
    assert batches[0].effects == batches[1].effects
    assert "BudgetExceededError" in batches[0].effects[0].text


def test_a_file_of_ten_thousand_rules_on_as_many_rooms_stays_far_below_its_limits() -> None:
    rules = [
        {
            "name": f"rule-{at}",
            "rooms": [f"room-{at}"],
            "timezone": "Europe/Berlin",
            "schedule": {"cron": f"{at % 60} 9 * * MON-FRI", "timezone": "Europe/Berlin", "duration_s": 3_600},
        }
        for at in range(MANY)
    ]
    event = Event(f"{AT}-0", Source.CONFIG, "file-applied", None, AT, {"rooms": {}, "rules": rules})
    with step_budget(fold_limits(codec.journal_event(event)).steps // 5, "a fifth of the limit") as budget:
        outcome = reducer.step(SystemState(), codec.journal_event(event))
    assert len(outcome.rooms) == MANY
    assert budget.spent <= budget.limit
