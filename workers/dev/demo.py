"""The demo: two rules and a subscriber for the sandbox's demo room, which show the whole product at work."""

from dataclasses import replace

from webhook_app.config.secrets_file import secrets_key
from webhook_app.config.settings import Settings
from webhook_app.domain.delivery.subscriber import Subscriber
from webhook_app.domain.events import Source
from webhook_app.secrets.encryption import SecretBox
from webhook_app.secrets.subscriber_secrets import new_secret
from webhook_app.store.connection.clients import connect
from webhook_app.store.journal.journal import Journal, entry
from webhook_app.store.operations.demo_flag import is_demo_installed, mark_demo_installed
from webhook_app.store.subscribers import Subscribers

DEMO_ROOM = "demo-demo-demo"
SUBSCRIBER_ID = "sub_demo"
RULES = (
    {
        "name": "demo-live-with-the-host",
        "rooms": [DEMO_ROOM],
        "on": "participant-joined",
        "if": 'event.data.participantName.startsWith("Host")',
        "do": "start",
    },
    {
        "name": "demo-end-when-empty",
        "rooms": [DEMO_ROOM],
        "when": "room.on_air && room.session.participant_count == 0",
        "for_s": 3,
        "do": "end",
    },
)


def install(settings: Settings) -> None:
    """Install the demo once per store; what a user deletes stays deleted."""
    assert settings.redis_url is not None and settings.sandbox_url is not None
    client = connect(settings.redis_url, sentinel_login=settings.sentinel_login)
    journal = Journal(client)
    subscribers = Subscribers(client, SecretBox(secrets_key(settings)))
    if not is_demo_installed(client):
        journal.append([entry(Source.SYSTEM, "settings", None, {"calls": settings.makes_calls})])
        journal.append([entry(Source.CONFIG, "rule-put", None, {"rule": rule}) for rule in RULES])
        subscribers.put(
            Subscriber(
                subscriber_id=SUBSCRIBER_ID,
                name="demo inbox of the sandbox",
                url=f"{settings.sandbox_url}/sandbox/inbox",
                created_at=0,
                secret=new_secret(),
                shown_url=f"{settings.sandbox_url}/sandbox/inbox",
            )
        )
        mark_demo_installed(client)
    inbox = subscribers.get(SUBSCRIBER_ID)
    if inbox is not None and inbox.url != f"{settings.sandbox_url}/sandbox/inbox":
        url = f"{settings.sandbox_url}/sandbox/inbox"
        subscribers.put(replace(inbox, url=url, shown_url=url))
    client.close()
