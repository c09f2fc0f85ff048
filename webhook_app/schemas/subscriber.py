"""Schemas of subscribers: create, update, enable, recover."""

from typing import Any

from marshmallow import ValidationError, fields, validate

from webhook_app.domain.delivery.subscriber import IN_FLIGHT_LIMIT, IN_FLIGHT_MAX, RATE_LIMIT, Ordering
from webhook_app.domain.notices.filters import matches_type
from webhook_app.domain.notices.types import DEFAULT_TYPES, NOTICE_TYPES
from webhook_app.schemas.fields import Moment, RequestSchema, is_glob_pattern
from webhook_app.secrets.subscriber_secrets import read_secret

URL_MAX_CHARS = 2_048
PATTERNS_MAX = 100
CHANNEL_RATE = 1
_pattern = validate.Regexp(r"[^\s\x00-\x1f]{1,200}\Z", error="a pattern must have 1 to 200 characters and no spaces")
_patterns = validate.Length(1, PATTERNS_MAX)


def _selects_a_type(pattern: str) -> None:
    family = pattern.split(".", 1)[0]
    if family in ("rule", "videosdk") or matches_type((pattern,), "rule.x"):
        return
    if not any(matches_type((pattern,), kind) for kind in NOTICE_TYPES):
        families = sorted({kind.split(".", 1)[0] for kind in NOTICE_TYPES} | {"rule", "videosdk"})
        patterns = ", ".join(f"{family}.*" for family in families)
        raise ValidationError(f"{pattern!r} matches no notice type; there are {patterns}")


def _is_secret(text: str) -> None:
    try:
        read_secret(text)
    except ValueError as error:
        raise ValidationError(str(error)) from None


def _types(**options: Any) -> fields.List[str]:
    return fields.List(
        fields.String(validate=[_pattern, is_glob_pattern, _selects_a_type]), validate=_patterns, **options
    )


def _globs(**options: Any) -> fields.List[str]:
    return fields.List(fields.String(validate=[_pattern, is_glob_pattern]), validate=_patterns, **options)


def _url(**options: Any) -> fields.String:
    return fields.String(validate=validate.Length(1, URL_MAX_CHARS), **options)


def _ordering(**options: Any) -> fields.String:
    return fields.String(validate=validate.OneOf([ordering.value for ordering in Ordering]), **options)


def _in_flight(**options: Any) -> fields.Integer:
    return fields.Integer(strict=True, validate=validate.Range(1, IN_FLIGHT_LIMIT), **options)


def _rate(**options: Any) -> fields.Integer:
    return fields.Integer(strict=True, allow_none=True, validate=validate.Range(1, RATE_LIMIT), **options)


class SubscribeSchema(RequestSchema):
    """A subscriber to create; only `url` is required."""

    url = _url(required=True)
    name = fields.String(load_default="", validate=validate.Length(max=200))
    types = _types(load_default=list(DEFAULT_TYPES))
    rooms = _globs(load_default=["*"])
    because = _globs(load_default=["*"])
    ordering = _ordering(load_default="none")
    secret = fields.String(load_default=None, validate=_is_secret)
    max_in_flight = _in_flight(load_default=IN_FLIGHT_MAX, metadata={"description": "Maximum concurrent attempts."})
    rate_limit = _rate(load_default=None, metadata={"description": "Maximum attempts per second; null for no limit."})


class ChangeSchema(RequestSchema):
    """Changes of a subscriber; omitted fields keep their values. `enabled: false` disables it."""

    url = _url()
    name = fields.String(validate=validate.Length(max=200))
    types = _types()
    rooms = _globs()
    because = _globs()
    ordering = _ordering()
    max_in_flight = _in_flight()
    rate_limit = _rate()
    enabled = fields.Boolean(truthy={True}, falsy={False})


class EnableSchema(RequestSchema):
    """`recover_from` also resends what was missed since then."""

    recover_from = Moment(load_default=None)


class RecoverSchema(RequestSchema):
    """A time range; without `to`, until now."""

    from_ = Moment(required=True, data_key="from")
    to = Moment(load_default=None)
