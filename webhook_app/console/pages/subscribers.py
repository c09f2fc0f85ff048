"""The subscribers: how well each is told, every delivery with its attempts, and what can be done about it."""

from collections.abc import Mapping, Sequence
from typing import Any

from flask import Blueprint, Response, redirect, request
from marshmallow import ValidationError
from werkzeug.wrappers import Response as BaseResponse

from webhook_app.access.subscriber_secrets import PREFIX
from webhook_app.api.deliveries import requeue_delivery
from webhook_app.api.subscriber_actions import enable, request_recovery, request_test, retry_all_dead, rotate
from webhook_app.api.subscribers import create_subscriber, leave_out, update_subscriber
from webhook_app.console.auth import back, flash_and_redirect, require_admin, run_action
from webhook_app.console.components.charts import stacked
from webhook_app.console.components.rule_text import mistakes
from webhook_app.console.context import ConsoleContext, live_part, page, page_of
from webhook_app.console.pages.error_pages import defined_in_file_error
from webhook_app.console.pages.system import attempts_by_hour
from webhook_app.console.pages.wall import read_list_filter
from webhook_app.domain.delivery.delivery import DeliveryState
from webhook_app.domain.delivery.subscriber import Ordering
from webhook_app.domain.notices.notice import DEFAULT_TYPES, NOTICE_TYPES
from webhook_app.domain.times import DAY, HOUR
from webhook_app.problems.problems import Problem
from webhook_app.schemas.subscriber import ChangeSchema, SubscribeSchema
from webhook_app.schemas.validation_messages import explained
from webhook_app.store import keys
from webhook_app.store.queries.paging import InvalidCursorError
from webhook_app.usecases.delivery_views import deliveries_page
from webhook_app.usecases.subscriber_views import health_view, require_subscriber, subscriber_view

SHOWN = 40
DELIVERIES_SHOWN = 25
WORDS_MAX_CHARS = 200
SPANS = {"1h": ("the last hour", HOUR), "24h": ("the last 24 hours", DAY), "7d": ("the last 7 days", 7 * DAY)}
LISTS = ("types", "rooms", "because")
LABELS = {
    "name": "Name",
    "url": "Address",
    "types": "Types of notices",
    "rooms": "Rooms",
    "because": "Because of",
    "max_in_flight": "Attempts at once",
    "rate_limit": "Attempts a second",
}


