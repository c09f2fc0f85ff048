"""The console's door: log-in and log-out, who may look and who may act, and that a form is one of ours."""

import hmac
import re
from collections.abc import Callable
from hashlib import sha256
from secrets import token_urlsafe
from urllib.parse import urlencode

from flask import Blueprint, Response, flash, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from webhook_app.access.auth import Role, Tokens, TooManyWrongTokensError
from webhook_app.access.host_check import HostCheck
from webhook_app.access.session_cookies import LOGIN, cookie_name
from webhook_app.access.sessions import Sessions
from webhook_app.config.settings import LOOPBACK, Settings
from webhook_app.console.pages.error_pages import redirect_to_admin_login
from webhook_app.problems.problems import Problem
from webhook_app.problems.reasons import ErrorReason

OPEN_TO_ALL = frozenset({"console.login", "console.login_form", "console.static"})
CSRF_HEADER = "X-Csrf"
_LOGIN_NONCE = re.compile(r"[A-Za-z0-9_-]{32}")


class ConsoleAuth:
    """Who is at the door of this request. On the sandbox of this very machine anybody may look."""

    def __init__(self, tokens: Tokens, sessions: Sessions, settings: Settings) -> None:
        self._tokens = tokens
        self._sessions = sessions
        self._hosts = HostCheck(settings.public_url)
        self.anonymous_read = allows_anonymous_read(settings)
        self._remedy = f"Open it at http://localhost:{settings.port}, or log in."

    @property
    def role(self) -> Role | None:
        """Who has logged in."""
        return self._sessions.role

    @property
    def can_view(self) -> bool:
        """Whether anything may be shown."""
        return self._is_open_here or self.role is not None

    @property
    def _is_open_here(self) -> bool:
        """Whether this request needs no log-in: another site's name may have been pointed at this machine."""
        return self.anonymous_read and self._hosts.is_ours(request.headers.get("Host"))

    @property
    def may_act(self) -> bool:
        """Whether anything may be changed."""
        return self.role is Role.ADMIN

    @property
    def csrf(self) -> str:
        """What every form of this session carries."""
        return self._sessions.csrf

    def guard(self) -> BaseResponse | None:
        """Before every request: send to the log-in, refuse what was sent from elsewhere or by a viewer."""
        if request.endpoint in OPEN_TO_ALL:
            return None
        if not self.can_view:
            if self.anonymous_read and not self._is_open_here:
                raise Problem(403, self._hosts.advice(request.headers.get("Host"), self._remedy))
            if request.path.startswith("/page/"):
                return Response(status=401)
            here = request.full_path.rstrip("?")
            wanted = request.method == "GET" and here != "/" and not request.headers.get("X-Fragment")
            return redirect(f"/login?{urlencode({'back': here})}" if wanted else "/login")
        if request.method == "POST":
            if not self._from_our_form():
                detail = "This form has expired, or was sent from another site. Go back, reload the page and try again."
                raise Problem(403, detail, reason=ErrorReason.FORM_EXPIRED)
            if not self.may_act and request.endpoint != "console.logout":
                detail = "The viewer token may look and not change anything. Log in with the admin token."
                raise Problem(403, detail, reason=ErrorReason.ADMIN_NEEDED)
        return None

    def add(self, blueprint: Blueprint) -> None:
        """Log-in and log-out."""

        @blueprint.get("/login")
        def login_form() -> Response:
            return self._form(wrong=None)

        @blueprint.post("/login")
        def login() -> BaseResponse:
            try:
                role = self._tokens.checked_role(request.form.get("token", "").strip())
            except TooManyWrongTokensError as error:
                return self._form(wrong=str(error), status=429, retry_after_s=error.wait_s)
            if not self._from_our_log_in():
                return self._form(wrong=self._refused_form(), status=403)
            if role is None:
                return self._form(wrong="That is neither the admin token nor the viewer token.", status=403)
            self._sessions.begin(role)
            return redirect(back("/"), code=303)

        @blueprint.post("/logout")
        def logout() -> BaseResponse:
            self._sessions.end()
            return redirect("/" if self.anonymous_read else "/login", code=303)

    def _form(self, *, wrong: str | None, status: int = 200, retry_after_s: int | None = None) -> Response:
        nonce = _login_nonce() or token_urlsafe(24)
        form = make_response(
            render_template("login.html", nonce=nonce, wrong=wrong, back=back("/"), need=request.values.get("need")),
            status,
        )
        if retry_after_s is not None:
            form.headers["Retry-After"] = str(retry_after_s)
        # Lax, so that a link from another site finds it too and leaves the forms of other tabs good.
        path = f"{request.script_root}/login"
        form.set_cookie(cookie_name(LOGIN), nonce, path=path, secure=request.is_secure, httponly=True, samesite="Lax")
        return form

    def _refused_form(self) -> str:
        if not _login_nonce():
            return "Your browser sent no cookie. Allow cookies for this address, reload this page and try again."
        return "This form has expired, or was sent from another site. Try again."

    def _from_our_form(self) -> bool:
        return _is_same(self.csrf, request.form.get("csrf") or request.headers.get(CSRF_HEADER, ""))

    def _from_our_log_in(self) -> bool:
        return _is_same(_login_nonce(), request.form.get("csrf", ""))


def _login_nonce() -> str:
    """What the log-in form of this browser carries; empty when it has none."""
    nonce = request.cookies.get(cookie_name(LOGIN), "")
    return nonce if _LOGIN_NONCE.fullmatch(nonce) else ""


def _is_same(expected: str, given: str) -> bool:
    return bool(expected) and hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace"))


def signing_key(key: str | bytes, settings: Settings) -> bytes:
    """What signs the sessions: another token than before ends every session that was begun with the old one."""
    raw = key.encode() if isinstance(key, str) else key
    tokens = f"{settings.admin_token or ''}\n{settings.viewer_token or ''}"
    return hmac.new(raw, tokens.encode(), sha256).digest()


def allows_anonymous_read(settings: Settings) -> bool:
    """Whether anybody may look: the sandbox plays VideoSDK, and only this machine can reach us."""
    return settings.sandbox_url is not None and settings.host in LOOPBACK


def back(otherwise: str) -> str:
    """Where the form came from, if that is a page of ours; without the prefix that the console lives under."""
    asked = request.form.get("back") or request.args.get("back") or ""
    if request.script_root and asked.startswith(f"{request.script_root}/"):
        asked = asked.removeprefix(request.script_root)
    ours = asked.startswith("/") and not asked.startswith("//") and "\\" not in asked and asked.isprintable()
    return asked if ours else otherwise


def flash_and_redirect(what: str, otherwise: str) -> BaseResponse:
    """Say what was done, on the page that the form came from."""
    flash(what, "done")
    return redirect(back(otherwise), code=303)


def run_action(act: Callable[[], str], otherwise: str) -> BaseResponse:
    """Do it and say so; what the API would refuse is said in the same words."""
    try:
        return flash_and_redirect(act(), otherwise)
    except Problem as problem:
        if (problem.code or 500) >= 500:
            raise
        flash(problem.description or "That was refused.", "wrong")
        return redirect(back(otherwise), code=303)


def require_admin(door: ConsoleAuth) -> None:
    """For pages that only lead to acting: others are told that the admin token is needed."""
    if not door.may_act:
        redirect_to_admin_login()
