"""Settings: valid values are parsed, invalid ones are reported in one line that names them."""

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.support.certificates import certified
from webhook_app.config import secrets_file
from webhook_app.config.known_secrets import known_secrets
from webhook_app.config.loading import SettingError, child_environ, environ_of, load
from webhook_app.config.settings import Settings

TOKEN = "a-token-of-enough-characters"
RSA_KEY = rsa.generate_private_key(65537, 2048).public_key()
PKCS1 = RSA_KEY.public_bytes(Encoding.PEM, PublicFormat.PKCS1).decode()
SPKI = RSA_KEY.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
EC_PEM = (
    ec.generate_private_key(ec.SECP256R1())
    .public_key()
    .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    .decode()
)


def read(**environ: str) -> Settings:
    return load(environ, dotenv=None)


def bundle(directory: Path) -> Path:
    certified(directory)
    return directory / "both.pem"


def test_nothing_set_gives_the_defaults_of_the_contract() -> None:
    assert read() == Settings()
    assert read().receive_only


def test_set_but_empty_counts_as_unset() -> None:
    assert read(PORT="", REDIS_URL="  ", ADMIN_TOKEN="") == Settings()


def test_every_setting_is_parsed(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text("")
    settings = read(
        PORT="9000",
        HOST="0.0.0.0",
        DATA_DIR="/srv/tally",
        REDIS_URL="redis://:secret@localhost:6379/2",
        ACK_REPLICAS="1",
        VIDEOSDK_API_KEY="key",
        VIDEOSDK_SECRET="secret",
        VIDEOSDK_API_URL="https://api.example.com/",
        VIDEOSDK_PUBLIC_KEY=PKCS1,
        PUBLIC_URL="https://tally.example.com/",
        WEBHOOK_TOKEN="a_token-1",
        ROOMS="abcd-efgh-ijkl, team-*",
        MAX_STREAMS="5",
        MAX_STREAM_DURATION="1h30m",
        ADMIN_TOKEN=TOKEN,
        VIEWER_TOKEN=TOKEN + "2",
        ALLOW_NETWORKS="127.0.0.0/8,::1",
        CONFIG_FILE=str(tmp_path / "rules.yaml"),
        HEARTBEAT_URL="https://push.example.com/x?status=up",
        SSL_CERT_FILE=str(bundle(tmp_path)),
        HTTPS_PROXY="http://user:pass@proxy.example.com:3128",
        HTTP_PROXY="proxy.example.com",
        NO_PROXY="localhost, .example.org 10.0.0.0/8",
        LIVE_LINKS="1",
        RETENTION_DAYS="7",
        SURFACE="receiver",
        WEB_THREADS="4",
        LOG_FORMAT="json",
        LOG_LEVEL="debug",
        TALLY_SANDBOX_URL="http://127.0.0.1:9001",
    )
    assert settings.port == 9000
    assert settings.videosdk_api_url == "https://api.example.com"
    assert settings.public_url == "https://tally.example.com"
    assert settings.rooms == ("abcd-efgh-ijkl", "team-*")
    assert [str(network) for network in settings.allow_networks] == ["127.0.0.0/8", "::1/128"]
    assert settings.proxies.https == "http://user:pass@proxy.example.com:3128"
    assert settings.proxies.http == "http://proxy.example.com"
    assert settings.proxies.no_proxy == ("localhost", ".example.org", "10.0.0.0/8")
    assert settings.has_credentials
    assert settings.live_links
    assert load(environ_of(settings)) == settings


def test_the_settings_shown_show_no_secret() -> None:
    shown = repr(read(REDIS_URL="redis://:hidden@h", ADMIN_TOKEN="hidden" * 3, HEARTBEAT_URL="http://hidden"))
    assert "hidden" not in shown


@pytest.mark.parametrize(
    ("name", "value", "right"),
    [
        ("PORT", "0", "from 1 to 65535"),
        ("PORT", "65536", "from 1 to 65535"),
        ("PORT", "eighty", "from 1 to 65535"),
        ("PORT", "٨٠", "from 1 to 65535"),
        ("HOST", "not a host", "an address or a host name"),
        ("HOST", "256.0.0.1", "an address or a host name"),
        ("REDIS_URL", "localhost:6379", "redis://"),
        ("REDIS_URL", "http://localhost", "redis://"),
        ("REDIS_URL", "redis://localhost:port", "redis://"),
        ("REDIS_URL", "unix://relative", "unix:///"),
        ("REDIS_URL", "redis+sentinel://host:26379", "redis+sentinel://host:port,host:port/service/db"),
        ("REDIS_URL", "redis+sentinel://a:1,b:99999/main", "redis+sentinel://host:port,host:port/service/db"),
        ("REDIS_URL", "redis+sentinel:///main", "host:port"),
        ("REDIS_URL", "redis+sentinel://::1:26379/main", "[::1]:26379"),
        ("REDIS_URL", "redis+sentinel://[::1/main", "[IPv6]:port"),
        ("REDIS_URL", "redis+sentinel://[::1]x/main", "[IPv6]:port"),
        ("REDIS_URL", "redis+sentinel://a:port/main", "[IPv6]:port"),
        ("REDIS_URL", "redis+sentinel://a:0/main", "from 1 to 65535"),
        ("REDIS_URL", "redis+sentinel://a,,b/main", "separated by commas"),
        ("REDIS_URL", "redis+sentinel://a/main/zero", "number of a database"),
        ("REDIS_URL", "redis+sentinel://a/main?x=1", "without a query"),
        ("REDIS_URL", "redis://::1:6379/0", "redis://[::1]:6379/0"),
        ("REDIS_URL", "redis://h:0/0", "redis://host:port/db"),
        ("REDIS_URL", "redis://h/0?colour=red", "no option 'colour'"),
        ("REDIS_URL", "redis://h/0?decode_responses=true", "no option 'decode_responses'"),
        ("REDIS_URL", "unix:///run/s?db=first", "option 'db'"),
        ("SENTINEL_PASSWORD", "with\ttab", "control characters"),
        ("ACK_REPLICAS", "-1", "from 0 to 16"),
        ("VIDEOSDK_API_URL", "api.videosdk.live", "http:// or https://"),
        ("VIDEOSDK_API_URL", "https://api.videosdk.live/v2", "without /v2"),
        ("VIDEOSDK_PUBLIC_KEY", "/no/such/file.pem", "path of a readable file"),
        ("VIDEOSDK_PUBLIC_KEY", "-----BEGIN PUBLIC KEY-----\nx\n-----END PUBLIC KEY-----", "RSA public key"),
        ("VIDEOSDK_PUBLIC_KEY", EC_PEM, "RSA public key"),
        ("PUBLIC_URL", "https://example.com/?a=b", "host and path only"),
        ("PUBLIC_URL", "https://user:pw@example.com", "host and path only"),
        ("PUBLIC_URL", "ftp://example.com", "http:// or https://"),
        ("WEBHOOK_TOKEN", "with/slash", "letters, digits"),
        ("WEBHOOK_TOKEN", "short", "8 to 128"),
        ("ROOMS", "a,,b", "comma-separated"),
        ("ROOMS", "a b", "comma-separated"),
        ("MAX_STREAMS", "0", "from 1"),
        ("MAX_STREAM_DURATION", "7200", "such as 2h"),
        ("MAX_STREAM_DURATION", "5s", "from 1m to"),
        ("ADMIN_TOKEN", "short", "16 to 512"),
        ("VIEWER_TOKEN", "with a space in between", "without spaces"),
        ("ALLOW_NETWORKS", "10.0.0.0/33", "127.0.0.0/8"),
        ("ALLOW_NETWORKS", "10.0.0.1/8", "be 10.0.0.0/8"),
        ("CONFIG_FILE", "/no/such/file.yaml", "an existing file"),
        ("HEARTBEAT_URL", "hc-ping.com/uuid", "http:// or https://"),
        ("LIVE_LINKS", "maybe", "1 (on) or 0 (off)"),
        ("RETENTION_DAYS", "0", "from 1 to 3650"),
        ("RETENTION_DAYS", "3651", "from 1 to 3650"),
        ("SURFACE", "api", "all or receiver or console"),
        ("TRUSTED_PROXIES", "10.0.0.0/33", "comma-separated networks"),
        ("TRUSTED_PROXIES", "proxy.example", "comma-separated networks"),
        ("TRUSTED_PROXIES", "10.1.0.0/8", "10.0.0.0/8"),
        ("WEB_THREADS", "0", "from 1 to 512"),
        ("LOG_FORMAT", "xml", "text or json"),
        ("LOG_LEVEL", "loud", "debug or info or warning"),
    ],
)
def test_a_wrong_setting_is_reported_in_one_line_with_what_is_right(name: str, value: str, right: str) -> None:
    with pytest.raises(SettingError) as raised:
        read(**{name: value})
    line = str(raised.value)
    assert line.startswith(name)
    assert right in line
    assert "\n" not in line


@pytest.mark.parametrize(
    "environ",
    [
        {"ADMIN_TOKEN": "hunter2"},
        {"WEBHOOK_TOKEN": "hunter2/"},
        {"VIDEOSDK_SECRET": "hunter2 x", "VIDEOSDK_API_KEY": "key"},
        {"VIDEOSDK_SECRET": "hunter2"},
        {"REDIS_URL": "redis://:hunter2@host:port"},
        {"REDIS_URL": "redis://:hunter2/@host:port"},
        {"REDIS_URL": "redis+sentinel://:hunter2@host:port/main"},
        {"REDIS_URL": "redis+sentinel://user:hunter2@[::1/main"},
        {"SENTINEL_PASSWORD": "hunter2\x01"},
        {"PUBLIC_URL": "https://user:hunter2@example.com"},
        {"PUBLIC_URL": "https://example.com/x?token=hunter2"},
        {"VIDEOSDK_API_URL": "https://hunter2@example.com"},
        {"VIDEOSDK_API_URL": "https://example.com/?sig=hunter2"},
        {"HEARTBEAT_URL": "ftp://example.com/hunter2"},
        {"VIDEOSDK_PUBLIC_KEY": "-----BEGIN RSA PRIVATE KEY-----\nhunter2\n-----END RSA PRIVATE KEY-----"},
    ],
)
def test_no_error_shows_a_secret(environ: dict[str, str]) -> None:
    with pytest.raises(SettingError) as raised:
        read(**environ)
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    "url",
    [
        "redis://localhost",
        "redis://user:p%40ss@10.0.0.1:6379/3",
        "rediss://cache.example.com:6380/0?ssl_cert_reqs=none",
        "unix:///run/valkey.sock?db=0",
        "redis+sentinel://a:26379,b:26379,c/main/0",
        "redis+sentinel://:pw@a:26379/main",
        "redis+sentinel://:p%2Fw@[::1]:26379,[fe80::1%eth0]/main",
        "rediss+sentinel://user:pw@a,b/main/2",
        "redis://[::1]:6379/0",
        "redis://[::1]",
    ],
)
def test_each_kind_of_store_address_is_taken(url: str) -> None:
    assert read(REDIS_URL=url).redis_url == url


