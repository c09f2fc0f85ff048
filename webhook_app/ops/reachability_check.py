"""The doctor's word: `GET /doctor/<nonce>` answers, once, what `tally doctor` has left in the store for it.

Whoever fetches it through PUBLIC_URL and gets the word back has reached this product, and no other.
"""

import re

from flask import Blueprint, Response

from webhook_app.store.connection.clients import Client
from webhook_app.store.operations.reachability_tokens import take_token

_NONCE = re.compile(r"[A-Za-z0-9_-]{32}")


def doctor_word(client: Client) -> Blueprint:
    """The blueprint; needs no token, as the nonce is one that nobody can guess."""
    blueprint = Blueprint("doctor", __name__)

    @blueprint.get("/doctor/<nonce>")
    def say_word(nonce: str) -> Response:
        word = take_token(client, nonce) if _NONCE.fullmatch(nonce) else None
        answer = Response(word or b"there is nothing here\n", 200 if word else 404, content_type="text/plain")
        answer.headers["Cache-Control"] = "no-store"
        return answer

    return blueprint
