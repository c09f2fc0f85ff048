"""The Apprise process: started on need, ended when idle or with its parent, restarted after a crash."""

import asyncio
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.support.polling import scaled_limit, wait_until_async
from webhook_app.config.variables import SECRETS
from webhook_app.domain.delivery.delivery import AttemptError, DeliveryState
from webhook_app.store import keys
from workers.channels.apprise_connection import AppriseConnection, ProcessEndedError
from workers.channels.apprise_limits import AppriseLimits
from workers.channels.apprise_process import AppriseProcess
from workers.channels.apprise_protocol import LINE_MAX_BYTES, LineBuffer, SendRequest, SendResult, encode_line
from workers.channels.apprise_sender import AppriseSender
from workers.channels.apprise_worker import AppriseWorker
from workers.channels.port import ChannelBusyError

WITHIN_S = scaled_limit(20.0)
LIMITS = AppriseLimits(wait_s=WITHIN_S, restart_delay_s=0.0)
FILES_OPEN = 1_100  # `select` takes no descriptor above 1,023
LOOPBACK = ("127.0.0.0/8",)
CHILD = Path(__file__).parents[2] / "support" / "apprise_delivery.py"


class Chat:
    """A chat service; `held` requests wait until the test lets them go."""

    def __init__(self) -> None:
        self.titles: list[str] = []
        self.arrived = asyncio.Event()
        self.release = asyncio.Event()
        self.release.set()

    async def take(self, request: Any) -> Any:
        self.titles.append((await request.json())["title"])
        self.arrived.set()
        await self.release.wait()
        return web.Response()


@asynccontextmanager
async def chatting(limits: Any = LIMITS) -> Any:
    """A chat, its address, and an Apprise process."""
    chat, process = Chat(), AppriseProcess(limits)
    app = web.Application()
    app.router.add_post("/chat", chat.take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with asyncio.timeout(WITHIN_S * 3):
            yield chat, f"json://127.0.0.1:{runner.addresses[0][1]}/chat", process
    finally:
        chat.release.set()
        process.close()
        await runner.cleanup()


def is_running(pid: Any) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


async def ended(pid: Any) -> None:
    await wait_until_async(lambda: not is_running(pid), what=f"the end of process {pid}")


def test_the_process_starts_with_the_first_request_and_ends_when_closed() -> Any:
    async def go() -> Any:
        async with chatting() as (chat, url, process):
            assert process.pid is None
            result = await process.send(url, "first", "text", LOOPBACK)
            pid = process.pid
            await process.send(url, "second", "text", LOOPBACK)
            assert process.pid == pid
            process.close()
            await ended(pid)
            return result.error, chat.titles

    assert asyncio.run(go()) == (None, ["first", "second"])


def test_a_process_that_does_not_end_when_closed_is_killed_and_the_loop_does_not_wait_for_it() -> None:
    async def go() -> Any:
        limits = AppriseLimits(wait_s=WITHIN_S, stop_timeout_s=0.5)
        async with chatting(limits) as (_, url, process):
            await process.send(url, "first", "text", LOOPBACK)
            pid = process.pid
            os.kill(pid, signal.SIGSTOP)
            process.close()
            was_running = is_running(pid)
            await ended(pid)
            return was_running

    assert asyncio.run(go())


def test_the_process_ends_when_idle_and_the_next_request_starts_another() -> Any:
    async def go() -> Any:
        async with chatting(AppriseLimits(wait_s=WITHIN_S, restart_delay_s=0.0, idle_s=0.5)) as (chat, url, process):
            await process.send(url, "first", "text", LOOPBACK)
            pid = process.pid
            await ended(pid)
            await process.send(url, "second", "text", LOOPBACK)
            return chat.titles, process.pid != pid

    assert asyncio.run(go()) == (["first", "second"], True)


def test_a_crash_fails_what_is_in_progress_and_the_next_request_starts_another() -> Any:
    async def go() -> Any:
        async with chatting() as (chat, url, process):
            chat.release.clear()
            sending = asyncio.create_task(process.send(url, "lost", "text", LOOPBACK))
            await chat.arrived.wait()
            os.kill(process.pid, signal.SIGKILL)
            with pytest.raises(ProcessEndedError):
                await sending
            chat.release.set()
            return (await process.send(url, "next", "text", LOOPBACK)).error, chat.titles

    assert asyncio.run(go()) == (None, ["lost", "next"])


def test_no_more_than_so_many_are_in_progress_at_once() -> Any:
    async def go() -> Any:
        async with chatting(AppriseLimits(concurrency=1, wait_s=WITHIN_S)) as (chat, url, process):
            await process.send(url, "warm", "text", LOOPBACK)
            chat.release.clear()
            chat.arrived.clear()
            first = asyncio.create_task(process.send(url, "first", "text", LOOPBACK))
            await chat.arrived.wait()
            second = asyncio.create_task(process.send(url, "second", "text", LOOPBACK))
            await asyncio.sleep(0)
            waiting = not second.done()
            chat.release.set()
            return waiting, (await first).error, (await second).error, chat.titles

    assert asyncio.run(go()) == (True, None, None, ["warm", "first", "second"])


def test_a_request_that_finds_no_slot_in_time_is_not_sent() -> Any:
    async def go() -> Any:
        async with chatting(AppriseLimits(concurrency=0, wait_s=0.01)) as (chat, url, process):
            with pytest.raises(ChannelBusyError):
                await process.send(url, "never", "text", LOOPBACK)
            return chat.titles, process.pid

    assert asyncio.run(go()) == ([], None)


def test_the_process_starts_also_when_the_worker_has_very_many_files_open() -> None:
    limit, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most < FILES_OPEN + 200:
        pytest.skip(f"only {most} files may be open here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(limit, FILES_OPEN + 200), most))
    files = [os.open(os.devnull, os.O_RDONLY) for _ in range(FILES_OPEN)]

    async def go() -> Any:
        async with chatting() as (chat, url, process):
            return (await process.send(url, "text", "body", LOOPBACK)).error, chat.titles

    try:
        assert asyncio.run(go()) == (None, ["text"])
    finally:
        for file in files:
            os.close(file)
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, most))


