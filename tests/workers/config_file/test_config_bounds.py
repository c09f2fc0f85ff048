"""The configuration file within bounds: what is no file, what is too large, and each change by its content."""

import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.polling import scaled_limit
from tests.support.values import present
from tests.support.web_client import fold_all
from webhook_app.config.loading import load
from webhook_app.console.components.rule_text import TextError
from webhook_app.console.components.rule_text import read as read_text
from webhook_app.runtime.loops import Loops
from webhook_app.store.connection.clients import Client
from webhook_app.store.state.store import StateStore
from webhook_app.text.yaml_bounds import YAMLBoundsError, check_yaml
from webhook_app.usecases.declared_configuration import ALARM
from workers.config_file.apply import apply
from workers.config_file.reading import FileError, read
from workers.config_file.variables import VariableError, replace_variables
from workers.config_file.watcher import SETTLED_AFTER_S, ConfigWatcher, config_watcher, settled_identity
from workers.config_file.yaml import FILE_MAX_BYTES
from workers.regular_file import FileReadError, read_regular_file
from workers.store_access import open_store

RULE = "rules:\n  - name: {name}\n    rooms: [a]\n    on: participant-joined\n    do: start\n"
BOMBS = {
    "lists": "a: &a [x,x,x,x,x,x,x,x,x]\n"
    + "".join(f"b{n}: &b{n} [{','.join(['*a' if n == 0 else f'*b{n - 1}'] * 9)}]\n" for n in range(12)),
    "merges": "a: &a {x: 1}\n"
    + "".join(f"b{n}: &b{n} {{<<: [{','.join(['*a' if n == 0 else f'*b{n - 1}'] * 9)}]}}\n" for n in range(12)),
    "itself": "a: &a [*a]\n",
    "deep": "[" * 60_000,
    "dashes": "- " * 30_000 + "x",
    "questions": "? " * 30_000,
    "braces": "{a: " * 15_000,
}


@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS.keys())
def test_every_reader_of_yaml_refuses_what_unfolds_before_it_is_built(tmp_path: Path, text: Any) -> None:
    with pytest.raises(YAMLBoundsError):
        check_yaml(text, values_max=10_000)
    path = tmp_path / "tally.yaml"
    path.write_text(text)
    with pytest.raises(FileError):
        read(path, load({}))
    with pytest.raises(TextError):
        read_text(text)


def test_aliases_that_stay_small_are_read_from_the_file(tmp_path: Path) -> None:
    path = tmp_path / "tally.yaml"
    path.write_text("rooms:\n  a: {room_id: x, groups: &g [hall]}\n  b: {room_id: y, groups: *g}\n")
    rooms = read(path, load({})).rooms
    assert sorted(rooms) == ["a", "b"] and rooms["a"]["groups"] == rooms["b"]["groups"] == ["hall"]


@pytest.mark.parametrize("name", ["pipe", "directory", "device", "nothing", "nul\0", "large", "socket-like"])
def test_what_is_no_file_or_too_large_is_refused_at_once(tmp_path: Path, name: str) -> None:
    path = tmp_path / name.replace("\0", "x")
    if name == "pipe":
        os.mkfifo(path)
    elif name == "directory":
        path.mkdir()
    elif name == "device":
        path = Path("/dev/zero")
    elif name == "nul\0":
        path = Path("a\0b")
    elif name == "large":
        with path.open("wb") as file:
            file.truncate(FILE_MAX_BYTES + 1)
    elif name == "socket-like":
        path.symlink_to(path)
    with pytest.raises(FileError) as refused:
        read(path, load({}))
    assert "cannot be read" in str(refused.value) or f"larger than {FILE_MAX_BYTES} bytes" in str(refused.value)
    with pytest.raises(FileReadError):
        read_regular_file(path, 10)


def test_a_pipe_is_refused_by_the_command_too(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "tally.yaml")
    command = [sys.executable, "-m", "workers", "config", "check", str(tmp_path / "tally.yaml")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert ended.returncode == 1
    assert "not a file" in ended.stderr


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${A}-${A}", "1-1"),
        ("${A:-x}${B:-x}${E:-x}", "1xx"),
        ("${B:-https://h.example/?a=b&c}", "https://h.example/?a=b&c"),
        ("${B:-}", ""),
        ("$${A} $$ $A a$b{c} {room.room_id}", "${A} $$ $A a$b{c} {room.room_id}"),
    ],
)
def test_variables_are_replaced(text: str, value: str) -> None:
    assert replace_variables(text, {"A": "1", "E": ""}) == value


@pytest.mark.parametrize("text", ["${B}", "${", "${}", "${1}", "${{ x }}", "${A:?x}", "${A:-{}", "x ${A"])
def test_a_reference_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(VariableError, match=r"\$\{"):
        replace_variables(text, {"A": "1"})


@pytest.fixture
def watched(client: Client, store_url: str, tmp_path: Path) -> Any:
    path = tmp_path / "tally.yaml"
    path.touch()
    settings = load({"REDIS_URL": store_url, "DATA_DIR": str(tmp_path), "CONFIG_FILE": str(path)})
    return path, ConfigWatcher(path, settings, open_store(settings))


