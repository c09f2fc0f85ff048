"""Fields, validators and the base schema of user input."""

from time import time
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate

from webhook_app.domain.globs import check_glob
from webhook_app.domain.times import from_rfc3339, parse_duration

NAME_PATTERN = r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?\Z"
NAME_RULE = "may contain a-z, 0-9 and -, at most 64 characters"
is_name = validate.Regexp(NAME_PATTERN, error=NAME_RULE)


def is_glob_pattern(pattern: str) -> None:
    """Raise ValidationError for a pattern that is no glob, or one that costs too much to match."""
    fault = check_glob(pattern)
    if fault is not None:
        raise ValidationError(fault)


class RequestSchema(Schema):
    """Base of request bodies; unknown fields are rejected."""

    class Meta:
        unknown = RAISE


class Moment(fields.Field[int]):
    """An RFC 3339 time, loaded as ms since 1970."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if not isinstance(value, str):
            raise ValidationError("must be a time as a string, such as 2026-11-22T10:00:00Z")
        try:
            return from_rfc3339(value)
        except ValueError as error:
            raise ValidationError(str(error)) from None


class Duration(fields.Field[int]):
    """A duration such as `90s`, `5m`, `2h` or `1h30m`, loaded as seconds."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if not isinstance(value, str):
            raise ValidationError("must be a duration as a string, such as 90s, 5m or 1h30m")
        try:
            return parse_duration(value)
        except ValueError as error:
            raise ValidationError(str(error)) from None


def is_in_the_future(value: int | None) -> None:
    """Reject a time, in ms since 1970, that has passed."""
    if value is not None and value <= time() * 1000:
        raise ValidationError("must be in the future")
