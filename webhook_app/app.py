"""The app: builds the parts of the web process from the settings."""

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

import redis
from flask import Blueprint, Flask, Response, request

from webhook_app import middleware
from webhook_app.access.auth import Tokens
from webhook_app.access.failed_logins import FailedLogins, ThrottleLimits
from webhook_app.access.host_check import HostCheck
from webhook_app.access.session_cookies import SessionCookies
from webhook_app.access.sessions import ENDED_KEPT_S, LIFE_S, Sessions
from webhook_app.api.alarms import alarms
from webhook_app.api.calls import calls
from webhook_app.api.deliveries import deliveries
from webhook_app.api.docs_page import docs_page
from webhook_app.api.events import events
from webhook_app.api.openapi import complete_spec
from webhook_app.api.rooms import rooms
from webhook_app.api.rules import rules
from webhook_app.api.streams import streams
from webhook_app.api.subscribers import subscribers
from webhook_app.api.system import system
from webhook_app.config.secrets_file import secrets_key, session_key
from webhook_app.config.settings import Settings
from webhook_app.console.auth import allows_anonymous_read, signing_key
from webhook_app.console.blueprint import console
from webhook_app.console.pages.error_pages import error_page
from webhook_app.live.broadcaster import EventBroadcaster
from webhook_app.live.limits import SseLimits
from webhook_app.middleware import RateLimit
from webhook_app.ops.health import HealthLimits, health
from webhook_app.ops.live_links import live_links
from webhook_app.ops.metrics import metrics
from webhook_app.ops.reachability_check import reachability_check
from webhook_app.problems import problems
from webhook_app.problems.problems import Problem, ProblemApi
from webhook_app.providers.port import KeyedVerifier, KeyStorage
from webhook_app.providers.registry import PROVIDER
from webhook_app.receiver.receiver import Receiver, handles_path
from webhook_app.receiver.webhook_counters import WebhookCounters
from webhook_app.runtime.loops import Loops
from webhook_app.schemas.fields import Duration, Moment
from webhook_app.secrets.encryption import SecretBox
from webhook_app.server.forwarding import Forwarding
from webhook_app.server.front import REQUEST_BODY_MAX_BYTES, Front, WebhookApp
from webhook_app.server.locations import with_prefix
from webhook_app.server.paths import RoomConverter
from webhook_app.store.access.ended_sessions import EndedSessions
from webhook_app.store.access.login_failures import LoginFailures
from webhook_app.store.connection.circuit_breaker import CircuitBreaker, probe_with
from webhook_app.store.connection.clients import APPEND_TIMEOUT_S, PROBE_TIMEOUT_S, connect, connect_async
from webhook_app.store.connection.reconnecting import Generation
from webhook_app.store.deliveries.records import DeliveryRecords
from webhook_app.store.journal.group_append import GroupAppender, journal_append
from webhook_app.store.journal.journal import Appender, Journal, Wake
from webhook_app.store.journal.wakeups import BackgroundWakeups, Wakeups
from webhook_app.store.operations.public_key import load_public_key, save_public_key
from webhook_app.store.queries.paging import InvalidCursorError
from webhook_app.store.state.store import StateStore
from webhook_app.store.subscribers import Subscribers
from webhook_app.usecases.context import AppContext, UseCaseLimits

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

RESOURCES = (rooms, streams, rules, subscribers, deliveries, calls, alarms)


@dataclass(frozen=True)
class WebLimits:
    """The limits of the web's parts."""

    use_cases: UseCaseLimits = field(default_factory=UseCaseLimits)
    sse: SseLimits = field(default_factory=SseLimits)
    api_rate: RateLimit = field(default_factory=RateLimit)
    throttle: ThrottleLimits = field(default_factory=ThrottleLimits)
    health: HealthLimits = field(default_factory=HealthLimits)


@dataclass
class Web:
    """The web's Flask app, the ASGI front that serves it, and what must be started with the process."""

    app: Flask
    front: Front
    verifier: KeyedVerifier
    counts: WebhookCounters
    broadcaster: EventBroadcaster

    def start(self) -> None:
        """Fetch the public key, and start writing the webhook counts."""
        self.verifier.start()
        self.counts.start()

    def stop(self) -> None:
        """End the event streams: the process is about to end."""
        self.broadcaster.close()