def test_a_public_key_is_taken_as_text_as_one_line_or_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text(SPKI)
    assert read(VIDEOSDK_PUBLIC_KEY=PKCS1).videosdk_public_key == PKCS1
    assert read(VIDEOSDK_PUBLIC_KEY=SPKI.strip().replace("\n", "\\n")).videosdk_public_key == SPKI
    assert read(VIDEOSDK_PUBLIC_KEY=str(tmp_path / "key.pem")).videosdk_public_key == SPKI


@pytest.mark.parametrize(
    ("environ", "line"),
    [
        ({"VIDEOSDK_API_KEY": "key"}, "VIDEOSDK_SECRET is unset while VIDEOSDK_API_KEY is set"),
        ({"VIDEOSDK_SECRET": "secret"}, "VIDEOSDK_API_KEY is unset while VIDEOSDK_SECRET is set"),
        ({"ADMIN_TOKEN": TOKEN, "VIEWER_TOKEN": TOKEN}, "VIEWER_TOKEN is the same as ADMIN_TOKEN"),
        ({"ACK_REPLICAS": "1"}, "ACK_REPLICAS is 1 while REDIS_URL is unset"),
    ],
)
def test_settings_that_contradict_each_other_are_reported(environ: dict[str, str], line: str) -> None:
    with pytest.raises(SettingError, match=re.escape(line)):
        read(**environ)


