"""The API's description: complete, with valid examples, and true of every response."""

import re
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, assume, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.support.product import webhook
from tests.support.web_client import ADMIN_TOKEN, PROBLEM, ROOM, WebClient, append, fold_all, folding
from webhook_app.app import WebLimits
from webhook_app.domain.events import Source
from webhook_app.middleware import RateLimit
from webhook_app.store.connection.clients import Client, connect
from webhook_app.store.journal.journal import Entry

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]
EXAMPLES_EACH = 6
METHODS = ("get", "post", "put", "patch", "delete")
STREAM = "/api/v1/events/stream"


def description() -> dict[str, Any]:
    """The app's OpenAPI document, which needs no store."""
    document: dict[str, Any] = (
        WebClient("unix:///nowhere.sock", Path("/nonexistent")).http.get("/openapi.json").get_json()
    )
    return document


DESCRIPTION = description()
OPERATIONS = [(m, path) for path, item in DESCRIPTION["paths"].items() for m in METHODS if m in item]
ENDING = [(m, path) for m, path in OPERATIONS if path != STREAM]  # the stream does not: it has tests of its own


@pytest.fixture(scope="module")
def web_client(store_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebClient]:
    client = connect(store_url)
    client.flushall()
    unlimited = WebLimits(api_rate=RateLimit(per_s=1_000_000, burst=1_000_000))
    web_client = WebClient(store_url, tmp_path_factory.mktemp("web"), limits=unlimited)
    something_is_there(web_client, client)
    with folding(client):
        yield web_client
    web_client.web.stop()


def something_is_there(web_client: WebClient, client: Client) -> None:
    """A room on air with a rule, and a subscriber."""
    for kind in ("session-started", "hls-started", "hls-playable"):
        append(client, Entry(Source.VIDEOSDK, kind, ROOM, webhook(kind, ROOM, id="run-1")))
    fold_all(client)
    with folding(client):
        rule = {"rooms": [ROOM], "schedule": {"cron": "0 9 * * SUN", "duration": "1h"}}
        assert web_client.api("PUT", "/rules/sunday", rule).status_code == 201
    assert web_client.api("POST", "/subscribers", {"url": "https://example.org/hook"}).status_code == 201


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["right", "wrong"])
@pytest.mark.parametrize(("method", "path"), ENDING, ids=[f"{m} {path}" for m, path in ENDING])
def test_every_response_is_as_described(web_client: WebClient, method: str, path: str, mode: GenerationMode) -> None:
    schema = schemathesis.openapi.from_wsgi("/openapi.json", web_client.web.app)
    operation = schema[path][method]
    every_other = cycle((True, False))

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=EXAMPLES_EACH,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def ask(case: Any) -> None:
        for name in KNOWN.keys() & (case.path_parameters or {}).keys():
            if next(every_other):
                case.path_parameters[name] = KNOWN[name]
        # Words of the code are tried as values too: this one is another call's path.
        assume((case.path_parameters or {}).get("event_id") != "stream")
        case.headers = {**(case.headers or {}), "Authorization": f"Bearer {ADMIN_TOKEN}"}
        case.call_and_validate(checks=CHECKS)

    ask()


KNOWN = {"room_id": ROOM, "name": "sunday"}


@pytest.mark.parametrize(("method", "path"), OPERATIONS, ids=[f"{m} {path}" for m, path in OPERATIONS])
def test_every_call_is_described_with_examples_and_its_errors(method: str, path: str) -> None:
    operation = DESCRIPTION["paths"][path][method]
    assert operation["summary"] and operation["operationId"] and operation["tags"]
    for code, answer in operation["responses"].items():
        assert answer["description"]
        for kind, media in answer.get("content", {}).items():
            assert kind == PROBLEM if int(code) >= 400 else kind in ("application/json", "text/event-stream")
            assert media["example"] is not None, (code, media)
            check(media)
    for media in operation.get("requestBody", {}).get("content", {}).values():
        assert media["example"] is not None
        check(media)


def check(media: dict[str, Any]) -> None:
    """The example fits the shape, and no field of it is unknown."""
    schema = media["schema"] | {"components": DESCRIPTION["components"]}
    jsonschema_rs.validator_for(schema, validate_formats=True).validate(media["example"])
    assert_no_stray(media["schema"], media["example"])


def assert_no_stray(schema: dict[str, Any], example: Any) -> None:
    if "$ref" in schema:
        schema = DESCRIPTION["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    for choice in schema.get("anyOf", []):
        if "$ref" in choice and example is not None:
            assert_no_stray(choice, example)
    if isinstance(example, dict) and schema.get("properties"):
        assert example.keys() <= schema["properties"].keys()
        for name, value in example.items():
            assert_no_stray(schema["properties"][name], value)
    if isinstance(example, list):
        for value in example:
            assert_no_stray(schema.get("items", {}), value)


def test_operation_ids_are_unique() -> None:
    ids = [DESCRIPTION["paths"][path][m]["operationId"] for m, path in OPERATIONS]
    assert len(ids) == len(set(ids))
    assert all(re.fullmatch(r"[a-z0-9_]+", operation_id) for operation_id in ids)


def test_the_description_is_openapi_3_1() -> None:
    assert DESCRIPTION["openapi"] == "3.1.0"
    assert DESCRIPTION["components"]["securitySchemes"]["token"] == {"type": "http", "scheme": "bearer"}
