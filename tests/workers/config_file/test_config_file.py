"""The configuration file: what is wrong is named by line and field, and what is right is applied as a whole."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.support.values import present
from tests.support.web_client import append, fold_all, folding
from webhook_app.config.loading import load
from webhook_app.config.secrets_file import secrets_key
from webhook_app.domain.events import Source
from webhook_app.secrets.encryption import SecretBox
from webhook_app.secrets.stream_keys import Destination, open_destinations
from webhook_app.store import keys
from webhook_app.store.connection.clients import Client
from webhook_app.store.journal.journal import entry
from webhook_app.store.state.store import StateStore
from webhook_app.store.subscribers import Subscribers
from workers.cli.commands.config import ApplyLimits
from workers.cli.main import main
from workers.config_file.reading import FileError, read

GOOD = """
rooms:
  main-hall: {room_id: abcd-efgh-ijkl, groups: [webinar]}
rules:
  - name: sunday
    rooms: [main-hall]
    schedule: {cron: "0 9 * * SUN", duration: 2h}
subscribers:
  - {name: av-team, url: "https://av.example/hook", rooms: ["*"]}
"""
RULE = "rules:\n  - name: r1\n    rooms: [a]\n"
ON = RULE + "    on: participant-joined\n    do: start\n"
WEEKLY = RULE + '    schedule:\n      cron: "0 9 * * SUN"\n      duration: 1h\n'

# The file, then its one mistake: line, field, and words that say what is wrong or would be right.
WRONG = [
    ("rules:\n\t- name: x\n", 2, None, "indent with spaces"),
    ("- a\n", 1, None, "the file holds `rooms`"),
    ("room:\n  a: {room_id: x}\n", 1, "room", "is unknown; the file holds"),
    ('rooms:\n  a: {room_id: "s3cret"}\nrooms: {}\n', 3, None, 'duplicate key "rooms"'),
    ("rooms:\n  hall: abcd\n", 2, "rooms.hall", "{room_id: abcd-efgh-ijkl}"),
    ("rooms:\n  Main Hall: {room_id: x}\n", 2, "rooms.Main Hall", "a-z, 0-9 and -"),
    ("rooms:\n  hall:\n    room_id: 12\n", 3, "rooms.hall.room_id", "quote it"),
    ("rooms:\n  hall:\n    room_id: x\n    groups: webinar\n", 4, "rooms.hall.groups", "a list"),
    ("rules:\n  r1: {}\n", 1, "rules", "items begin with `- name:`"),
    ("rules:\n  - name: r1\n    on: participant-joined\n    do: start\n", 2, "rules.r1.rooms", "is missing"),
    (ON + "    cooldwn: 5m\n", 6, "rules.r1.cooldwn", "did you mean cooldown?"),
    (RULE + "    on: stream.playble\n    do: start\n", 4, "rules.r1.on", "stream.playable"),
    (RULE + "    on: participant-joined\n    do: strat\n", 5, "rules.r1.do", "'strat': must be one of: start"),
    (ON + '    if: event.data.name.startsWth("H")\n', 6, "rules.r1.if", "did you mean startsWith()?"),
    (RULE + "    when: room.on_airr\n    do: end\n", 4, "rules.r1.when", "room.on_airr does not exist"),
    (RULE + "    when: room.on_air\n    for: 300\n    do: end\n", 5, "rules.r1.for", "such as 90s"),
    (
        ON + "    start:\n      config:\n        layout: {priority: PIN, gridSize: 40}\n",
        8,
        None,
        "must be from 0 to 25",
    ),
    (WEEKLY + "      timezone: Europe/Londn\n", 7, "rules.r1.schedule.timezone", "such as Europe/London"),
    (WEEKLY + "      duraton: 1h\n", 7, "rules.r1.schedule.duraton", "did you mean duration?"),
    (WEEKLY + "      always: true\n", 7, "rules.r1.schedule.always", "exactly one of"),
    (WEEKLY + '      except: ["2026-12-27", "2026-13-01"]\n', 7, "rules.r1.schedule.except.1", "2027-08-01/2027-08-29"),
    (WEEKLY + "      except:\n        - {ics: 7}\n", 8, "rules.r1.schedule.except.0", "must be {url:"),
    (WEEKLY + "      also:\n        - 2026-12-25T10:00\n        - soon\n", 9, "rules.r1.schedule.also.1", "local time"),
    (RULE + "    schedule:\n      cron: 0 25 * * *\n      duration: 1h\n", 5, "rules.r1.schedule.cron", "five fields"),
    (RULE + '    schedule:\n      cron: "0 9 * * *"\n', 4, "rules.r1.schedule.duration", "such as 2h"),
    (RULE + "    schedule:\n", 4, "rules.r1.schedule", "set a value"),
    (RULE + "    schedule: {ics: x.ics}\n", 4, "rules.r1.schedule.ics", "{file: holidays.ics}"),
    (RULE + "    schedule: {always: false}\n", 4, "rules.r1.schedule.always", "must be true or omitted"),
    (ON + "  - name: r1\n    rooms: [b]\n    on: x\n    do: end\n", 6, "rules.r1.name", "used twice"),
    ("subscribers:\n  - name: a\n    url: ${NOPE}\n", 3, "subscribers.a.url", "set NOPE in the environment"),
    ("subscribers:\n  - name: a\n    url: nowhere\n", 3, "subscribers.a.url", ""),
    ("subscribers:\n  - name: a\n    url: https://x.example\n    types: [stream.plyable]\n", 4, None, "stream.*"),
    ("rooms: {}\n---\nrules: []\n", 2, None, "another document"),
    ("rules: " + "[" * 300 + "]" * 300 + "\n", 1, None, "64 levels deep"),
    (
        "rules: &r\n  - name: r1\n    rooms: [a]\n    start:\n      config: *r\n",
        5,
        None,
        "*r stands inside what it is an alias of",
    ),
    ("rooms: {}\nrules: " + "x" * 70_000 + "\n", 2, None, "a line is longer than 65536 characters"),
    ("rules:\n" + "- a\n" * 100_001, 99_999, None, "more than 100000 values"),
    ("subscribers:\n  - name: a\n    url: ${{ secret }}\n", 3, "subscribers.a.url", "write ${NAME} or"),
    ("subscribers:\n  - name: a\n    url: ${AV_URL\n", 3, "subscribers.a.url", "write ${NAME} or ${NAME:-default}"),
    ("subscribers:\n  - name: a\n    url: ${AV_URL:?needed}\n", 3, "subscribers.a.url", "invalid ${"),
    (b"rules:\n  - name: \xff\n", 2, None, "UTF-8"),
    (b"rules:\n  - name: \x00\n", 2, None, "not YAML"),
]


def settings(**environ: Any) -> Any:
    return load({"DATA_DIR": "/nowhere", **environ})


def wrong(tmp_path: Path, content: Any, **environ: Any) -> Any:
    path = tmp_path / "tally.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(FileError) as caught:
        read(path, settings(**environ))
    return caught.value


@pytest.mark.parametrize(("content", "line", "field", "says"), WRONG)
def test_a_mistake_is_named_by_line_and_field_with_what_would_be_right(
    tmp_path: Path, content: Any, line: Any, field: Any, says: Any
) -> None:
    error = wrong(tmp_path, content)
    [mistake] = error.mistakes
    assert mistake.line == line
    assert field in (None, mistake.field)
    assert says in mistake.message
    assert error.lines[0].startswith(str(error.path) + (f":{line}: " if line else ": "))
    assert "s3cret" not in str(error)


def test_all_mistakes_are_named_in_the_order_of_their_lines(tmp_path: Path) -> None:
    error = wrong(tmp_path, ON + "    cooldwn: 5m\n  - name: r2\n    rooms: x\nrooms:\n  hall: 7\n")
    assert [mistake.line for mistake in error.mistakes] == [6, 8, 10]


def test_a_file_of_aliases_that_unfold_without_end_is_refused(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    error = wrong(tmp_path, "\n".join(lines) + "\nrules:\n  - {name: r1, rooms: *a8}\n")
    assert "values" in error.lines[0]


def test_a_variable_takes_its_value_from_the_environment(tmp_path: Path) -> None:
    path = tmp_path / "tally.yaml"
    path.write_text('subscribers:\n  - {name: a, url: "https://${HOST_OF_A}/x"}\n')
    assert read(path, settings(HOST_OF_A="a.example")).subscribers[0]["url"] == "https://a.example/x"


# The commands


@pytest.fixture
def tally(store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`tally` with these arguments: its exit status and what it said."""
    monkeypatch.chdir(tmp_path)
    for name, value in (("REDIS_URL", store_url), ("DATA_DIR", str(tmp_path)), ("MAX_STREAMS", "1")):
        monkeypatch.setenv(name, value)

    def run(*arguments: Any, limits: ApplyLimits | None = None) -> Any:
        done = CliRunner().invoke(main, [str(argument) for argument in arguments], obj=limits)
        return done.exit_code, done.stdout, done.stderr

    return run