def test_no_credential_of_the_environment_is_passed_to_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*SECRETS, "REDIS_URL"):
        monkeypatch.setenv(name, "not-to-be-passed-on")

    async def go() -> Any:
        async with chatting() as (_, url, process):
            result = await process.send(url, "text", "body", LOOPBACK)
            return result.error, Path(f"/proc/{process.pid}/environ").read_bytes()

    error, environ = asyncio.run(go())
    assert error is None
    assert b"PATH=" in environ and b"not-to-be-passed-on" not in environ


def test_a_process_that_ends_while_it_starts_fails_the_request_instead_of_being_started_again_for_it() -> None:
    async def go() -> Any:
        limits = AppriseLimits(wait_s=WITHIN_S, restart_delay_s=0.0, start_timeout_s=0.0)
        async with chatting(limits) as (chat, url, process):
            with pytest.raises(ProcessEndedError):
                await process.send(url, "never", "text", LOOPBACK)
            return chat.titles, process.pid

    assert asyncio.run(go()) == ([], None)


@pytest.mark.parametrize("sent", [b"no JSON\n", b'{"type":"unknown"}\n', b"x" * (LINE_MAX_BYTES + 1)])
def test_a_process_that_sends_an_invalid_message_is_killed_and_its_requests_fail(sent: bytes) -> None:
    async def go() -> Any:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.setblocking(False)
        process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        ends: list[AppriseConnection] = []
        connection = AppriseConnection(process, ours, AppriseLimits(), ends.append)
        result = await connection.send(SendRequest(1, "json://x", "title", "body"), lambda: None)
        writing = asyncio.create_task(asyncio.get_running_loop().sock_sendall(theirs, sent))
        async with asyncio.timeout(WITHIN_S):
            with pytest.raises(ProcessEndedError):
                await result
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        theirs.close()
        return await asyncio.to_thread(process.wait, WITHIN_S), ends == [connection]

    assert asyncio.run(go()) == (-signal.SIGKILL, True)


