"""Forms to create and change a subscriber, and the page that shows a new signing secret."""

from collections.abc import Mapping, Sequence
from typing import Any

from flask import Blueprint, request
from marshmallow import ValidationError
from werkzeug.wrappers import Response as BaseResponse

from webhook_app.console.auth import flash_and_redirect, require_admin
from webhook_app.console.components.rule_text import errors_with_lines
from webhook_app.console.context import ConsoleContext, page
from webhook_app.console.pages.error_pages import defined_in_file_error
from webhook_app.domain.delivery.subscriber import Ordering, Subscriber
from webhook_app.domain.notices.types import DEFAULT_TYPES
from webhook_app.schemas.subscriber import ChangeSchema, SubscribeSchema
from webhook_app.secrets.subscriber_secrets import PREFIX
from webhook_app.text.validation_messages import explain_errors
from webhook_app.usecases.errors import InvalidInputError, NotFoundError, UseCaseError
from webhook_app.usecases.subscriber_actions import rotate
from webhook_app.usecases.subscriber_views import subscriber_view
from webhook_app.usecases.subscribers import create_subscriber, require_subscriber, update_subscriber

LIST_FIELDS = ("types", "rooms", "because")
LABELS = {
    "name": "Name",
    "url": "URL",
    "types": "Event types",
    "rooms": "Rooms",
    "because": "Triggered by",
    "max_in_flight": "Max concurrency",
    "rate_limit": "Rate limit (per second)",
}
NUMBER_MAX_DIGITS = 9


def add(blueprint: Blueprint, console: ConsoleContext) -> None:
    """Add the forms."""
    context = console.context

    @blueprint.get("/new-subscriber")
    def new_subscriber() -> str:
        require_admin(console.auth)
        form = {"types": ", ".join(DEFAULT_TYPES), "rooms": "*", "because": "*", "ordering": "none"}
        return _form_page(form, current=None)

    @blueprint.post("/new-subscriber")
    def create() -> str | tuple[str, int]:
        form = request.form.to_dict()
        try:
            subscriber, secret = create_subscriber(context, _load(SubscribeSchema(), _form_values(form)))
        except UseCaseError as error:
            return _form_page(form, current=None, errors=_field_errors(error)), 422
        return secret_page(subscriber, secret, is_new=True)

    @blueprint.get("/subscribers/<subscriber_id>/edit")
    def edit_subscriber(subscriber_id: str) -> str:
        require_admin(console.auth)
        view = subscriber_view(require_subscriber(context, subscriber_id))
        if view["from_file"]:
            title, path = f"Subscriber {view['name']}", f"/subscribers/{subscriber_id}"
            raise defined_in_file_error(title, console.config_file_name, path)
        lists = {name: ", ".join(view[name]) for name in LIST_FIELDS}
        form = view | lists | {"url": "", "rate_limit": view["rate_limit"] or ""}
        return _form_page(form, current=view)

    @blueprint.post("/subscribers/<subscriber_id>/edit")
    def change(subscriber_id: str) -> str | tuple[str, int] | BaseResponse:
        form = request.form.to_dict()
        values = _form_values(form) | {"rate_limit": _number(form.get("rate_limit", ""))}
        if not values.get("url"):
            values.pop("url", None)
        try:
            subscriber = update_subscriber(context, subscriber_id, _load(ChangeSchema(), values))
        except NotFoundError:
            raise
        except UseCaseError as error:
            view = subscriber_view(require_subscriber(context, subscriber_id))
            return _form_page(form, current=view, errors=_field_errors(error)), 422
        message = f"{subscriber.name or subscriber.shown_url} saved."
        return flash_and_redirect(message, f"/subscribers/{subscriber_id}")

    @blueprint.post("/subscribers/<subscriber_id>/rotate")
    def rotate_secret(subscriber_id: str) -> str:
        subscriber, secret = rotate(context, subscriber_id)
        return secret_page(subscriber, secret, is_new=False)


def secret_page(subscriber: Subscriber, secret: str, *, is_new: bool) -> str:
    """Render a signing secret in the response itself: it is stored nowhere else, and does not belong in a cookie."""
    view = subscriber_view(subscriber)
    return page("secret.html", section="subscribers", subscriber=view, secret=PREFIX + secret, new=is_new)


def _form_page(
    form: Mapping[str, Any], *, current: Mapping[str, Any] | None, errors: Sequence[Mapping[str, Any]] = ()
) -> str:
    return page(
        "subscriber_edit.html", section="subscribers", form=form, subscriber=current, errors=errors, labels=LABELS
    )


def _field_errors(error: UseCaseError) -> list[dict[str, Any]]:
    """The errors of a form, each with the name of its form field as `top`."""
    errors = errors_with_lines(error.messages_by_field, "")
    return [field_error | {"top": field_error["field"].partition(".")[0]} for field_error in errors]


def _form_values(form: Mapping[str, str]) -> dict[str, Any]:
    """The values of a form as the API takes them."""
    values: dict[str, Any] = {name: form[name].strip() for name in ("name", "url", "ordering") if name in form}
    if values.get("ordering") not in set(Ordering):
        values.pop("ordering", None)
    for name in LIST_FIELDS:
        if name in form:
            values[name] = [part.strip() for part in form[name].replace("\n", ",").split(",") if part.strip()]
    for name in ("rate_limit", "max_in_flight"):
        if form.get(name, "").strip():
            values[name] = _number(form[name])
    return values


def _number(text: str) -> int | str | None:
    """The number in a field, None when it is empty, else the text, which the schema then rejects."""
    text = text.strip()
    if not text:
        return None
    return int(text) if text.isdecimal() and len(text) <= NUMBER_MAX_DIGITS else text


def _load(schema: SubscribeSchema | ChangeSchema, values: dict[str, Any]) -> dict[str, Any]:
    try:
        loaded: dict[str, Any] = schema.load(values)
    except ValidationError as error:
        errors = explain_errors(error.messages_dict, schema)
        raise InvalidInputError("Invalid subscriber.", errors=errors) from None
    return loaded
