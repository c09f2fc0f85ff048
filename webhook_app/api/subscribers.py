"""Subscribers: who is told what, and how."""

from typing import Any
from urllib.parse import urlsplit

from flask import Response, jsonify
from marshmallow import ValidationError, fields, validate

from webhook_app.addresses import Network, refused
from webhook_app.api.bodies import Blueprint
from webhook_app.api.context import Context
from webhook_app.api.deliveries import DeliveriesQuery
from webhook_app.api.delivery_views import deliveries_page
from webhook_app.api.shapes import (
    DeliverySchema,
    NewSubscriberSchema,
    PageQuery,
    ProblemSchema,
    Question,
    SubscriberSchema,
    page_of,
)
from webhook_app.domain.events import Source
from webhook_app.domain.ids import derive
from webhook_app.domain.notices import DEFAULT_TYPES, NOTICE_TYPES, Filter, wants_type
from webhook_app.domain.subscribers import Subscriber
from webhook_app.domain.times import rfc3339
from webhook_app.problems import Problem
from webhook_app.store import keys
from webhook_app.store.listing import decode_cursor, encode_cursor
from webhook_app.store.subscribers import SUBSCRIBERS_MAX
from webhook_app.subscriber_secrets import PREFIX, new_secret, read_secret

URL_MAX_CHARS = 2_048
PATTERNS_MAX = 100
_pattern = validate.Regexp(r"[^\s\x00-\x1f]{1,200}\Z", error="a pattern has 1 to 200 characters and no spaces")
_patterns = validate.Length(1, PATTERNS_MAX)


def _a_known_type(pattern: str) -> None:
    family = pattern.split(".", 1)[0]
    if family in ("rule", "videosdk") or wants_type((pattern,), "rule.x"):
        return
    if not any(wants_type((pattern,), kind) for kind in NOTICE_TYPES):
        families = sorted({kind.split(".", 1)[0] for kind in NOTICE_TYPES} | {"rule", "videosdk"})
        known = ", ".join(f"{family}.*" for family in families)
        raise ValidationError(f"no notice has the type {pattern!r}; there are {known}")


def _a_secret(text: str) -> None:
    try:
        read_secret(text)
    except ValueError as error:
        raise ValidationError(str(error)) from None


class SubscribeSchema(Question):
    """To subscribe, `url` is enough."""

    url = fields.String(required=True, validate=validate.Length(1, URL_MAX_CHARS))
    name = fields.String(load_default="", validate=validate.Length(max=200))
    types = fields.List(
        fields.String(validate=[_pattern, _a_known_type]), load_default=list(DEFAULT_TYPES), validate=_patterns
    )
    rooms = fields.List(fields.String(validate=_pattern), load_default=["*"], validate=_patterns)
    because = fields.List(fields.String(validate=_pattern), load_default=["*"], validate=_patterns)
    ordering = fields.String(load_default="none", validate=validate.OneOf(["none"]))
    secret = fields.String(load_default=None, validate=_a_secret)


def subscribers(context: Context) -> Blueprint:
    """The resource."""
    blp = Blueprint("subscribers", __name__, url_prefix="/api/v1/subscribers", description=__doc__)

    @blp.route("")
    @blp.arguments(PageQuery, location="query")
    @blp.response(200, page_of(SubscriberSchema))
    def list_subscribers(query: dict[str, Any]) -> dict[str, Any]:
        """Subscribers, the newest first."""
        found = list(reversed(context.subscribers.all()))
        after = decode_cursor(query["cursor"])
        rest = [known for known in found if after is None or _place(known) < after]
        page = rest[: query["limit"]]
        return {
            "items": [subscriber_view(known) for known in page],
            "next": encode_cursor(_place(page[-1])) if len(rest) > len(page) else None,
        }

    @blp.route("", methods=["POST"])
    @blp.arguments(SubscribeSchema)
    @blp.alt_response(201, schema=NewSubscriberSchema)
    @blp.alt_response(409, schema=ProblemSchema)
    def subscribe(asked: dict[str, Any]) -> Response:
        """Subscribe. The answer shows the secret this once."""
        check_url(asked["url"], context.allow_networks, context.sandbox_url)
        if context.subscribers.count() >= SUBSCRIBERS_MAX:
            raise Problem(409, f"there are {SUBSCRIBERS_MAX} subscribers, which is as many as there can be")
        now = context.now()
        secret = read_secret(asked["secret"]) if asked["secret"] else new_secret()
        made = Subscriber(
            subscriber_id=derive("sub_", str(now), asked["url"], new_secret()),
            name=asked["name"],
            url=asked["url"],
            created_at=now,
            wanted=Filter(tuple(asked["types"]), tuple(asked["rooms"]), tuple(asked["because"])),
            ordering=asked["ordering"],
            secrets=(secret,),
        )
        context.subscribers.put(made)
        settle_bodies(context, made)
        response = jsonify(subscriber_view(made) | {"secret": PREFIX + secret})
        response.status_code = 201
        response.headers["Location"] = f"/api/v1/subscribers/{made.subscriber_id}"
        return response

    @blp.route("/<subscriber_id>")
    @blp.response(200, SubscriberSchema)
    @blp.alt_response(404, schema=ProblemSchema)
    def get_subscriber(subscriber_id: str) -> dict[str, Any]:
        """One subscriber."""
        return subscriber_view(_known(context, subscriber_id))

    @blp.route("/<subscriber_id>", methods=["DELETE"])
    @blp.response(204)
    @blp.alt_response(404, schema=ProblemSchema)
    @blp.alt_response(409, schema=ProblemSchema)
    def unsubscribe(subscriber_id: str) -> None:
        """Unsubscribe: nothing more is sent."""
        known = _known(context, subscriber_id)
        if known.from_file:
            raise Problem(409, "this subscriber belongs to the configuration file: remove it there")
        context.subscribers.delete(subscriber_id)
        settle_bodies(context, known)

    @blp.route("/<subscriber_id>/deliveries")
    @blp.arguments(DeliveriesQuery, location="query")
    @blp.response(200, page_of(DeliverySchema))
    @blp.alt_response(404, schema=ProblemSchema)
    def list_deliveries(query: dict[str, Any], subscriber_id: str) -> dict[str, Any]:
        """What was sent to this subscriber, the newest first."""
        _known(context, subscriber_id)
        return deliveries_page(context, keys.subscriber_deliveries(subscriber_id), query)

    return blp


