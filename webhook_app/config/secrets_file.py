"""Secrets that are generated on first run and stored in the data directory, each in a file of mode 0600."""

import os
import secrets
from dataclasses import dataclass, replace
from pathlib import Path

from webhook_app.config.loading import SettingError
from webhook_app.config.settings import Settings

ADMIN_TOKEN_FILE = "admin_token"
WEBHOOK_TOKEN_FILE = "webhook_token"
SESSION_KEY_FILE = "session_key"
SECRETS_KEY_FILE = "secrets_key"
_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class StoredSecret:
    """A secret, and whether it was just generated."""

    value: str
    new: bool


def resolve(settings: Settings) -> Settings:
    """Fill in the tokens that are not set; `newly_made` names those that were just generated."""
    generated: set[str] = set()
    if settings.admin_token is None:
        stored = load_or_create(settings.data_dir / ADMIN_TOKEN_FILE)
        settings = replace(settings, admin_token=stored.value)
        generated |= {"admin_token"} if stored.new else set()
    if settings.webhook_token is None and settings.public_url is not None:
        stored = load_or_create(settings.data_dir / WEBHOOK_TOKEN_FILE)
        settings = replace(settings, webhook_token=stored.value)
        generated |= {"webhook_token"} if stored.new else set()
    return replace(settings, newly_made=frozenset(generated))


def session_key(data_dir: Path) -> bytes:
    """Return the key that signs the console's sessions."""
    return load_or_create(data_dir / SESSION_KEY_FILE).value.encode()


def secrets_key(settings: Settings) -> str:
    """Return the key that encrypts subscribers' URLs and secrets: from the settings, else from the data directory."""
    return settings.secrets_key or load_or_create(settings.data_dir / SECRETS_KEY_FILE).value


def sandbox_credentials(data_dir: Path) -> tuple[str, str]:
    """Return the API key and secret shared with the sandbox."""
    sandbox = data_dir / "sandbox"
    return load_or_create(sandbox / "api_key").value, load_or_create(sandbox / "secret").value


def load_or_create(path: Path) -> StoredSecret:
    """Return the secret in a file, generated if the file does not exist; concurrent processes agree on one."""
    try:
        existing = _read(path)
        return StoredSecret(existing, new=False) if existing is not None else _make(path)
    except (OSError, UnicodeDecodeError) as wrong:
        reason = wrong.strerror if isinstance(wrong, OSError) else "not text"
        raise SettingError(f"DATA_DIR must be a directory we can write to: {path} ({reason})") from None


def _read(path: Path) -> str | None:
    try:
        text = path.read_text("ascii").strip()
    except FileNotFoundError:
        return None
    if not text:
        raise SettingError(f"{path} is empty: delete it, and a new secret is generated")
    return text


def _make(path: Path) -> StoredSecret:
    """Write to a temporary file and link it into place, so that the file appears complete and only once."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    value = secrets.token_urlsafe(_SECRET_BYTES)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(value + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(temporary, path)
    except FileExistsError:
        return StoredSecret(_read(path) or value, new=False)
    finally:
        temporary.unlink()
    return StoredSecret(value, new=True)
