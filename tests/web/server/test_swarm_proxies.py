"""A swarm of peers that misbehave towards the shipped proxies does not keep an honest webhook from being answered."""

import contextlib
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.polling import scaled_limit, wait_until
from tests.support.ports import free_ports
from tests.support.product import TREE, ask, signature, webhook
from tests.support.web_process import STARTED_USUALLY_S, Swarm, is_up, serving
from tests.web.server.test_swarm import ANSWERED_WITHIN_S, HONEST, KINDS, PEERS
from webhook_app.store.connection.clients import Client

pytestmark = pytest.mark.process

TOWARDS_A_PROXY = (
    "connections that stay silent",
    "half a head",
    "webhook bodies that stop after a byte",
    "webhook bodies that stop short of their end",
    "chunks without an end",
    "log-in forms that never come",
)


def nginx(home: Path, port: int, web_port: int) -> list[str]:
    """The shipped site on a loopback port without TLS; the command that runs it."""
    site = (TREE / "deploy" / "nginx.conf").read_text()
    site = site.replace("127.0.0.1:8000", f"127.0.0.1:{web_port}")
    plain, _, tls = site.partition("server {\n    listen 443")
    lines = [line for line in tls.splitlines() if "ssl" not in line and "listen" not in line]
    upstream = plain.partition("server {\n    listen 80")[0]
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = " ".join(f"{kind}_temp_path {home}/{kind};" for kind in kinds)
    (home / "nginx.conf").write_text(
        f"daemon off; pid {home}/nginx.pid; error_log {home}/error.log;\n"
        "worker_rlimit_nofile 8192; events { worker_connections 4096; }\n"
        f"http {{ access_log off; {temporary}\n{upstream}\nserver {{ listen 127.0.0.1:{port};\n"
        + "\n".join(lines[1:])
        + "\n}\n"
    )
    return [program("nginx"), "-p", str(home), "-c", str(home / "nginx.conf")]


def caddy(home: Path, port: int, web_port: int) -> list[str]:
    """The shipped file on a loopback port without TLS; the command that runs it."""
    text = (TREE / "deploy" / "Caddyfile").read_text()
    for shipped, here in (
        ("127.0.0.1:8000", f"127.0.0.1:{web_port}"),
        ("tally.example.org {", f"http://127.0.0.1:{port} {{"),
        ("{\n\tservers {", "{\n\tadmin off\n\tauto_https off\n\tservers {"),
    ):
        assert shipped in text
        text = text.replace(shipped, here)
    (home / "Caddyfile").write_text(text)
    return [program("caddy"), "run", "--config", str(home / "Caddyfile"), "--adapter", "caddyfile"]


def program(name: str) -> str:
    path = shutil.which(name, path="/usr/bin:/usr/sbin:/usr/local/bin")
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


@contextlib.contextmanager
def running(command: list[str], home: Path, port: int) -> Iterator[None]:
    with (home / "proxy.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=home, stdout=log, stderr=log, env={"HOME": str(home)})
    try:
        wait_until(lambda: is_up(port), STARTED_USUALLY_S, f"the proxy: {(home / 'proxy.log').read_text()[-500:]}")
        yield
    finally:
        process.terminate()
        process.wait(scaled_limit(STARTED_USUALLY_S))


@pytest.fixture(scope="module", params=[nginx, caddy])
def proxy_port(
    request: pytest.FixtureRequest, store_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[int]:
    """The port of a shipped proxy in front of a web process."""
    command_of: Callable[[Path, int, int], list[str]] = request.param
    home = tmp_path_factory.mktemp("proxy")
    (port,) = free_ports(1)
    with serving(store_url, home) as web_port, running(command_of(home, port, web_port), home, port):
        yield port


@pytest.mark.parametrize("kind", TOWARDS_A_PROXY)
def test_honest_webhooks_are_answered_behind_a_proxy_beside_a_swarm(client: Client, proxy_port: int, kind: str) -> None:
    with Swarm(proxy_port, PEERS, KINDS[kind]) as swarm:
        for number in range(HONEST):
            body = webhook("hls-started", f"room-{number}")
            headers = {"videosdk-signature": signature(body)}
            inbox = f"http://127.0.0.1:{proxy_port}/webhooks/videosdk"
            assert ask("POST", inbox, body, headers, limit_s=ANSWERED_WITHIN_S).status == 200
        assert swarm.size > PEERS // 2