def written(tmp_path: Path, content: Any, name: str = "tally.yaml") -> Any:
    path = tmp_path / name
    path.write_text(content)
    return path


def test_check_says_what_the_file_holds(tally: Any, tmp_path: Path) -> None:
    path = written(tmp_path, GOOD)
    assert tally("config", "check", path) == (0, f"{path}: 1 rooms, 1 rules, 1 subscribers\n", "")


def test_check_names_mistakes_and_exits_with_1(tally: Any, tmp_path: Path) -> None:
    path = written(tmp_path, WEEKLY + "      duraton: 1h\n")
    status, out, err = tally("config", "check", path)
    assert (status, out) == (1, "")
    assert f"{path}:7: rules.r1.schedule.duraton: unknown field; did you mean duration?" in err
    status, out, _ = tally("config", "check", path, "--json")
    output = json.loads(out)
    assert (status, output["ok"]) == (1, False)
    assert output["errors"] == [
        {"line": 7, "field": "rules.r1.schedule.duraton", "message": "unknown field; did you mean duration?"}
    ]


@pytest.mark.parametrize("command", ["check", "apply"])
def test_without_a_file_it_is_wrong_use(tally: Any, command: str) -> None:
    status, _, err = tally("config", command)
    assert status == 2
    assert "CONFIG_FILE" in err


