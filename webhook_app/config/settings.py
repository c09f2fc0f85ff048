"""The settings: the only reader of the environment and of `.env`."""

import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar, cast
from urllib.parse import urlsplit

from webhook_app.config import values
from webhook_app.config.sentinel_url import Login
from webhook_app.domain.rules.rule import MAX_STREAM_S
from webhook_app.domain.times import format_duration
from webhook_app.outbound.addresses import Network, is_loopback
from webhook_app.outbound.proxies import Proxies
from webhook_app.text.masking import masked

Surface = Literal["all", "receiver", "console"]
LogFormat = Literal["text", "json"]
LogLevel = Literal["debug", "info", "warning"]

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})  # values of HOST under which only this machine reaches us
VIDEOSDK_API_URL = "https://api.videosdk.live"
# Where webhooks come in too, fewer viewers are served by one process: the others are answered and come again.
VIEWERS_HELD: Mapping[Surface, int] = {"all": 64, "console": 256, "receiver": 0}
SECRETS = frozenset(
    {
        "SENTINEL_PASSWORD",
        "VIDEOSDK_API_KEY",
        "VIDEOSDK_SECRET",
        "WEBHOOK_TOKEN",
        "ADMIN_TOKEN",
        "VIEWER_TOKEN",
        "SECRETS_KEY",
        "HEARTBEAT_URL",
        "REDIS_URL",
        "HTTPS_PROXY",
        "HTTP_PROXY",
        "VIDEOSDK_PUBLIC_KEY",
    }
)
COMPLETE = "TALLY_ENVIRON_COMPLETE"  # set by `tally up` for its children: no .env is read on top
_SHOWN_MAX_CHARS = 80
_T = TypeVar("_T")
_D = TypeVar("_D")


class SettingError(Exception):
    """A setting that cannot be used: one line with its name, its value and what would be right."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting, parsed; a name in capitals is the variable it comes from."""

    port: int = 8000
    host: str = "127.0.0.1"
    data_dir: Path = Path("var")
    redis_url: str | None = field(default=None, repr=False)
    sentinel_username: str | None = None
    sentinel_password: str | None = field(default=None, repr=False)
    ack_replicas: int = 0
    videosdk_api_key: str | None = field(default=None, repr=False)
    videosdk_secret: str | None = field(default=None, repr=False)
    videosdk_api_url: str = VIDEOSDK_API_URL
    videosdk_public_key: str | None = field(default=None, repr=False)
    public_url: str | None = None
    webhook_token: str | None = field(default=None, repr=False)
    rooms: tuple[str, ...] = ("*",)
    max_streams: int | None = None
    max_stream_duration_s: int = MAX_STREAM_S
    admin_token: str | None = field(default=None, repr=False)
    viewer_token: str | None = field(default=None, repr=False)
    secrets_key: str | None = field(default=None, repr=False)
    allow_networks: tuple[Network, ...] = ()
    config_file: Path | None = None
    heartbeat_url: str | None = field(default=None, repr=False)
    trusted_proxies: tuple[Network, ...] = values.LOOPBACK_NETWORKS
    ca_file: Path | None = None  # SSL_CERT_FILE
    https_proxy: str | None = field(default=None, repr=False)
    http_proxy: str | None = field(default=None, repr=False)
    no_proxy: tuple[str, ...] = ()
    live_links: bool = False
    observe: bool = False
    retention_days: int = 30
    surface: Surface = "all"
    web_threads: int = 8
    log_format: LogFormat = "text"
    log_level: LogLevel = "info"
    sandbox_url: str | None = None  # TALLY_SANDBOX_URL: its inbox may be delivered to although private
    newly_made: frozenset[str] = frozenset()  # names of the secrets that `secrets_file.resolve` just made
    variables: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)  # all: for ${NAME}

    @property
    def viewers_held(self) -> int:
        """How many viewers of the events stream are held open at once."""
        return VIEWERS_HELD[self.surface]

    @property
    def sentinel_login(self) -> Login:
        """How to log in to the sentinels; the store's own login is a part of `redis_url`."""
        return Login(self.sentinel_username, self.sentinel_password)

    @property
    def proxies(self) -> Proxies:
        """The proxies that requests to the outside go through; deliveries and channels use none."""
        return Proxies(self.https_proxy, self.http_proxy, self.no_proxy)

    @property
    def has_credentials(self) -> bool:
        return self.videosdk_api_key is not None and self.videosdk_secret is not None

    @property
    def makes_calls(self) -> bool:
        """Whether VideoSDK is called and probed."""
        return self.has_credentials and not self.observe

    @property
    def warnings(self) -> tuple[str, ...]:
        """What works and should not stay so, each as one line that says what would be right."""
        if not self.videosdk_api_url.lower().startswith("http://"):
            return ()
        if is_loopback(urlsplit(self.videosdk_api_url).hostname or ""):
            return ()
        exposed = "tokens, and the key that webhooks are checked with, can be read and changed on the way"
        return (f"VIDEOSDK_API_URL is {self.videosdk_api_url}: {exposed}; use https://",)

    @property
    def receive_only(self) -> bool:
        """Record and notify; no calls, no probes."""
        return not self.has_credentials


