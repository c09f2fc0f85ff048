"""When a delivery is tried again, and what a subscriber is told at all."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.scenario import MINUTE, NOON, ROOM, SECOND
from webhook_app.domain.delivery.delivery import delivery_id
from webhook_app.domain.delivery.retry import RETRY_SCHEDULE_MS, next_retry_at
from webhook_app.domain.notices.filters import Filter, matches_filter, matches_type
from webhook_app.domain.notices.notice import make_notice
from webhook_app.domain.rules.configured_rooms import ConfiguredRoom

HOUR = 60 * MINUTE
BASE = [
    5 * SECOND,
    5 * MINUTE,
    30 * MINUTE,
    2 * HOUR,
    5 * HOUR,
    10 * HOUR,
    14 * HOUR,
    20 * HOUR,
    24 * HOUR,
]
ids = st.text("abcdefghij234567", min_size=16, max_size=16).map("dlv_".__add__)


def wait(name: Any, attempts: Any, **more: Any) -> Any:
    at = next_retry_at(name, attempts, now=NOON, **more)
    assert at is not None
    return at - NOON


def test_the_waits_are_5_s_5_min_30_min_2_h_5_h_10_h_14_h_20_h_24_h() -> None:
    assert list(RETRY_SCHEDULE_MS) == BASE


@given(ids, st.integers(1, 9))
def test_each_wait_is_its_base_give_or_take_a_fifth(name: Any, attempts: Any) -> None:
    assert 0.8 * BASE[attempts - 1] <= wait(name, attempts) <= 1.2 * BASE[attempts - 1]


@given(ids, st.integers(1, 9))
def test_the_jitter_is_drawn_from_the_id_so_it_is_the_same_each_time(name: Any, attempts: Any) -> None:
    assert wait(name, attempts) == wait(name, attempts)


def test_the_jitter_spreads_deliveries_out() -> None:
    waits = {wait(f"dlv_{n}", 2) for n in range(200)}
    assert len(waits) > 100
    assert min(waits) < 0.85 * BASE[1]
    assert max(waits) > 1.15 * BASE[1]


def test_after_the_last_wait_there_is_nothing_left_to_try() -> None:
    assert next_retry_at("dlv_x", 9, now=NOON) is not None
    assert next_retry_at("dlv_x", 10, now=NOON) is None


@given(ids)
def test_a_subscriber_that_is_overwhelmed_is_left_alone_for_about_a_minute(name: Any) -> None:
    assert 48 * SECOND <= wait(name, 1, slow_down=True) <= 72 * SECOND
    assert wait(name, 2, slow_down=True) == wait(name, 2)


@given(ids, st.integers(1, 9), st.integers(0, 10**9))
def test_a_retry_after_is_honoured_between_the_base_and_twice_that(name: Any, attempts: Any, retry_after: Any) -> None:
    base = BASE[attempts - 1]
    waited = wait(name, attempts, retry_after_ms=retry_after)
    if retry_after <= base:
        assert waited == wait(name, attempts)
    else:
        assert waited == min(retry_after, 2 * base)


def test_a_retry_after_of_a_429_counts_from_a_minute() -> None:
    assert wait("dlv_x", 1, slow_down=True, retry_after_ms=90 * SECOND) == 90 * SECOND
    assert wait("dlv_x", 1, slow_down=True, retry_after_ms=HOUR) == 120 * SECOND


def test_a_delivery_has_one_id_however_often_it_is_expanded() -> None:
    assert delivery_id("msg_a", "sub_b") == delivery_id("msg_a", "sub_b")
    assert delivery_id("msg_a", "sub_b") != delivery_id("msg_b", "sub_a")


# Who is told


def notice(kind: Any = "stream.playable", room: Any = ROOM, because: str | None = "rule:sunday-service") -> Any:
    return make_notice("1-0", kind, NOON, room_id=room, sequence=1, because=because, data={})


def test_by_default_subscribers_receive_stream_broadcast_and_alarm_notices() -> None:
    notices = [
        kind
        for kind in ("stream.playable", "broadcast.late", "alarm.raised", "session.started", "rule.x")
        if matches_filter(Filter(), notice(kind), None)
    ]
    assert notices == ["stream.playable", "broadcast.late", "alarm.raised"]


@pytest.mark.parametrize(
    ("patterns", "kind", "is_selected"),
    [
        (("*",), "session.started", True),
        (("*",), "videosdk.hls-started", False),
        (("videosdk.*",), "videosdk.hls-started", True),
        (("videosdk.hls-*",), "videosdk.session-started", False),
        (("rule.slow",), "rule.slow", True),
    ],
)
def test_every_type_is_all_but_videosdks_own_bodies(patterns: Any, kind: str, is_selected: bool) -> None:
    assert matches_type(patterns, kind) is is_selected


def test_a_room_is_wanted_by_its_id_its_name_a_glob_or_its_group() -> None:
    named = ConfiguredRoom("hall", ROOM, ("webinar",))
    for pattern in (ROOM, "hall", "abcd-*", "group:webinar", "*"):
        assert matches_filter(Filter(rooms=(pattern,)), notice(), named)
    for pattern in ("lobby", "group:chapel", "x*"):
        assert not matches_filter(Filter(rooms=(pattern,)), notice(), named)


def test_what_is_about_no_room_is_for_those_who_want_all_rooms() -> None:
    alarm = notice("alarm.raised", room=None, because=None)
    assert matches_filter(Filter(), alarm, None)
    assert not matches_filter(Filter(rooms=("abcd-*",)), alarm, None)


def test_a_reason_is_wanted_by_pattern_and_a_star_takes_none_too() -> None:
    assert matches_filter(Filter(because=("rule:sunday-*",)), notice(), None)
    assert not matches_filter(Filter(because=("operator",)), notice(), None)
    assert matches_filter(Filter(because=("*",)), notice(because=None), None)
    assert not matches_filter(Filter(because=("rule:*",)), notice(because=None), None)
