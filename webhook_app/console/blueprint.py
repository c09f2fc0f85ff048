"""The console: pages on the server's own data, behind a log-in, put together here."""

from dataclasses import replace

import redis
from flask import Blueprint, Response, current_app, request
from werkzeug.exceptions import HTTPException, ServiceUnavailable

from webhook_app.access.auth import Tokens
from webhook_app.access.security_headers import set_security_headers
from webhook_app.access.sessions import Sessions
from webhook_app.config.settings import Settings
from webhook_app.console.auth import ConsoleAuth
from webhook_app.console.components import participants
from webhook_app.console.components.alarm_advice import title_of
from webhook_app.console.components.room_links import room_globals
from webhook_app.console.context import ConsoleContext
from webhook_app.console.formatting import FILTERS
from webhook_app.console.pages import (
    alarms,
    confirmations,
    events,
    room,
    room_settings,
    rules,
    schedule,
    subscribers,
    system,
    wall,
)
from webhook_app.console.pages.error_pages import error_page
from webhook_app.console.request_state import RequestStateStore
from webhook_app.console.room_cache import RoomCache
from webhook_app.problems.problems import Problem, answer, problem_of, wants_page
from webhook_app.store.connection.clients import StoreUnavailableError
from webhook_app.store.connection.refusals import is_store_unavailable
from webhook_app.store.queries.paging import InvalidCursorError
from webhook_app.usecases.context import AppContext
from webhook_app.usecases.errors import UseCaseError

PAGES = (wall, confirmations, room_settings, room, schedule, rules, subscribers, alarms, system, events)


def console(context: AppContext, tokens: Tokens, sessions: Sessions, settings: Settings) -> Blueprint:
    """Build the blueprint of the console, with all pages."""
    blueprint = Blueprint(
        "console", __name__, template_folder="templates", static_folder="static", static_url_path="/static"
    )
    state = RequestStateStore(context.client)
    context = replace(context, state=state)
    auth = ConsoleAuth(tokens, sessions, settings)
    console = ConsoleContext(context, auth, RoomCache(context.client), settings)
    blueprint.before_request(auth.guard)
    blueprint.after_request(set_security_headers)
    for name, read in (FILTERS | participants.FILTERS).items():
        blueprint.add_app_template_filter(read, name)
    for name, function in room_globals(state).items():
        blueprint.add_app_template_global(function, name)

    @blueprint.app_context_processor
    def layout_values() -> dict[str, object]:
        can_view = auth.can_view
        return {
            "can_view": can_view,
            "can_act": auth.can_act,
            "role": None if auth.role is None else auth.role.value,
            "csrf": auth.csrf,
            "observing": settings.observe,
            "sandbox": settings.sandbox_url if can_view else None,
            "counted_alarms": lambda: alarms.counted_alarms(context) if can_view else [],
            "alarm_title": title_of,
            "stream": _events_stream() if can_view else None,
        }

    @blueprint.errorhandler(HTTPException)
    def render_error(error: HTTPException) -> Response:
        return error_page(error) if wants_page(otherwise=request.endpoint != "console.static") else answer(error)

    def store_unavailable(error: Exception) -> Response:
        return render_error(ServiceUnavailable())

    def store_failed(error: Exception) -> Response:
        if is_store_unavailable(error):
            return store_unavailable(error)
        raise error

    def refuse(error: UseCaseError) -> Response:
        return render_error(problem_of(error))

    def invalid_cursor(error: InvalidCursorError) -> Response:
        return render_error(Problem(422, str(error)))

    blueprint.register_error_handler(UseCaseError, refuse)
    blueprint.register_error_handler(InvalidCursorError, invalid_cursor)
    blueprint.register_error_handler(StoreUnavailableError, store_unavailable)
    blueprint.register_error_handler(redis.RedisError, store_failed)
    auth.add(blueprint)
    for part in PAGES:
        part.add(blueprint, console)
    return blueprint


def _events_stream() -> str | None:
    """The path of the event stream, if this process serves it."""
    return next((rule.rule for rule in current_app.url_map.iter_rules() if rule.rule.endswith("/events/stream")), None)
