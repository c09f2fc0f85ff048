"""Every summary that an alarm can have is ours: no library's text, no class names, no cut words."""

import errno
import re
import socket
import ssl
from typing import Any

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey

from tests.support.scenario import ROOM, Scenario
from webhook_app.domain.alarms.alarm import AlarmName
from webhook_app.domain.events import Source
from webhook_app.domain.schedules.errors import ScheduleError
from webhook_app.domain.schedules.schedule import next_windows
from webhook_app.schemas.schedule import decode_schedule
from webhook_app.text.error_messages import os_error_text
from workers.clock.calendar_fetch import explain_fetch_error

FOREIGN = re.compile(r"\(host=|Error\b|Errno|Exception|\bNone\b|<\w+ object|\bssl:|_ssl\.c|[a-z]_[a-z]+\(|Traceback")
KEY = ConnectionKey("calendar.example.org", 443, True, True, None, None, None)
OS_ERRORS = [
    *(OSError(number, "the library's text", "/secret/path") for number in sorted(errno.errorcode)),
    OSError("only a text"),
    ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed ('10.0.0.1', 443)"),
    socket.gaierror(-2, "Name or service not known"),
    ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed (_ssl.c:1006)"),
    ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1006)"),
    TimeoutError(),
]
FETCH_ERRORS = [
    *OS_ERRORS,
    *(aiohttp.ClientConnectorError(KEY, error) for error in OS_ERRORS),
    aiohttp.ClientConnectorCertificateError(KEY, ssl.SSLCertVerificationError(1, "verify failed (_ssl.c:1006)")),
    aiohttp.ClientConnectorDNSError(KEY, socket.gaierror(-2, "Failed to resolve 'calendar.example.org'")),
    aiohttp.ServerDisconnectedError(),
    aiohttp.ClientPayloadError("Response payload is not completed: <TransferEncodingError: 400>"),
    aiohttp.InvalidURL("http://[secret"),
    aiohttp.ConnectionTimeoutError("Connection timeout to host https://calendar.example.org/secret"),
    aiohttp.ServerTimeoutError("read"),
    ValueError("Guarded(host='calendar.example.org')"),
    MemoryError("nobody foresaw this"),
]


def assert_ours(text: Any) -> None:
    assert not FOREIGN.search(text), text
    assert "secret" not in text, text
    assert not text.endswith("…"), text


@pytest.mark.parametrize("error", FETCH_ERRORS, ids=lambda error: f"{type(error).__name__} {str(error)[:30]}")
def test_a_calendar_that_cannot_be_fetched_is_described_in_our_words(error: Any) -> None:
    assert_ours(explain_fetch_error(error).text)


@pytest.mark.parametrize("error", OS_ERRORS, ids=lambda error: f"{type(error).__name__} {str(error)[:30]}")
def test_an_error_of_the_operating_system_is_described_in_our_words(error: Any) -> None:
    assert_ours(os_error_text(error))


@pytest.mark.parametrize(
    "schedule",
    [
        {"timezone": "Mars/Olympus", "cron": "0 0 * * *", "duration_s": 60},
        {"timezone": "../../etc/passwd", "cron": "0 0 * * *", "duration_s": 60},
        {"cron": "0 0 31 2 *", "duration_s": 60},
        {"cron": "x y z", "duration_s": 60},
        {"rrule": "FREQ=NEVER", "dtstart": "2026-11-22T10:00", "duration_s": 60},
        {"rrule": "FREQ=DAILY;INTERVAL=0", "dtstart": "2026-11-22T10:00", "duration_s": 60},
        {"rrule": "FREQ=DAILY", "dtstart": "no moment", "duration_s": 60},
        {"at": ["never"], "duration_s": 60},
    ],
)
def test_a_schedule_that_cannot_be_computed_is_described_in_our_words(schedule: dict[str, Any]) -> None:
    try:
        next_windows(decode_schedule(schedule), 0, 10**13, {}, 3)
    except ScheduleError as error:
        assert_ours(str(error))


def test_an_event_whose_fold_raises_is_described_without_the_error() -> None:
    from webhook_app.domain.reducer import poison_outcome

    scenario = Scenario()
    scenario.joined("ada")
    outcome = poison_outcome(scenario.world, scenario.events[-1], KeyError("secret"))
    [alarm] = outcome.alarms.values()
    assert (alarm.name, alarm.room_id) == (AlarmName.POISONED_EVENT, ROOM)
    assert_ours(alarm.summary_text)


def test_a_calendar_that_no_rule_names_any_more_has_no_alarm() -> None:
    scenario = Scenario()
    source = "https://calendar.example.org/basic.ics"
    rule = {"name": "cal", "rooms": [ROOM], "schedule": {"timezone": "UTC", "ics": {"url": source}}}
    scenario.put_rule(rule)
    key = "calendar-" + _hash(source)
    data = {"key": key, "name": "calendar-failing", "severity": "warning", "summary": "x"}
    scenario.process(Source.SYSTEM, "alarm-raised", data, room=None)
    assert list(scenario.world.alarms) == [key]
    scenario.put_rule(rule | {"schedule": {"timezone": "UTC", "ics": {"url": source + "x"}}})
    assert scenario.world.alarms == {}
    scenario.process(Source.SYSTEM, "alarm-raised", data, room=None)
    assert scenario.world.alarms == {}


def _hash(source: Any) -> Any:
    from webhook_app.domain.ids import derive

    return derive("", source)
