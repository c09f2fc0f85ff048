"""A call's request is stored as the body of its kind, and decoded from it."""

import pytest

from webhook_app.domain.control.call import (
    Call,
    CallKind,
    CallRequest,
    CallState,
    CaptureStream,
    EndStream,
    ProbeRoom,
    StartStream,
)
from webhook_app.domain.probing.probe_request import ProbeRequest
from webhook_app.domain.probing.subjects import ProbeSubject
from webhook_app.store import codec


def stored_call(kind: CallKind, body: dict[str, object]) -> Call:
    return Call("call_1", "hall", kind, "operator", CallState.WAITING, 1, "1-0", body)


@pytest.mark.parametrize(
    ("kind", "body", "requested"),
    [
        ("start", {}, StartStream({})),
        ("start", {"config": {"layout": {"type": "GRID"}}}, StartStream({"config": {"layout": {"type": "GRID"}}})),
        ("end", {}, EndStream(None)),
        ("end", {"id": "run-1"}, EndStream("run-1")),
        ("capture", {"stream_id": "st_1"}, CaptureStream("st_1")),
        ("probe", {"about": "watch"}, ProbeRoom(ProbeRequest(ProbeSubject.WATCH))),
    ],
)
def test_a_request_is_stored_as_a_body(kind: str, body: dict[str, object], requested: CallRequest) -> None:
    call = stored_call(CallKind(kind), body)
    assert call.request == requested
    assert (requested.kind, requested.body()) == (kind, body)
    assert codec.call_of(codec.encode(call)).request == requested


def test_a_body_that_holds_no_id_ends_whatever_is_on_air() -> None:
    assert stored_call(CallKind.END, {"id": None}).request == EndStream(None)