def _place(known: Subscriber) -> str:
    return f"{known.created_at:015d}|{known.subscriber_id}"


def subscriber_view(known: Subscriber) -> dict[str, Any]:
    """A subscriber without its secrets."""
    return {
        "id": known.subscriber_id,
        "name": known.name,
        "url": masked(known.url),
        "types": list(known.wanted.types),
        "rooms": list(known.wanted.rooms),
        "because": list(known.wanted.because),
        "ordering": known.ordering,
        "enabled": known.enabled,
        "disabled_because": known.disabled_because,
        "created_at": rfc3339(known.created_at),
    }


def masked(url: str) -> str:
    """A URL without the user and the password in it: either may be a token."""
    parts = urlsplit(url)
    if "@" not in parts.netloc:
        return url
    return parts._replace(netloc=f"****@{parts.netloc.rpartition('@')[2]}").geturl()


def check_url(url: str, allowed: tuple[Network, ...], sandbox_url: str | None) -> None:
    """Refuse a URL that could never be delivered to."""
    wrong = _wrong_with(url, allowed, sandbox_url)
    if wrong is not None:
        raise Problem(422, "the URL cannot be used", errors={"url": [wrong]})


def _wrong_with(url: str, allowed: tuple[Network, ...], sandbox_url: str | None) -> str | None:
    if any(ord(letter) <= 32 or ord(letter) == 127 for letter in url):
        return "a URL has no spaces or control characters"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "not a URL; write https://host/path"
    if parts.scheme not in ("http", "https"):
        return "only http:// and https:// can be delivered to in this version"
    if not host:
        return "the URL names no host; write https://host/path"
    if port == 0:
        return "port 0 cannot be connected to"
    if sandbox_url is not None and url.startswith(sandbox_url + "/"):
        return None
    if _is_address(host) and refused(host, allowed):
        return f"{host} is a private, loopback or reserved address; ALLOW_NETWORKS can allow its network"
    if host == "localhost" and refused("127.0.0.1", allowed):
        return "localhost is a loopback address; ALLOW_NETWORKS can allow 127.0.0.0/8"
    return None


def _is_address(host: str) -> bool:
    return ":" in host or host.replace(".", "").isdecimal()


def settle_bodies(context: Context, changed: Subscriber) -> None:
    """VideoSDK's own bodies become notices only while somebody asks for them.

    Said whenever it may have changed: what is in force may be older than what is still to be folded.
    """
    if _asks_for_bodies(changed):
        wanted = any(_asks_for_bodies(known) for known in context.subscribers.all())
        context.append(Source.SYSTEM, "settings", None, {"bodies": wanted})


def _asks_for_bodies(known: Subscriber) -> bool:
    return any(pattern.startswith("videosdk.") for pattern in known.wanted.types)


def _known(context: Context, subscriber_id: str) -> Subscriber:
    known = context.subscribers.get(subscriber_id)
    if known is None:
        raise Problem(404, f"there is no subscriber {subscriber_id}")
    return known
