"""The timeline of a room: events with their effects, decisions, calls, notices and delivery attempts."""

from collections.abc import Iterable, Mapping
from typing import Any

from webhook_app.domain.delivery.delivery import delivery_id
from webhook_app.domain.outputs import Output
from webhook_app.domain.reasons import UNEVENTFUL
from webhook_app.store.queries.paging import encode_cursor
from webhook_app.usecases.call_views import call_views, load_calls
from webhook_app.usecases.context import AppContext
from webhook_app.usecases.delivery_views import delivery_views
from webhook_app.usecases.event_views import outline_page, timeline_page

LOOKED_UP_MAX = 2_000
SESSION_PROBES = frozenset({"armed", "participants", "session", "refused"})


def room_timeline(
    context: AppContext, room_id: str, *, cursor: str | None, limit: int, each: bool = False
) -> dict[str, Any]:
    """Build a page of the timeline, newest first. Consecutive checks without effect are merged unless `each`."""
    listed = (timeline_page if each else outline_page)(context, room_id, cursor=cursor, limit=limit)
    items: list[dict[str, Any]] = listed["items"]
    calls = _calls(context, items)
    deliveries = _deliveries(context, [notice["id"] for item in items for notice in item["notices"]])
    for item in items:
        item["calls"] = [calls[call_id] for call_id in dict.fromkeys(_called(item)) if call_id in calls]
        item["answers"] = calls.get(str(item["data"].get("call_id", "")))
        item["finding"] = _finding(item)
        for notice in item["notices"]:
            notice["deliveries"] = None if deliveries is None else deliveries.get(notice["id"], [])
    return {"groups": _grouped(items), "next": listed["next"]}


def deliveries_of(context: AppContext, notice_id: str) -> list[dict[str, Any]]:
    """Return the deliveries of a notice, one per subscriber."""
    return (_deliveries(context, [notice_id], at_most=None) or {}).get(notice_id, [])


def changed_nothing(item: Mapping[str, Any]) -> bool:
    """Whether an event had no effect that matters to a reader."""
    if item["decisions"] or item["notices"] or item["source"] in ("operator", "config", "videosdk"):
        return False
    return UNEVENTFUL.issuperset(item["reasons"])


def _grouped(items: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    groups: list[dict[str, Any]] = []
    for item in items:
        if item["run"] is not None:
            run = item["run"] | {"begin": _cursor_at(item["run"]["last_id"])}
            groups.append({"quiet": True, "run": run, "items": [item]})
            continue
        quiet = changed_nothing(item)
        if quiet and groups and groups[-1]["quiet"] and "run" not in groups[-1]:
            groups[-1]["items"].append(item)
        else:
            groups.append({"quiet": quiet, "items": [item]})
    return groups


def _cursor_at(event_id: str) -> str:
    """Return the cursor of a page that starts with this event."""
    ms, _, number = event_id.partition("-")
    return encode_cursor(f"{ms}-{int(number) + 1}")


def _finding(item: Mapping[str, Any]) -> str:
    """The result of a probe in a few words; the effect of any other event."""
    data = item["data"]
    is_of_hls = (item["answers"] or {}).get("output", Output.HLS) == Output.HLS
    if item["source"] != "probe" or not data.get("reached") or not is_of_hls:
        return str(item["effect"] or "")
    if isinstance(data.get("active"), Mapping):
        return "on air"
    session = data.get("session")
    if isinstance(session, Mapping) and session.get("live"):
        return "a session, no stream"
    if data.get("session_unknown"):
        return "no stream; participants unknown"
    probed_session = (item["answers"] or {}).get("because") in SESSION_PROBES
    return "no session" if probed_session else "no stream"


def _called(item: Mapping[str, Any]) -> list[str]:
    return [decision["call_id"] for decision in item["decisions"] if decision["call_id"]]


def _calls(context: AppContext, items: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    ids: dict[str, None] = {}
    for item in items:
        ids |= dict.fromkeys(_called(item))
        answered_call = item["data"].get("call_id")
        if item["source"] in ("call", "probe") and isinstance(answered_call, str):
            ids[answered_call] = None
    calls = [call for call in load_calls(context, list(ids)) if call is not None]
    return {view["id"]: view for view in call_views(context, calls)}


def _deliveries(
    context: AppContext, notice_ids: list[str], *, at_most: int | None = LOOKED_UP_MAX
) -> dict[str, list[dict[str, Any]]] | None:
    """Return deliveries by notice; None when there are too many to look up."""
    if not notice_ids:
        return {}
    names = {
        subscriber.subscriber_id: subscriber.name or subscriber.shown_url for subscriber in context.subscribers.all()
    }
    if at_most is not None and len(names) * len(notice_ids) > at_most:
        return None
    ids = [delivery_id(notice_id, subscriber_id) for notice_id in notice_ids for subscriber_id in names]
    by_notice: dict[str, list[dict[str, Any]]] = {}
    stored = context.deliveries.get(ids) if ids else []
    for view in delivery_views(context, stored):
        by_notice.setdefault(view["notice"]["id"], []).append(view | {"to": names[view["subscriber_id"]]})
    return by_notice
