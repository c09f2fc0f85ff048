"""Generates the reference pages from code: settings, metrics, alarms, reasons, sandbox, API. Run by `make docs`."""

import json
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sandbox.index_endpoints import NOTES, SANDBOX, VIDEOSDK, Endpoint
from sandbox.open_points import describe_forms
from tests.support.paths import ROOT
from tests.support.web_client import WebClient
from tests.tools.reference_texts import (
    ALARMS_HEAD,
    API_CALLS_HEAD,
    API_HEAD,
    API_REASONS_HEAD,
    METRICS_HEAD,
    METRICS_TAIL,
    REASONS_HEAD,
    SANDBOX_FAULTS,
    SANDBOX_HEAD,
    SANDBOX_POINTS,
    SETTINGS_HEAD,
)
from webhook_app.config.variables import VARIABLES
from webhook_app.console.components.alarm_advice import ADVICE
from webhook_app.domain.alarms.alarm import AlarmName
from webhook_app.domain.alarms.titles import ALARM_TITLES
from webhook_app.domain.explanations import code_text
from webhook_app.domain.reasons import Reason
from webhook_app.error_reasons import MEANINGS
from webhook_app.ops.metrics import StoreMetrics
from webhook_app.store.connection.clients import Client, connect
from workers.dev.embedded_store.server import EmbeddedStore

REFERENCE = ROOT / "docs" / "reference"
METHODS = ("get", "post", "put", "patch", "delete")


def env_example() -> str:
    """`.env.example`: every variable, commented out, below its help."""
    lines = [
        "# Tallylight's settings. Copy this file to .env and uncomment what you want to change.",
        "# Environment variables override .env; set but empty counts as unset.",
    ]
    for variable in VARIABLES:
        if variable.is_internal:
            continue
        if variable.help:
            lines += ["", *textwrap.wrap(variable.help, 118, initial_indent="# ", subsequent_indent="# ")]
        lines.append(f"# {variable.name}={variable.example}")
    return "\n".join(lines) + "\n"


def settings_page() -> str:
    """The settings page: each variable with its default and its help."""
    rows: list[str] = []
    help_text = ""
    for variable in VARIABLES:
        if variable.is_internal:
            continue
        help_text = variable.help or help_text
        default = f"`{variable.example}`" if variable.example else "unset"
        rows.append(f"| `{variable.name}` | {default} | {help_text} |")
    return SETTINGS_HEAD + "\n".join(rows) + "\n"


def alarms_page() -> str:
    """The alarms page: every kind of alarm, and what to do about it."""
    return ALARMS_HEAD + "".join(f"| `{name.value}` | {ALARM_TITLES[name]} | {ADVICE[name]} |\n" for name in AlarmName)


def reasons_page() -> str:
    """The reasons page: every code and its text."""
    return REASONS_HEAD + "".join(f"| `{reason.value}` | {code_text(reason)} |\n" for reason in Reason)


def sandbox_page() -> str:
    """The sandbox page: endpoints, faults and undocumented behaviour."""
    rows = "".join(
        f"| `{name}` | {' '.join(f'`{value}`' for value in point['values'].split('|'))} | "
        f"`{json.dumps(point['default'])}` | {point['about']} |\n"
        for name, point in describe_forms().items()
    )
    return (
        f"{SANDBOX_HEAD}## VideoSDK's endpoints\n\n{_endpoints(VIDEOSDK)}\n"
        f"## Sandbox endpoints\n\n{_endpoints(SANDBOX)}"
        f"{SANDBOX_FAULTS}{SANDBOX_POINTS}{rows}\n## Notes\n\n" + "".join(f"- {note}\n" for note in NOTES)
    )


def _endpoints(endpoints: tuple[Endpoint, ...]) -> str:
    return "".join(
        f"- **`{endpoint.method} {endpoint.path}`** {endpoint.about}"
        + (f" `{endpoint.body}`" if endpoint.body else "")
        + "\n"
        for endpoint in endpoints
    )