@pytest.mark.parametrize("command", ["check", "apply"])
def test_a_file_that_is_not_there_cannot_be_read(tally: Any, tmp_path: Path, command: str) -> None:
    status, _, err = tally("config", command, tmp_path / "none.yaml")
    assert status == 1
    assert "cannot be read" in err


def test_check_warns_of_more_windows_at_once_than_the_account_may_have(tally: Any, tmp_path: Path) -> None:
    more = GOOD.replace(
        "subscribers:",
        "  - name: again\n    rooms: [other]\n    schedule: {cron: '30 9 * * SUN', duration: 1h}\nsubscribers:",
    )
    path = written(tmp_path, more)
    status, _, err = tally("config", "check", path)
    assert status == 0
    assert "2 windows are open at once at" in err
    assert "MAX_STREAMS is 1" in err
    warnings = json.loads(tally("config", "check", path, "--json")[1])["warnings"]
    assert ["5 times" in line for line in warnings if "MAX_STREAMS" in line] == [True]


def test_check_warns_of_names_that_name_nothing(tally: Any, tmp_path: Path) -> None:
    path = written(tmp_path, GOOD.replace("rooms: [main-hall]", "rooms: [main-hal, group:webinars]"))
    _, _, err = tally("config", "check", path)
    assert "did you mean main-hall?" in err
    assert "no room is in group:webinars" in err


def test_apply_says_what_it_changed_and_once_more_that_nothing_has(tally: Any, client: Client, tmp_path: Path) -> None:
    path = written(tmp_path, GOOD)
    with folding(client):
        status, out, _ = tally("config", "apply", path)
        assert status == 0
        assert out.splitlines() == ["+ room main-hall added", "+ rule sunday added", "+ subscriber av-team added"]
        assert present(StateStore(client).rule("sunday")).from_file
        assert tally("config", "apply", path)[1] == "No changes.\n"
        written(tmp_path, GOOD.replace("2h", "3h").replace("av-team", "crew"))
        out = tally("config", "apply", path)[1]
    assert out.splitlines() == ["~ rule sunday changed", "+ subscriber crew added", "- subscriber av-team removed"]
    assert present(present(StateStore(client).rule("sunday")).schedule_trigger).schedule.duration_s == 3 * 3600
    seal = SecretBox(secrets_key(settings(DATA_DIR=str(tmp_path))))
    assert [subscriber.name for subscriber in Subscribers(client, seal).all()] == ["crew"]


def test_apply_leaves_what_the_api_made(tally: Any, client: Client, tmp_path: Path) -> None:
    rule = {"name": "by-hand", "rooms": ["a"], "on": "participant-joined", "do": "start"}
    append(client, entry(Source.CONFIG, "rule-put", None, {"rule": rule}))
    fold_all(client)
    with folding(client):
        out = json.loads(tally("config", "apply", written(tmp_path, GOOD), "--json")[1])
    assert {change["name"] for change in out["changes"]} == {"main-hall", "sunday", "av-team"}
    assert out["effect"] == "Configuration file applied: rules: 1, rooms: 1"
    assert StateStore(client).rule("by-hand") is not None


def test_a_wrong_file_changes_nothing_when_it_is_applied(tally: Any, client: Client, tmp_path: Path) -> None:
    with folding(client):
        tally("config", "apply", written(tmp_path, GOOD))
        before = StateStore(client).config()
        status, out, err = tally("config", "apply", written(tmp_path, GOOD.replace("duration", "duraton"), "bad.yaml"))
    assert (status, out) == (1, "")
    assert "bad.yaml:7" in err
    assert StateStore(client).config().rules == before.rules


