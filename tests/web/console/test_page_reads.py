"""What a page reads of the store: room names once, however many parts of it show them."""

from pathlib import Path

import pytest

from tests.support.deliverer_factory import subscribers_of
from tests.support.web_client import ROOM, WebClient, append, configure_room, fold_all
from tests.web.console.test_console import Visitor
from webhook_app.domain.delivery.subscriber import Subscriber
from webhook_app.domain.events import Source
from webhook_app.store import keys
from webhook_app.store.connection.clients import Client
from webhook_app.store.journal.journal import Entry

BODY = b'{"webhookType":"session-started","data":{"meetingId":"%s","sessionId":"ses-1"}}' % ROOM.encode()


@pytest.fixture
def admin(store_url: str, tmp_path: Path) -> Visitor:
    return Visitor(WebClient(store_url, tmp_path))


def set_up(client: Client) -> None:
    """A named room with an event, and a subscriber."""
    configure_room(client, ROOM, "hall")
    append(client, Entry(Source.VIDEOSDK, "session-started", ROOM, BODY))
    fold_all(client)
    subscribers_of(client).put(Subscriber("sub_1", "ops", "https://example.com/", 1))


@pytest.mark.parametrize("path", ["/", "/rooms/hall", "/subscribers/sub_1", "/events?room_id=hall", "/alarms"])
def test_a_page_reads_the_names_of_rooms_once(client: Client, admin: Visitor, path: str) -> None:
    set_up(client)
    with client.monitor() as monitor:
        admin.page(path)
        client.echo("end of the page")
        commands = []
        while "end of the page" not in (command := monitor.next_command()["command"]):
            commands.append(command)
    assert sum(command.startswith(f"MGET {keys.NAMES} ") for command in commands) == 1, commands
