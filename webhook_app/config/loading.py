"""Load the settings from the environment and `.env`; the only reader of the environment."""

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from webhook_app.config import values
from webhook_app.config.settings import Settings
from webhook_app.config.variables import SECRETS, VARIABLES, Variable
from webhook_app.masking.masking import masked

COMPLETE = "TALLY_ENVIRON_COMPLETE"  # set by `tally up` for its children: they do not read .env again
_QUOTED_MAX_CHARS = 80


class SettingError(Exception):
    """An invalid setting: one line with its name, its value and what would be right."""


def load(environ: Mapping[str, str], *, dotenv: Path | None = Path(".env")) -> Settings:
    """Load the settings from `environ`, then from the file `dotenv`. Set but empty counts as unset."""
    variables = _merged(environ, None if COMPLETE in environ else dotenv)
    fields = {variable.field: _read(variable, name, variables[name]) for variable, name in _set_names(variables)}
    settings = Settings(**fields, variables=variables)
    _check_combinations(settings)
    return settings


def environ_of(settings: Settings) -> dict[str, str]:
    """Return the variables from which `load` restores these settings."""
    return {COMPLETE: "1"} | {name: str(value) for name, value in _written(settings).items() if value is not None}


def child_environ(settings: Settings, *, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment for a child process: our own, with these settings in place of the variables in it."""
    inherited = {**settings.variables, **os.environ}
    others = {name: value for name, value in inherited.items() if name not in _written(settings)}
    return others | environ_of(settings) | dict(extra or {})


def shown_settings(settings: Settings) -> dict[str, str]:
    """Return what is set, by name, for display: secrets as `(set)`, URLs masked."""
    masked_values = {name: masked(str(value)) for name, value in _written(settings).items() if value is not None}
    return {name: "(set)" if name in SECRETS else value for name, value in masked_values.items()}


def _written(settings: Settings) -> dict[str, object]:
    written: dict[str, object] = {}
    for variable in VARIABLES:
        value = getattr(settings, variable.field)
        written[variable.name] = None if value is None else variable.write(value)
    return written


def _merged(environ: Mapping[str, str], dotenv: Path | None) -> dict[str, str]:
    from_file: Iterable[tuple[str, str | None]] = ()
    if dotenv is not None and dotenv.is_file():
        from dotenv import dotenv_values

        try:
            from_file = dotenv_values(dotenv, interpolate=False).items()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingError(f"{dotenv} cannot be read: it should be a UTF-8 text file ({error})") from None
    merged = {name: text.strip() for name, text in from_file if text and text.strip()}
    return merged | {name: text.strip() for name, text in environ.items() if text.strip()}


def _set_names(variables: Mapping[str, str]) -> Iterable[tuple[Variable, str]]:
    """Yield each variable that is set, with the name or alias under which it is."""
    for variable in VARIABLES:
        names = (*variable.aliases, variable.name, *variable.fallbacks)
        name = next((name for name in names if name in variables), None)
        if name is not None:
            yield variable, name


def _read(variable: Variable, name: str, text: str) -> Any:
    try:
        return variable.read(text)
    except values.InvalidValueError as error:
        if not variable.is_quoted:
            raise SettingError(f"{name} (value not shown) is invalid: {error}") from None
        raise SettingError(f"{name} is {_quoted(text)}: {error}") from None


def _quoted(text: str) -> str:
    """Quote a value on one line, without secrets in URLs and without key material."""
    if "-----" in text:
        return "a PEM text"
    text = masked(re.sub(r"//.*@", "//…@", text, flags=re.DOTALL))
    return repr(text if len(text) <= _QUOTED_MAX_CHARS else text[:_QUOTED_MAX_CHARS] + "…")


def _check_combinations(settings: Settings) -> None:
    key, secret = settings.videosdk_api_key, settings.videosdk_secret
    if (key is None) != (secret is None):
        present, missing = "VIDEOSDK_API_KEY", "VIDEOSDK_SECRET"
        if key is None:
            present, missing = missing, present
        raise SettingError(f"{missing} is unset while {present} is set: set both or neither")
    if settings.viewer_token is not None and settings.viewer_token == settings.admin_token:
        raise SettingError("VIEWER_TOKEN is the same as ADMIN_TOKEN: it should be different")
    if settings.sentinel_username is not None and settings.sentinel_password is None:
        raise SettingError("SENTINEL_PASSWORD is unset while SENTINEL_USERNAME is set: set both or neither")
    if settings.ack_replicas and settings.redis_url is None:
        raise SettingError(
            f"ACK_REPLICAS is {settings.ack_replicas} while REDIS_URL is unset: it should be 0, "
            "as the embedded store has no replicas"
        )
