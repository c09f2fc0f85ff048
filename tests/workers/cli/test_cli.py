"""`tally` on the command line, against a product that runs: what it prints, and how it ends."""

import json
import os
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.polling import scaled_limit, wait_until
from tests.support.product import API_KEY, SECRET, TREE, Product, ask, product, signature, webhook
from webhook_app.config.settings import Settings
from webhook_app.domain.explanations import explain
from webhook_app.domain.reasons import Reason
from webhook_app.providers.videosdk.client import Token
from webhook_app.text.printable import json_for_terminal
from workers.cli import output as show
from workers.cli.api_client import ProductAddress, find_product
from workers.cli.context import CommandError, with_store
from workers.cli.event_stream import EventStreamParser
from workers.cli.main import main

ROOM = "abcd-efgh-ijkl"
ESCAPE = "\x1b["


def commands(group: click.Group = main, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command with its words."""
    for name, command in sorted(group.commands.items()):
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


@pytest.mark.parametrize("words", [words for words, _ in commands()], ids=" ".join)
def test_every_command_says_what_it_is_for_and_shows_an_example(words: tuple[str, ...]) -> None:
    command = dict(commands())[words]
    assert command.help and command.help[0].isupper()
    if isinstance(command, click.Group) and not command.invoke_without_command:
        return
    assert f"tally {' '.join(words)}" in command.help
    if words != ("sandbox",):
        assert "--json" in {name for parameter in command.params for name in parameter.opts}
        assert CliRunner().invoke(main, [*words, "--help"]).exit_code == 0


def test_the_commands_of_the_contract_are_there() -> None:
    there = {" ".join(words) for words, _ in commands()}
    filter_text = (
        "up|web|worker|call|deliver|clock|sandbox|doctor|config check|rules occurrences|rules backtest"
        "|events tail|events show|rooms|rooms create|start|end|subscribers|deliveries|deliveries retry|alarms"
    )
    assert set(filter_text.split("|")) <= there


def test_an_event_stream_is_read_line_by_line() -> None:
    reader = EventStreamParser()
    lines = [
        "retry: 5000",
        ": heartbeat",
        "",
        "id: 1-0",
        'data: {"id": "1-0",',
        'data: "type": "x"}',
        "",
        "id: 2-0",
        "",
    ]
    events = [event for line in lines if (event := reader.feed_line(line)) is not None]
    assert events == [{"id": "1-0", "type": "x"}]
    assert (reader.last_id, reader.retry_s) == ("2-0", 5.0)
    assert [reader.feed_line(line) for line in ("event: gap", 'data: {"detail": "trimmed"}', "")] == [None] * 3
    assert reader.gap == "trimmed"
    reader.feed_line("id: 3-0")
    reader.reset()
    reader.feed_line("")
    assert reader.last_id == "2-0"


def test_a_table_fits_what_is_in_it_and_steers_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    show.print_table(("A", "B"), [["x" * 100, "one\x1b[31m\ntwo"]], empty="-")
    head, row = capsys.readouterr().out.splitlines()
    assert row == "x" * 59 + "…" + r"  one\x1b[31m two"
    assert head == "A" + " " * 61 + "B"
    show.print_table(("A", "B", "C"), [["1", "-", "-"], ["2", "-", "3"]], empty="-")
    assert capsys.readouterr().out.splitlines() == ["A  C", "1  -", "2  3"]
    show.print_table(("A",), [], empty="there is nothing")
    assert capsys.readouterr().out == "there is nothing\n"


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def tally(instance: Product, *words: str, **environ: str) -> Done:
    """`tally` in the product's directory, with its settings."""
    done = subprocess.run(
        [sys.executable, "-m", "workers", *words],
        cwd=instance.home,
        env=dict(instance.environ) | environ,
        capture_output=True,
        text=True,
        timeout=scaled_limit(90),
    )
    return Done(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A product with an address of its own, beside a sandbox."""
    with product(tmp_path_factory.mktemp("cli"), started=False, VIEWER_TOKEN="the-viewer-of-this-test") as instance:
        instance.environ = dict(instance.environ) | {"PUBLIC_URL": instance.url}
        instance.start()
        yield instance


def videosdk_room(running: Product, room: str) -> Any:
    """A room as VideoSDK shows it."""
    token = Token(API_KEY, SECRET).header()
    return ask("GET", f"{running.sandbox_url}/v2/rooms/{room}", headers={"Authorization": token}).json


@pytest.mark.process
def test_a_room_made_here_sends_its_webhooks_here(running: Product) -> None:
    created = tally(running, "rooms", "create", "--custom-id", "main-hall", "--json")
    assert created.status == 0, created.err
    room, token = created.json["room_id"], (running.data_dir / "webhook_token").read_text().strip()
    assert created.json["custom_id"] == "main-hall"
    registered = videosdk_room(running, room)["webhook"]
    assert registered == {"endPoint": f"{running.url}/webhooks/videosdk/{token}", "events": ["*"]}
    assert created.err == ""
    assert token not in created.out and created.json["webhook_url"] == f"{running.url}/webhooks/videosdk/…"
    assert running.sandbox is not None
    running.sandbox.join(room)
    wait_until(lambda: running.room(room), 10, "the room being seen")
    started = tally(running, "start", room, "--wait", "30", "--json")
    assert started.status == 0, started.err
    assert started.json["room"]["watchable"] is True
    listed = tally(running, "rooms", "--on-air")
    assert room in listed.out and "● ON AIR" in listed.out and ESCAPE not in listed.out
    shown = tally(running, "events", "show", started.json["id"])
    assert "start  from operator" in shown.out and explain(Reason.OPERATOR_WANTS_ON).text in shown.out
    assert "decision  controller:" in shown.out
    recording = tally(running, "start", room, "--output", "recording", "--wait", "30")
    assert recording.status == 0, recording.err
    assert f"{room}, output recording: started" in recording.out
    assert "REC started" in tally(running, "rooms").out
    assert tally(running, "end", room, "--output", "recording", "--wait", "30").status == 0
    assert tally(running, "release", room, "--output", "recording").status == 0
    ended = tally(running, "end", room, "--wait", "30")
    assert ended.status == 0 and f"{room}: stopped" in ended.out
    assert tally(running, "release", room).status == 0


@pytest.mark.process
def test_what_cannot_be_made_is_said(running: Product) -> None:
    without = tally(running, "rooms", "create", PUBLIC_URL="")
    assert (without.status, without.out) == (1, "") and "PUBLIC_URL" in without.err
    without = tally(running, "rooms", "create", VIDEOSDK_API_KEY="", VIDEOSDK_SECRET="")
    assert without.status == 1 and "VIDEOSDK_API_KEY" in without.err
    wrong = tally(running, "rooms", "create", VIDEOSDK_SECRET="another-secret-of-32-bytes-or-more-here")
    assert wrong.status == 1 and "401" in wrong.err and "another-secret" not in wrong.err
    others = tally(running, "rooms", "create", "--custom-id", "chapel", ROOMS="hall-*,main-hall")
    assert others.status == 0 and "ROOMS does not match" in others.err
    assert tally(running, "rooms", "create", "--custom-id", "hall-2", ROOMS="*-*-*,hall-*").err == ""
    call_count = len(running.sandbox.log("call")) if running.sandbox else 0
    plain = tally(running, "rooms", "create", VIDEOSDK_API_URL="https://127.0.0.1:1", PUBLIC_URL="http://tally.example")
    assert plain.status == 1 and "https" in plain.err
    long = tally(running, "rooms", "create", PUBLIC_URL="https://tally.example/" + "a" * 500)
    assert long.status == 1 and "512" in long.err
    assert running.sandbox is None or len(running.sandbox.log("call")) == call_count, "refused before anything is made"
    nobody = tally(running, "rooms", "create", VIDEOSDK_API_URL="http://127.0.0.1:1")
    assert nobody.status == 1 and "the connection was refused" in nobody.err


@pytest.mark.process
def test_events_are_listed_oldest_first_and_filtered(running: Product) -> None:
    for kind in ("session-started", "hls-started"):
        _post(running, kind)
    wait_until(lambda: running.room(ROOM), 10, "the room being seen")
    listed = tally(running, "events", "tail", "--no-follow", "--room", ROOM, "--source", "videosdk", "--json")
    assert [json.loads(line)["type"] for line in listed.out.splitlines()] == ["session-started", "hls-started"]
    assert tally(running, "events", "tail", "--source", "nobody").status == 2


@pytest.mark.process
def test_the_tail_goes_on_live_and_over_a_web_that_dies(running: Product) -> None:
    words = [sys.executable, "-m", "workers", "events", "tail", "-n", "0", "--type", "participant-joined", "--json"]
    output_lines: list[str] = []
    with subprocess.Popen(
        words, cwd=running.home, env=dict(running.environ), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as tail:
        thread = threading.Thread(target=lambda: output_lines.extend(tail.stdout or ()), daemon=True)
        thread.start()
        try:
            _post_until(running, lambda: bool(output_lines), "before")
            running.kill(running.pids()["web"])
            _post_until(running, lambda: any('"after"' in line for line in output_lines), "after")
            tail.send_signal(signal.SIGINT)
            assert tail.wait(60) == 0
        finally:
            tail.kill()
            thread.join(20)
    ids = [json.loads(line)["id"] for line in output_lines]
    assert len(set(ids)) == len(ids)
    assert all(json.loads(line)["effect"] is not None for line in output_lines)


def _post_until(instance: Product, done: Callable[[], bool], who: str) -> None:
    """Let people join, again and again, until it is so: the moment the tail begins to listen is not known."""

    def so() -> bool:
        _posted(instance, who)
        return done()

    wait_until(so, 40, f"{who} being seen")


def _posted(instance: Product, who: str) -> bool:
    try:
        _post(instance, "participant-joined", participantId=secrets.token_hex(4), participantName=who)
    except OSError:
        return False
    return True


@pytest.mark.process
def test_the_other_lists_print_tables_and_json(running: Product) -> None:
    running.put_rule(
        "sunday-service", rooms=[ROOM], schedule={"cron": "0 9 * * SUN", "timezone": "Europe/London", "duration": "2h"}
    )
    subscriber = running.subscribe("stream.*", name="av-team")
    assert "av-team" in tally(running, "subscribers").out
    assert tally(running, "subscribers", "--json").json["items"][0]["id"] == subscriber["id"]
    assert "schedule 0 9 * * SUN" in tally(running, "rules").out
    coming = tally(running, "rules", "occurrences", "sunday-service", "--count", "3")
    assert len(coming.out.splitlines()) == 3 and ROOM in coming.out
    assert len(tally(running, "rules", "occurrences", "sunday-service", "--count", "3", "--json").json["items"]) == 3
    assert tally(running, "rules", "skip-next", "sunday-service").status == 0
    wait_until(lambda: "skipped" in tally(running, "rules", "occurrences", "sunday-service").out, 20, "the skip")
    assert tally(running, "rules", "occurrences", "no-such").status == 1
    assert "No active alarms" in tally(running, "alarms").out
    assert tally(running, "alarms", "--json").json["items"] == []
    assert tally(running, "alarms", "acknowledge", "alarm_0").status == 1
    assert tally(running, "alarms", "acknowledge", "alarm_0", "--for", "soon").status == 2
    assert tally(running, "alarms", "acknowledge", "alarm_0", "--for", "1h", "--until", "x").status == 2
    _post(running, "participant-joined", participantId="h", participantName="Host Ada")
    (running.home / "draft.yaml").write_text(
        f"rooms: {{hall: {{room_id: {ROOM}, groups: [halls]}}}}\n"
        "rules:\n"
        "  - {name: by-name, rooms: [hall], on: participant-joined, do: notify, message: m}\n"
        "  - {name: by-group, rooms: ['group:halls'], on: participant-joined, do: notify, message: m}\n"
        "  - {name: elsewhere, rooms: ['group:chapels'], on: participant-joined, do: notify, message: m}\n"
    )
    back = tally(running, "rules", "backtest", "draft.yaml", "--json")
    assert {act["because"] for act in back.json["only_would"]} == {"rule:by-name", "rule:by-group"}, back.err


@pytest.mark.process
def test_deliveries_are_listed_and_sent_again(running: Product) -> None:
    assert running.sandbox is not None
    subscriber = running.subscribe("session.started")
    room = tally(running, "rooms", "create", "--json").json["room_id"]
    running.sandbox.join(room)
    wait_until(lambda: running.sink.notices("session.started", room), 20, "the notice")
    path = f"/subscribers/{subscriber['id']}/deliveries?state=delivered"
    delivery = wait_until(lambda: running.items(path), 10, "the delivery")[0]["id"]
    listed = tally(running, "deliveries", "--subscriber", subscriber["id"])
    assert delivery in listed.out and "session.started" in listed.out
    before = len(running.sink.requests)
    assert tally(running, "deliveries", "retry", delivery).status == 0
    wait_until(lambda: len(running.sink.requests) > before, 20, "the second delivery")
    assert tally(running, "deliveries", "retry").status == 2
    assert tally(running, "deliveries", "retry", delivery, "--dead").status == 2
    assert tally(running, "deliveries", "retry", "no-such").status == 1
    assert tally(running, "deliveries", "retry", "--dead", "--json").json == {"retried": []}


@pytest.mark.process
def test_what_a_subscriber_missed_is_sent_again(running: Product) -> None:
    subscriber = running.subscribe("participant.joined")["id"]
    room = "room-of-the-recovery"
    since = running.get("/events?limit=1")["items"][0]["at"]
    _post(running, "participant-joined", room, participantId="h", participantName="Host Ada")
    wait_until(lambda: running.sink.notices("participant.joined", room), 20, "the notice")
    path = f"/subscribers/{subscriber}/deliveries?state=delivered"
    wait_until(lambda: running.items(path), 10, "the delivery")
    nothing = tally(running, "subscribers", "recover", subscriber, "--from", since)
    assert (nothing.status, nothing.out) == (0, "All delivered.\n"), nothing.err
    assert tally(running, "subscribers", "recover", subscriber, "--from", "then").status == 2
    tested = tally(running, "subscribers", "test", subscriber)
    assert tested.status == 0, tested.err
    wait_until(lambda: running.sink.notices("subscriber.test"), 20, "the test notice")


def test_a_kept_token_is_sent_only_to_the_product_that_created_it(tmp_path: Path) -> None:
    (tmp_path / "admin_token").write_text("the-token-of-this-product\n")
    mine = Settings(data_dir=tmp_path, port=8123, public_url="https://tally.example.org")
    assert find_product(mine, None) == ProductAddress("http://127.0.0.1:8123", "the-token-of-this-product")
    assert find_product(mine, "https://tally.example.org/").token == "the-token-of-this-product"
    with pytest.raises(CommandError, match="set ADMIN_TOKEN for that address"):
        find_product(mine, "https://elsewhere.example.org")
    overridden = replace(mine, admin_token="a-token-that-was-given")
    assert find_product(overridden, "https://elsewhere.example.org").token == "a-token-that-was-given"


def test_files_of_a_killed_run_are_ignored(tmp_path: Path) -> None:
    mine = Settings(data_dir=tmp_path, port=8123, admin_token="the-token-of-this-product")
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait(20)
    for pid, url in ((os.getpid(), "http://127.0.0.1:9999"), (gone.pid, "http://127.0.0.1:8123")):
        run = {"supervisor": pid, "url": "http://127.0.0.1:9999", "store": "unix:///s", "processes": {}}
        (tmp_path / "run.json").write_text(json.dumps(run))
        assert find_product(mine, None).url == url
    with pytest.raises(CommandError, match="no `tally up` is running here"):
        with_store(mine)


@pytest.mark.process
def test_exit_status_distinguishes_failure_from_wrong_use(running: Product) -> None:
    wrong = tally(running, "start", ROOM, "--until", "yesterday")
    assert wrong.status == 2 and wrong.err.startswith("tally: until: ")
    assert tally(running, "start").status == 2
    assert tally(running, "no-such-command").status == 2
    nowhere = tally(running, "--url", "http://127.0.0.1:1", "rooms")
    assert nowhere.status == 1 and "http://127.0.0.1:1 is unreachable" in nowhere.err
    stranger = tally(running, "rooms", ADMIN_TOKEN="not-the-token-of-this-product")
    assert stranger.status == 1 and "ADMIN_TOKEN" in stranger.err
    viewer = tally(running, "start", ROOM, ADMIN_TOKEN="the-viewer-of-this-test", VIEWER_TOKEN="")
    assert viewer.status == 1 and "read-only" in viewer.err
    assert tally(running, "rooms", ADMIN_TOKEN="the-viewer-of-this-test", VIEWER_TOKEN="").status == 0
    assert tally(running, "rooms", PORT="many").status == 1
    unknown = tally(running, "start", "nobody-is-here")
    assert unknown.status == 1 and "not found" in unknown.err
    assert tally(running, "rooms", "add", "nobody-is-here").status == 0
    late = tally(running, "start", "nobody-is-here", "--wait", "1")
    assert late.status == 1 and "after 1 s" in late.err


@pytest.mark.process
def test_colours_are_for_terminals_that_want_them(running: Product) -> None:
    assert ESCAPE in _on_a_terminal(running, {})
    assert ESCAPE not in _on_a_terminal(running, {"NO_COLOR": "1"})


def _post(instance: Product, kind: str, room: str = ROOM, **more: str) -> None:
    """A signed webhook about the room, at the address with the token."""
    body = webhook(kind, room, **more)
    token = (instance.data_dir / "webhook_token").read_text().strip()
    headers = {"videosdk-signature": signature(body)}
    assert ask("POST", f"{instance.url}/webhooks/videosdk/{token}", body, headers).status == 200


def _on_a_terminal(instance: Product, environ: dict[str, str]) -> str:
    """What `tally rooms` writes to a terminal."""
    import pty

    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "workers", "rooms"],
        cwd=instance.home,
        env=dict(instance.environ) | environ,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    output = b""
    while True:
        try:
            chunk = os.read(ours, 4096)
        except OSError:  # the other end is closed
            break
        if not chunk:
            break
        output += chunk
    os.close(ours)
    assert process.wait(30) == 0, output
    return output.decode()


def test_completion_is_clicks_own() -> None:
    done = CliRunner().invoke(main, [], prog_name="tally", env={"_TALLY_COMPLETE": "bash_source"})
    assert "_TALLY_COMPLETE=bash_complete" in done.output
    done = CliRunner().invoke(
        main,
        [],
        prog_name="tally",
        env={"_TALLY_COMPLETE": "bash_complete", "COMP_WORDS": "tally deliv", "COMP_CWORD": "1"},
    )
    assert "deliver" in done.output and "deliveries" in done.output


@settings(max_examples=200)
@given(st.text(max_size=40))
def test_nothing_that_commands_print_steers_a_terminal(text: str) -> None:
    for printed in (show.one_line(text), json_for_terminal([text]), json_for_terminal({text: text}, indent=2)):
        assert not [letter for letter in printed if letter != "\n" and not letter.isprintable()]
    assert json.loads(json_for_terminal({text: [text]})) == {text: [text]}
    assert "\n" not in show.one_line(text)


@pytest.mark.parametrize("command", [["doctor"], ["doctor", "--json"], ["config", "apply"], ["rooms"], ["worker"]])
def test_no_command_shows_a_password_of_the_store(tmp_path: Path, command: list[str]) -> None:
    file = tmp_path / "tally.yaml"
    file.write_text("rooms: {}\n")
    environ = {
        "PATH": os.environ["PATH"],
        "DATA_DIR": str(tmp_path / "var"),
        "REDIS_URL": "redis://tally:hunter2-hunter2@127.0.0.1:18698/0",
        "HEARTBEAT_URL": "https://kuma.example/api/push/hunter2-hunter2",
        "CONFIG_FILE": str(file),
        "VIDEOSDK_API_URL": "http://127.0.0.1:18698",
        "PORT": "18697",
    }
    with subprocess.Popen(
        [sys.executable, "-m", "workers", *command],
        cwd=TREE,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        limit = threading.Timer(60, process.kill)
        limit.start()
        assert process.stdout is not None
        if command == ["worker"]:  # which goes on until the store is there
            output = process.stdout.readline()
            process.kill()
        else:
            output = process.stdout.read()
        limit.cancel()
    assert output
    assert "hunter2" not in output
