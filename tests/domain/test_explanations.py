"""Explanations: codes and arguments are stored, and the texts may change without changing anything that is stored."""

import errno
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.golden import events_of, load
from tests.support.notice_examples import notice_examples
from tests.support.paths import ROOT
from webhook_app.domain import explanations
from webhook_app.domain.alarms.summaries import AlarmSummary
from webhook_app.domain.delivery.disabled_reasons import DisabledReason
from webhook_app.domain.events import Event, Source
from webhook_app.domain.explanations import Explanation, code_text, explain, render, text_of
from webhook_app.domain.reasons import Reason
from webhook_app.domain.reducer import apply
from webhook_app.domain.schedules.calendars.calendar import EntryWarning, horizon_at, make_calendar
from webhook_app.domain.schedules.calendars.components import CalendarError
from webhook_app.domain.schedules.calendars.faults import CalendarFault
from webhook_app.domain.schedules.calendars.reading import explain_warnings
from webhook_app.domain.state import SystemState
from webhook_app.outbound.proxies import Proxies
from webhook_app.store import codec
from webhook_app.store.state.outline import encode_arguments
from webhook_app.text.error_messages import explain_os_error
from workers.clock.alarm_watch import failure_of
from workers.deliver.escalations import offline_summary
from workers.folding import fold_one

PARTLY_READ = make_calendar(
    horizon_at(0), (), (), {EntryWarning("no-start", "Choir"), EntryWarning("bad-date", "Tea", "x")}
)


def reports() -> Iterator[tuple[str, dict[str, Any]]]:
    """What the other processes journal, with a code and arguments in place of a text."""
    summaries = (
        ("deliveries-cut-off", offline_summary(Proxies(https="http://proxy:1"))),
        ("max-streams", explain(AlarmSummary.ROOMS_ON_AIR, count=2, limit=2)),
        (
            "subscriber-failing:sub_a",
            explain(AlarmSummary.SUBSCRIBER_FAILING, subscriber="a", why=failure_of("status 503")),
        ),
        (
            "calendar-a",
            explain(
                AlarmSummary.CALENDAR_UNREADABLE,
                calendar="a",
                why=CalendarError(CalendarFault.FILE, why=explain_os_error(OSError(errno.EACCES, ""))).explanation,
                used_by=explain(AlarmSummary.CALENDAR_USED_BY, rules="r"),
            ),
        ),
        ("calendar-b", explain(AlarmSummary.CALENDAR_PARTLY_READ, warnings=explain_warnings(PARTLY_READ), used_by="")),
    )
    for key, summary in summaries:
        alarm = {"key": key, "name": key.partition(":")[0], "severity": "warning"}
        yield "alarm-raised", alarm | {"summary": summary.stored}
    why = explain(Reason.SUBSCRIBER_DISABLED_MESSAGE, subscriber="a", why=explain(DisabledReason.GONE))
    yield "subscriber-disabled", {"subscriber_id": "sub_a", "reason": why.stored}


def journal() -> Iterator[Event]:
    """A recorded journal, and then the reports."""
    yield from events_of(load(ROOT / "tests" / "fixtures" / "golden" / "history-1.json.gz")["journal"])
    for number, (kind, data) in enumerate(reports()):
        yield Event(f"{2**60 + number}-0", Source.SYSTEM, kind, None, 2**40, data)


def stored_bytes() -> Iterator[tuple[str, bytes]]:
    """What folding a journal stores, outcome by outcome."""
    state = SystemState()
    for event in journal():
        outcome = fold_one(state, codec.journal_event(event))
        apply(state, outcome)
        parts = (outcome.decisions, outcome.notices, outcome.alarms, outcome.calls, outcome.rooms, outcome.memory)
        yield event.id, b"".join([encode_arguments(outcome.effects), *map(codec.encode, parts)])


def test_other_texts_change_nothing_that_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    before = dict(stored_bytes())
    examples = notice_examples()
    for code in explanations.TEXTS:
        monkeypatch.setitem(explanations.TEXTS, code, f"<{code}>")
    assert dict(stored_bytes()) == before
    assert notice_examples()["broadcast.late"] != examples["broadcast.late"]


def test_an_explanation_reads_back_as_it_was_stored() -> None:
    inner = explain(Reason.NO_SESSION)
    outer = explain(Reason.HELD_BACK, why=inner)
    assert codec.decoder(Explanation)(codec.encode(outer)) == outer
    assert inner.text in outer.text and text_of(outer.stored) == outer.text


def test_what_is_no_code_is_its_own_text() -> None:
    assert code_text("written by an earlier version") == "written by an earlier version"
    assert render("a-code-of-a-newer-version", {"x": 1}) == "a-code-of-a-newer-version"
    assert text_of("plain") == "plain"
