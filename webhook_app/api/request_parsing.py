"""Parse request bodies as UTF-8 JSON, whatever their content type."""

from typing import Any

import flask
import flask_smorest
import msgspec
from webargs.core import missing
from webargs.flaskparser import FlaskParser

from webhook_app.problems.problems import Problem


def read_body(raw: bytes) -> Any:
    """Decode a body; raise Problem 400 when it is not JSON.

    The decoder is the one that reads the journal, so that everything accepted here can be read there.
    """
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Problem(400, f"The body is not JSON: {error}"[:300]) from None


class BodyParser(FlaskParser):
    """Reads bodies with `read_body`; an empty body counts as missing."""

    def _raw_load_json(self, req: flask.Request) -> Any:
        raw = req.get_data(cache=True)
        return read_body(raw) if raw else missing


class Blueprint(flask_smorest.Blueprint):  # type: ignore[misc]
    """The blueprint of a resource."""

    ARGUMENTS_PARSER = BodyParser()