def add(blueprint: Blueprint, desk: ConsoleContext) -> None:
    """List, page, forms and orders."""
    context = desk.context

    @blueprint.get("/subscribers")
    def subscribers() -> str:
        return page("subscribers.html", here="subscribers", **_listed(desk))

    @blueprint.get("/page/live/subscribers")
    def subscribers_live() -> Response:
        return live_part("subscribers_live.html", **_listed(desk))

    @blueprint.get("/subscribers/<subscriber_id>")
    def subscriber(subscriber_id: str) -> str:
        return page("subscriber.html", here="subscribers", **_seen(desk, subscriber_id))

    @blueprint.get("/page/live/subscribers/<subscriber_id>")
    def subscriber_live(subscriber_id: str) -> Response:
        return live_part("subscriber_live.html", **_seen(desk, subscriber_id))

    @blueprint.get("/new-subscriber")
    def new_subscriber() -> str:
        require_admin(desk.door)
        form = {"types": ", ".join(DEFAULT_TYPES), "rooms": "*", "because": "*", "ordering": "none"}
        return _form_page(form, known=None)

    @blueprint.post("/new-subscriber")
    def subscribe() -> str | tuple[str, int]:
        form = request.form.to_dict()
        try:
            made, secret = create_subscriber(context, _checked(SubscribeSchema(), _given(form)))
        except Problem as problem:
            wrong = _mistakes(problem)
            return page(
                "subscriber_edit.html", here="subscribers", form=form, known=None, wrong=wrong, labels=LABELS
            ), 422
        # The secret is shown in the answer itself: a cookie is no place for it, and nothing keeps it.
        return page("secret.html", here="subscribers", one=subscriber_view(made), secret=PREFIX + secret, new=True)

    @blueprint.get("/subscribers/<subscriber_id>/edit")
    def edit_subscriber(subscriber_id: str) -> str:
        require_admin(desk.door)
        view = subscriber_view(require_subscriber(context, subscriber_id))
        if view["from_file"]:
            raise defined_in_file_error(
                f"Subscriber {view['name']}", desk.config_file_name, f"/subscribers/{subscriber_id}"
            )
        form = (
            view | {name: ", ".join(view[name]) for name in LISTS} | {"url": "", "rate_limit": view["rate_limit"] or ""}
        )
        return _form_page(form, known=view)

    @blueprint.post("/subscribers/<subscriber_id>/edit")
    def change_subscriber(subscriber_id: str) -> str | tuple[str, int] | BaseResponse:
        form = request.form.to_dict()
        given = _given(form) | {"rate_limit": _number(form.get("rate_limit", ""))}
        if not given.get("url"):
            given.pop("url", None)
        try:
            changed = update_subscriber(context, subscriber_id, _checked(ChangeSchema(), given))
        except Problem as problem:
            if problem.code == 404:
                raise
            wrong = _mistakes(problem)
            view = subscriber_view(require_subscriber(context, subscriber_id))
            return page(
                "subscriber_edit.html", here="subscribers", form=form, known=view, wrong=wrong, labels=LABELS
            ), 422
        return flash_and_redirect(f"{changed.name or changed.shown_url} is changed.", f"/subscribers/{subscriber_id}")

    @blueprint.get("/subscribers/<subscriber_id>/<any(enable, disable, rotate, recover, delete):order>")
    def ask_subscriber_order(subscriber_id: str, order: str) -> str:
        require_admin(desk.door)
        view = subscriber_view(require_subscriber(context, subscriber_id))
        return page(
            "subscriber_order.html",
            here="subscribers",
            one=view,
            order=order,
            spans=SPANS,
            back=back(f"/subscribers/{subscriber_id}"),
        )

    @blueprint.post("/subscribers/<subscriber_id>/<any(test, enable, disable, recover):order>")
    def order_subscriber(subscriber_id: str, order: str) -> BaseResponse:
        return run_action(lambda: _order(desk, subscriber_id, order), f"/subscribers/{subscriber_id}")

    @blueprint.post("/subscribers/<subscriber_id>/retry-dead")
    def retry_dead(subscriber_id: str) -> BaseResponse:
        def give() -> str:
            count = retry_all_dead(context, subscriber_id)
            return f"{count} dead {'delivery is' if count == 1 else 'deliveries are'} queued again, to be sent now."

        return run_action(give, f"/subscribers/{subscriber_id}")

    @blueprint.post("/subscribers/<subscriber_id>/rotate")
    def rotate_secret(subscriber_id: str) -> str:
        changed, secret = rotate(context, subscriber_id)
        return page("secret.html", here="subscribers", one=subscriber_view(changed), secret=PREFIX + secret, new=False)

    @blueprint.post("/subscribers/<subscriber_id>/delete")
    def delete_subscriber(subscriber_id: str) -> BaseResponse:
        leave_out(context, subscriber_id)
        flash_and_redirect("The subscriber is deleted: nothing more is sent.", "/subscribers")
        return redirect("/subscribers", code=303)

    @blueprint.post("/deliveries/<delivery_id>/retry")
    def retry_delivery(delivery_id: str) -> BaseResponse:
        def give() -> str:
            requeue_delivery(context, delivery_id)
            return "It is put in line, to be sent now."

        return run_action(give, "/subscribers")


def _listed(desk: ConsoleContext) -> dict[str, Any]:
    context, list_filter = desk.context, read_list_filter()
    everybody = list(reversed(context.subscribers.all()))
    words = list_filter.q.lower()
    found = [one for one in everybody if words in f"{one.name} {one.shown_url} {one.subscriber_id}".lower()]
    shown, number, pages = page_of(found, list_filter.number, SHOWN)
    health = context.subscribers.health([one.subscriber_id for one in shown])
    return {
        "subscribers": [
            subscriber_view(one) | {"health": health_view(how), "chart": _chart(desk, one.subscriber_id)}
            for one, how in zip(shown, health, strict=True)
        ],
        "total": len(everybody),
        "counts": context.deliveries.counts(),
        "q": list_filter.q,
        "number": number,
        "pages": pages,
        "query": {"q": list_filter.q} if list_filter.q else {},
    }


