"""Access to the console: log-in and log-out, who may view and who may act, and the CSRF check of forms."""

import hmac
from collections.abc import Callable
from hashlib import sha256
from urllib.parse import urlencode

from flask import Blueprint, Response, flash, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from webhook_app.access import csrf
from webhook_app.access.auth import Role, Tokens, TooManyWrongTokensError
from webhook_app.access.host_check import HostCheck
from webhook_app.access.sessions import Sessions
from webhook_app.config.settings import LOOPBACK, Settings
from webhook_app.console.pages.error_pages import redirect_to_admin_login
from webhook_app.error_reasons import ErrorReason
from webhook_app.problems.problems import Problem
from webhook_app.usecases.errors import UseCaseError

OPEN_TO_ALL = frozenset({"console.login", "console.login_form", "console.static"})


class ConsoleAuth:
    """Who makes this request, and what they may do. A sandbox on this machine may be viewed without logging in."""

    def __init__(self, tokens: Tokens, sessions: Sessions, settings: Settings) -> None:
        self._tokens = tokens
        self._sessions = sessions
        self._hosts = HostCheck(settings.public_url)
        self.anonymous_read = allows_anonymous_read(settings)
        self._remedy = f"Open it at http://localhost:{settings.port}, or log in."

    @property
    def role(self) -> Role | None:
        """The role of the session, None without one."""
        return self._sessions.role

    @property
    def can_view(self) -> bool:
        """Whether pages may be shown."""
        return self._is_open_here or self.role is not None

    @property
    def _is_open_here(self) -> bool:
        """Whether this request needs no log-in. The Host is checked against DNS rebinding."""
        return self.anonymous_read and self._hosts.is_ours(request.headers.get("Host"))

    @property
    def can_act(self) -> bool:
        """Whether anything may be changed."""
        return self.role is Role.ADMIN

    @property
    def csrf(self) -> str:
        """The CSRF token of this session."""
        return self._sessions.csrf

    def guard(self) -> BaseResponse | None:
        """Before every request: redirect to the log-in; refuse cross-site forms and changes by viewers."""
        if request.endpoint in OPEN_TO_ALL:
            return None
        if not self.can_view:
            if self.anonymous_read and not self._is_open_here:
                raise Problem(403, self._hosts.advice(request.headers.get("Host"), self._remedy))
            if request.path.startswith("/page/"):
                return Response(status=401)
            path = request.full_path.rstrip("?")
            returns = request.method == "GET" and path != "/" and not request.headers.get("X-Fragment")
            return redirect(f"/login?{urlencode({'back': path})}" if returns else "/login")
        if request.method == "POST":
            if not csrf.has_token(self.csrf):
                detail = "This form expired. Reload the page and try again."
                raise Problem(403, detail, reason=ErrorReason.FORM_EXPIRED)
            if not self.can_act and request.endpoint != "console.logout":
                detail = "Read-only. Log in with the admin token to make changes."
                raise Problem(403, detail, reason=ErrorReason.ADMIN_NEEDED)
        return None

    def add(self, blueprint: Blueprint) -> None:
        """Add log-in and log-out."""

        @blueprint.get("/login")
        def login_form() -> Response:
            return self._form(error=None)

        @blueprint.post("/login")
        def login() -> BaseResponse:
            try:
                role = self._tokens.checked_role(request.form.get("token", "").strip())
            except TooManyWrongTokensError as error:
                return self._form(error=str(error), status=429, retry_after_s=error.wait_s)
            if not csrf.has_login_token():
                return self._form(error=self._refused_form(), status=403)
            if role is None:
                return self._form(error="Wrong token.", status=403)
            self._sessions.begin(role)
            return redirect(back("/"), code=303)

        @blueprint.post("/logout")
        def logout() -> BaseResponse:
            self._sessions.end()
            return redirect("/" if self.anonymous_read else "/login", code=303)

    def _form(self, *, error: str | None, status: int = 200, retry_after_s: int | None = None) -> Response:
        token = csrf.new_login_token()
        form = make_response(
            render_template(
                "login.html", csrf_token=token, error=error, back=back("/"), need=request.values.get("need")
            ),
            status,
        )
        if retry_after_s is not None:
            form.headers["Retry-After"] = str(retry_after_s)
        csrf.set_login_cookie(form, token)
        return form

    def _refused_form(self) -> str:
        if not csrf.login_cookie():
            return "Your browser sent no cookie. Allow cookies for this site, reload the page and try again."
        return "This form expired. Try again."


def signing_key(key: str | bytes, settings: Settings) -> bytes:
    """Derive the key that signs sessions. Changing a token changes the key, which ends all sessions."""
    raw = key.encode() if isinstance(key, str) else key
    tokens = f"{settings.admin_token or ''}\n{settings.viewer_token or ''}"
    return hmac.new(raw, tokens.encode(), sha256).digest()


def allows_anonymous_read(settings: Settings) -> bool:
    """Whether pages may be viewed without logging in: in the sandbox, when HOST is loopback."""
    return settings.sandbox_url is not None and settings.host in LOOPBACK


def back(default: str) -> str:
    """Return the path that the form came from, without the console's prefix; `default` if not local."""
    path = request.form.get("back") or request.args.get("back") or ""
    if request.script_root and path.startswith(f"{request.script_root}/"):
        path = path.removeprefix(request.script_root)
    is_ours = path.startswith("/") and not path.startswith("//") and "\\" not in path and path.isprintable()
    return path if is_ours else default


def flash_and_redirect(message: str, default: str) -> BaseResponse:
    """Return to the page that the form came from, and show a message there."""
    flash(message, "done")
    return redirect(back(default), code=303)


def run_action(action: Callable[[], str], default: str) -> BaseResponse:
    """Run an action and show the message it returns, or the error of the use case."""
    try:
        return flash_and_redirect(action(), default)
    except UseCaseError as error:
        flash(error.detail, "error")
        return redirect(back(default), code=303)


def require_admin(auth: ConsoleAuth) -> None:
    """Redirect all but admins to the log-in, on pages that only lead to an action."""
    if not auth.can_act:
        redirect_to_admin_login()
