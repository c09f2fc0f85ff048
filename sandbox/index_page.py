"""The sandbox's index page at `/`: its endpoints, open points and notes, as HTML or JSON."""

import html
import json
from dataclasses import asdict

from aiohttp import web

from sandbox.index_endpoints import NOTES, SANDBOX, VIDEOSDK, Endpoint
from sandbox.open_points import describe_forms

STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;"
    "color:#1c2430;background:#fbfbf9}h1{margin-bottom:0}dt{margin-top:1rem;font-weight:600}dd{margin:0}"
    "code{font:14px/1.5 ui-monospace,monospace;overflow-wrap:anywhere}dd code{color:#4a5568}"
    "@media(prefers-color-scheme:dark){body{color:#e6e9ee;background:#14181d}dd code{color:#a3adba}}"
)


async def page(request: web.Request) -> web.Response:
    """Return the page as JSON if the client accepts that, else as HTML."""
    if "application/json" in request.headers.get("Accept", ""):
        return web.json_response(
            {
                "videosdk": [asdict(endpoint) for endpoint in VIDEOSDK],
                "sandbox": [asdict(endpoint) for endpoint in SANDBOX],
                "open_points": describe_forms(),
                "notes": NOTES,
            }
        )
    return web.Response(text=_html(), content_type="text/html")


def _html() -> str:
    notes = "".join(f"<li>{html.escape(note)}</li>" for note in NOTES)
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>VideoSDK sandbox</title>'
        '<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">'
        f"<style>{STYLE}</style><h1>VideoSDK sandbox</h1><p>A local VideoSDK simulator.</p>"
        f"<h2>VideoSDK's endpoints</h2><dl>{_entries(VIDEOSDK)}</dl>"
        f"<h2>The sandbox's own</h2><dl>{_entries(SANDBOX)}</dl>{_open_points()}<h2>Notes</h2><ul>{notes}</ul></html>"
    )


def _open_points() -> str:
    """List the keys of a `forms` object."""
    entries = (
        f"<dt><code>{html.escape(name)}</code></dt><dd>{html.escape(point['about'])}"
        f"<br><code>{html.escape(point['values'])}</code>, "
        f"<code>{html.escape(json.dumps(point['default']))}</code> by default</dd>"
        for name, point in describe_forms().items()
    )
    return (
        "<h2>Open points</h2><p>Behaviour that VideoSDK's documentation leaves open. <code>forms</code> in "
        f"PUT /sandbox/faults selects a form of each.</p><dl>{''.join(entries)}</dl>"
    )


def _entries(endpoints: tuple[Endpoint, ...]) -> str:
    return "".join(_entry(endpoint) for endpoint in endpoints)


def _entry(endpoint: Endpoint) -> str:
    body = f"<br><code>{html.escape(endpoint.body)}</code>" if endpoint.body else ""
    title = html.escape(f"{endpoint.method} {endpoint.path}")
    return f"<dt><code>{title}</code></dt><dd>{html.escape(endpoint.about)}{body}</dd>"


ROUTES = (web.get("/", page),)