def _seen(desk: ConsoleContext, subscriber_id: str) -> dict[str, Any]:
    context = desk.context
    known = require_subscriber(context, subscriber_id)
    state = request.args.get("state", "")
    state = state if state in set(DeliveryState) else ""
    cursor = request.args.get("cursor") or None
    room = request.args.get("room", "")[:WORDS_MAX_CHARS].strip()
    kind = request.args.get("type", "")[:WORDS_MAX_CHARS].strip()
    config = context.state.names()
    query = {"state": state or None, "notice_id": None, "cursor": cursor, "limit": DELIVERIES_SHOWN} | {
        "room_id": config.resolve_room(room) if room else None,
        "type": kind or None,
    }
    try:
        found = deliveries_page(context, keys.subscriber_deliveries(subscriber_id), query)
    except InvalidCursorError as error:
        raise Problem(422, str(error)) from None
    filters = {name: value for name, value in (("state", state), ("room", room), ("type", kind)) if value}
    health = context.subscribers.health([subscriber_id])[0]
    here = filters | ({"cursor": cursor} if cursor else {})
    return {
        "one": subscriber_view(known) | {"http": known.uses_webhooks},
        "health": health_view(health),
        "is_overdue": health.oldest_due_at is not None and health.oldest_due_at <= context.now(),
        "chart": _chart(desk, subscriber_id),
        "deliveries": found["items"],
        "room_names": {room.room_id: room.name for room in config.names.values() if room.name is not None},
        "dead": context.deliveries.count_dead(subscriber_id),
        "next": found["next"],
        "filters": filters,
        "notice_types": NOTICE_TYPES,
        "room": room,
        "type": kind,
        "state": state,
        "states": list(DeliveryState),
        "cursor": cursor,
        "query": here,
    }


def _chart(desk: ConsoleContext, subscriber_id: str) -> Any:
    good, bad = attempts_by_hour(desk.context.client, [subscriber_id], desk.context.now())
    return stacked(good, bad, f"Attempts an hour over a day: {sum(good)} answered, {sum(bad)} failed")


def _order(desk: ConsoleContext, subscriber_id: str, order: str) -> str:
    context = desk.context
    span = request.form.get("span", "")
    since = context.now() - SPANS[span][1] if span in SPANS else None
    match order:
        case "test":
            request_test(context, subscriber_id)
            return "A test is on its way: it is the newest delivery below."
        case "enable":
            enable(context, subscriber_id, since)
            return "It is told again" + (f", and what it missed in {SPANS[span][0]}." if since is not None else ".")
        case "disable":
            update_subscriber(context, subscriber_id, {"enabled": False})
            return "It is told nothing until it is enabled."
        case _:
            request_recovery(context, subscriber_id, since or context.now() - DAY, None)
            return f"What is dead or was missed in {SPANS.get(span, SPANS['24h'])[0]} is put in line again."


def _form_page(
    form: Mapping[str, Any], *, known: Mapping[str, Any] | None, wrong: Sequence[Mapping[str, Any]] = ()
) -> str:
    return page("subscriber_edit.html", here="subscribers", form=form, known=known, wrong=wrong, labels=LABELS)


def _mistakes(problem: Problem) -> list[dict[str, Any]]:
    """What is wrong with a form, each with the form's field as `top`."""
    errors = problem.errors or {"": [problem.description]}
    return [one | {"top": one["field"].partition(".")[0]} for one in mistakes(errors, "")]


def _given(form: Mapping[str, str]) -> dict[str, Any]:
    """The form as the API's JSON."""
    given: dict[str, Any] = {name: form[name].strip() for name in ("name", "url", "ordering") if name in form}
    if given.get("ordering") not in set(Ordering):
        given.pop("ordering", None)
    for name in LISTS:
        if name in form:
            given[name] = [part.strip() for part in form[name].replace("\n", ",").split(",") if part.strip()]
    if form.get("rate_limit", "").strip():
        given["rate_limit"] = _number(form["rate_limit"])
    if form.get("max_in_flight", "").strip():
        given["max_in_flight"] = _number(form["max_in_flight"])
    return given


def _number(text: str) -> int | str | None:
    text = text.strip()
    return None if not text else int(text) if text.isdecimal() and len(text) < 10 else text


def _checked(schema: SubscribeSchema | ChangeSchema, given: dict[str, Any]) -> dict[str, Any]:
    try:
        loaded: dict[str, Any] = schema.load(given)
    except ValidationError as error:
        raise Problem(422, "something is wrong", errors=explained(error.messages_dict, schema)) from None
    return loaded
