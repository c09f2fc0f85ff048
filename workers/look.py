"""Looking: what a probe asks VideoSDK, and what its answers say."""

from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import Any

from webhook_app.domain.events import failure_of, url_key
from webhook_app.domain.room import Call
from workers.videosdk import Answer, VideoSDK

DEADLINE_S = 10.0
RUNS_LOOKED_THROUGH = 20
LIST_PAGE = 100
ROOMS_A_PAGE = 8


class Looker:
    """Puts a room's questions to VideoSDK, one after another, all within one deadline."""

    def __init__(self, videosdk: VideoSDK, *, heed: Callable[[Answer], None] = lambda answer: None) -> None:
        self._videosdk = videosdk
        self._heed = heed

    def look(self, call: Call) -> tuple[Answer, dict[str, Any]]:
        """Whether a run is active, and what else the probe wants to know.

        Returns the answer to the first of them, and what was seen: `reached`, `active`, `session` (None when there is
        none, or with `session_unknown` when that could not be said), `failed`.
        """
        deadline = monotonic() + DEADLINE_S
        look = self._heeded(self._videosdk.active(call.room_id, deadline=deadline))
        stream = stream_in(look)
        reached = stream is not None or look.missing
        seen: dict[str, Any] = {"reached": reached, "active": stream, "session": None}
        if reached and call.body.get("session"):
            seen["session"], known = self._session(call, deadline)
            if not known:
                seen["session_unknown"] = True
        failed = call.body.get("failed")
        if isinstance(failed, Mapping):
            seen["failed"] = self._failed(call.room_id, failed, deadline) if reached else None
        return look, seen

    def look_together(self, calls: Sequence[Call]) -> tuple[Answer, dict[str, dict[str, Any]]]:
        """What a list of all streams shows of many rooms' probes: the last page's answer, and what was seen by call.

        A room whose stream the list does not show is left out: that it shows all of them is not documented.
        """
        deadline = monotonic() + DEADLINE_S
        found: dict[str, dict[str, Any]] = {}
        ended: set[str] = set()
        pages_max = max(1, len(calls) // ROOMS_A_PAGE)
        page = 1
        while True:
            answer = self._heeded(self._videosdk.streams(deadline=deadline, page=page, per_page=LIST_PAGE))
            if not answer.ok:
                # What earlier pages have shown stays; only a list that shows nothing is a failure.
                return (answer if page == 1 else Answer(200, None)), found
            runs = _items(answer)
            ended |= {str(run.get("id")) for run in runs if run.get("end") is not None}
            active = {_room_of(run): run for run in reversed(runs) if "end" in run and run["end"] is None}
            for call in calls:
                if call.call_id in found:
                    continue
                known = call.body.get("known") or []
                if call.room_id in active:
                    found[call.call_id] = {"reached": True, "active": active[call.room_id]}
                elif known and ended.issuperset(known):
                    found[call.call_id] = {"reached": True, "active": None}
            if len(found) == len(calls) or page >= min(pages_max, _last_page(answer)):
                return answer, found
            page += 1

    def _heeded(self, answer: Answer) -> Answer:
        self._heed(answer)
        return answer

    def _session(self, call: Call, deadline: float) -> tuple[dict[str, Any] | None, bool]:
        """The room's session, None when there is none; and whether VideoSDK could say."""
        session_id = call.body.get("session_id")
        if not isinstance(session_id, str):
            ongoing = self._heeded(self._videosdk.ongoing_session(call.room_id, deadline=deadline))
            found = _items(ongoing)
            session_id = found[0].get("id") if found else None
            if not isinstance(session_id, str):
                return None, ongoing.ok or ongoing.missing
        answer = self._heeded(self._videosdk.session(session_id, deadline=deadline))
        if not answer.ok or not isinstance(answer.body, dict):
            return None, answer.missing
        session = {
            "session_id": session_id,
            "live": answer.body.get("status") == "ongoing",
            "participants": present(answer.body.get("participants")),
        }
        return session, True

    def _failed(self, room_id: str, failed: Mapping[str, Any], deadline: float) -> dict[str, Any] | None:
        """What REST shows of a run that failed: found by its id, else by its URL, else as its session's only run."""
        stream_id = failed.get("id")
        if not isinstance(stream_id, str):
            listed = self._videosdk.streams(
                deadline=deadline, per_page=RUNS_LOOKED_THROUGH, room_id=room_id, session_id=failed.get("session_id")
            )
            stream_id = _which(_items(self._heeded(listed)), failed)
        if not isinstance(stream_id, str):
            return None
        answer = self._heeded(self._videosdk.stream(stream_id, deadline=deadline))
        if answer.status is None or answer.status >= 500 or answer.status == 429:
            return {"reached": False}
        if not answer.ok or not isinstance(answer.body, dict):
            return None
        inner = answer.body.get("data")
        shown = inner if isinstance(inner, dict) else answer.body
        names = ("sessionId", "playbackHlsUrl", "downstreamUrl", "livestreamUrl")
        kept = {name: shown[name] for name in names if isinstance(shown.get(name), str)}
        return {"id": stream_id, **kept, "reason": failure_of(shown)}


def stream_in(look: Answer) -> Mapping[str, Any] | None:
    """The active stream in an answer to `active`; None when none is, or it could not be said."""
    if not look.ok or not isinstance(look.body, dict) or look.body.get("code", 200) != 200:
        return None
    data = look.body.get("data")
    return data if isinstance(data, dict) and data.get("end") is None else None


def present(participants: Any) -> dict[str, str | None] | None:
    """Who of a session's participants has not left, by id; None when the answer does not say."""
    if not isinstance(participants, list):
        return None
    there: dict[str, str | None] = {}
    for one in participants:
        if not isinstance(one, dict) or not isinstance(one.get("participantId"), str):
            continue
        spans = one.get("timelog")
        last = spans[-1] if isinstance(spans, list) and spans else {}
        if isinstance(last, dict) and last.get("end") is None:
            name = one.get("name")
            there[one["participantId"]] = name if isinstance(name, str) else None
    return there


def _room_of(run: Mapping[str, Any]) -> str | None:
    room_id = run.get("roomId") or run.get("meetingId")
    return room_id if isinstance(room_id, str) else None


def _last_page(answer: Answer) -> int:
    info = answer.body.get("pageInfo") if isinstance(answer.body, dict) else None
    last = info.get("lastPage") if isinstance(info, dict) else None
    return last if isinstance(last, int) else 1


def _items(answer: Answer) -> list[dict[str, Any]]:
    found = answer.body.get("data") if answer.ok and isinstance(answer.body, dict) else None
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _which(runs: list[dict[str, Any]], failed: Mapping[str, Any]) -> str | None:
    wanted = failed.get("url_key")
    if isinstance(wanted, str):
        runs = [run for run in runs if wanted in _urls(run)]
    session_id = failed.get("session_id")
    runs = [run for run in runs if run.get("sessionId", session_id) == session_id]
    return runs[0].get("id") if len(runs) == 1 else None


def _urls(run: Mapping[str, Any]) -> set[str]:
    given = (run.get(name) for name in ("playbackHlsUrl", "downstreamUrl", "livestreamUrl"))
    return {url_key(url) for url in given if isinstance(url, str)}