def load(environ: Mapping[str, str], *, dotenv: Path | None = Path(".env")) -> Settings:
    """The settings of `environ`, then of the file `dotenv`; set but empty counts as unset."""
    variables = _merged(environ, None if COMPLETE in environ else dotenv)
    reader = _Reader(variables)
    take, secret = reader.take, reader.take_secret
    settings = Settings(
        port=take("PORT", values.whole(1, 65535), 8000),
        host=take("HOST", values.host, "127.0.0.1"),
        data_dir=take("DATA_DIR", Path, Path("var")),
        redis_url=take("REDIS_URL", values.redis_url, None),
        sentinel_username=take("SENTINEL_USERNAME", values.printable, None),
        sentinel_password=secret("SENTINEL_PASSWORD", values.printable),
        ack_replicas=take("ACK_REPLICAS", values.whole(0, 16), 0),
        videosdk_api_key=secret("VIDEOSDK_API_KEY", values.credential),
        videosdk_secret=secret("VIDEOSDK_SECRET", values.credential),
        videosdk_api_url=take("VIDEOSDK_API_URL", values.api_url, VIDEOSDK_API_URL),
        videosdk_public_key=take("VIDEOSDK_PUBLIC_KEY", values.public_key, None),
        public_url=take("PUBLIC_URL", values.public_url, None),
        webhook_token=secret("WEBHOOK_TOKEN", values.url_token),
        rooms=take("ROOMS", values.globs, ("*",)),
        max_streams=take("MAX_STREAMS", values.whole(1, 100_000), None),
        max_stream_duration_s=take("MAX_STREAM_DURATION", values.duration(60, 30 * 86_400), MAX_STREAM_S),
        admin_token=secret("ADMIN_TOKEN", values.token),
        viewer_token=secret("VIEWER_TOKEN", values.token),
        secrets_key=secret("SECRETS_KEY", values.token),
        allow_networks=take("ALLOW_NETWORKS", values.networks, ()),
        config_file=take("CONFIG_FILE", values.existing_file, None),
        heartbeat_url=secret("HEARTBEAT_URL", values.fetched_url),
        trusted_proxies=take("TRUSTED_PROXIES", values.networks, values.LOOPBACK_NETWORKS),
        ca_file=reader.take_first(("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"), values.ca_file, None),
        https_proxy=reader.take_first(("https_proxy", "HTTPS_PROXY"), values.proxy, None),
        http_proxy=reader.take_first(("http_proxy", "HTTP_PROXY"), values.proxy, None),
        no_proxy=reader.take_first(("no_proxy", "NO_PROXY"), values.no_proxy, ()),
        live_links=take("LIVE_LINKS", values.switch, False),
        observe=take("OBSERVE", values.switch, False),
        retention_days=take("RETENTION_DAYS", values.whole(1, 3650), 30),
        surface=cast(Surface, take("SURFACE", values.choice("all", "receiver", "console"), "all")),
        web_threads=take("WEB_THREADS", values.whole(1, 512), 8),
        log_format=cast(LogFormat, take("LOG_FORMAT", values.choice("text", "json"), "text")),
        log_level=cast(LogLevel, take("LOG_LEVEL", values.choice("debug", "info", "warning"), "info")),
        sandbox_url=take("TALLY_SANDBOX_URL", values.url, None),
        variables=variables,
    )
    _agree(settings)
    return settings


def environ_of(settings: Settings) -> dict[str, str]:
    """The variables from which `load` makes these settings again."""
    written = {name: str(value) for name, value in _written(settings).items() if value is not None}
    return {COMPLETE: "1"} | written


