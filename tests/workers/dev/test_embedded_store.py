"""The embedded store, on a real Valkey server: what was written survives, what is damaged is left alone."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from tests.support.polling import scaled_limit
from workers.child_process import runs, wait_until
from workers.dev.embedded_store.aof_check import UnfinishedTail, unfinished_tail
from workers.dev.embedded_store.files import SOCKET_PATH_MAX_BYTES, StoreFiles
from workers.dev.embedded_store.resp import request
from workers.dev.embedded_store.server import EmbeddedStore, StoreError

pytestmark = pytest.mark.process
Make = Callable[[], EmbeddedStore]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    stores: list[EmbeddedStore] = []

    def one_more() -> EmbeddedStore:
        stores.append(EmbeddedStore(tmp_path))
        return stores[-1]

    yield one_more
    for store in reversed(stores):
        store.stop()


def test_it_answers_on_a_socket_that_only_we_can_use(make: Make, tmp_path: Path) -> None:
    store = make()
    store.start()
    files = StoreFiles.of(tmp_path)
    assert store.url == f"unix://{files.socket}?db=0"
    assert files.socket.stat().st_mode & 0o077 == 0
    assert b"always" in request(files.socket, "CONFIG GET appendfsync")
    assert b"noeviction" in request(files.socket, "CONFIG GET maxmemory-policy")
    assert request(files.socket, "CONFIG GET port").endswith(b"$1\r\n0\r\n")


def test_what_was_acknowledged_survives_kill_9(make: Make, tmp_path: Path) -> None:
    store = make()
    store.start()
    assert request(StoreFiles.of(tmp_path).socket, "SET kept yes") == b"+OK\r\n"
    os.kill(store.pid, signal.SIGKILL)
    assert wait_until(lambda: not store.alive(), scaled_limit(5))
    store.start()
    assert request(StoreFiles.of(tmp_path).socket, "GET kept") == b"$3\r\nyes\r\n"


def test_a_store_left_running_is_taken_over_with_what_it_holds(make: Make, tmp_path: Path) -> None:
    left = make()
    left.start()
    request(StoreFiles.of(tmp_path).socket, "SET kept yes")
    second = make()
    second.start()
    assert second.adopted
    assert second.pid == left.pid
    assert request(StoreFiles.of(tmp_path).socket, "GET kept") == b"$3\r\nyes\r\n"
    second.stop()
    assert wait_until(lambda: not left.alive(), scaled_limit(5))


def test_one_taken_over_is_started_anew_when_it_dies(make: Make) -> None:
    left, second = make(), make()
    left.start()
    second.start()
    os.kill(left.pid, signal.SIGKILL)
    assert wait_until(lambda: not second.alive(), scaled_limit(5))
    second.start()
    assert second.alive()
    assert not second.adopted


def test_a_store_left_running_that_cannot_be_reached_is_ended(make: Make, tmp_path: Path) -> None:
    left = make()
    left.start()
    request(StoreFiles.of(tmp_path).socket, "SET kept yes")
    StoreFiles.of(tmp_path).socket.unlink()
    second = make()
    second.start()
    assert not second.adopted
    assert not left.alive()
    assert request(StoreFiles.of(tmp_path).socket, "GET kept") == b"$3\r\nyes\r\n"


def test_a_pid_file_of_a_dead_server_is_ignored(make: Make, tmp_path: Path) -> None:
    bystander = subprocess.Popen(["sleep", "60"], start_new_session=True)
    try:
        files = StoreFiles.of(tmp_path)
        files.prepare()
        files.pidfile.write_text(f"{bystander.pid}\n")
        make().start()
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_it_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    script = (
        "import pathlib, sys, time\n"
        "from workers.dev.embedded_store.server import EmbeddedStore\n"
        "store = EmbeddedStore(pathlib.Path(sys.argv[1])); store.start(); print(store.pid, flush=True)\n"
        "time.sleep(300)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, tmp_path],
        stdout=subprocess.PIPE,
        text=True,
    ) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        command = EmbeddedStore(tmp_path).command
        assert runs(pid, command)
        owner.kill()
    assert wait_until(lambda: not runs(pid, command), scaled_limit(10))


def test_damaged_data_is_reported_in_one_line_and_left_as_it_is(make: Make, tmp_path: Path) -> None:
    append_only = _with_three_writes(make(), tmp_path)
    _replace(append_only, b"*3\r\n$3\r\nSET\r\n$1\r\nb", b"!!!!!!!!!!!!!!!!!!!!")
    _is_refused_and_left_alone(make(), append_only, "Bad file format")


def test_a_damaged_length_is_not_mistaken_for_a_torn_end(make: Make, tmp_path: Path) -> None:
    append_only = _with_three_writes(make(), tmp_path)
    _replace(append_only, b"$3\r\nSET\r\n$1\r\nb", b"$9999\r\nSET\r\n$1\r\nb")
    _is_refused_and_left_alone(make(), append_only, "Unexpected end of file")


def test_a_torn_last_write_is_left_out_and_a_copy_is_kept(make: Make, tmp_path: Path) -> None:
    append_only = _with_three_writes(make(), tmp_path)
    torn = append_only.read_bytes() + b"*3\r\n$3\r\nSET\r\n$1\r\nd\r\n$100\r\nhalf of it"
    append_only.write_bytes(torn)
    make().start()
    assert request(StoreFiles.of(tmp_path).socket, "GET c") == b"$1\r\n1\r\n"
    copies = list(StoreFiles.of(tmp_path).directory.glob(f"appendonlydir.before-cut.*/{append_only.name}"))
    assert [copy.read_bytes() for copy in copies] == [torn]


COMMAND = b"*3\r\n$3\r\nSET\r\n$1\r\nd\r\n$100\r\n" + b"x" * 100 + b"\r\n"
BLOCK = 4096  # what a file system extends a file by


@pytest.mark.parametrize("written", [*range(0, 40, 3), len(COMMAND) // 2, len(COMMAND) - 2, len(COMMAND) - 1])
@pytest.mark.parametrize("zeros", [0, 1, BLOCK, 3 * 64 * 1024])
def test_every_unfinished_end_is_found_where_it_begins(tmp_path: Path, written: int, zeros: int) -> None:
    path = tmp_path / "a.incr.aof"
    path.write_bytes(COMMAND * 3 + COMMAND[:written] + b"\0" * zeros)
    tail = unfinished_tail(path)
    expected = None if written == zeros == 0 else UnfinishedTail(3 * len(COMMAND), zeros)
    assert tail == expected


@pytest.mark.parametrize("tail", [b"!garbage\r\n", b"\0" * BLOCK + COMMAND, COMMAND[:30] + b"\0" * 50 + COMMAND])
def test_garbage_and_zeros_before_data_are_no_unfinished_end(tmp_path: Path, tail: bytes) -> None:
    path = tmp_path / "a.incr.aof"
    path.write_bytes(COMMAND + tail)
    assert unfinished_tail(path) is None


@pytest.mark.parametrize("written", [0, 1, 15, len(COMMAND) // 2])
def test_an_end_of_zeros_is_left_out_and_a_copy_is_kept(make: Make, tmp_path: Path, written: int) -> None:
    append_only = _with_three_writes(make(), tmp_path)
    broken = append_only.read_bytes() + COMMAND[:written] + b"\0" * BLOCK
    append_only.write_bytes(broken)
    make().start()
    socket = StoreFiles.of(tmp_path).socket
    assert request(socket, "GET c") == b"$1\r\n1\r\n"
    assert request(socket, "EXISTS d") == b":0\r\n"
    assert request(socket, "SET e 1") == b"+OK\r\n"
    copies = list(StoreFiles.of(tmp_path).directory.glob(f"appendonlydir.before-cut.*/{append_only.name}"))
    assert [copy.read_bytes() for copy in copies] == [broken]


def test_a_transaction_that_ends_in_zeros_is_left_out_as_a_whole(make: Make, tmp_path: Path) -> None:
    append_only = _with_three_writes(make(), tmp_path)
    half = b"*1\r\n$5\r\nMULTI\r\n" + COMMAND + COMMAND[:20] + b"\0" * BLOCK
    append_only.write_bytes(append_only.read_bytes() + half)
    make().start()
    assert request(StoreFiles.of(tmp_path).socket, "EXISTS d") == b":0\r\n"
    assert request(StoreFiles.of(tmp_path).socket, "GET c") == b"$1\r\n1\r\n"


def test_an_unfinished_end_waits_for_room_for_its_copy(make: Make, tmp_path: Path) -> None:
    append_only = _with_three_writes(make(), tmp_path)
    append_only.write_bytes(append_only.read_bytes() + COMMAND[:20])
    store = make()
    (append_only.parent / "unreadable").symlink_to(tmp_path / "nothing")  # so that no copy can be made
    with pytest.raises(StoreError, match="could not be copied"):
        store.start()
    assert not list(StoreFiles.of(tmp_path).directory.glob("appendonlydir.before-cut.*"))
    (append_only.parent / "unreadable").unlink()
    with pytest.raises(StoreError, match="Unexpected end of file"):
        _launch_and_wait(store)
    store.launch()
    assert wait_until(lambda: request(StoreFiles.of(tmp_path).socket, "GET c") == b"$1\r\n1\r\n", 10)


def test_what_a_rewrite_left_unfinished_takes_no_room(make: Make, tmp_path: Path) -> None:
    _with_three_writes(make(), tmp_path)
    directory = StoreFiles.of(tmp_path).directory
    left = [directory / name for name in ("temp-rewriteaof-bg-12.aof", "temp-rewriteaof-12.aof", "temp-12.rdb")]
    for path in left:
        path.write_bytes(b"half of it")
    make().start()
    assert not any(path.exists() for path in left)
    assert request(StoreFiles.of(tmp_path).socket, "GET c") == b"$1\r\n1\r\n"


def test_data_without_their_manifest_are_not_written_over(make: Make, tmp_path: Path) -> None:
    append_only = _with_three_writes(make(), tmp_path)
    for manifest in append_only.parent.glob("*.manifest"):
        manifest.unlink()
    _is_refused_and_left_alone(make(), append_only, "manifest")


def test_a_data_directory_that_is_a_file_is_reported_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="DATA_DIR must be a writable directory") as raised:
        EmbeddedStore(tmp_path / "file").start()
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", ["d" * 180, 'with "quotes", spaces and \\', "ünïcödé %41"])
def test_any_path_will_do(tmp_path: Path, name: str) -> None:
    data_dir = tmp_path / name
    store = EmbeddedStore(data_dir)
    socket = StoreFiles.of(data_dir).socket
    assert len(os.fsencode(socket)) <= SOCKET_PATH_MAX_BYTES
    try:
        store.start()
        with redis.Redis.from_url(store.url) as client:
            assert client.ping()
    finally:
        store.stop()


def _with_three_writes(store: EmbeddedStore, data_dir: Path) -> Path:
    store.start()
    for name in "abc":
        request(StoreFiles.of(data_dir).socket, f"SET {name} 1")
    store.stop()
    (append_only,) = StoreFiles.of(data_dir).append_only.glob("*.incr.aof")
    return append_only


def _launch_and_wait(store: EmbeddedStore) -> None:
    store.launch()
    assert wait_until(lambda: not store.alive(), 10)
    raise StoreError(store.exit_reason())


def _replace(path: Path, old: bytes, new: bytes) -> None:
    content = path.read_bytes()
    assert content.count(old) == 1
    path.write_bytes(content.replace(old, new))


def _is_refused_and_left_alone(store: EmbeddedStore, append_only: Path, because: str) -> None:
    before = {path.name: path.read_bytes() for path in append_only.parent.iterdir()}
    with pytest.raises(StoreError, match=because) as raised:
        store.start()
    assert "\n" not in str(raised.value)
    assert {path.name: path.read_bytes() for path in append_only.parent.iterdir()} == before
