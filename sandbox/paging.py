"""Pagination of lists as VideoSDK does it."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from aiohttp import web

from sandbox.request_bodies import PER_PAGE, PER_PAGE_MAX, page_number

PAGES_MAX = 1_000_000

Item = TypeVar("Item")


def paged(
    request: web.Request,
    items: Sequence[Item],
    show: Callable[[Item, str], dict[str, Any]],
    *,
    wrap: Callable[[list[dict[str, Any]], str], list[dict[str, Any]]] | None = None,
) -> web.Response:
    """Return the requested page; `wrap` turns its rows into the value of `data`."""
    return web.json_response(page_of(request, items, show, wrap=wrap))


def page_of(
    request: web.Request,
    items: Sequence[Item],
    show: Callable[[Item, str], dict[str, Any]],
    *,
    wrap: Callable[[list[dict[str, Any]], str], list[dict[str, Any]]] | None = None,
) -> dict[str, Any]:
    """Return the requested page as VideoSDK documents it: `pageInfo` and `data`."""
    page = page_number(request.query.get("page", "1"), "page", PAGES_MAX)
    per_page = page_number(request.query.get("perPage", str(PER_PAGE)), "perPage", PER_PAGE_MAX)
    base = str(request.url.origin())
    first = (page - 1) * per_page
    rows = [show(item, base) for item in items[first : first + per_page]]
    return {
        "pageInfo": {
            "currentPage": page,
            "perPage": per_page,
            "lastPage": max(1, -(-len(items) // per_page)),
            "total": len(items),
        },
        "data": rows if wrap is None else wrap(rows, base),
    }