def build(settings: Settings, limits: WebLimits | None = None) -> Web:
    """Build the web of one process. Nothing is connected before the first request."""
    assert settings.redis_url is not None
    limits = limits or WebLimits()
    generation = Generation()
    make_client = partial(connect, settings.redis_url, sentinel_login=settings.sentinel_login, generation=generation)
    client = make_client()
    journal = Journal(client, ack_replicas=settings.ack_replicas)
    loops = Loops()
    wakeups = BackgroundWakeups(Wakeups(make_client()), loops)
    appender = Appender(Journal(make_client(timeout_s=APPEND_TIMEOUT_S), ack_replicas=settings.ack_replicas), wakeups)
    keys = KeyStorage(load=lambda: load_public_key(client), save=lambda pem: _remember(client, pem))
    verifier = PROVIDER.webhook_verifier(settings, keys)
    counts = WebhookCounters(client, loops)
    broadcaster = EventBroadcaster(client, replace(limits.sse, slots=settings.viewers_held))
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = REQUEST_BODY_MAX_BYTES
    app.url_map.converters["room"] = RoomConverter
    problems.install(app)
    middleware.install(app)
    health_client = make_client(timeout_s=limits.health.store_timeout_s)
    receiver_only = settings.surface == "receiver"
    app.register_blueprint(
        health(client=health_client, verifier=verifier, receiver_only=receiver_only, loops=loops, limits=limits.health)
    )
    app.register_blueprint(reachability_check(client))
    tokens = _tokens(settings, limits)
    app.register_blueprint(metrics(client, tokens, host=settings.host, public_url=settings.public_url))
    webhooks: WebhookApp | None = None
    if settings.surface != "console":
        receiver = Receiver(
            reader=PROVIDER.webhook_reader(),
            verifier=verifier,
            append=_group_appender(settings, wakeups, generation).append,
            append_now=appender.append,
            count=counts.count,
            token=settings.webhook_token,
            rooms=settings.rooms,
        )
        webhooks = receiver.webhook_app
        app.wsgi_app = _webhooks_first(receiver, app.wsgi_app)  # type: ignore[method-assign, assignment]
    if settings.live_links and settings.surface != "receiver":
        app.register_blueprint(live_links(StateStore(client), settings.rooms))
    if settings.surface != "receiver":
        secret_box = SecretBox(secrets_key(settings))
        context = AppContext(
            client=client,
            journal=journal,
            appender=appender,
            state=StateStore(client),
            subscribers=Subscribers(client, secret_box),
            secret_box=secret_box,
            deliveries=DeliveryRecords(client),
            rooms=settings.rooms,
            has_credentials=settings.has_credentials,
            observing=settings.observe,
            allow_networks=settings.allow_networks,
            sandbox_url=settings.sandbox_url,
            max_streams=settings.max_streams,
            limits=limits.use_cases,
        )
        _add_api(app, context, broadcaster, tokens, settings)
    app.wsgi_app = with_prefix(app.wsgi_app)  # type: ignore[method-assign, assignment]
    forwarding = Forwarding(settings.public_url, settings.trusted_proxies)
    front = Front(app, webhooks, threads=settings.web_threads, forwarding=forwarding)
    return Web(app, front, verifier, counts, broadcaster)


def _group_appender(settings: Settings, wakeups: Wake, generation: Generation) -> GroupAppender:
    """The writer that appends webhooks. Its clients are separate and have shorter time-outs."""
    assert settings.redis_url is not None
    make_client = partial(
        connect_async, settings.redis_url, sentinel_login=settings.sentinel_login, generation=generation
    )
    append_entries = journal_append(make_client(timeout_s=APPEND_TIMEOUT_S), ack_replicas=settings.ack_replicas)
    return GroupAppender(append_entries, wakeups, CircuitBreaker(probe_with(make_client(timeout_s=PROBE_TIMEOUT_S))))


