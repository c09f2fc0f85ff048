"""The Lua scripts: documented files, sent without their comments, that parse JSON instead of searching its text."""

import asyncio
from pathlib import Path

import pytest

import webhook_app.store
from tests.support.deliverer_factory import SECRET, subscribers_of
from webhook_app.domain.delivery.subscriber import Subscriber
from webhook_app.store import keys
from webhook_app.store.connection.clients import Client, connect_async
from webhook_app.store.deliveries.queue import AttemptStats, Deliveries
from webhook_app.store.scripts import lua

ROOT = Path(webhook_app.store.__file__).parent.parent.parent
SCRIPTS = sorted((ROOT / "webhook_app" / "store" / "lua").glob("*.lua"))
DAY_S = 24 * 3600


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_begins_with_what_it_does_and_its_keys(path: Path) -> None:
    header = path.read_text().partition("\nlocal ")[0].split("\n")
    assert header[0].startswith("-- ")
    assert any(line.startswith("-- KEYS") for line in header)
    assert any(line.startswith("-- ARGV") for line in header)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_is_sent_without_its_comments(path: Path) -> None:
    assert not any(line.lstrip().startswith("--") for line in lua(path.stem).splitlines())


def test_no_script_stands_in_python() -> None:
    sources = [path for name in ("webhook_app", "workers") for path in (ROOT / name).rglob("*.py")]
    assert [str(path) for path in sources if "redis.call" in path.read_text()] == []


def test_a_subscriber_named_like_a_disabled_one_keeps_its_health(client: Client, store_url: str) -> None:
    subscriber = Subscriber("sub_1", '"enabled":false', "https://example.com/", 1, secret=SECRET)
    subscribers_of(client).put(subscriber)

    async def settle() -> None:
        async_client = connect_async(store_url)
        stats = AttemptStats(failed=1, failure_score=1, error="refused")
        await Deliveries(async_client, retention_s=DAY_S).settle([], {"sub_1": stats})
        await async_client.aclose()

    asyncio.run(settle())
    assert client.hget(keys.subscriber_health("sub_1"), "error") == b"refused"