def test_the_environment_wins_over_the_file_unless_it_is_empty(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("PORT=9000\nHOST=localhost\nROOMS=\nSLACK_URL=https://example.com/$x\n")
    settings = load({"PORT": "9001", "HOST": ""}, dotenv=dotenv)
    assert (settings.port, settings.host, settings.rooms) == (9001, "localhost", ("*",))
    assert settings.variables["SLACK_URL"] == "https://example.com/$x"


def test_a_child_reads_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("PUBLIC_URL=https://example.com\nSLACK_URL=https://example.com/slack\n")
    monkeypatch.setenv("REDIS_URL", "redis://theirs")
    environ = child_environ(read(PORT="9000", DATA_DIR="elsewhere"), extra={"MORE": "1"})
    child = load(environ, dotenv=dotenv)
    assert (child.port, child.redis_url, child.public_url) == (9000, None, None)
    assert environ["MORE"] == "1"
    assert "SLACK_URL" in child_environ(load({}, dotenv=dotenv))


def test_missing_tokens_are_created_once_and_kept(tmp_path: Path) -> None:
    settings = read(DATA_DIR=str(tmp_path / "var"), PUBLIC_URL="https://example.com")
    first, second = secrets_file.resolve(settings), secrets_file.resolve(settings)
    assert first.newly_made == {"admin_token", "webhook_token"}
    assert second.newly_made == frozenset()
    assert (first.admin_token, first.webhook_token) == (second.admin_token, second.webhook_token)
    assert load(environ_of(first)) == second
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "var").iterdir()} == {0o600}
    assert {path.name for path in (tmp_path / "var").iterdir()} == {"admin_token", "webhook_token"}


