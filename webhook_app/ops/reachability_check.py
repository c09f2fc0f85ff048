"""`GET /doctor/<nonce>`: returns, once, the token that `tally doctor` has left in the store under that nonce.

A doctor that fetches it through PUBLIC_URL and gets its token back knows that PUBLIC_URL leads to this product.
"""

import re

from flask import Blueprint, Response

from webhook_app.store.connection.clients import Client
from webhook_app.store.operations.reachability_tokens import take_token

_NONCE = re.compile(r"[A-Za-z0-9_-]{32}")


def reachability_check(client: Client) -> Blueprint:
    """Build the blueprint. It needs no token, since the nonce cannot be guessed."""
    blueprint = Blueprint("doctor", __name__)

    @blueprint.get("/doctor/<nonce>")
    def show_token(nonce: str) -> Response:
        token = take_token(client, nonce) if _NONCE.fullmatch(nonce) else None
        answer = Response(token or b"not found\n", 200 if token else 404, content_type="text/plain")
        answer.headers["Cache-Control"] = "no-store"
        return answer

    return blueprint
