"""The product as it runs: `tally up` beside a sandbox of its own and a sink for notices, all of them real processes."""

import base64
import contextlib
import http.client
import json
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tests.support import paths
from tests.support.polling import last_lines, scaled_limit, wait_until
from tests.support.ports import free_ports

ADMIN_TOKEN = "the-token-of-the-whole-product-test"
API_KEY, SECRET = "the-key-of-the-test", "the-secret-of-the-test-of-32-bytes-or-more"
READY_USUAL_S = 40.0
STOP_LIMIT_S = scaled_limit(30.0)
ANSWER_LIMIT_S = scaled_limit(20.0)
LOOK_EVERY_S = 0.05
TREE = paths.ROOT
MARK = "TALLY_TEST_RUN"
_LOCK = threading.Lock()

Json = dict[str, Any]


def signing_key() -> RSAPrivateKey:
    """The key of the tests, under which the sandbox signs too; one for all threads."""
    with _LOCK:
        return _made_key()


@cache
def _made_key() -> RSAPrivateKey:
    return generate_private_key(public_exponent=65537, key_size=2048)


def public_pem() -> str:
    return signing_key().public_key().public_bytes(Encoding.PEM, PublicFormat.PKCS1).decode()


def signature(body: bytes) -> str:
    """The `videosdk-signature` of a body."""
    return base64.b64encode(signing_key().sign(body, PKCS1v15(), SHA256())).decode()


def webhook(kind: str, room: str, session: str | None = "s1", **more: Any) -> bytes:
    """A webhook's body as VideoSDK writes it."""
    data = {"meetingId": room} | ({} if session is None else {"sessionId": session}) | more
    return json.dumps({"webhookType": kind, "data": data}).encode()


@dataclass(frozen=True)
class Answer:
    """What came back over HTTP."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def ask(
    method: str,
    url: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    limit_s: float = ANSWER_LIMIT_S,
) -> Answer:
    """One request on a connection of its own; OSError or HTTPException when there is no answer."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=limit_s)
    with contextlib.closing(connection):
        connection.request(method, f"{parts.path}?{parts.query}".rstrip("?"), body, dict(headers or {}))
        answer = connection.getresponse()
        lowered = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, lowered, answer.read())


class Sandbox:
    """A VideoSDK in a process of its own, with its controls."""

    def __init__(self, home: Path, *, port: int, webhook_url: str, pace_factor: float, mark: str) -> None:
        self.url = f"http://127.0.0.1:{port}"
        home.mkdir(parents=True, exist_ok=True)
        (home / "rsa.pem").write_bytes(
            signing_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        )
        command = [sys.executable, "-m", "sandbox", "--host", "127.0.0.1", "--port", str(port)]
        command += ["--data", str(home), "--webhook-url", webhook_url, "--pace-factor", str(pace_factor)]
        credentials = {"SANDBOX_API_KEY": API_KEY, "SANDBOX_SECRET": SECRET}
        self._output = (home / "output").open("wb")
        self._process = subprocess.Popen(
            command, cwd=TREE, env=_environ(mark) | credentials, stdout=self._output, stderr=subprocess.STDOUT
        )

    @classmethod
    def attached(cls, url: str) -> "Sandbox":
        """The controls of a sandbox that another process has started."""
        sandbox = object.__new__(cls)
        sandbox.url = url
        return sandbox

    def up(self) -> bool:
        return _answers(f"{self.url}/")

    def stop(self) -> None:
        _end(self._process)
        self._output.close()

    def join(self, room: str, who: str = "host", name: str = "Host Ada", mode: str = "CONFERENCE") -> str:
        """Somebody joins; the session's id."""
        person = {"participantId": who, "name": name, "mode": mode}
        response = self._control("POST", f"/sandbox/rooms/{room}/join", person)
        return str(response["sessionId"])

    def leave(self, room: str, who: str = "host", *, keep: bool = False) -> None:
        self._control("POST", f"/sandbox/rooms/{room}/leave", {"participantId": who, "keep": keep})

    def end_session(self, room: str) -> None:
        self._control("POST", f"/sandbox/rooms/{room}/end-session", None)

    def fail(self, room: str, reason: str | None = None, output: str = "hls") -> None:
        """The room's stream of an output breaks."""
        body = {"output": output} | ({"reason": reason} if reason else {})
        self._control("POST", f"/sandbox/rooms/{room}/fail", body)

    def faults(self, **faults: Any) -> None:
        """Replace all faults; none end them."""
        self._control("PUT", "/sandbox/faults", faults)

    def pace(self, **pace: float) -> None:
        self._control("PUT", "/sandbox/pace", pace)

    def age(self, room: str, by_s: float) -> None:
        """The room's stream began so much earlier than it did."""
        self._control("POST", f"/sandbox/rooms/{room}/age", {"by_s": by_s})

    def spoil(self, room: str, **faults: Any) -> None:
        """Replace the room's own faults; none end them."""
        self._control("PUT", f"/sandbox/rooms/{room}/faults", faults)

    def room_pace(self, room: str, **pace: float) -> None:
        self._control("PUT", f"/sandbox/rooms/{room}/pace", pace)

    def log(self, kind: str, room: str | None = None) -> list[Json]:
        query = urlencode({"kind": kind} | ({} if room is None else {"room": room}))
        items: list[Json] = self._control("GET", f"/sandbox/log?{query}", None)["items"]
        return items

    def starts(self, room: str) -> list[Json]:
        """The calls that asked for a start in this room."""
        return [item for item in self.log("call", room) if item["path"] == "/v2/hls/start"]

    def _control(self, method: str, path: str, body: Any) -> Json:
        answer = ask(method, self.url + path, None if body is None else json.dumps(body).encode())
        assert answer.status == 200, answer.body
        response: Json = answer.json
        return response


