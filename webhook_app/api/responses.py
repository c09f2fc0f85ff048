"""Responses that several resources give."""

from typing import Any

from flask import Response, jsonify


def accepted(event_id: str, **more: Any) -> Response:
    """Return 202 with the event's id, and a Location at which its effect can be read."""
    response = jsonify({"id": event_id, **more})
    response.status_code = 202
    response.headers["Location"] = f"/api/v1/events/{event_id}"
    return response
