"""Probes VideoSDK: whether a room's stream is active, who is there, and why a stream failed."""

from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import Any

from webhook_app.domain.control.call import Call
from webhook_app.domain.outputs import Output
from webhook_app.domain.probing.probe_request import FailedStream, ProbeRequest
from webhook_app.domain.streams.report import url_key
from webhook_app.providers.videosdk.answers import (
    ActivityReading,
    ApiAnswer,
    StreamActivity,
    answered_object,
    is_of_another_room,
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
STREAMS_SEARCHED = 20
LISTED_MAX = 8
LIST_PAGE = 100
ROOMS_PER_PAGE = 8
RECORDS_PER_LIST = 5  # read of all the streams that one list shows as ended


class ProbeClient:
    """Makes the requests of a room's probe one after another, all within one deadline."""

    def __init__(
        self,
        videosdk: VideoSDK,
        *,
        observe_answer: Callable[[ApiAnswer], None] = lambda answer: None,
        deadline_s: float = DEADLINE_S,
    ) -> None:
        self._videosdk = videosdk
        self._observe_answer = observe_answer
        self._deadline_s = deadline_s

    def probe(self, call: Call) -> tuple[ApiAnswer, dict[str, Any]]:
        """Whether a stream is active, and whatever else the probe asks.

        Returns the answer to the first request, and the findings as the journal keeps them: `reached`, `active`,
        `session` (None when there is none, or with `session_unknown` when VideoSDK could not say), `failed`, and
        `records` of streams that differ from what the probe expects.
        """
        deadline = monotonic() + self._deadline_s
        request = call.probe_request
        if request.listed is not None:
            return self._probe_list(call.room_id, request.listed, request, deadline)
        answer, reading = self.active(call.room_id, deadline=deadline)
        reached = reading.activity in (StreamActivity.ACTIVE, StreamActivity.NONE)
        findings: dict[str, Any] = {"reached": reached, "active": reading.stream, "session": None}
        if reading.activity is StreamActivity.UNKNOWN_FORM:
            findings["unreadable"] = answer.excerpt
        if reached and request.with_session:
            findings["session"], is_known = self._session(call.room_id, request.session_id, deadline)
            if not is_known:
                findings["session_unknown"] = True
        if reached:
            self._add_records(request, findings, deadline)
        if request.failed is not None:
            findings["failed"] = self._failed(call.room_id, request.failed, deadline) if reached else None
        return answer, findings

    def _probe_list(
        self, room_id: str, output: Output, request: ProbeRequest, deadline: float
    ) -> tuple[ApiAnswer, dict[str, Any]]:
        answer = self._list_of(room_id, output, deadline, request.session_id)
        rows = list_rows(answer)
        findings: dict[str, Any] = {"reached": rows is not None and not answer.unavailable, "session": None}
        if rows is None and not answer.unavailable:
            findings["unreadable"] = answer.excerpt
        if not findings["reached"]:
            return answer, findings
        room_rows = [row for row in rows or () if not is_of_another_room(row, room_id)]
        findings["listed"] = [journaled_fields(row) for row in _newest_first(room_rows)[:LISTED_MAX]]
        if request.with_session:
            findings["session"], is_known = self._session(room_id, request.session_id, deadline)
            if not is_known:
                findings["session_unknown"] = True
        return answer, findings

    def listed_as_running(self, room_id: str, output: Output, *, deadline: float) -> tuple[ApiAnswer, ActivityReading]:
        """Whether a list shows the output running in the room. Whether it would show one is not documented."""
        answer = self._list_of(room_id, output, deadline, None)
        reading = read_list(answer, room_id)
        is_list = reading.activity is StreamActivity.UNKNOWN_FORM and list_rows(answer) is not None
        return answer, ActivityReading(StreamActivity.NONE) if is_list else reading

    def _list_of(self, room_id: str, output: Output, deadline: float, session_id: str | None) -> ApiAnswer:
        return self._observed(
            self._videosdk.streams(
                deadline=deadline, per_page=STREAMS_SEARCHED, room_id=room_id, session_id=session_id, output=output
            )
        )

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
        """Probe many rooms by a list of all streams: the last page's answer, and the findings by call.

        A room whose stream the list does not show is left out: that it shows all of them is not documented.
        """
        deadline = monotonic() + self._deadline_s
        findings: dict[str, dict[str, Any]] = {}
        ended: set[str] = set()
        pages_max = max(1, len(calls) // ROOMS_PER_PAGE)
        page, repairs = 1, 0
        while True:
            answer = self._observed(self._videosdk.streams(deadline=deadline, page=page, per_page=LIST_PAGE))
            if not answer.ok:
                # What earlier pages have shown stays; only a list that shows nothing is a failure.
                return (answer if page == 1 else ApiAnswer(200, None)), findings
            rows = list_rows(answer) or []
            ended |= {stream_id for row in rows if row.get("end") for stream_id in stream_report(row).ids}
            live = [row for row in rows if "end" in row and not row["end"]]
            active = {room_id: row for row in reversed(live) for room_id in room_ids_in(row)}
            for call in calls:
                if call.call_id in findings:
                    continue
                request = call.probe_request
                if call.room_id in active:
                    findings[call.call_id] = {"reached": True, "active": journaled_fields(active[call.room_id])}
                elif request.known_ids and ended.issuperset(request.known_ids):
                    findings[call.call_id] = {"reached": True, "active": None}
                    repairs += 1
                    if repairs <= RECORDS_PER_LIST:
                        self._add_records(request, findings[call.call_id], deadline)
            if len(findings) == len(calls) or page >= min(pages_max, last_page(answer)):
                return answer, findings
            page += 1

    def _add_records(self, request: ProbeRequest, findings: dict[str, Any], deadline: float) -> None:
        records = read_records(
            self._videosdk, request.expected, findings["active"], deadline=deadline, observe_answer=self._observed
        )
        if records:
            findings["records"] = records

    def _observed(self, answer: ApiAnswer) -> ApiAnswer:
        self._observe_answer(answer)
        return answer

    def _session(self, room_id: str, session_id: str | None, deadline: float) -> tuple[dict[str, Any] | None, bool]:
        """The room's session, None when there is none; and whether VideoSDK could say."""
        if session_id is None:
            ongoing = list_rows(self._observed(self._videosdk.ongoing_session(room_id, deadline=deadline)))
            session_id = ongoing[0].get("id") if ongoing else None
            if not isinstance(session_id, str):
                return None, ongoing == []
        return read_session(self._videosdk, session_id, deadline=deadline, observe_answer=self._observe_answer)

    def _failed(self, room_id: str, failed: FailedStream, deadline: float) -> dict[str, Any] | None:
        """What REST shows of a failed stream: found by its id, else by its URL, else as its session's only one."""
        stream_id = failed.videosdk_id
        if stream_id is None:
            listed = self._videosdk.streams(
                deadline=deadline, per_page=STREAMS_SEARCHED, room_id=room_id, session_id=failed.session_id
            )
            stream_id = _find_stream(list_rows(self._observed(listed)) or [], failed)
        if not isinstance(stream_id, str):
            return None
        answer = self._observed(self._videosdk.stream(stream_id, deadline=deadline))
        if answer.unavailable:
            return {"reached": False}
        shown = answered_object(answer)
        if shown is None:
            return None
        names = ("sessionId", *URL_KEYS)
        identity = {name: shown[name] for name in names if isinstance(shown.get(name), str)}
        return {"id": stream_id, **identity, "reason": failure_text_in(shown)}


def _newest_first(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return sorted(rows, key=lambda row: str(row.get("start") or ""), reverse=True)


def _find_stream(rows: Sequence[Mapping[str, Any]], failed: FailedStream) -> str | None:
    """The id of the one stream that a failed one can be; None when there are several, or none."""
    if failed.url_key is not None:
        rows = [row for row in rows if failed.url_key in _url_keys(row)]
    rows = [row for row in rows if row.get("sessionId", failed.session_id) == failed.session_id]
    return rows[0].get("id") if len(rows) == 1 else None


def _url_keys(row: Mapping[str, Any]) -> set[str]:
    urls = (row.get(name) for name in URL_KEYS)
    return {url_key(url) for url in urls if isinstance(url, str)}
