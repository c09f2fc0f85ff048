"""The page: rooms with their tally lights, the newest events and deliveries; it refreshes itself."""

import hmac
from secrets import token_urlsafe
from typing import Any

from flask import Blueprint, Response, redirect, render_template, request, session
from werkzeug.wrappers import Response as BaseResponse

from webhook_app.api.context import Context
from webhook_app.api.delivery_views import all_deliveries_page
from webhook_app.api.event_views import event_views
from webhook_app.api.subscribers import masked
from webhook_app.auth import Tokens
from webhook_app.domain.views import room_view
from webhook_app.page_headers import harden
from webhook_app.settings import Settings
from webhook_app.store import keys

ROOMS_SHOWN = 60
EVENTS_SHOWN = 25
DELIVERIES_SHOWN = 15
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def console(context: Context, tokens: Tokens, settings: Settings) -> Blueprint:
    """The page, behind the API's tokens; on the sandbox of this very machine anybody may look."""
    blueprint = Blueprint(
        "console", __name__, template_folder="templates", static_folder="static", static_url_path="/static"
    )
    open_house = settings.sandbox_url is not None and settings.host in LOOPBACK

    def may_look() -> bool:
        return open_house or session.get("role") in ("admin", "viewer")

    @blueprint.get("/")
    def page() -> BaseResponse | str:
        if not may_look():
            return redirect("/login")
        return render_template("rooms.html", sandbox=settings.sandbox_url, **_seen(context))

    @blueprint.get("/page/live")
    def live() -> BaseResponse | str:
        if not may_look():
            return Response(status=401)
        return render_template("live.html", sandbox=settings.sandbox_url, **_seen(context))

    @blueprint.get("/login")
    def login_form() -> str:
        session.setdefault("csrf", token_urlsafe(24))
        return render_template("login.html", csrf=session["csrf"], wrong=False)

    @blueprint.post("/login")
    def login() -> BaseResponse | tuple[str, int]:
        expected, given = session.get("csrf", ""), request.form.get("csrf", "")
        role = tokens.role(request.form.get("token", "").strip())
        if not expected or not hmac.compare_digest(expected.encode(), given.encode()) or role is None:
            session.setdefault("csrf", token_urlsafe(24))
            return render_template("login.html", csrf=session["csrf"], wrong=True), 403
        session.clear()
        session["role"] = role.value
        return redirect("/", code=303)

    blueprint.after_request(harden)
    return blueprint


def _seen(context: Context) -> dict[str, Any]:
    config, now = context.state.names(), context.now()
    newest = [room_id.decode() for room_id in context.client.zrevrange(keys.ROOMS, 0, ROOMS_SHOWN - 1)]
    on_air = sorted(room_id.decode() for room_id in context.client.smembers(keys.ON_AIR))
    wanted = list(dict.fromkeys(on_air[:ROOMS_SHOWN] + newest))
    found = context.state.rooms(wanted)
    rooms = [room_view(found[room_id], config, now) for room_id in wanted if room_id in found]
    deliveries = all_deliveries_page(
        context, {"state": None, "notice_id": None, "cursor": None, "limit": DELIVERIES_SHOWN}
    )
    names = {known.subscriber_id: known.name or masked(known.url) for known in context.subscribers.all()}
    return {
        "rooms": rooms,
        "on_air": len(on_air),
        "total": context.client.zcard(keys.ROOMS),
        "events": event_views(context, context.journal.read_back("+", EVENTS_SHOWN)),
        "deliveries": deliveries["items"],
        "subscriber_names": names,
        "halted": context.client.get(keys.HALTED),
    }
