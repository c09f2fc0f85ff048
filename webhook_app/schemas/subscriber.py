"""The door for subscribers: what may be asked for, and which URLs can be told at all."""

import socket
from typing import Any
from urllib.parse import urlsplit

from marshmallow import ValidationError, fields, validate

from webhook_app.access.subscriber_secrets import read_secret
from webhook_app.api.schemas import Moment, RequestSchema
from webhook_app.domain.delivery.subscriber import IN_FLIGHT_LIMIT, IN_FLIGHT_MAX, RATE_LIMIT, Ordering, is_http
from webhook_app.domain.globs import check_glob
from webhook_app.domain.notices.notice import DEFAULT_TYPES, NOTICE_TYPES, matches_type
from webhook_app.outbound.addresses import Network, refused
from webhook_app.outbound.channel_urls import apprise_plugin
from webhook_app.outbound.native_chats import native_chat_hint
from webhook_app.outbound.url_checks import UNREADABLE, url_fault
from webhook_app.problems.problems import Problem

URL_MAX_CHARS = 2_048
PATTERNS_MAX = 100
CHANNEL_RATE = 1
_pattern = validate.Regexp(r"[^\s\x00-\x1f]{1,200}\Z", error="a pattern has 1 to 200 characters and no spaces")
_patterns = validate.Length(1, PATTERNS_MAX)


def _a_bounded_pattern(pattern: str) -> None:
    wrong = check_glob(pattern)
    if wrong is not None:
        raise ValidationError(wrong)


def _a_known_type(pattern: str) -> None:
    family = pattern.split(".", 1)[0]
    if family in ("rule", "videosdk") or matches_type((pattern,), "rule.x"):
        return
    if not any(matches_type((pattern,), kind) for kind in NOTICE_TYPES):
        families = sorted({kind.split(".", 1)[0] for kind in NOTICE_TYPES} | {"rule", "videosdk"})
        known = ", ".join(f"{family}.*" for family in families)
        raise ValidationError(f"no notice has the type {pattern!r}; there are {known}")


def _a_secret(text: str) -> None:
    try:
        read_secret(text)
    except ValueError as error:
        raise ValidationError(str(error)) from None


def _types(**more: Any) -> fields.List[str]:
    return fields.List(
        fields.String(validate=[_pattern, _a_bounded_pattern, _a_known_type]), validate=_patterns, **more
    )


def _globs(**more: Any) -> fields.List[str]:
    return fields.List(fields.String(validate=[_pattern, _a_bounded_pattern]), validate=_patterns, **more)


def _url(**more: Any) -> fields.String:
    return fields.String(validate=validate.Length(1, URL_MAX_CHARS), **more)


def _ordering(**more: Any) -> fields.String:
    return fields.String(validate=validate.OneOf([one.value for one in Ordering]), **more)


def _in_flight(**more: Any) -> fields.Integer:
    return fields.Integer(strict=True, validate=validate.Range(1, IN_FLIGHT_LIMIT), **more)


def _rate(**more: Any) -> fields.Integer:
    return fields.Integer(strict=True, allow_none=True, validate=validate.Range(1, RATE_LIMIT), **more)


class SubscribeSchema(RequestSchema):
    """To subscribe, `url` is enough."""

    url = _url(required=True)
    name = fields.String(load_default="", validate=validate.Length(max=200))
    types = _types(load_default=list(DEFAULT_TYPES))
    rooms = _globs(load_default=["*"])
    because = _globs(load_default=["*"])
    ordering = _ordering(load_default="none")
    secret = fields.String(load_default=None, validate=_a_secret)
    max_in_flight = _in_flight(load_default=IN_FLIGHT_MAX, metadata={"description": "How many attempts at once."})
    rate_limit = _rate(load_default=None, metadata={"description": "Attempts a second; null for no limit."})


class ChangeSchema(RequestSchema):
    """What is given is changed, the rest stays. `enabled: false` stops the telling by hand."""

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
    """`recover_from` asks for what was missed since then."""

    recover_from = Moment(load_default=None)


class RecoverSchema(RequestSchema):
    """A stretch of time; without `to` up to now."""

    from_ = Moment(required=True, data_key="from")
    to = Moment(load_default=None)


def check_url(url: str, allowed: tuple[Network, ...], sandbox_url: str | None) -> None:
    """Refuse a URL that could never be delivered to."""
    wrong = _wrong_with(url, allowed, sandbox_url)
    if wrong is not None:
        raise Problem(422, "the URL cannot be used", errors={"url": [wrong]})


def _wrong_with(url: str, allowed: tuple[Network, ...], sandbox_url: str | None) -> str | None:
    if any(ord(letter) <= 32 or ord(letter) == 127 for letter in url):
        return "a URL has no spaces or control characters"
    if not is_http(url) and "://" not in url:
        return UNREADABLE
    if is_http(url):
        wrong = url_fault(url) or native_chat_hint(url)
        if wrong is not None:
            return wrong
        if sandbox_url is not None and url.startswith(sandbox_url + "/"):
            return None
        host = urlsplit(url).hostname
    else:
        try:
            made = apprise_plugin(url)
        except ValueError as error:
            return str(error)
        host = getattr(made, "smtp_host", None) or getattr(made, "host", None)
    return _wrong_host(str(host or ""), allowed)


def _wrong_host(host: str, allowed: tuple[Network, ...]) -> str | None:
    meant = _as_address(host)
    if meant is not None and refused(meant, allowed):
        return f"{host} is a private, loopback or reserved address; ALLOW_NETWORKS can allow its network"
    if (host == "localhost" or host.endswith(".localhost")) and refused("127.0.0.1", allowed):
        return f"{host} is a loopback address; ALLOW_NETWORKS can allow 127.0.0.0/8"
    return None


def _as_address(host: str) -> str | None:
    """The address that a host means by itself: also written as one number, in octal or hexadecimal, or cut short."""
    if ":" in host:
        return host
    try:
        return socket.inet_ntoa(socket.inet_aton(host)) if host and host[0].isdigit() else None
    except OSError:
        return host if host.replace(".", "").isdecimal() else None
