"""The environment variables: one table with each variable's name, field, reader, default and help.

`.env.example` and the settings page of the documentation are generated from this table.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from webhook_app.config import values
from webhook_app.domain.times import format_duration

MONTH_S = 30 * 86_400


def _joined(items: Iterable[object]) -> str | None:
    return ",".join(map(str, items)) or None


@dataclass(frozen=True, slots=True)
class Variable:
    """An environment variable.

    `example` is the default as .env.example shows it, empty when the variable is unset by default. A variable without
    `help` shares that of the one before it. `aliases` are read before the name itself, `fallbacks` after it.
    `is_secret` values are shown as `(set)`; `is_quoted` says whether an error may quote the value. `write` turns a
    parsed value into text again, None for unset. Internal variables are not documented.
    """

    name: str
    field: str
    read: Callable[[str], Any]
    help: str = ""
    example: str = ""
    aliases: tuple[str, ...] = ()
    fallbacks: tuple[str, ...] = ()
    is_secret: bool = False
    is_quoted: bool = True
    is_internal: bool = False
    write: Callable[[Any], object] = lambda value: value


VARIABLES: tuple[Variable, ...] = (
    Variable(
        "PORT",
        "port",
        values.integer(1, 65535),
        "Where the web process listens. The sandbox uses the port after PORT.",
        "8000",
    ),
    Variable("HOST", "host", values.host, example="127.0.0.1"),
    Variable("DATA_DIR", "data_dir", Path, "Files of the embedded store, and secrets generated on first run.", "var"),
    Variable(
        "REDIS_URL",
        "redis_url",
        values.redis_url,
        "External Redis (6.2 or newer) or Valkey (7.2 or newer): redis://, rediss://, unix:// or "
        "redis+sentinel://host:port,host:port/service/db (rediss+sentinel:// with TLS). IPv6 addresses in brackets. "
        "Unset: an embedded Valkey. Ignored in sandbox mode.",
        is_secret=True,
    ),
    Variable(
        "SENTINEL_USERNAME",
        "sentinel_username",
        values.printable,
        "Login of the sentinels. The login of the store itself belongs in REDIS_URL.",
    ),
    Variable("SENTINEL_PASSWORD", "sentinel_password", values.printable, is_secret=True, is_quoted=False),
    Variable(
        "ACK_REPLICAS",
        "ack_replicas",
        values.integer(0, 16),
        "Replicas that must confirm a webhook before 200 is returned. With Sentinel use 1: a failover may lose some.",
        "0",
    ),
    Variable(
        "VIDEOSDK_API_KEY",
        "videosdk_api_key",
        values.credential,
        "VideoSDK credentials. Unset: `make run` uses the sandbox; otherwise record-and-notify mode.",
        is_secret=True,
        is_quoted=False,
    ),
    Variable("VIDEOSDK_SECRET", "videosdk_secret", values.credential, is_secret=True, is_quoted=False),
    Variable(
        "VIDEOSDK_API_URL",
        "videosdk_api_url",
        values.api_url,
        "Base URL of VideoSDK's REST API, without /v2.",
        "https://api.videosdk.live",
    ),
    Variable(
        "VIDEOSDK_PUBLIC_KEY",
        "videosdk_public_key",
        values.public_key,
        "VideoSDK's public key as PEM (PKCS#1 or SPKI), or the path of its file. Unset: fetched and cached.",
        is_secret=True,
    ),
    Variable(
        "PUBLIC_URL",
        "public_url",
        values.public_url,
        "Public base URL, with a path if the host serves other things too, e.g. https://example.org/tally. When set, "
        "each start includes the webhook URL.",
    ),
    Variable(
        "WEBHOOK_TOKEN",
        "webhook_token",
        values.url_token,
        "Last segment of the webhook URL. Unset: generated on first run when PUBLIC_URL is set.",
        is_secret=True,
        is_quoted=False,
    ),
    Variable("ROOMS", "rooms", values.globs, "Rooms to manage: comma-separated ids or globs.", "*", write=_joined),
    Variable(
        "MAX_STREAMS",
        "max_streams",
        values.integer(1, 100_000),
        "How many HLS streams the account may run at the same time; recordings and RTMP do not count. Unset: no "
        "warnings.",
    ),
    Variable(
        "MAX_STREAM_DURATION",
        "max_stream_duration_s",
        values.duration(60, MONTH_S),
        "VideoSDK's limit on the duration of a stream. A stream that ends at that age is restarted; any other stop "
        "counts as a person's decision.",
        "2h",
        write=format_duration,
    ),
    Variable(
        "ADMIN_TOKEN",
        "admin_token",
        values.token,
        "Bearer tokens of the API, at least 16 characters; also the log-in of the console. Unset: the admin token is "
        "generated on first run and saved in DATA_DIR/admin_token; no viewer token.",
        is_secret=True,
        is_quoted=False,
    ),
    Variable("VIEWER_TOKEN", "viewer_token", values.token, is_secret=True, is_quoted=False),
    Variable(
        "SECRETS_KEY",
        "secrets_key",
        values.token,
        "Key that encrypts the URLs and secrets of subscribers and the stream keys of RTMP in the store, at least 16 "
        "characters; the same on every machine. Unset: generated on first run and saved in DATA_DIR/secrets_key.",
        is_secret=True,
        is_quoted=False,
    ),
    Variable(
        "ALLOW_NETWORKS",
        "allow_networks",
        values.networks,
        "Private networks deliveries may reach, comma-separated, e.g. 127.0.0.0/8.",
        write=_joined,
    ),
    Variable(
        "TRUSTED_PROXIES",
        "trusted_proxies",
        values.networks,
        "Networks of the reverse proxies whose X-Forwarded-For, -Proto, -Host and -Prefix headers are trusted, "
        "comma-separated. Wrong tokens are throttled by the client address that they name.",
        "127.0.0.0/8,::1/128",
        write=_joined,
    ),
    Variable(
        "SSL_CERT_FILE",
        "ca_file",
        values.ca_file,
        "PEM file with the certificate authorities that all outbound TLS connections trust, instead of the system's. "
        "Include the public ones too. Fallback: REQUESTS_CA_BUNDLE.",
        fallbacks=("REQUESTS_CA_BUNDLE",),
    ),
    Variable(
        "HTTPS_PROXY",
        "https_proxy",
        values.proxy,
        "Proxies for requests to VideoSDK, calendars, HEARTBEAT_URL and, from `tally`, PUBLIC_URL, e.g. "
        "http://proxy:3128. Lower-case names take precedence. Deliveries and channels use no proxy.",
        aliases=("https_proxy",),
        is_secret=True,
    ),
    Variable("HTTP_PROXY", "http_proxy", values.proxy, aliases=("http_proxy",), is_secret=True),
    Variable(
        "NO_PROXY",
        "no_proxy",
        values.no_proxy,
        "Hosts, domains, addresses and networks to reach without a proxy, comma-separated. This machine always is.",
        aliases=("no_proxy",),
        write=_joined,
    ),
    Variable(
        "CONFIG_FILE",
        "config_file",
        values.existing_file,
        "YAML file with rooms, rules and subscribers, applied at start and on change.",
    ),
    Variable(
        "HEARTBEAT_URL",
        "heartbeat_url",
        values.fetched_url,
        "URL to fetch every 60 s while store, workers and clock are healthy.",
        is_secret=True,
        is_quoted=False,
    ),
    Variable(
        "LIVE_LINKS",
        "live_links",
        values.boolean,
        "1: GET /live/<room>.m3u8 redirects to the room's current playback URL.",
        "0",
        write=int,
    ),
    Variable(
        "OBSERVE",
        "observe",
        values.boolean,
        "1: observe only. Webhooks are recorded; nothing is called, probed or sent, and anything due in the meantime "
        "is never sent. For restored copies.",
        "0",
        write=int,
    ),
    Variable(
        "RETENTION_DAYS",
        "retention_days",
        values.integer(1, 3650),
        "Days to keep the journal, timelines and settled deliveries.",
        "30",
    ),
    Variable(
        "SURFACE",
        "surface",
        values.choice("all", "receiver", "console"),
        "What this web process serves: all, receiver or console.",
        "all",
    ),
    Variable("WEB_THREADS", "web_threads", values.integer(1, 512), "Threads of the web process.", "8"),
    Variable("LOG_FORMAT", "log_format", values.choice("text", "json"), "Log format: text or json.", "text"),
    Variable(
        "LOG_LEVEL",
        "log_level",
        values.choice("debug", "info", "warning"),
        "Log level: debug (also logs every webhook and event), info or warning.",
        "info",
    ),
    Variable("TALLY_SANDBOX_URL", "sandbox_url", values.url, is_internal=True),
)
SECRETS = frozenset(variable.name for variable in VARIABLES if variable.is_secret)
