"""The generated reference pages are up to date; `make docs` regenerates them."""

from tests.support.paths import ROOT
from tests.tools.reference_pages import (
    REFERENCE,
    api_page,
    env_example,
    metrics_page,
    sandbox_page,
    settings_page,
)
from webhook_app.config.loading import environ_of
from webhook_app.config.settings import Settings
from webhook_app.store.connection.clients import Client

INTERNAL = {"TALLY_ENVIRON_COMPLETE", "TALLY_SANDBOX_URL"}


def test_the_settings_page_is_up_to_date() -> None:
    assert (REFERENCE / "settings.md").read_text("utf-8") == settings_page()


def test_the_example_file_is_up_to_date() -> None:
    assert (ROOT / ".env.example").read_text("utf-8") == env_example()


def test_every_setting_is_documented() -> None:
    whole = Settings(
        redis_url="x",
        videosdk_api_key="x",
        videosdk_secret="x",
        videosdk_public_key="x",
        public_url="x",
        webhook_token="x",
        max_streams=1,
        admin_token="x",
        viewer_token="x",
        heartbeat_url="x",
    )
    page = settings_page()
    assert [name for name in environ_of(whole) if name not in INTERNAL and f"| `{name}` |" not in page] == []


def test_the_metrics_page_is_up_to_date(client: Client) -> None:
    assert (REFERENCE / "metrics.md").read_text("utf-8") == metrics_page(client)


def test_the_sandbox_page_is_up_to_date() -> None:
    assert (REFERENCE / "sandbox.md").read_text("utf-8") == sandbox_page()


def test_the_api_page_is_up_to_date() -> None:
    assert (REFERENCE / "api.md").read_text("utf-8") == api_page()
