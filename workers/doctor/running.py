"""Read the running product's settings and compare them with those of this shell."""

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field, replace
from typing import Any

import click

from webhook_app.config.loading import load, shown_settings
from webhook_app.config.settings import Settings
from webhook_app.config.variables import SECRETS
from workers.cli.api_client import ApiClient, find_product
from workers.doctor.finding import Finding, ok, warning

TIMEOUT_S = 5.0
# Settings that may differ between processes, or that only commands use.
NOT_COMPARED = SECRETS | {
    *("DATA_DIR", "SURFACE", "WEB_THREADS", "LOG_FORMAT", "LOG_LEVEL", "SSL_CERT_FILE", "TALLY_SANDBOX_URL")
}
SANDBOX_DECIDES = frozenset({"PUBLIC_URL", "VIDEOSDK_API_URL", "ACK_REPLICAS", "ROOMS"})
# Settings taken from the running product; the others are this shell's.
TAKEN_OVER = ("HOST", "PORT", "PUBLIC_URL", "VIDEOSDK_API_URL", "ROOMS", "OBSERVE", "ACK_REPLICAS", "MAX_STREAMS")


@dataclass(frozen=True, slots=True)
class RunningProduct:
    """The product according to `GET /api/v1/system`, and its active alarms by name."""

    url: str
    version: str
    settings: Mapping[str, str]
    sandbox_url: str | None
    key_known: bool
    key_pinned: bool
    key_fingerprint: str | None
    alarms: Mapping[str, str] = field(default_factory=dict)

    @property
    def has_credentials(self) -> bool:
        """Whether the product has VideoSDK credentials."""
        return "VIDEOSDK_API_KEY" in self.settings


def ask_product(settings: Settings, url: str | None) -> tuple[RunningProduct | None, str]:
    """Query the product at `url`, by default the local one; None and the reason if it does not answer."""
    try:
        api = ApiClient(find_product(settings, url))
        answer = api.request("GET", "/system", timeout_s=TIMEOUT_S)
        alarms, _ = api.items("/alarms", 500, active="true")
    except click.ClickException as error:
        return None, error.format_message()
    return product_from(api.url, answer, alarms), ""


def product_from(url: str, answer: Mapping[str, Any], alarms: list[dict[str, Any]]) -> RunningProduct:
    """Build the description from the product's answers."""
    key = answer["public_key"]
    return RunningProduct(
        url=url,
        version=str(answer["version"]),
        settings=dict(answer["settings"]),
        sandbox_url=answer["sandbox_url"],
        key_known=bool(key["known"]),
        key_pinned=bool(key["pinned"]),
        key_fingerprint=key["fingerprint"],
        alarms={str(alarm["name"]): str(alarm["summary"]) for alarm in alarms},
    )


def check_running(product: RunningProduct | None, why_not: str, shell_settings: Settings) -> Iterator[Finding]:
    """Check that the product answers, and report settings in which this shell differs."""
    if product is None:
        yield warning(
            "product",
            f"does not answer, so this shell's settings are checked: {why_not}",
            "start it, or give its address with `tally --url`",
        )
        return
    yield ok("product", f"Tallylight {product.version} answers at {product.url}")
    ignored = SANDBOX_DECIDES if product.sandbox_url is not None else frozenset()
    different = differences(product.settings, shown_settings(shell_settings), ignored)
    if different:
        yield ok("this shell", "settings differ from the product's, which are used here: " + "; ".join(different))


def differences(
    product_values: Mapping[str, str], shell_values: Mapping[str, str], ignored: Set[str] = frozenset()
) -> list[str]:
    """Describe each setting that differs between the product and this shell."""
    names = sorted((product_values.keys() | shell_values.keys()) - NOT_COMPARED - ignored)
    return [
        f"{name} is {product_values.get(name, 'unset')} there and {shell_values.get(name, 'unset')} here"
        for name in names
        if product_values.get(name) != shell_values.get(name)
    ]


def as_product_runs(shell_settings: Settings, product: RunningProduct) -> Settings:
    """Return this shell's settings with the product's values where they matter; secrets stay this shell's."""
    environ = {name: product.settings[name] for name in TAKEN_OVER if name in product.settings}
    product_values = load(environ, dotenv=None)
    return replace(
        shell_settings,
        host=product_values.host,
        port=product_values.port,
        public_url=product_values.public_url,
        videosdk_api_url=product_values.videosdk_api_url,
        rooms=product_values.rooms,
        observe=product_values.observe,
        max_streams=product_values.max_streams,
        sandbox_url=product.sandbox_url,
    )