def rules(client: Client) -> Any:
    fold_all(client)
    return sorted(StateStore(client).config().rules)


def alarm(client: Client) -> Any:
    fold_all(client)
    return StateStore(client).load_state().alarms.get(ALARM)


def test_a_change_of_the_same_size_and_time_is_applied(client: Client, watched: Any) -> None:
    path, watch = watched
    path.write_text(RULE.format(name="one"))
    before = path.stat()
    watch.check()
    assert rules(client) == ["one"]
    path.write_text(RULE.format(name="two"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    watch.check()
    assert rules(client) == ["two"]


def test_a_link_that_leads_to_another_file_is_applied(client: Client, watched: Any, tmp_path: Path) -> None:
    path, watch = watched
    for name in ("one", "two"):
        (tmp_path / name).write_text(RULE.format(name=name))
        os.utime(tmp_path / name, ns=(10**18, 10**18))
    path.unlink()
    path.symlink_to("one")
    watch.check()
    (tmp_path / "next").symlink_to("two")
    os.replace(tmp_path / "next", path)
    watch.check()
    assert rules(client) == ["two"]


def test_a_file_that_has_not_changed_is_applied_once(client: Client, watched: Any) -> None:
    path, watch = watched
    path.write_text(RULE.format(name="one"))
    for _ in range(3):
        watch.check()
        os.utime(path)
    rules(client)
    assert sum(fields[b"t"] == b"file-applied" for _, fields in client.xrange("tally:journal")) == 1


def test_a_file_with_a_schedule_is_applied_again(client: Client, watched: Any) -> None:
    path, watch = watched
    scheduled = "rules: [{name: show, rooms: [a], schedule: {always: true}, late_after: %s}]"
    for late_after in ("70s", "80s"):
        path.write_text(scheduled % late_after)
        watch.check()
        assert (rules(client), alarm(client)) == (["show"], None)
    assert present(StateStore(client).config().rules["show"].schedule_trigger).late_after_s == 80


def test_a_settled_file_is_recognised_by_inode_and_change_time(watched: Any) -> None:
    path, _ = watched
    assert settled_identity(path.with_name("nothing"), now_s=0) is None
    path.write_text("a")
    changed_at = path.stat().st_ctime
    assert settled_identity(path, now_s=changed_at) is None
    later = changed_at + SETTLED_AFTER_S + 1
    first = settled_identity(path, now_s=later)
    assert first is not None
    assert first == settled_identity(path, now_s=later)
    path.write_text("b")
    os.utime(path, ns=(first[3], first[3]))
    assert settled_identity(path, now_s=later) != first


@pytest.mark.parametrize("wrong", ["rules: [", "pipe", "gone"])
def test_a_file_that_is_wrong_raises_one_alarm_and_what_runs_stays(client: Client, watched: Any, wrong: str) -> None:
    path, watch = watched
    path.write_text(RULE.format(name="one"))
    watch.check()
    path.unlink()
    if wrong == "pipe":
        os.mkfifo(path)
    elif wrong != "gone":
        path.write_text(wrong)
    for _ in range(3):
        watch.check()
    assert rules(client) == ["one"]
    raised = alarm(client)
    assert (raised.cleared_at, raised.count) == (None, 1)
    path.unlink(missing_ok=True)
    path.write_text(RULE.format(name="two"))
    watch.check()
    assert rules(client) == ["two"]
    assert alarm(client) is None


def test_an_exception_while_a_file_is_applied_ends_no_watching(client: Client, watched: Any) -> None:
    path, _ = watched
    is_broken = False

    def apply_or_break(*arguments: Any) -> Any:
        if is_broken:
            raise TypeError("a fault of ours")
        return apply(*arguments)

    settings = load({"REDIS_URL": watched[1]._settings.redis_url, "DATA_DIR": str(path.parent)})
    watch = ConfigWatcher(path, settings, open_store(settings), apply_file=apply_or_break)
    path.write_text(RULE.format(name="one"))
    watch.check()

    is_broken = True
    path.write_text(RULE.format(name="two"))
    for _ in range(3):
        watch.check()
    assert rules(client) == ["one"]
    assert alarm(client).count == 1
    assert "could not be applied: unexpected error; see the log" in alarm(client).summary_text
    assert "Error" not in alarm(client).summary_text
    is_broken = False
    path.write_text(RULE.format(name="three"))
    watch.check()
    assert rules(client) == ["three"]


def test_the_thread_that_watches_outlives_every_exception(watched: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    path, watch = watched
    looked = threading.Semaphore(0)
    stop = threading.Event()

    def look(_: ConfigWatcher) -> None:
        looked.release()
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(ConfigWatcher, "check", look)
    with config_watcher(replace(watch._settings, config_file=path), watch._store, Loops(), stop):
        try:
            assert all(looked.acquire(timeout=scaled_limit(30)) for _ in range(3))
        finally:
            stop.set()
