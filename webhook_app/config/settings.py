"""All settings of the product, parsed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from webhook_app.config import values
from webhook_app.config.sentinel_url import Login
from webhook_app.domain.rules.config import MAX_STREAM_S
from webhook_app.outbound.addresses import Network, is_loopback
from webhook_app.outbound.proxies import Proxies

Surface = Literal["all", "receiver", "console"]
LogFormat = Literal["text", "json"]
LogLevel = Literal["debug", "info", "warning"]

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})  # values of HOST with which only this machine has access
VIDEOSDK_API_URL = "https://api.videosdk.live"
# A process that also receives webhooks keeps fewer event streams open; further clients poll.
VIEWERS_HELD: Mapping[Surface, int] = {"all": 64, "console": 256, "receiver": 0}


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, parsed. `variables.py` says which environment variable each field is read from."""

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
    ca_file: Path | None = None
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
    sandbox_url: str | None = None  # deliveries may reach it although it is private
    newly_made: frozenset[str] = frozenset()  # names of the secrets that were just generated
    variables: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)  # for ${NAME} in files

    @property
    def viewers_held(self) -> int:
        """How many event streams one process keeps open."""
        return VIEWERS_HELD[self.surface]

    @property
    def sentinel_login(self) -> Login:
        """The login of the sentinels; that of the store is part of `redis_url`."""
        return Login(self.sentinel_username, self.sentinel_password)

    @property
    def proxies(self) -> Proxies:
        """The proxies for outbound requests; deliveries and channels use none."""
        return Proxies(self.https_proxy, self.http_proxy, self.no_proxy)

    @property
    def has_credentials(self) -> bool:
        """Whether VideoSDK credentials are set."""
        return self.videosdk_api_key is not None and self.videosdk_secret is not None

    @property
    def makes_calls(self) -> bool:
        """Whether VideoSDK is called and probed."""
        return self.has_credentials and not self.observe

    @property
    def warnings(self) -> tuple[str, ...]:
        """Settings that work but should be changed, one line each."""
        if not self.videosdk_api_url.lower().startswith("http://"):
            return ()
        if is_loopback(urlsplit(self.videosdk_api_url).hostname or ""):
            return ()
        exposed = "tokens and the key that verifies webhooks can be read and changed in transit"
        return (f"VIDEOSDK_API_URL is {self.videosdk_api_url}: {exposed}; use https://",)

    @property
    def receive_only(self) -> bool:
        """Whether this instance only records and notifies: it has no credentials."""
        return not self.has_credentials
