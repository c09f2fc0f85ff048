"""The bodies of the API's calls: JSON, whatever the content type says; what is not UTF-8 JSON is refused here."""

from typing import Any

import flask
import flask_smorest
import msgspec
from webargs.core import missing
from webargs.flaskparser import FlaskParser

from webhook_app.problems.problems import Problem


def read_body(raw: bytes) -> Any:
    """The body's content; the reader is the one that later reads the journal, so what passes here passes there."""
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Problem(400, f"the body is not JSON: {error}"[:300]) from None


class BodyParser(FlaskParser):
    """Reads bodies by `read_body`; an empty one is none."""

    def _raw_load_json(self, req: flask.Request) -> Any:
        raw = req.get_data(cache=True)
        return read_body(raw) if raw else missing


class Blueprint(flask_smorest.Blueprint):  # type: ignore[misc]
    """A resource of the API."""

    ARGUMENTS_PARSER = BodyParser()