@dataclass(frozen=True)
class SinkRequest:
    """One POST at the sink."""

    headers: Mapping[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def json(self) -> Json:
        notice: Json = json.loads(self.body)
        return notice


class Sink:
    """A subscriber's endpoint: keeps every request, answers after `answer_s`, and answers 503 on demand."""

    def __init__(self) -> None:
        self.requests: list[SinkRequest] = []
        self._notices_by_room: dict[str | None, dict[str, Json]] = {}  # by room: the notices by their ids
        self.answer_s = 0.0
        self.refuses_at_first: Callable[[str], bool] = lambda notice_id: False
        self._refuse = 0
        self._ids: set[str] = set()
        self._lock = threading.Lock()
        self._hurry = threading.Event()
        sink = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # one packet for the whole answer
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                kept = sink.take(SinkRequest({name.lower(): value for name, value in self.headers.items()}, body))
                sink.take_time()
                self.send_response_only(204 if kept else 503)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False
            request_queue_size = 512

            def handle_error(self, request: object, client_address: object) -> None:
                pass  # the sender was killed meanwhile

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/notices"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="sink", daemon=True)
        self._thread.start()

    def refuse_next(self, count: int) -> None:
        """Answer 503 to the next `count` requests; they are kept nevertheless."""
        with self._lock:
            self._refuse = count

    def take_time(self) -> None:
        self._hurry.wait(self.answer_s)

    def hurry(self) -> None:
        """Answer at once from now on, also to requests that are waiting."""
        self._hurry.set()

    def take(self, request: SinkRequest) -> bool:
        with self._lock:
            self.requests.append(request)
            notice = request.json
            self._notices_by_room.setdefault(notice["data"]["room_id"], {}).setdefault(request.id, notice)
            self._refuse -= 1
            first = request.id not in self._ids
            self._ids.add(request.id)
            return self._refuse < 0 and not (first and self.refuses_at_first(request.id))

    def types(self, room: str | None = None) -> list[str]:
        """The types of the notices received so far, in order, once for each notice."""
        return [notice["type"] for notice in self._notices(room).values()]

    def notices(self, kind: str, room: str | None = None) -> list[Json]:
        return [notice for notice in self._notices(room).values() if notice["type"] == kind]

    def stop(self) -> None:
        self.hurry()
        self._server.shutdown()
        self._thread.join(STOP_LIMIT_S)
        self._server.server_close()

    def _notices(self, room: str | None) -> dict[str, Json]:
        with self._lock:
            if room is not None:
                return dict(self._notices_by_room.get(room, {}))
            return {request.id: request.json for request in self.requests}


@dataclass
class Product:
    """`tally up` on a directory of its own, and what is around it."""

    home: Path
    url: str
    environ: Mapping[str, str]
    sink: Sink
    sandbox_url: str
    sandbox: Sandbox | None
    token: str = ADMIN_TOKEN
    _process: subprocess.Popen[bytes] | None = None
    _outputs: list[Path] = field(default_factory=list)

    @property
    def data_dir(self) -> Path:
        return self.home / "var"

    @property
    def supervisor(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start `tally up` and wait until it is ready."""
        self._outputs.append(self.home / f"output-{len(self._outputs) + 1}")
        with self._outputs[-1].open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "workers", "up"],
                cwd=self.home,
                env=dict(self.environ),
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self.wait_ready()

    def wait_ready(self, usual_s: float = READY_USUAL_S) -> None:
        def ready() -> bool:
            assert self.runs, f"`tally up` has ended:\n{last_lines(self.output())}"
            return _answers(f"{self.url}/readyz")

        wait_until(ready, usual_s, "the product being ready", describe=lambda: last_lines(self.output(), 15))

    @property
    def answers(self) -> bool:
        """Whether the web process says that the product is ready."""
        return _answers(f"{self.url}/readyz")

    @property
    def runs(self) -> bool:
        """Whether `tally up` has been started and lives."""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> int:
        """Ctrl-C; the exit status."""
        assert self._process is not None
        return _end(self._process, signal.SIGINT)

    def output(self) -> str:
        """The output of `tally up`, over all its runs."""
        return "".join(path.read_text(errors="replace") for path in self._outputs)

    def api(self, method: str, path: str, body: Any = None) -> Answer:
        """A request under `/api/v1` with the admin's token."""
        headers = {"Authorization": f"Bearer {self.token}"}
        raw = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            raw = json.dumps(body).encode()
        return ask(method, f"{self.url}/api/v1{path}", raw, headers)

    def get(self, path: str) -> Any:
        """The JSON of a GET that must succeed."""
        answer = self.api("GET", path)
        assert answer.status == 200, (path, answer.body)
        return answer.json

    def items(self, path: str) -> list[Json]:
        """Every item of a list, oldest first, over all its pages."""
        items: list[Json] = []
        cursor: str | None = None
        join = "&" if "?" in path else "?"
        for _ in range(1000):
            page = self.get(f"{path}{join}limit=500" + (f"&cursor={cursor}" if cursor else ""))
            items += page["items"]
            cursor = page["next"]
            if cursor is None:
                return items[::-1]
        raise AssertionError(f"{path} has no end")

    def add_room(self, room: str, **more: Any) -> None:
        """Add a room, unless it is configured."""
        answer = self.api("POST", "/rooms", {"room_id": room, **more})
        assert answer.status in (201, 409), answer.body

    def room(self, room: str) -> Json | None:
        """A room, None when it was never seen."""
        answer = self.api("GET", f"/rooms/{room}")
        assert answer.status in (200, 404), answer.body
        view: Json | None = answer.json if answer.status == 200 else None
        return view

    def effect(self, event_id: str) -> str | None:
        """An event's effect, None until the event is folded."""
        effect: str | None = self.get(f"/events/{event_id}")["effect"]
        return effect

    def wait_state(self, room: str, state: str, limit_s: float = 15.0) -> Json:
        """The room once it is in this state."""

        def there() -> Json | None:
            view = self.room(room)
            return view if view is not None and view["state"] == state else None

        view = wait_until(there, limit_s, f"room {room} being {state}", describe=lambda: self.room(room))
        assert view is not None
        return view

    def subscribe(self, *types: str, **more: Any) -> Json:
        """The sink as a subscriber; the answer with its secret."""
        answer = self.api("POST", "/subscribers", {"url": self.sink.url, "types": types or ["*"], **more})
        assert answer.status == 201, answer.body
        subscriber: Json = answer.json
        return subscriber

    def put_rule(self, name: str, **rule: Any) -> Json:
        """A rule by the API, in force."""
        answer = self.api("PUT", f"/rules/{name}", {("if" if key == "if_" else key): rule[key] for key in rule})
        assert answer.status in (200, 201), answer.body
        stored: Json = answer.json
        return stored

    def post_webhook(self, body: bytes) -> Answer:
        """A webhook under VideoSDK's signature."""
        headers = {"Content-Type": "application/json", "videosdk-signature": signature(body)}
        return ask("POST", f"{self.url}/webhooks/videosdk", body, headers)

    def run(self) -> Json:
        """What `tally up` wrote about itself."""
        record: Json = json.loads((self.data_dir / "run.json").read_text())
        return record

    def pids(self) -> dict[str, int]:
        """The processes by name."""
        processes: dict[str, int] = self.run()["processes"]
        return processes

    def kill(self, pid: int) -> None:
        """`kill -9`; one that is gone already is no mistake."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    def end(self) -> None:
        """End every process that is still running."""
        if self._process is not None and self._process.poll() is None:
            _end(self._process)
        if self.sandbox is not None:
            self.sandbox.stop()
        self.sink.stop()


@contextlib.contextmanager
def product(
    home: Path,
    *,
    credentials: bool = True,
    pinned: bool = False,
    pace_factor: float = 0.1,
    started: bool = True,
    **environ: str,
) -> Iterator[Product]:
    """A product that runs; with `credentials` beside a sandbox of the test's own, else with the one of `tally up`.

    `pinned` gives it the public key, otherwise it fetches the key from the sandbox. At the end no process of it is
    left, or that is an error.
    """
    mark = secrets.token_hex(8)
    port, sandbox_port = free_ports(2)
    url = f"http://127.0.0.1:{port}"
    settings = {"PORT": str(port), "DATA_DIR": "var", "ADMIN_TOKEN": ADMIN_TOKEN, "ALLOW_NETWORKS": "127.0.0.0/8"}
    sandbox_url = f"http://127.0.0.1:{sandbox_port}"
    sandbox = None
    sink = Sink()
    if credentials:
        settings |= {"VIDEOSDK_API_KEY": API_KEY, "VIDEOSDK_SECRET": SECRET, "VIDEOSDK_API_URL": sandbox_url}
        inbox = f"{url}/webhooks/videosdk"
        sandbox = Sandbox(home / "videosdk", port=sandbox_port, webhook_url=inbox, pace_factor=pace_factor, mark=mark)
    if pinned:
        settings["VIDEOSDK_PUBLIC_KEY"] = public_pem()
    running = Product(home, url, _environ(mark) | settings | environ, sink, sandbox_url, sandbox)
    try:
        if sandbox is not None:
            wait_until(sandbox.up, READY_USUAL_S, "the sandbox")
        if started:
            running.start()
        yield running
    except BaseException:
        print(last_lines(running.output()))
        raise
    finally:
        running.end()
        left = _wait_for_none(mark)
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    assert not left, f"processes were left over: {left}"


def children_of(pid: int) -> list[int]:
    """The processes that this one has started and that live."""
    children = []
    for process in _processes():
        try:
            stat = Path(f"/proc/{process}/stat").read_text()
        except OSError:
            continue
        state, parent = stat.rpartition(")")[2].split()[:2]
        if int(parent) == pid and state != "Z":
            children.append(process)
    return children


def command_of(pid: int) -> str:
    """A process's command line; empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def _wait_for_none(mark: str) -> list[int]:
    deadline = time.monotonic() + STOP_LIMIT_S
    while (left := _marked(mark)) and time.monotonic() < deadline:
        time.sleep(LOOK_EVERY_S)
    return left


def _marked(mark: str) -> list[int]:
    """The processes that inherited this run's mark."""
    variable = f"{MARK}={mark}".encode()
    pids = []
    for pid in _processes():
        try:
            environ = Path(f"/proc/{pid}/environ").read_bytes()
        except OSError:
            continue
        if variable in environ.split(b"\0"):
            pids.append(pid)
    return pids


def _processes() -> list[int]:
    return [int(path.name) for path in Path("/proc").glob("[0-9]*")]


def _environ(mark: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    return kept | {"PYTHONPATH": str(TREE), "PYTHONUNBUFFERED": "1", MARK: mark}


def _answers(url: str) -> bool:
    try:
        return ask("GET", url, limit_s=10.0).status == 200
    except (OSError, http.client.HTTPException):
        return False


def _end(process: subprocess.Popen[bytes], number: signal.Signals = signal.SIGTERM) -> int:
    process.send_signal(number)
    try:
        return process.wait(STOP_LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait(STOP_LIMIT_S)
