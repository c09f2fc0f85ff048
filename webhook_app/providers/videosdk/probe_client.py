"""Looking: what a probe asks VideoSDK, and what its answers say."""

from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import Any

from webhook_app.domain.control.call import Call
from webhook_app.domain.probing.probe_request import FailedStream, ProbeRequest, read_request
from webhook_app.domain.streams.report import url_key
from webhook_app.providers.videosdk.answers import (
    ActivityReading,
    ApiAnswer,
    StreamActivity,
    answered_object,
    journaled_fields,
    last_page,
    list_rows,
    read_active,
    read_list,
    room_ids_in,
)
from webhook_app.providers.videosdk.client import VideoSDK
from webhook_app.providers.videosdk.objects import URL_KEYS, failure_text_in, stream_report
from webhook_app.providers.videosdk.record_reading import read_records
from webhook_app.providers.videosdk.session_participants import read_session

DEADLINE_S = 10.0
RUNS_LOOKED_THROUGH = 20
LIST_PAGE = 100
ROOMS_A_PAGE = 8
RECORDS_A_LIST = 5  # read of all the streams that one list shows as ended


class ProbeClient:
    """Puts a room's questions to VideoSDK, one after another, all within one deadline."""

    def __init__(
        self, videosdk: VideoSDK, *, observe_answer: Callable[[ApiAnswer], None] = lambda answer: None
    ) -> None:
        self._videosdk = videosdk
        self._observe_answer = observe_answer

    def look(self, call: Call) -> tuple[ApiAnswer, dict[str, Any]]:
        """Whether a run is active, and what else the probe wants to know.

        Returns the answer to the first of them, and what was seen: `reached`, `active`, `session` (None when there is
        none, or with `session_unknown` when that could not be said), `failed`, and `records` of streams that
        differ from what the probe expects.
        """
        deadline = monotonic() + DEADLINE_S
        look, reading = self.active(call.room_id, deadline=deadline)
        reached = reading.activity in (StreamActivity.ACTIVE, StreamActivity.NONE)
        seen: dict[str, Any] = {"reached": reached, "active": reading.stream, "session": None}
        if reading.activity is StreamActivity.UNKNOWN_FORM:
            seen["unreadable"] = look.excerpt
        request = read_request(call.body)
        if reached and request.with_session:
            seen["session"], known = self._session(call.room_id, request.session_id, deadline)
            if not known:
                seen["session_unknown"] = True
        if reached:
            self._add_records(request, seen, deadline)
        if request.failed is not None:
            seen["failed"] = self._failed(call.room_id, request.failed, deadline) if reached else None
        return look, seen

    def active(self, room_id: str, *, deadline: float) -> tuple[ApiAnswer, ActivityReading]:
        """Whether a stream of the room is active, and the answer that says so.

        An answer in an unknown form is settled by the room's list: by its first page, and by its last, as its order is
        not documented. When the list is not understood either, the first answer comes back with `UNKNOWN_FORM`.
        """
        answer = self._observed(self._videosdk.active(room_id, deadline=deadline))
        reading = read_active(answer)
        if reading.activity is not StreamActivity.UNKNOWN_FORM:
            return answer, reading
        listed = self._listed(room_id, 1, deadline)
        settled = read_list(listed, room_id)
        if settled.activity is StreamActivity.NONE and last_page(listed) > 1:
            listed = self._listed(room_id, last_page(listed), deadline)
            settled = read_list(listed, room_id)
        return (answer if settled.activity is StreamActivity.UNKNOWN_FORM else listed), settled

    def _listed(self, room_id: str, page: int, deadline: float) -> ApiAnswer:
        return self._observed(self._videosdk.streams(deadline=deadline, page=page, per_page=LIST_PAGE, room_id=room_id))

    def probe_many(self, calls: Sequence[Call]) -> tuple[ApiAnswer, dict[str, dict[str, Any]]]:
        """What a list of all streams shows of many rooms' probes: the last page's answer, and what was seen by call.

        A room whose stream the list does not show is left out: that it shows all of them is not documented.
        """
        deadline = monotonic() + DEADLINE_S
        found: dict[str, dict[str, Any]] = {}
        ended: set[str] = set()
        pages_max = max(1, len(calls) // ROOMS_A_PAGE)
        page, repairs = 1, 0
        while True:
            answer = self._observed(self._videosdk.streams(deadline=deadline, page=page, per_page=LIST_PAGE))
            if not answer.ok:
                # What earlier pages have shown stays; only a list that shows nothing is a failure.
                return (answer if page == 1 else ApiAnswer(200, None)), found
            runs = list_rows(answer) or []
            ended |= {known for run in runs if run.get("end") for known in stream_report(run).ids}
            live = [run for run in runs if "end" in run and not run["end"]]
            active = {room_id: run for run in reversed(live) for room_id in room_ids_in(run)}
            for call in calls:
                if call.call_id in found:
                    continue
                request = read_request(call.body)
                known = request.known_ids
                if call.room_id in active:
                    found[call.call_id] = {"reached": True, "active": journaled_fields(active[call.room_id])}
                elif known and ended.issuperset(known):
                    found[call.call_id] = {"reached": True, "active": None}
                    repairs += 1
                    if repairs <= RECORDS_A_LIST:
                        self._add_records(request, found[call.call_id], deadline)
            if len(found) == len(calls) or page >= min(pages_max, last_page(answer)):
                return answer, found
            page += 1

    def _add_records(self, request: ProbeRequest, seen: dict[str, Any], deadline: float) -> None:
        records = read_records(
            self._videosdk, request.expected, seen["active"], deadline=deadline, observe_answer=self._observed
        )
        if records:
            seen["records"] = records

    def _observed(self, answer: ApiAnswer) -> ApiAnswer:
        self._observe_answer(answer)
        return answer

    def _session(self, room_id: str, session_id: str | None, deadline: float) -> tuple[dict[str, Any] | None, bool]:
        """The room's session, None when there is none; and whether VideoSDK could say."""
        if session_id is None:
            ongoing = self._observed(self._videosdk.ongoing_session(room_id, deadline=deadline))
            found = list_rows(ongoing)
            session_id = found[0].get("id") if found else None
            if not isinstance(session_id, str):
                return None, found == []
        return read_session(self._videosdk, session_id, deadline=deadline, observe_answer=self._observe_answer)

    def _failed(self, room_id: str, failed: FailedStream, deadline: float) -> dict[str, Any] | None:
        """What REST shows of a run that failed: found by its id, else by its URL, else as its session's only run."""
        stream_id = failed.videosdk_id
        if stream_id is None:
            listed = self._videosdk.streams(
                deadline=deadline, per_page=RUNS_LOOKED_THROUGH, room_id=room_id, session_id=failed.session_id
            )
            stream_id = _which(list_rows(self._observed(listed)) or [], failed)
        if not isinstance(stream_id, str):
            return None
        answer = self._observed(self._videosdk.stream(stream_id, deadline=deadline))
        if answer.unavailable:
            return {"reached": False}
        shown = answered_object(answer)
        if shown is None:
            return None
        names = ("sessionId", *URL_KEYS)
        kept = {name: shown[name] for name in names if isinstance(shown.get(name), str)}
        return {"id": stream_id, **kept, "reason": failure_text_in(shown)}


def _which(runs: Sequence[Mapping[str, Any]], failed: FailedStream) -> str | None:
    if failed.url_key is not None:
        runs = [run for run in runs if failed.url_key in _urls(run)]
    runs = [run for run in runs if run.get("sessionId", failed.session_id) == failed.session_id]
    return runs[0].get("id") if len(runs) == 1 else None


def _urls(run: Mapping[str, Any]) -> set[str]:
    given = (run.get(name) for name in URL_KEYS)
    return {url_key(url) for url in given if isinstance(url, str)}