class Answering(AppriseSender):
    """Stands for Apprise in a worker that runs on a thread of the test."""

    def __init__(self) -> None:
        pass

    def send(self, request: Any, guard: Any) -> Any:
        return SendResult(request.number, None, None, 0, request.title)


def test_a_request_that_arrives_as_the_process_goes_idle_is_still_carried_out() -> None:
    ours, theirs = socket.socketpair()
    ours.settimeout(WITHIN_S)
    with ours, theirs:
        ours.sendall(encode_line(SendRequest(7, "json://x", "just in time", "")))
        worker = AppriseWorker(theirs, Answering(), AppriseLimits(idle_s=0.0))
        thread = threading.Thread(target=worker.run)
        thread.start()
        thread.join(WITHIN_S)
        with pytest.raises(BrokenPipeError):
            ours.sendall(encode_line(SendRequest(8, "json://x", "too late", "")))
        theirs.close()
        received = b""
        while data := ours.recv(65_536):
            received += data
    messages = [json.loads(line) for line in received.splitlines()]
    assert [message["type"] for message in messages] == ["ready", "result", "released"]
    assert (messages[1]["number"], messages[1]["response"]) == (7, "just in time")


def test_lines_are_split_however_they_arrive_and_bounded() -> None:
    buffer = LineBuffer()
    assert [line for piece in (b"ab", b"c\nd", b"\n\ne") for line in buffer.feed(piece)] == [b"abc", b"d", b""]
    with pytest.raises(ValueError, match="too long"):
        list(buffer.feed(b"x" * (LINE_MAX_BYTES + 1)))


def test_a_delivery_whose_process_died_is_retried_and_its_endpoint_is_not_blamed(harness: Any) -> None:
    harness.subscribe("chat", url="json://127.0.0.1:{port}/chat", rate_limit=100)
    harness.subscribe("tv")

    async def run() -> None:
        hold = harness.endpoint.holds["/chat"] = asyncio.Event()
        async with harness.open() as [deliverer]:
            running = asyncio.create_task(deliverer.run())
            await wait_until_async(lambda: harness.endpoint.at("/chat"), what="the first post")
            for pid in children(os.getpid()):
                os.kill(pid, signal.SIGKILL)
            hold.set()
            await asyncio.wait_for(running, WITHIN_S)

    harness.announce()
    asyncio.run(run())
    delivery = harness.only("chat")
    assert (delivery.state, delivery.attempts[0].error) == (DeliveryState.PENDING, AttemptError.REFUSED)
    assert harness.client.hget(keys.subscriber_health("sub_chat"), "points") is None
    assert harness.only("tv").state is DeliveryState.DELIVERED
    harness.endpoint.holds.clear()
    harness.make_due()
    harness.deliver()
    assert harness.only("chat").state is DeliveryState.DELIVERED


def children(pid: Any) -> Any:
    """The Apprise processes of a process."""
    words = subprocess.run(["ps", "-o", "pid=,args=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return [int(line.split()[0]) for line in words.stdout.splitlines() if "apprise_worker" in line]


def test_the_deliver_process_is_never_patched_and_never_loads_apprise(harness: Any) -> None:
    with subprocess.Popen([sys.executable, str(CHILD), harness.store_url], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        shown = json.loads(child.stdout.readline())
        child.kill()
    assert shown["delivered"]
    assert shown["patched"] == []
    assert shown["loaded"] == []


@pytest.mark.parametrize("is_suspended", [False, True])
def test_the_process_ends_with_its_parent_however_that_ends(harness: Any, is_suspended: bool) -> None:
    with subprocess.Popen([sys.executable, str(CHILD), harness.store_url], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        pid = json.loads(child.stdout.readline())["pid"]
        assert is_running(pid)
        if is_suspended:
            os.kill(pid, signal.SIGSTOP)
        child.kill()
    asyncio.run(ended(pid))