def test_apply_reports_that_no_worker_processes_events(tally: Any, client: Client, tmp_path: Path) -> None:
    limits = ApplyLimits(processed_within_s=0.1)
    status, out, err = tally("config", "apply", written(tmp_path, GOOD), limits=limits)
    assert (status, "+ rule sunday added" in out) == (0, True)
    assert "as soon as a worker processes it" in err


def test_apply_without_a_store_fails_in_one_line(tally: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1")
    status, _, err = tally("config", "apply", written(tmp_path, GOOD))
    assert status == 1
    assert err.startswith("tally: The store does not answer")


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        (
            "rooms:\n  hall: {room_id: abcd-efgh-ijkl}\n  chapel:\n    groups: [prayer]\n    room_id: abcd-efgh-ijkl\n",
            "5: rooms.chapel.room_id: abcd-efgh-ijkl is already room hall (line 2)",
        ),
        (
            "rooms:\n  hall: {room_id: chapel}\n  chapel: {room_id: abcd-efgh-ijkl}\n",
            "3: rooms.chapel: is the id of room hall (line 2); choose another name",
        ),
    ],
)
def test_what_names_two_rooms_is_refused_with_both_lines(tmp_path: Path, text: str, wrong: str) -> None:
    path = tmp_path / "tally.yaml"
    path.write_text(text)
    with pytest.raises(FileError) as caught:
        read(path, load({}))
    [line] = caught.value.lines
    assert f":{wrong}" in line


def test_a_room_may_be_named_as_its_id(tmp_path: Path) -> None:
    path = tmp_path / "tally.yaml"
    path.write_text("rooms:\n  hall: {room_id: hall}\n  chapel: {room_id: abcd-efgh-ijkl}\n")
    assert set(read(path, load({})).rooms) == {"hall", "chapel"}


RTMP_RULE = """
rules:
  - name: simulcast
    rooms: [abcd-efgh-ijkl]
    schedule: {cron: "0 9 * * SUN", duration: 1h}
    outputs: [rtmp]
    rtmp:
      streams:
        - url: rtmps://a.rtmps.youtube.com/live2
          stream_key: ${YOUTUBE_KEY}
"""


def test_a_stream_key_of_the_environment_is_sealed_and_applied_once(
    tally: Any, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YOUTUBE_KEY", "wxyz-9876-tuvw")
    path = written(tmp_path, RTMP_RULE)
    with folding(client):
        status, out, err = tally("config", "apply", path)
        assert (status, out, "plain text" in err) == (0, "+ rule simulcast added\n", False)
        assert tally("config", "apply", path)[1] == "No changes.\n"
        rule = present(StateStore(client).rule("simulcast"))
        box = SecretBox(secrets_key(settings(DATA_DIR=str(tmp_path))))
        assert open_destinations(rule.rtmp, box) == [Destination("rtmps://a.rtmps.youtube.com/live2", "wxyz-9876-tuvw")]
        monkeypatch.setenv("YOUTUBE_KEY", "another")
        assert tally("config", "apply", path)[1] == "~ rule simulcast changed\n"
    journal = repr(client.xrange(keys.JOURNAL))
    assert "sealed:" in journal and "wxyz-9876-tuvw" not in journal


def test_a_stream_key_in_plain_text_is_applied_with_a_warning(tally: Any, client: Client, tmp_path: Path) -> None:
    path = written(tmp_path, RTMP_RULE.replace("${YOUTUBE_KEY}", "wxyz-9876-tuvw"))
    warning = "rules.simulcast.rtmp.streams.0.stream_key: is in plain text"
    for command in ("check", "apply"):
        with folding(client):
            status, out, err = tally("config", command, path)
        assert status == 0 and warning in err
        assert "wxyz" not in out + err


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("${YOUTUBE_KEY}", "wxyz-9876" * 300),
        ("${YOUTUBE_KEY}", "[wxyz-9876]"),
        ("rtmps://a.rtmps.youtube.com/live2", "a.rtmps.youtube.com/live2/wxyz-9876"),
        ("stream_key: ${YOUTUBE_KEY}", "key: wxyz-9876"),
        ("${YOUTUBE_KEY}", "'****'  # wxyz-9876"),
    ],
)
def test_errors_of_a_file_quote_no_stream_key(tally: Any, tmp_path: Path, old: str, new: str) -> None:
    status, out, err = tally("config", "check", written(tmp_path, RTMP_RULE.replace(old, new)))
    assert status == 1 and "rules.simulcast.rtmp.streams" in err
    assert "wxyz" not in out + err
