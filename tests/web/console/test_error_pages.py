"""Errors: a page that explains for browsers, a problem document with a reason code for programs."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.support.values import found_group
from tests.support.web_client import ADMIN_TOKEN, PROBLEM, ROOM, VIEWER_TOKEN, WebClient, append, fold_all
from webhook_app.api.schemas import ProblemSchema
from webhook_app.domain.events import Source
from webhook_app.error_reasons import MEANINGS, ErrorReason
from webhook_app.problems.problems import DESCRIPTIONS
from webhook_app.problems.reasons import BY_STATUS
from webhook_app.store.connection.clients import Client
from webhook_app.store.journal.journal import entry

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
RULE = {"name": "of-the-file", "rooms": ["*"], "when": "room.on_air", "do": "end"}


@pytest.fixture
def web_client(client: Client, store_url: str, tmp_path: Path) -> Any:
    return WebClient(store_url, tmp_path, config_file=Path("/etc/tally.yaml"))


def log_in(visitor: Any, token: Any) -> Any:
    csrf = found_group(r'name="csrf" value="([^"]+)"', visitor.get("/login").get_data(as_text=True))
    assert visitor.post("/login", data={"token": token, "csrf": csrf}).status_code == 303
    return visitor


@pytest.mark.parametrize("path", ["/nonsense", "/nonsense/deep?x=1", "/static/none.css/", "/apiary", "/metrics/none"])
def test_a_browser_gets_an_error_page_at_an_unknown_path(web_client: WebClient, path: str) -> None:
    answer = web_client.http.get(path, headers=BROWSER)
    page = answer.get_data(as_text=True)
    assert (answer.status_code, answer.mimetype) == (404, "text/html")
    assert "Not found" in page
    assert "Back to On air" in page
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("accept", ["*/*", "application/json", "", "application/problem+json, text/html;q=0.5"])
def test_an_api_client_gets_a_problem_document_at_an_unknown_path(web_client: WebClient, accept: str) -> None:
    answer = web_client.http.get("/nonsense", headers={"Accept": accept})
    assert (answer.status_code, answer.content_type) == (404, PROBLEM)
    assert answer.get_json()["reason"] == "not-found"


@pytest.mark.parametrize("path", ["/api/v1/rooms", "/api/v1/nonsense", "/api", "/webhooks/nonsense"])
def test_the_api_answers_with_problem_documents_to_browsers_too(web_client: WebClient, path: str) -> None:
    answer = web_client.http.get(path, headers=BROWSER)
    assert answer.content_type == PROBLEM
    assert answer.get_json()["reason"] in set(ErrorReason)


def test_a_receiver_without_pages_answers_with_problem_documents(store_url: str, tmp_path: Path) -> None:
    web_client = WebClient(store_url, tmp_path, surface="receiver")
    assert web_client.http.get("/nonsense", headers=BROWSER).content_type == PROBLEM


def test_a_browser_gets_an_error_page_while_the_store_is_away(tmp_path: Path) -> None:
    web_client = WebClient(f"unix://{tmp_path}/no.sock", tmp_path)
    visitor = web_client.web.app.test_client()
    answer = visitor.get("/metrics", headers=BROWSER)
    assert answer.status_code == 503
    assert "Store unavailable" in answer.get_data(as_text=True)
    assert web_client.api("GET", "/rooms").json["reason"] == "unavailable"


def file_applied(client: Client) -> None:
    append(client, entry(Source.CONFIG, "file-applied", None, {"rooms": {}, "rules": [RULE]}))
    fold_all(client)


def test_a_rule_of_the_file_says_where_it_is_changed(client: Client, web_client: WebClient) -> None:
    file_applied(client)
    visitor = log_in(web_client.web.app.test_client(), ADMIN_TOKEN)
    answer = visitor.get("/rules/of-the-file/edit", headers=BROWSER)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 409
    assert "managed by tally.yaml" in page
    assert 'href="/rules/of-the-file"' in page
    refused = web_client.api("DELETE", "/rules/of-the-file")
    assert (refused.status_code, refused.json["reason"]) == (409, "from-file")


ADMIN_PAGES = ["/new-rule", "/new-subscriber", f"/rooms/{ROOM}/start", "/rules/of-the-file/edit"]


@pytest.mark.parametrize("path", ADMIN_PAGES)
def test_the_error_page_for_a_viewer_asks_for_the_admin_token(
    client: Client, store_url: str, tmp_path: Path, path: Any
) -> None:
    web_client = WebClient(store_url, tmp_path, viewer_token=VIEWER_TOKEN)
    file_applied(client)
    visitor = log_in(web_client.web.app.test_client(), VIEWER_TOKEN)
    answer = visitor.get(path, headers=BROWSER, follow_redirects=True)
    page = answer.get_data(as_text=True)
    assert "requires the admin token" in page
    assert "read-only viewer token" in page
    assert f'name="back" value="{path}"' in page


def test_after_the_admin_token_the_requested_page_opens(store_url: str, client: Client, tmp_path: Path) -> None:
    web_client = WebClient(store_url, tmp_path, viewer_token=VIEWER_TOKEN)
    visitor = log_in(web_client.web.app.test_client(), VIEWER_TOKEN)
    form = visitor.get("/new-rule", follow_redirects=True).get_data(as_text=True)
    fields = dict(re.findall(r'name="(csrf|back|need)" value="([^"]+)"', form.split("<main", 1)[1]))
    answer = visitor.post("/login", data={"token": ADMIN_TOKEN, **fields})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/new-rule")
    assert visitor.get("/new-rule").status_code == 200


def test_a_wrong_token_keeps_the_reason_and_the_way_back(web_client: WebClient) -> None:
    visitor = web_client.web.app.test_client()
    form = visitor.get("/login?need=admin&back=/new-rule").get_data(as_text=True)
    fields = dict(re.findall(r'name="(csrf|back|need)" value="([^"]+)"', form))
    page = visitor.post("/login", data={"token": "wrong", **fields}).get_data(as_text=True)
    assert "requires the admin token" in page
    assert 'name="back" value="/new-rule"' in page


@pytest.mark.parametrize(
    ("method", "path", "body", "reason"),
    [
        ("GET", "/rules/none", None, "not-found"),
        ("PUT", "/rules/none", {"rooms": []}, "invalid"),
        ("GET", "/rooms?limit=0", None, "invalid"),
        ("GET", "/rooms?cursor=wrong", None, "invalid"),
        ("PATCH", "/rooms", None, "method-not-allowed"),
        ("POST", "/rules/when/skip-next", None, "no-schedule"),
        ("GET", "/rules/when/occurrences", None, "no-schedule"),
        ("PUT", "/rules/of-the-file", RULE, "from-file"),
    ],
)
def test_every_refusal_of_the_api_has_a_reason(
    client: Client, web_client: WebClient, method: str, path: str, body: Any, reason: str
) -> None:
    file_applied(client)
    append(client, entry(Source.CONFIG, "rule-put", None, {"rule": RULE | {"name": "when", "do": "end"}}))
    fold_all(client)
    answer = web_client.api(method, path, body)
    assert answer.content_type == PROBLEM
    assert answer.json["reason"] == reason
    assert ProblemSchema().validate(answer.json) == {}


def test_refusals_by_token_have_reasons(web_client: WebClient) -> None:
    assert web_client.api("GET", "/rooms", token=None).json["reason"] == "token-needed"
    viewers = web_client.api("POST", f"/rooms/{ROOM}/start", {}, token=web_client.settings.viewer_token or "x")
    assert viewers.json["reason"] in ("admin-needed", "token-needed")


def test_the_receivers_refusals_have_reasons(web_client: WebClient) -> None:
    answer = web_client.webhook(b"{}", signed=None)
    assert answer.status_code == 401
    assert json.loads(answer.get_data())["reason"] == "signature-invalid"


def test_each_reason_has_a_meaning_and_each_status_a_reason() -> None:
    assert set(MEANINGS) == set(ErrorReason)
    assert set(DESCRIPTIONS) <= {*BY_STATUS, 500}
