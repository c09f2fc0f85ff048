"""What the web serves beside the API: its description, health, the log-in, the console's page and their headers."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.support.deliverer_factory import put_delivery, subscribers_of
from tests.support.product import webhook
from tests.support.values import found_group, present
from tests.support.web_client import ADMIN_TOKEN, PROBLEM, ROOM, VIEWER_TOKEN, WebClient, append, fold_all
from webhook_app.domain.delivery.delivery import Attempt, Delivery, DeliveryState
from webhook_app.domain.delivery.subscriber import Subscriber
from webhook_app.domain.events import Source
from webhook_app.domain.notices.notice import Notice
from webhook_app.domain.times import from_rfc3339
from webhook_app.masking.url_masking import shown_url
from webhook_app.store import codec, keys
from webhook_app.store.connection.clients import Client
from webhook_app.store.journal.journal import Entry
from webhook_app.store.operations.processes import Processes

NEEDED = ("worker", "call", "deliver", "clock")
METHODS = {"get", "put", "post", "patch", "delete"}


@pytest.fixture(scope="module")
def web_client(store_url: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return WebClient(store_url, tmp_path_factory.mktemp("doors"))


@pytest.fixture
def visitor(web_client: WebClient) -> Any:
    """A browser that is not logged in."""
    return web_client.web.app.test_client()


def csrf_of(page: Any) -> Any:
    return found_group(r'name="csrf" value="([^"]+)"', page.get_data(as_text=True))


def log_in(visitor: Any, token: Any = ADMIN_TOKEN) -> Any:
    csrf = csrf_of(visitor.get("/login"))
    return visitor.post("/login", data={"token": token, "csrf": csrf})


def beat(client: Client, *names: Any) -> None:
    for name in names:
        Processes(client).record(name, "here:1")


def test_the_liveness_check_succeeds(client: Client, web_client: WebClient) -> None:
    answer = web_client.http.get("/healthz")
    assert (answer.status_code, answer.json) == (200, {"ok": True})


def test_the_liveness_check_succeeds_while_the_store_is_away(tmp_path: Path) -> None:
    web_client = WebClient(f"unix://{tmp_path}/no.sock", tmp_path)
    assert web_client.http.get("/healthz").status_code == 200
    answer = web_client.http.get("/readyz")
    assert answer.status_code == 503
    assert answer.get_json()["checks"]["store"] == {"ok": False, "problem": "no answer"}
    assert answer.get_json()["checks"]["workers"]["ok"] is False


def test_the_product_is_ready_with_store_key_and_processes(client: Client, web_client: WebClient) -> None:
    beat(client, *NEEDED)
    answer = web_client.http.get("/readyz")
    assert answer.status_code == 200
    assert answer.get_json()["ready"] is True
    assert set(answer.get_json()["checks"]) == {"store", "public_key", "workers", "clock", "journal", "loops"}
    assert all(check["ok"] for check in answer.get_json()["checks"].values())


@pytest.mark.parametrize("missing", NEEDED)
def test_a_missing_process_is_named(client: Client, web_client: WebClient, missing: Any) -> None:
    beat(client, *(name for name in NEEDED if name != missing))
    answer = web_client.http.get("/readyz")
    assert answer.status_code == 503
    checks = answer.get_json()["checks"]
    assert answer.get_json()["ready"] is False
    if missing == "clock":
        assert (checks["clock"]["ok"], checks["workers"]["ok"]) == (False, True)
    else:
        assert checks["workers"] == {"ok": False, "missing": [missing]}


def test_a_process_with_an_old_heartbeat_is_missing(client: Client, web_client: WebClient) -> None:
    beat(client, *NEEDED)
    client.zadd(keys.PROCESSES, {"deliver|here:1": 1})
    assert web_client.http.get("/readyz").get_json()["checks"]["workers"] == {"ok": False, "missing": ["deliver"]}


def test_a_reducer_that_has_halted_is_not_ready(client: Client, web_client: WebClient) -> None:
    beat(client, *NEEDED)
    client.set(keys.HALTED, "why")
    answer = web_client.http.get("/readyz")
    assert answer.status_code == 503
    assert answer.get_json()["checks"]["workers"] == {"ok": False, "halted": True}


def test_a_receiver_is_ready_with_store_and_key_alone(client: Client, store_url: str, tmp_path: Path) -> None:
    web_client = WebClient(store_url, tmp_path, surface="receiver")
    answer = web_client.http.get("/readyz")
    assert answer.status_code == 200
    assert set(answer.get_json()["checks"]) == {"store", "public_key"}


def test_without_a_public_key_nothing_is_ready(client: Client, store_url: str, tmp_path: Path) -> None:
    web_client = WebClient(store_url, tmp_path, surface="receiver", videosdk_public_key=None)
    answer = web_client.http.get("/readyz")
    assert answer.status_code == 503
    assert answer.get_json()["checks"]["public_key"] == {"ok": False}


def description(web_client: Any) -> Any:
    answer = web_client.http.get("/openapi.json")
    assert answer.status_code == 200
    assert answer.mimetype == "application/json"
    return answer.json


def test_the_description_is_openapi_3_1(web_client: WebClient) -> None:
    spec = description(web_client)
    assert spec["openapi"].startswith("3.1.")
    assert spec["info"]["title"] == "Tallylight"
    assert spec["info"]["version"]
    assert spec["components"]["securitySchemes"]["token"] == {"type": "http", "scheme": "bearer"}
    assert spec["security"] == [{"token": []}]
    for path, item in spec["paths"].items():
        in_path = {parameter["name"] for parameter in item.get("parameters", []) if parameter["in"] == "path"}
        for method, operation in item.items():
            if method == "parameters":
                continue
            assert method in METHODS, (path, method)
            assert operation["responses"], (path, method)
            assert operation["summary"], (path, method)
            assert operation["tags"], (path, method)
            assert all(answer.keys() & {"description", "$ref"} for answer in operation["responses"].values())
            named = in_path | {
                parameter["name"] for parameter in operation.get("parameters", []) if parameter["in"] == "path"
            }
            assert named == set(re.findall(r"{(\w+)}", path)), (path, method)
            assert all("schema" in parameter for parameter in operation.get("parameters", []))


def test_every_reference_in_the_description_leads_somewhere(web_client: WebClient) -> None:
    spec = description(web_client)

    def references(node: Any) -> Iterator[Any]:
        if isinstance(node, dict):
            if "$ref" in node:
                yield node["$ref"]
            for value in node.values():
                yield from references(value)
        elif isinstance(node, list):
            for value in node:
                yield from references(value)

    targets = set(references(spec))
    assert targets
    for reference in targets:
        target = spec
        for step in reference.removeprefix("#/").split("/"):
            assert step in target, reference
            target = target[step]


def test_the_description_says_null_as_openapi_3_1_does(web_client: WebClient) -> None:
    assert "nullable" not in web_client.http.get("/openapi.json").get_data(as_text=True)
    room = description(web_client)["components"]["schemas"]["Room"]["properties"]
    assert room["name"]["type"] == ["string", "null"]


def test_every_call_of_the_api_is_described(web_client: WebClient) -> None:
    described = {
        (method.upper(), re.sub(r"{\w+}", "{}", path))
        for path, item in description(web_client)["paths"].items()
        for method in item
        if method in METHODS
    }
    served = {
        (method, re.sub(r"<[^>]+>", "{}", rule.rule))
        for rule in web_client.web.app.url_map.iter_rules()
        if rule.rule.startswith("/api/v1")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert served == described
    assert len(served) > 20


def test_the_description_needs_no_token(visitor: Any) -> None:
    for path in ("/openapi.json", "/docs"):
        assert visitor.get(path).status_code == 200


def test_the_docs_name_every_call(web_client: WebClient, visitor: Any) -> None:
    page = visitor.get("/docs").get_data(as_text=True)
    for path in description(web_client)["paths"]:
        assert path in page


def test_a_page_needs_a_login(visitor: Any) -> None:
    answer = visitor.get("/")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/login")
    assert visitor.get("/page/live").status_code == 401


@pytest.mark.parametrize("token", [ADMIN_TOKEN, VIEWER_TOKEN, f"  {ADMIN_TOKEN}\n"])
def test_either_token_logs_in(client: Client, visitor: Any, token: Any) -> None:
    answer = log_in(visitor, token)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    page = visitor.get("/")
    assert page.status_code == 200
    assert "0 of 0 rooms on air" in page.get_data(as_text=True)
    assert visitor.get("/page/live").status_code == 200


@pytest.mark.parametrize("token", ["", "wrong", ADMIN_TOKEN + "x", "ä", "None"])
def test_another_token_does_not_log_in(visitor: Any, token: Any) -> None:
    answer = log_in(visitor, token)
    assert answer.status_code == 403
    page = answer.get_data(as_text=True)
    assert "Wrong token." in page
    assert not token.strip() or f'value="{token}"' not in page
    assert visitor.get("/").status_code == 302


@pytest.mark.parametrize("csrf", [None, "", "wrong", "ä"])
def test_a_cross_site_login_is_refused(visitor: Any, csrf: str | None) -> None:
    visitor.get("/login")
    form = {"token": ADMIN_TOKEN} | ({} if csrf is None else {"csrf": csrf})
    assert visitor.post("/login", data=form).status_code == 403
    assert visitor.get("/").status_code == 302


def test_a_login_without_the_cookie_of_the_form_is_refused(web_client: WebClient, visitor: Any) -> None:
    csrf = csrf_of(visitor.get("/login"))
    other = web_client.web.app.test_client()
    assert other.post("/login", data={"token": ADMIN_TOKEN, "csrf": csrf}).status_code == 403
    assert other.post("/login", data={"token": ADMIN_TOKEN, "csrf": ""}).status_code == 403


def test_the_login_page_has_a_labelled_password_field_and_no_token(visitor: Any) -> None:
    page = visitor.get("/login").get_data(as_text=True)
    assert 'type="password"' in page
    assert "<label" in page
    assert ADMIN_TOKEN not in page


def cookie_of(answer: Any) -> Any:
    [cookie] = [value for value in answer.headers.getlist("Set-Cookie") if value.startswith("tallylight=")]
    return cookie


def test_the_cookie_is_hidden_from_scripts_and_other_sites(visitor: Any) -> None:
    cookie = cookie_of(log_in(visitor))
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Domain" not in cookie
    assert ADMIN_TOKEN not in cookie


def test_behind_https_the_cookie_is_for_https_only(client: Client, store_url: str, tmp_path: Path) -> None:
    web_client = WebClient(store_url, tmp_path, public_url="https://tally.example", webhook_token="tok-en_12345")
    site = "https://tally.example"
    form = web_client.http.get("/login", base_url=site)
    answer = web_client.http.post("/login", data={"token": ADMIN_TOKEN, "csrf": csrf_of(form)}, base_url=site)
    assert answer.status_code == 303
    for cookie in (*form.headers.getlist("Set-Cookie"), *answer.headers.getlist("Set-Cookie")):
        assert cookie.startswith("__Secure-tallylight")
        assert "; Secure" in cookie
        assert "HttpOnly" in cookie


def test_the_login_works_over_http_when_the_public_url_is_https(client: Client, store_url: str, tmp_path: Path) -> None:
    web_client = WebClient(store_url, tmp_path, public_url="https://tally.example", webhook_token="tok-en_12345")
    origin = "http://10.1.2.3:8000"
    form = web_client.http.get("/login", base_url=origin)
    answer = web_client.http.post("/login", data={"token": ADMIN_TOKEN, "csrf": csrf_of(form)}, base_url=origin)
    assert answer.status_code == 303
    assert not any("Secure" in cookie for cookie in answer.headers.getlist("Set-Cookie"))
    assert web_client.http.get("/rules", base_url=origin).status_code == 200


def test_sessions_at_several_ports_of_a_host_are_independent(web_client: WebClient, visitor: Any) -> None:
    addresses = ("http://tally.lan:8000", "http://tally.lan:9000", "http://tally.lan", "https://tally.lan")
    for address in addresses:
        csrf = csrf_of(visitor.get("/login", base_url=address))
        visitor.post("/login", data={"token": ADMIN_TOKEN, "csrf": csrf}, base_url=address)
    assert [visitor.get("/rules", base_url=address).status_code for address in addresses] == [200] * len(addresses)


def test_a_login_without_cookies_explains_how_to_allow_them(web_client: WebClient) -> None:
    csrf = csrf_of(web_client.http.get("/login"))
    without_cookies = web_client.web.app.test_client(use_cookies=False)
    answer = without_cookies.post("/login", data={"token": ADMIN_TOKEN, "csrf": csrf})
    assert answer.status_code == 403
    assert "Allow cookies for this site" in answer.get_data(as_text=True)


def test_a_cookie_of_another_installation_is_refused(
    client: Client, store_url: str, tmp_path: Path, visitor: Any
) -> None:
    other = WebClient(store_url, tmp_path)
    log_in(other.http)
    stolen = present(other.http.get_cookie("tallylight"))
    visitor.set_cookie("tallylight", stolen.value)
    assert visitor.get("/").status_code == 302


def test_a_session_gives_no_access_to_the_api(client: Client, visitor: Any) -> None:
    log_in(visitor)
    answer = visitor.get("/api/v1/rooms")
    assert (answer.status_code, answer.content_type) == (401, PROBLEM)
    assert visitor.post(f"/api/v1/rooms/{ROOM}/start").status_code == 401


def test_the_sandbox_is_readable_without_a_login_on_the_same_machine(
    client: Client, store_url: str, tmp_path: Path
) -> None:
    web_client = WebClient(store_url, tmp_path, sandbox_url="http://127.0.0.1:8001")
    assert web_client.http.get("/").status_code == 200
    assert "sandbox" in web_client.http.get("/").get_data(as_text=True)
    assert web_client.http.get("/api/v1/rooms").status_code == 401


def test_the_sandbox_needs_a_login_from_another_machine(client: Client, store_url: str, tmp_path: Path) -> None:
    web_client = WebClient(store_url, tmp_path, sandbox_url="http://127.0.0.1:8001", host="0.0.0.0")
    assert web_client.http.get("/").status_code == 302


@pytest.mark.parametrize("path", ["/", "/login", "/page/live", "/docs", "/static/tally.css", "/static/live.js"])
def test_pages_load_nothing_from_other_hosts_and_cannot_be_framed(client: Client, visitor: Any, path: str) -> None:
    log_in(visitor)
    answer = visitor.get(path)
    answer.close()
    assert answer.status_code == 200
    policy = dict(part.strip().partition(" ")[::2] for part in answer.headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["frame-ancestors"] == "'none'"
    assert policy["form-action"] == "'self'"
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize("path", ["/", "/login", "/page/live"])
def test_pages_are_not_cached(client: Client, visitor: Any, path: str) -> None:
    log_in(visitor)
    assert visitor.get(path).headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["/", "/login", "/docs"])
def test_pages_name_no_other_host(client: Client, visitor: Any, path: str) -> None:
    log_in(visitor)
    page = visitor.get(path).get_data(as_text=True)
    for target in re.findall(r'(?:src|href|action)="([^"]+)"', page):
        assert not urlsplit(target).netloc, target
    assert "<script>" not in page
    assert " style=" not in page
    assert not re.search(r"\son\w+=", page)


def test_the_page_shows_rooms_events_and_deliveries(client: Client, visitor: Any) -> None:
    append(client, Entry(Source.VIDEOSDK, "session-started", ROOM, webhook("session-started", ROOM)))
    append(client, Entry(Source.VIDEOSDK, "hls-started", ROOM, webhook("hls-started", ROOM, id="run-1")))
    log_in(visitor)
    assert "not processed yet" in visitor.get("/").get_data(as_text=True)
    fold_all(client)
    page = visitor.get("/").get_data(as_text=True)
    assert "1 of 1 room on air" in page
    assert f'data-room="{ROOM}" data-lamp="on"' in page
    assert "hls-started" in page
    assert "not processed yet" not in page


def test_markup_in_a_webhook_is_escaped(client: Client, visitor: Any) -> None:
    evil = '"><script>alert(1)</script>{{123456*7}}'
    body = webhook("participant-joined", evil, session=evil, participantId=evil, participantName=evil)
    append(client, Entry(Source.VIDEOSDK, "participant-joined", evil, body))
    fold_all(client)
    log_in(visitor)
    page = visitor.get("/").get_data(as_text=True)
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page
    assert "{{123456*7}}" in page
    assert "864192" not in page


def test_the_page_shows_no_subscribers_password(client: Client, visitor: Any) -> None:
    url = "https://user:hunter2@example.com/"
    subscribers_of(client).put(Subscriber("sub_x", "", url, 1, shown_url=shown_url(url)))
    notice = Notice("msg_x", "stream.started", 1, ROOM, None, {"room_id": ROOM})
    place = client.xadd(keys.OUTBOX, {"n": codec.encode(notice)}).decode()
    put_delivery(client, Delivery("dlv_x", "msg_x", "sub_x", 1, place))
    log_in(visitor)
    page = visitor.get("/").get_data(as_text=True)
    assert "****@example.com" in page
    assert "hunter2" not in page


@pytest.mark.parametrize("path", ["/", "/subscribers/sub_x"])
def test_a_delivery_whose_notice_was_removed_by_retention_is_shown(client: Client, visitor: Any, path: str) -> None:
    url = "https://example.com/"
    subscribers_of(client).put(Subscriber("sub_x", "", url, 1, shown_url=shown_url(url)))
    attempt = Attempt(from_rfc3339("2026-11-22T10:00:07.120Z"), 503, "status", 12)
    put_delivery(client, Delivery("dlv_x", "msg_x", "sub_x", 1, "1-0", DeliveryState.DEAD, (attempt,)))
    client.zadd(keys.subscriber_deliveries("sub_x"), {"dlv_x": 1})
    log_in(visitor)
    answer = visitor.get(path)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 200
    assert "dead after 1 attempt" in page
    assert "notice removed by retention" in page
    assert '<time datetime="2026-11-22T10:00:07.120Z"' in page


def test_a_reducer_that_has_halted_is_shown(client: Client, visitor: Any) -> None:
    client.set(keys.HALTED, "why")
    log_in(visitor)
    assert "Event processing is halted" in visitor.get("/").get_data(as_text=True)


def test_the_page_says_that_the_store_is_away(tmp_path: Path) -> None:
    web_client = WebClient(f"unix://{tmp_path}/no.sock", tmp_path)
    log_in(web_client.http)
    assert web_client.http.get("/").status_code == 503
    assert web_client.http.get("/page/live").status_code == 503


@pytest.mark.parametrize("path", ["/nothing", "/static/nothing.css", "/static/../app.py", "/static/%2e%2e/app.py"])
def test_an_unknown_resource_is_404(visitor: Any, path: str) -> None:
    answer = visitor.get(path)
    assert (answer.status_code, answer.content_type) == (404, PROBLEM)
