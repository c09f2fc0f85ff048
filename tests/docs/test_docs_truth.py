"""Documentation names only alarms, metrics, API calls and tests that exist, and the alarms that refusals raise."""

import re
from pathlib import Path

import pytest

from tests.domain.control.test_refusals import SESSION_LIVE, refuse
from tests.support.product import TREE
from tests.support.scenario import with_session
from tests.tools.reference_pages import REFERENCE, alarms_page, description
from webhook_app.console.components.alarm_advice import ADVICE
from webhook_app.domain.alarms.alarm import AlarmName
from webhook_app.domain.alarms.titles import ALARM_TITLES

DOCS = TREE / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), *TREE.glob("*.md")])
DECISIONS = DOCS / "adr"
# Read by libraries or shells, or names of the reader's own in examples.
OTHER_VARIABLES = frozenset({"PYTHONTZPATH", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "ALL_PROXY", "NO_COLOR"})
ROOT_PATHS = frozenset({"/healthz", "/readyz", "/metrics", "/openapi.json", "/docs", "/live", "/webhooks", "/doctor"})
_CALL = re.compile(r"`(GET|POST|PUT|PATCH|DELETE) (/[^`\s?]*)[^`]*`")
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
_METRIC = re.compile(r"\btallylight_[a-z_]+[a-z]\b")
_ALARM = re.compile(r"\balarms? `([a-z][a-z-]+)`")
_REFUSAL_ROW = re.compile(r"^\| ([0-9, ]+) \| `([a-z-]+)` \|", re.M)


def name_of(path: Path) -> str:
    return str(path.relative_to(TREE))


def test_the_alarms_page_is_up_to_date() -> None:
    assert (REFERENCE / "alarms.md").read_text("utf-8") == alarms_page()


@pytest.mark.parametrize("name", list(AlarmName))
def test_every_alarm_has_a_title_and_says_what_to_do(name: AlarmName) -> None:
    assert ALARM_TITLES[name] and ADVICE[name]


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_every_alarm_on_a_page_is_one_that_can_be_raised(path: Path) -> None:
    assert set(_ALARM.findall(path.read_text("utf-8"))) <= {name.value for name in AlarmName}


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_every_metric_on_a_page_is_exported(path: Path) -> None:
    exported = set(_METRIC.findall((REFERENCE / "metrics.md").read_text("utf-8")))
    exported |= {f"{name}_{part}" for name in exported for part in ("bucket", "sum", "count")}
    assert set(_METRIC.findall(path.read_text("utf-8"))) <= exported


def _path_patterns() -> list[re.Pattern[str]]:
    paths = description()["paths"]
    return [re.compile(re.sub(r"\\?\{[^}]+\\?\}", "[^/]+", path.removeprefix("/api/v1"))) for path in paths]


@pytest.mark.parametrize("path", [page for page in PAGES if page.parent != DECISIONS], ids=name_of)
def test_every_api_call_on_a_page_exists(path: Path) -> None:
    if path.name in ("what-is-controlled.md", "sandbox.md", "create-a-room.md", "limits.md"):
        return  # they name VideoSDK's and the sandbox's calls
    patterns = _path_patterns()
    for method, api_path in _CALL.findall(path.read_text("utf-8")):
        if "/" + api_path.split("/")[1] in ROOT_PATHS or api_path.startswith(("/v2", "/sandbox")):
            continue
        relative = api_path.removeprefix("/api/v1").rstrip("/") or "/"
        assert any(pattern.fullmatch(relative) for pattern in patterns), f"{method} {api_path}"


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_every_test_that_a_page_names_exists(path: Path) -> None:
    for file, test in _TEST.findall(path.read_text("utf-8")):
        assert re.search(rf"^(async )?def {test}\(", (TREE / file).read_text("utf-8"), re.M), f"{file}::{test}"


def _refusals() -> list[tuple[int, str]]:
    rows = _REFUSAL_ROW.findall((DOCS / "operations.md").read_text("utf-8"))
    return [(int(status), alarm) for statuses, alarm in rows for status in statuses.split(",")]


def test_the_table_of_refusals_covers_what_videosdk_documents() -> None:
    assert {status for status, _ in _refusals()} >= {400, 401, 402, 403, 404, 406, 409, 422, 429}


@pytest.mark.parametrize(("status", "alarm"), _refusals())
def test_a_refused_start_raises_the_alarm_that_the_page_names(status: int, alarm: str) -> None:
    scenario = with_session()
    scenario.operator("start")
    refuse(scenario, status, {"message": "no"})
    if "call.refused" not in scenario.notices:
        scenario.probe(None, session=SESSION_LIVE)
    assert {raised.name for raised in scenario.world.alarms.values() if raised.is_active} == {alarm}
    assert scenario.world.config.settings.paused == (status == 401)
