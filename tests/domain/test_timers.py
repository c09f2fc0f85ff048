"""Timers and their stored names, which no version may change."""

import pytest

from webhook_app.domain.probing.subjects import ProbeSubject
from webhook_app.domain.timers import (
    Timer,
    TimerKind,
    alarm_timer,
    is_probe_timer,
    probe_timer,
    read_timer,
    rule_of_timer,
    rule_timer,
)

STORED = {
    "watch", "ask", "armed", "probe-lost", "call-lost", "capture-lost", "transcode", "backoff", "start-unknown",
    "infer-end", "untold", "until", "window", "remind", "late", "empty", "overrun", "max-run", "for", "alarm",
}  # fmt: skip


def test_the_stored_names_are_those_of_every_earlier_version() -> None:
    assert {kind.value for kind in TimerKind} == STORED


@pytest.mark.parametrize("subject", list(ProbeSubject))
def test_a_probe_timer_is_read_back(subject: ProbeSubject) -> None:
    name = probe_timer(subject)
    assert name == f"ask:{subject.value}"
    assert is_probe_timer(name)
    assert read_timer(name) == Timer(TimerKind.PROBE, subject.value)


def test_a_rule_and_an_alarm_may_have_any_name() -> None:
    assert read_timer(rule_timer("a:b")) == Timer(TimerKind.RULE, "a:b")
    assert rule_of_timer(rule_timer("a:b")) == "a:b"
    assert read_timer(alarm_timer("schedule-r")) == Timer(TimerKind.ALARM, "schedule-r")
    assert rule_of_timer("watch") is None


@pytest.mark.parametrize("name", ["", "x", "ask", "watch:x", "for", "WATCH"])
def test_another_name_is_no_timer(name: str) -> None:
    assert read_timer(name) is None


def test_a_subject_that_is_not_known_is_probed_again() -> None:
    assert Timer(TimerKind.PROBE, "of-a-later-version").probe_subject is ProbeSubject.AGAIN