def metrics_page(client: Client) -> str:
    """The metrics page: each metric with its labels."""
    rows = []
    for family in StoreMetrics(client).collect():
        name = family.name + ("_total" if family.type == "counter" else "")
        labels = ", ".join(f"`{label}`" for label in family._labelnames)  # type: ignore[attr-defined]  # a family has it, Metric does not
        rows.append(f"| `{name}` | {family.type} | {labels} | {family.documentation} |")
    return METRICS_HEAD + "\n".join(rows) + "\n" + METRICS_TAIL


def description() -> dict[str, Any]:
    """The OpenAPI description; needs no store."""
    response = WebClient("unix:///nowhere.sock", Path("/nonexistent")).http.get("/openapi.json")
    spec: dict[str, Any] = json.loads(response.get_data())
    return spec


def api_page() -> str:
    """The API page: each call with its parameters and responses."""
    reasons = "".join(f"| `{reason}` | {meaning} |\n" for reason, meaning in MEANINGS.items())
    return API_HEAD + API_REASONS_HEAD + reasons + API_CALLS_HEAD + "\n".join(_calls(description()))


def _calls(spec: dict[str, Any]) -> Iterator[str]:
    tag = None
    for path, item in sorted(spec["paths"].items(), key=lambda entry: _order(spec, *entry)):
        for method in METHODS:
            if method not in item:
                continue
            operation = item[method]
            if operation["tags"][0] != tag:
                tag = operation["tags"][0]
                yield f"\n### {tag.capitalize()}\n"
            yield _call(method, path, operation)


def _order(spec: dict[str, Any], path: str, item: dict[str, Any]) -> tuple[int, str]:
    tags = [tag["name"] for tag in spec["tags"]]
    operation = next(item[method] for method in METHODS if method in item)
    return tags.index(operation["tags"][0]), path


def _call(method: str, path: str, operation: dict[str, Any]) -> str:
    parts = [f"- **`{method.upper()} {path}`** {operation['summary']}"]
    for place, title in (("query", "Query"), ("header", "Headers")):
        names = [f"`{parameter['name']}`" for parameter in operation["parameters"] if parameter["in"] == place]
        if names:
            parts.append(f"{title}: {', '.join(names)}.")
    bodies = [f"`{_schema(media)}`" for media in operation.get("requestBody", {}).get("content", {}).values()]
    if bodies:
        parts.append(f"Body: {', '.join(bodies)}.")
    successes = [
        f"{code} {' '.join(f'`{_schema(media)}`' for media in response.get('content', {}).values())}".strip()
        for code, response in operation["responses"].items()
        if int(code) < 300
    ]
    errors = [code for code in operation["responses"] if int(code) >= 400]
    parts.append(f"Responses: {', '.join(successes)}; errors {', '.join(errors)}.")
    return " ".join(parts)


def _schema(media: dict[str, Any]) -> str:
    return str(media["schema"].get("$ref", "text").rpartition("/")[2])


def main() -> None:
    """Write all pages."""
    REFERENCE.mkdir(parents=True, exist_ok=True)
    (ROOT / ".env.example").write_text(env_example(), "utf-8")
    (REFERENCE / "settings.md").write_text(settings_page(), "utf-8")
    (REFERENCE / "alarms.md").write_text(alarms_page(), "utf-8")
    (REFERENCE / "reasons.md").write_text(reasons_page(), "utf-8")
    (REFERENCE / "sandbox.md").write_text(sandbox_page(), "utf-8")
    (REFERENCE / "api.md").write_text(api_page(), "utf-8")
    with tempfile.TemporaryDirectory() as directory:
        store = EmbeddedStore(Path(directory), print_line=lambda line: None)
        store.start()
        try:
            (REFERENCE / "metrics.md").write_text(metrics_page(connect(store.url)), "utf-8")
        finally:
            store.stop()


if __name__ == "__main__":
    main()
