"""`GET /docs`: the API for people, drawn from its own description; nothing is fetched from elsewhere."""

from typing import Any

from flask import Blueprint, render_template

from webhook_app.page_headers import harden
from webhook_app.problems import ProblemApi

METHODS = ("get", "post", "put", "patch", "delete")


def docs_page(api: ProblemApi) -> Blueprint:
    """The page."""
    blueprint = Blueprint("docs", __name__, template_folder="console/templates")

    @blueprint.get("/docs")
    def docs() -> str:
        return render_template("docs.html", calls=calls_of(api.description()))

    blueprint.after_request(harden)
    return blueprint


def calls_of(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """Every call of the description, in the order of its resources."""
    found = []
    for path, item in spec.get("paths", {}).items():
        for method in METHODS:
            if method in item:
                operation = item[method]
                found.append(
                    {
                        "method": method.upper(),
                        "path": path,
                        "tag": (operation.get("tags") or [""])[0],
                        "summary": operation.get("summary", ""),
                        "parameters": [
                            parameter["name"]
                            for parameter in operation.get("parameters", [])
                            if parameter.get("in") == "query"
                        ],
                        "answers": sorted(key for key in operation.get("responses", {}) if key.isdecimal()),
                    }
                )
    return found
