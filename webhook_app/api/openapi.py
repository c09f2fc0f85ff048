"""Complete the OpenAPI document: all responses of each operation, error responses, examples."""

from copy import deepcopy
from http import HTTPStatus
from typing import Any

from webhook_app.api.examples import PROBLEMS, example_of
from webhook_app.problems.problems import CONTENT_TYPE, DESCRIPTIONS
from webhook_app.problems.reasons import reason_of

METHODS = ("get", "post", "put", "patch", "delete")
READING = ("get",)
STREAM = "/api/v1/events/stream"
RULE = "/api/v1/rules/{name}"
OPTIONAL = {
    "RuleView": {"on", "if", "when", "for", "do", "message", "schedule", "start", "late_after", "remind"}
    | {"end_when_empty", "overrun", "max_run", "restart", "empty_means", "warnings"}
    | {"output", "outputs", "recording", "rtmp", "mp4"},
    "Stream": {"mp4"},
    "Subscriber": {"health"},
    "NewSubscriber": {"health"},
    "Problem": {"errors"},
}
LAST_EVENT_ID = {
    "in": "header",
    "name": "Last-Event-ID",
    "description": "The last event id that was received. Browsers send it when they reconnect.",
    "schema": {"type": "string", "examples": ["1763805607120-0"]},
}
IF_MATCH = {
    "in": "header",
    "name": "If-Match",
    "description": "Only if the rule still has this ETag; otherwise 412.",
    "schema": {"type": "string"},
}
IF_NONE_MATCH = {
    "in": "header",
    "name": "If-None-Match",
    "description": "`*`: only if the rule does not exist yet; otherwise 412.",
    "schema": {"type": "string", "enum": ["*"]},
}
LOCATION = {"description": "Where the effect of the event can be read.", "schema": {"type": "string"}}
ETAG = {
    "description": "Identifies this response. Sent as If-None-Match, it avoids the body if nothing has changed.",
    "schema": {"type": "string"},
}
REQUEST_ID = {
    "description": "Identifies this request in the log. Yours, if you sent one.",
    "schema": {"type": "string"},
}


def complete_spec(spec: dict[str, Any]) -> dict[str, Any]:
    """Complete the OpenAPI document that flask-smorest generates."""
    document = deepcopy(spec)
    components = document.setdefault("components", {})
    components.pop("responses", None)
    schemas = components["schemas"]
    for unused in ("Error", "PaginationMetadata"):
        schemas.pop(unused, None)
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                _complete_operation(item[method], path, method)
    _as_json_schema(schemas)
    for name in _response_schemas(document, schemas):
        schema = schemas[name]
        schema["required"] = sorted(set(schema.get("properties", {})) - OPTIONAL.get(name, set()))
    return document


def _complete_operation(operation: dict[str, Any], path: str, method: str) -> None:
    operation["operationId"] = _operation_id(path, method)
    parameters = operation.setdefault("parameters", [])
    body = operation.get("requestBody")
    answers = {code: answer for code, answer in operation["responses"].items() if code.isdecimal() and int(code) < 400}
    problems = {int(code) for code in operation["responses"] if code.isdecimal() and int(code) >= 400}
    problems |= {401, 429, 503}
    if method not in READING:
        problems.add(403)
    if body is not None:
        problems |= {400, 413, 422}
        for media in body["content"].values():
            _add_example(media)
    if any(parameter.get("in") == "query" for parameter in parameters):
        problems.add(422)
    if "{" in path:
        problems.add(404)
    if path == STREAM:
        parameters.append(LAST_EVENT_ID)
    elif method in READING:
        answers["304"] = {
            "description": "Nothing has changed since the ETag in If-None-Match.",
            "headers": {"ETag": ETAG},
        }
    if path == RULE and method in ("put", "delete"):
        parameters.append(IF_MATCH)
        problems.add(412)
        if method == "put":
            parameters.append(IF_NONE_MATCH)
    for code, answer in answers.items():
        headers = answer.setdefault("headers", {})
        headers["X-Request-Id"] = REQUEST_ID
        if code == "202":
            headers["Location"] = LOCATION
        if code == "200" and method in READING and path != STREAM:
            headers["ETag"] = ETAG
        for media in answer.get("content", {}).values():
            _add_example(media)
    operation["responses"] = dict(sorted(answers.items())) | {str(code): _problem(code) for code in sorted(problems)}


def _operation_id(path: str, method: str) -> str:
    parts = [part.strip("{}").replace("-", "_") for part in path.removeprefix("/api/v1/").split("/")]
    return "_".join((method, *parts))


def _add_example(media: dict[str, Any]) -> None:
    name = media.get("schema", {}).get("$ref", "").rpartition("/")[2]
    example = example_of(name)
    if example is not None:
        media["example"] = example


def _problem(code: int) -> dict[str, Any]:
    description = DESCRIPTIONS[code]
    example = {"type": "about:blank", "title": HTTPStatus(code).phrase, "status": code, "detail": description}
    example["reason"] = reason_of(code).value
    media = {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example | PROBLEMS.get(code, {})}
    return {"description": description, "content": {CONTENT_TYPE: media}}


def _as_json_schema(node: Any) -> None:
    """Translate patterns to JSON Schema: Python anchors at the start, and writes the end as `\\Z`."""
    if isinstance(node, dict):
        pattern = node.get("pattern")
        if isinstance(pattern, str):
            node["pattern"] = "^" + pattern.removeprefix("^").replace(r"\Z", "$")
        for value in node.values():
            _as_json_schema(value)
    elif isinstance(node, list):
        for value in node:
            _as_json_schema(value)


def _response_schemas(spec: dict[str, Any], schemas: dict[str, Any]) -> set[str]:
    """The schemas used only in responses: all of their fields are always present."""
    responses: set[str] = set()
    requests: set[str] = set()
    for item in spec["paths"].values():
        for method in METHODS:
            operation = item.get(method, {})
            _gather(operation.get("responses", {}), schemas, responses)
            _gather(operation.get("requestBody", {}), schemas, requests)
    return responses - requests


def _gather(node: Any, schemas: dict[str, Any], names: set[str]) -> None:
    if isinstance(node, dict):
        name = str(node.get("$ref", "")).rpartition("/")[2]
        if name in schemas and name not in names:
            names.add(name)
            _gather(schemas[name], schemas, names)
        for key, value in node.items():
            if key != "example":
                _gather(value, schemas, names)
    elif isinstance(node, list):
        for value in node:
            _gather(value, schemas, names)
