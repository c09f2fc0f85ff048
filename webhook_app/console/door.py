"""The console's door: log-in and log-out, who may look and who may act, and that a form is one of ours."""

import hmac
from collections.abc import Callable
from hashlib import sha256
from secrets import token_urlsafe
from urllib.parse import urlencode

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, session
from werkzeug.wrappers import Response as BaseResponse

from webhook_app.auth import Role, Tokens
from webhook_app.console.throttle import Throttle
from webhook_app.problems import Problem
from webhook_app.settings import LOOPBACK, Settings

OPEN_TO_ALL = frozenset({"console.login", "console.login_form", "console.static"})
CSRF_HEADER = "X-Csrf"


class Door:
    """Who is at the door of this request. On the sandbox of this very machine anybody may look."""

    def __init__(self, tokens: Tokens, settings: Settings) -> None:
        self._tokens = tokens
        self._throttle = Throttle()
        self.open_house = is_open_house(settings)

    @property
    def role(self) -> Role | None:
        """Who has logged in."""
        said = session.get("role")
        return Role(said) if said in ("admin", "viewer") else None

    @property
    def may_look(self) -> bool:
        """Whether anything may be shown."""
        return self.open_house or self.role is not None

    @property
    def may_act(self) -> bool:
        """Whether anything may be changed."""
        return self.role is Role.ADMIN

    @property
    def csrf(self) -> str:
        """What every form of this visitor carries."""
        if "csrf" not in session:
            session["csrf"] = token_urlsafe(24)
        return str(session["csrf"])

    def guard(self) -> BaseResponse | None:
        """Before every request: send to the log-in, refuse what was sent from elsewhere or by a viewer."""
        if request.endpoint in OPEN_TO_ALL:
            return None
        if not self.may_look:
            if request.path.startswith("/page/"):
                return Response(status=401)
            here = request.full_path.rstrip("?")
            wanted = request.method == "GET" and here != "/" and not request.headers.get("X-Fragment")
            return redirect(f"/login?{urlencode({'back': here})}" if wanted else "/login")
        if request.method == "POST":
            if not self._from_our_form():
                raise Problem(403, "This form has grown old, or was sent from elsewhere. Go back, reload, try again.")
            if not self.may_act and request.endpoint != "console.logout":
                raise Problem(403, "You may look and not act: log in with the admin token.")
        return None

    def add(self, blueprint: Blueprint) -> None:
        """Log-in and log-out."""

        @blueprint.get("/login")
        def login_form() -> str:
            return self._form(wrong=None)

        @blueprint.post("/login")
        def login() -> BaseResponse | tuple[str, int] | tuple[str, int, dict[str, str]]:
            address = request.remote_addr or ""
            wait_s = self._throttle.wait_s(address)
            if wait_s:
                wrong = f"Too many wrong tokens from your address. Try again in {wait_s} s."
                return self._form(wrong=wrong), 429, {"Retry-After": str(wait_s)}
            ours = self._from_our_form()
            role = self._tokens.role(request.form.get("token", "").strip())
            if not ours:
                return self._form(wrong="This form has grown old, or was sent from elsewhere. Try again."), 403
            if role is None:
                self._throttle.failed(address)
                return self._form(wrong="That token is not one of ours."), 403
            session.clear()
            session.permanent = True
            session["role"] = role.value
            return redirect(back("/"), code=303)

        @blueprint.post("/logout")
        def logout() -> BaseResponse:
            session.clear()
            return redirect("/" if self.open_house else "/login", code=303)

    def _form(self, *, wrong: str | None) -> str:
        return render_template("login.html", csrf=self.csrf, wrong=wrong, back=back("/"))

    def _from_our_form(self) -> bool:
        expected = str(session.get("csrf", ""))
        given = request.form.get("csrf") or request.headers.get(CSRF_HEADER, "")
        return bool(expected) and hmac.compare_digest(expected.encode(), given.encode())


def signing_key(key: str | bytes, settings: Settings) -> bytes:
    """What signs the sessions: another token than before ends every session that was begun with the old one."""
    raw = key.encode() if isinstance(key, str) else key
    tokens = f"{settings.admin_token or ''}\n{settings.viewer_token or ''}"
    return hmac.new(raw, tokens.encode(), sha256).digest()


def is_open_house(settings: Settings) -> bool:
    """Whether anybody may look: the sandbox plays VideoSDK, and only this machine can reach us."""
    return settings.sandbox_url is not None and settings.host in LOOPBACK


def back(otherwise: str) -> str:
    """Where the form came from, if that is a page of ours."""
    asked = request.form.get("back") or request.args.get("back") or ""
    ours = asked.startswith("/") and not asked.startswith("//") and "\\" not in asked and asked.isprintable()
    return asked if ours else otherwise


def done(what: str, otherwise: str) -> BaseResponse:
    """Say what was done, on the page that the form came from."""
    flash(what, "done")
    return redirect(back(otherwise), code=303)


def try_it(act: Callable[[], str], otherwise: str) -> BaseResponse:
    """Do it and say so; what the API would refuse is said in the same words."""
    try:
        return done(act(), otherwise)
    except Problem as problem:
        if (problem.code or 500) >= 500:
            raise
        flash(problem.description or "That was refused.", "wrong")
        return redirect(back(otherwise), code=303)


def admins_only(door: Door) -> None:
    """For pages that only lead to acting."""
    if not door.may_act:
        abort(redirect("/login"))