def test_a_token_that_was_given_is_used_and_no_webhook_token_is_made_without_a_public_address(
    tmp_path: Path,
) -> None:
    resolved = secrets_file.resolve(read(DATA_DIR=str(tmp_path), ADMIN_TOKEN=TOKEN))
    assert (resolved.admin_token, resolved.webhook_token) == (TOKEN, None)
    assert list(tmp_path.iterdir()) == []


def test_processes_that_start_together_agree_on_a_secret(tmp_path: Path) -> None:
    for attempt in range(20):
        path = tmp_path / f"secret-{attempt}"
        barrier = Barrier(8)

        def keep(path: Path = path, barrier: Barrier = barrier) -> secrets_file.StoredSecret:
            barrier.wait(10)
            return secrets_file.load_or_create(path)

        with ThreadPoolExecutor(8) as pool:
            kept = [future.result() for future in [pool.submit(keep) for _ in range(8)]]
        assert {token.value for token in kept} == {path.read_text().strip()}
        assert [token.new for token in kept].count(True) == 1


def test_an_empty_secret_file_is_reported(tmp_path: Path) -> None:
    (tmp_path / "admin_token").write_text("\n")
    with pytest.raises(SettingError, match="admin_token is empty: delete it"):
        secrets_file.resolve(read(DATA_DIR=str(tmp_path)))


def test_a_data_directory_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingError, match="DATA_DIR must be a directory we can write to"):
        secrets_file.resolve(read(DATA_DIR=str(tmp_path / "file")))


@pytest.mark.parametrize(
    ("url", "count"),
    [
        ("https://api.videosdk.live", 0),
        ("http://127.0.0.1:8001", 0),
        ("http://localhost:8001", 0),
        ("http://[::1]:8001", 0),
        ("http://api.videosdk.live", 1),
        ("HTTP://192.168.1.5:8001", 1),
        ("http://localhost.example", 1),
    ],
)
def test_a_videosdk_address_without_tls_is_warned_of_unless_it_is_this_machine(url: str, count: int) -> None:
    warnings = read(VIDEOSDK_API_URL=url).warnings
    assert len(warnings) == count
    assert all("https://" in line and "\n" not in line for line in warnings)


@pytest.mark.parametrize(
    ("variables", "proxy"),
    [
        ({"HTTPS_PROXY": "http://upper:1"}, "http://upper:1"),
        ({"https_proxy": "http://lower:1"}, "http://lower:1"),
        ({"HTTPS_PROXY": "http://upper:1", "https_proxy": "http://lower:1"}, "http://lower:1"),
        ({"HTTPS_PROXY": "https://tls.example:1/"}, "https://tls.example:1"),
        ({"HTTPS_PROXY": "proxy:3128"}, "http://proxy:3128"),
        ({"HTTP_PROXY": "http://plain:1"}, None),
    ],
)
def test_proxies_are_read_in_either_case_and_without_a_scheme(variables: dict[str, str], proxy: str | None) -> None:
    assert load(variables, dotenv=None).proxies.https == proxy


@pytest.mark.parametrize(
    "value", ["socks5://h:1080", "http://", "http://h:99999", "http://h/path", "http://h:0", "a b"]
)
def test_a_proxy_that_cannot_be_used_is_refused(value: str) -> None:
    with pytest.raises(SettingError, match=r"HTTPS_PROXY.*it should be an HTTP proxy, such as http://"):
        read(HTTPS_PROXY=value)


def test_a_password_of_a_proxy_is_shown_nowhere() -> None:
    settings = read(HTTPS_PROXY="http://user:hidden-word@h:1")
    assert "hidden-word" not in repr(settings)
    assert "hidden-word" not in known_secrets(settings).masked("cannot connect to http://user:hidden-word@h:1")
    with pytest.raises(SettingError) as wrong:
        read(HTTPS_PROXY="socks5://user:hidden-word@h:1")
    assert "hidden-word" not in str(wrong.value)


def test_a_bundle_of_authorities_is_read_at_start(tmp_path: Path) -> None:
    good, text = bundle(tmp_path), tmp_path / "text"
    text.write_text("no certificate")
    assert read(SSL_CERT_FILE=str(good)).ca_file == good
    assert read(REQUESTS_CA_BUNDLE=str(good)).ca_file == good
    for path in (text, tmp_path, tmp_path / "missing"):
        with pytest.raises(SettingError, match=r"SSL_CERT_FILE.*PEM file with certificates"):
            read(SSL_CERT_FILE=str(path))
