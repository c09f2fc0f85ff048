"""`GET /docs`: the API documentation page, rendered from the OpenAPI document, without third-party content."""

import json
from typing import Any

from flask import Blueprint, render_template

from webhook_app.access.security_headers import set_security_headers
from webhook_app.problems.problems import ProblemApi

METHODS = ("get", "post", "put", "patch", "delete")


def docs_page(api: ProblemApi) -> Blueprint:
    """Build the blueprint."""
    blueprint = Blueprint("docs", __name__, template_folder="console/templates")

    @blueprint.get("/docs")
    def docs() -> str:
        return render_template("docs.html", calls=calls_of(api.description()))

    blueprint.after_request(set_security_headers)
    return blueprint


def calls_of(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """Return every operation of an OpenAPI document, by resource."""
    operations = []
    for path, item in spec.get("paths", {}).items():
        for method in METHODS:
            if method in item:
                operations.append(_call(method, path, item[method]))
    return operations


def _call(method: str, path: str, operation: dict[str, Any]) -> dict[str, Any]:
    parameters = operation.get("parameters", [])
    answers = operation.get("responses", {})
    success_code = next((code for code in sorted(answers) if code.isdecimal() and int(code) < 300), None)
    return {
        "method": method.upper(),
        "path": path,
        "tag": (operation.get("tags") or [""])[0],
        "summary": operation.get("summary", ""),
        "parameters": [parameter["name"] for parameter in parameters if parameter.get("in") == "query"],
        "headers": [parameter["name"] for parameter in parameters if parameter.get("in") == "header"],
        "answers": sorted(key for key in answers if key.isdecimal()),
        "body": _example(operation.get("requestBody", {})),
        "good": success_code,
        "answer": _example(answers.get(success_code, {})),
    }


def _example(described: dict[str, Any]) -> str | None:
    for media in described.get("content", {}).values():
        if "example" in media:
            example = media["example"]
            return example if isinstance(example, str) else json.dumps(example, indent=2, ensure_ascii=False)
    return None