def child_environ(settings: Settings, *, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """A child's whole environment: what we were given, with these settings in place of the ones in it."""
    given = {**settings.variables, **os.environ}
    kept = {name: value for name, value in given.items() if name not in _written(settings)}
    return kept | environ_of(settings) | dict(extra or {})


def shown_settings(settings: Settings) -> dict[str, str]:
    """What is set, by name, for people: secrets are only said to be set, addresses are masked."""
    shown = {name: masked(str(value)) for name, value in _written(settings).items() if value is not None}
    return {name: "(set)" if name in SECRETS else value for name, value in shown.items()}


def _written(settings: Settings) -> dict[str, object]:
    return {
        "PORT": settings.port,
        "HOST": settings.host,
        "DATA_DIR": settings.data_dir,
        "REDIS_URL": settings.redis_url,
        "SENTINEL_USERNAME": settings.sentinel_username,
        "SENTINEL_PASSWORD": settings.sentinel_password,
        "ACK_REPLICAS": settings.ack_replicas,
        "VIDEOSDK_API_KEY": settings.videosdk_api_key,
        "VIDEOSDK_SECRET": settings.videosdk_secret,
        "VIDEOSDK_API_URL": settings.videosdk_api_url,
        "VIDEOSDK_PUBLIC_KEY": settings.videosdk_public_key,
        "PUBLIC_URL": settings.public_url,
        "WEBHOOK_TOKEN": settings.webhook_token,
        "ROOMS": ",".join(settings.rooms),
        "MAX_STREAMS": settings.max_streams,
        "MAX_STREAM_DURATION": format_duration(settings.max_stream_duration_s),
        "ADMIN_TOKEN": settings.admin_token,
        "VIEWER_TOKEN": settings.viewer_token,
        "SECRETS_KEY": settings.secrets_key,
        "ALLOW_NETWORKS": ",".join(map(str, settings.allow_networks)) or None,
        "CONFIG_FILE": settings.config_file,
        "HEARTBEAT_URL": settings.heartbeat_url,
        "TRUSTED_PROXIES": ",".join(map(str, settings.trusted_proxies)),
        "SSL_CERT_FILE": settings.ca_file,
        "HTTPS_PROXY": settings.https_proxy,
        "HTTP_PROXY": settings.http_proxy,
        "NO_PROXY": ",".join(settings.no_proxy) or None,
        "LIVE_LINKS": int(settings.live_links),
        "OBSERVE": int(settings.observe),
        "RETENTION_DAYS": settings.retention_days,
        "SURFACE": settings.surface,
        "WEB_THREADS": settings.web_threads,
        "LOG_FORMAT": settings.log_format,
        "LOG_LEVEL": settings.log_level,
        "TALLY_SANDBOX_URL": settings.sandbox_url,
    }


def _merged(environ: Mapping[str, str], dotenv: Path | None) -> dict[str, str]:
    from_file: Iterable[tuple[str, str | None]] = ()
    if dotenv is not None and dotenv.is_file():
        from dotenv import dotenv_values

        try:
            from_file = dotenv_values(dotenv, interpolate=False).items()
        except (OSError, UnicodeDecodeError) as wrong:
            raise SettingError(f"{dotenv} cannot be read: it should be a UTF-8 text file ({wrong})") from None
    merged = {name: text.strip() for name, text in from_file if text and text.strip()}
    return merged | {name: text.strip() for name, text in environ.items() if text.strip()}


class _Reader:
    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = given

    def take(self, name: str, parse: Callable[[str], _T], default: _D) -> _T | _D:
        text = self._given.get(name)
        if text is None:
            return default
        try:
            return parse(text)
        except values.InvalidValueError as wrong:
            raise SettingError(f"{name} is {_shown(text)}: {wrong}") from None

    def take_first(self, names: Iterable[str], parse: Callable[[str], _T], default: _D) -> _T | _D:
        """The first of several variables with one meaning that is set."""
        name = next((name for name in names if name in self._given), None)
        return default if name is None else self.take(name, parse, default)

    def take_secret(self, name: str, parse: Callable[[str], str]) -> str | None:
        text = self._given.get(name)
        try:
            return None if text is None else parse(text)
        except values.InvalidValueError as wrong:
            raise SettingError(f"{name} (its value is not shown) is wrong: {wrong}") from None


def _shown(text: str) -> str:
    """The value on one line, without secrets of addresses and without key material."""
    if "-----" in text:
        return "a text in PEM"
    text = masked(re.sub(r"//.*@", "//…@", text, flags=re.DOTALL))
    return repr(text if len(text) <= _SHOWN_MAX_CHARS else text[:_SHOWN_MAX_CHARS] + "…")


def _agree(settings: Settings) -> None:
    key, secret = settings.videosdk_api_key, settings.videosdk_secret
    if (key is None) != (secret is None):
        given, missing = "VIDEOSDK_API_KEY", "VIDEOSDK_SECRET"
        if key is None:
            given, missing = missing, given
        raise SettingError(f"{missing} is unset while {given} is set: set both, or neither")
    if settings.viewer_token is not None and settings.viewer_token == settings.admin_token:
        raise SettingError("VIEWER_TOKEN is the same as ADMIN_TOKEN: it should be another one")
    if settings.sentinel_username is not None and settings.sentinel_password is None:
        raise SettingError("SENTINEL_PASSWORD is unset while SENTINEL_USERNAME is set: set both, or neither")
    if settings.ack_replicas and settings.redis_url is None:
        raise SettingError(
            f"ACK_REPLICAS is {settings.ack_replicas} while REDIS_URL is unset: it should be 0, "
            "as the embedded store has no replicas"
        )