def _tokens(settings: Settings, limits: WebLimits) -> Tokens:
    """The tokens, with a separate client: counting a wrong token must not wait for a store that hangs."""
    assert settings.redis_url is not None
    throttle = limits.throttle
    client = connect(settings.redis_url, sentinel_login=settings.sentinel_login, timeout_s=throttle.store_timeout_s)
    shared = LoginFailures(client, networks_max=throttle.networks, window_ms=round(throttle.window_s * 1000))
    return Tokens(
        admin=settings.admin_token,
        viewer=settings.viewer_token,
        failed_logins=FailedLogins(shared, throttle),
        trusted_proxies=settings.trusted_proxies,
        api_rate=limits.api_rate,
    )


def _webhooks_first(receiver: Receiver, rest: "WSGIApplication") -> "WSGIApplication":
    """Build the receiver with its own Flask app, without the sessions and hooks of the API."""

    def dispatch(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        if handles_path(environ["PATH_INFO"]):
            return receiver.wsgi_app(environ, start_response)
        return rest(environ, start_response)

    return dispatch


def _add_api(
    app: Flask, context: AppContext, broadcaster: EventBroadcaster, tokens: Tokens, settings: Settings
) -> None:
    app.config |= {
        "API_TITLE": "Tallylight",
        "API_VERSION": "1",
        "OPENAPI_VERSION": "3.1.0",
        "OPENAPI_URL_PREFIX": "/",
        "OPENAPI_JSON_PATH": "openapi.json",
        "API_SPEC_OPTIONS": {
            "info": {"description": "Which VideoSDK rooms are on air, why, and what is done about it."},
            "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
            "security": [{"token": []}],
        },
        "SECRET_KEY": signing_key(session_key(settings.data_dir), settings),
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_REFRESH_EACH_REQUEST": False,  # a late response must not restore a session that has ended
        "PERMANENT_SESSION_LIFETIME": LIFE_S,
        "SESSION_COOKIE_SAMESITE": "Lax",  # a link in a mail finds the session; changes are POSTs with a CSRF token
    }
    app.session_interface = SessionCookies()
    api = ProblemApi(app)
    api.complete = complete_spec
    api.register_field(Moment, "string", "date-time")
    api.register_field(Duration, "string", None)
    for resource in RESOURCES:
        blueprint = resource(context)
        blueprint.before_request(tokens.guard)
        api.register_blueprint(blueprint)
    about_system = system(context, settings)
    about_system.before_request(tokens.guard)
    api.register_blueprint(about_system)
    sessions = Sessions(EndedSessions(context.client, kept_s=ENDED_KEPT_S))
    api.register_blueprint(_events(context, broadcaster, tokens, sessions, settings))
    app.register_error_handler(InvalidCursorError, _bad_cursor)
    app.register_blueprint(console(context, tokens, sessions, settings))
    app.register_blueprint(docs_page(api))
    problems.install(app, error_page)  # after the API, which installs its own handler


def _events(
    context: AppContext, broadcaster: EventBroadcaster, tokens: Tokens, sessions: Sessions, settings: Settings
) -> Blueprint:
    """Events; their stream alone may be read with the page's cookie, as a browser's EventSource sends no token."""
    blueprint = events(context, broadcaster)
    anonymous_read, hosts = allows_anonymous_read(settings), HostCheck(settings.public_url)

    def can_view() -> bool:
        return (anonymous_read and hosts.is_ours(request.headers.get("Host"))) or sessions.role is not None

    def guard() -> None:
        if request.endpoint == "events.stream_events":
            tokens.require_token_unless(can_view)
        else:
            tokens.guard()

    blueprint.before_request(guard)
    return blueprint


def _bad_cursor(error: InvalidCursorError) -> Response:
    return problems.answer(Problem(422, "Invalid cursor.", errors={"cursor": [str(error)]}))


def _remember(client: redis.Redis, pem: str) -> None:
    try:
        save_public_key(client, pem)
    except redis.RedisError:
        sys.stderr.write("the public key could not be stored; it will be fetched again at the next start\n")
