"""Probe requests: the typed form of a probe call's stored body."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from webhook_app.domain.outputs import OTHER_OUTPUTS, Output
from webhook_app.domain.probing.subjects import ProbeSubject, read_subject


@dataclass(frozen=True, slots=True)
class ExpectedStream:
    """A stream that looks live: what may identify it, its id first, and whether finding it active is a repair."""

    names: tuple[str, ...]
    late: bool


@dataclass(frozen=True, slots=True)
class FailedStream:
    """A stream whose failure is to be explained, and what may identify it."""

    stream_id: str
    videosdk_id: str | None
    session_id: str | None
    url_key: str | None


@dataclass(frozen=True, slots=True)
class ProbeRequest:
    """What a probe asks: whether a stream is active, and on request who is there and why one failed.

    `listed`: what the list of this output shows, in place of what is active.

    `with_session`: who is in the session, in `session_id` where it is known. `routine`: a list of all streams may
    answer; `known_ids` are those of the room's live streams.
    """

    subject: ProbeSubject
    expected: tuple[ExpectedStream, ...] = ()
    with_session: bool = False
    session_id: str | None = None
    routine: bool = False
    known_ids: tuple[str, ...] = ()
    failed: FailedStream | None = None
    listed: Output | None = None

    def body(self) -> dict[str, Any]:
        """The stored form, a call's body."""
        body: dict[str, Any] = {"about": self.subject.value}
        if self.expected:
            body["expected"] = [{"names": list(stream.names), "late": stream.late} for stream in self.expected]
        if self.with_session:
            body |= {"session_id": self.session_id, "session": True}
        elif self.routine:
            body |= {"routine": True, "known": list(self.known_ids)}
        if self.listed is not None:
            body["listed"] = self.listed.value
        if self.failed is not None:
            body["failed"] = {
                "stream_id": self.failed.stream_id,
                "id": self.failed.videosdk_id,
                "session_id": self.failed.session_id,
                "url_key": self.failed.url_key,
            }
        return body


def read_request(body: Mapping[str, Any]) -> ProbeRequest:
    """A probe call's stored body."""
    failed = body.get("failed")
    return ProbeRequest(
        subject=read_subject(body.get("about")),
        expected=tuple(_expected(stream) for stream in body.get("expected") or ()),
        with_session=bool(body.get("session")),
        session_id=_text(body.get("session_id")),
        routine=bool(body.get("routine")),
        known_ids=tuple(body.get("known") or ()),
        failed=_failed(failed) if isinstance(failed, Mapping) else None,
        listed=Output(body["listed"]) if body.get("listed") in OTHER_OUTPUTS else None,
    )


def _expected(stream: Mapping[str, Any]) -> ExpectedStream:
    names = tuple(name for name in stream.get("names") or () if isinstance(name, str))
    return ExpectedStream(names, bool(stream.get("late")))


def _failed(stream: Mapping[str, Any]) -> FailedStream:
    return FailedStream(
        str(stream.get("stream_id")),
        _text(stream.get("id")),
        _text(stream.get("session_id")),
        _text(stream.get("url_key")),
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
