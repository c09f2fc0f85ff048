"""Apply a configuration file's content with the store and the secrets of this process."""

from webhook_app.config.secrets_file import secrets_key
from webhook_app.config.settings import Settings
from webhook_app.secrets.encryption import SecretBox
from webhook_app.store.subscribers import Subscribers
from webhook_app.usecases.declared_configuration import Applied, DeclaredConfiguration, apply_configuration
from workers.store_access import StoreAccess


def apply(declared: DeclaredConfiguration, store: StoreAccess, settings: Settings) -> Applied:
    """Apply a configuration."""
    secret_box = SecretBox(secrets_key(settings))
    subscribers = Subscribers(store.client, secret_box)
    return apply_configuration(declared, store.client, subscribers, store.wakeups, secret_box=secret_box)
