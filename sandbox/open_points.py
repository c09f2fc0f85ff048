"""Open points: behaviour that VideoSDK's documentation leaves open, each with its possible forms.

The defaults are what its documentation and SDKs show most often. Each form is described where it is declared, and
`GET /` lists them from here.
"""

from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import msgspec

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=1_000)]
Success = Annotated[int, msgspec.Meta(ge=200, le=299)]

NoneActive = Literal[
    "404",
    "402",
    "400",
    "null",
    "absent",
    "empty",
    "hollow",
    "bare-null",
    "204",
    "code-404",
    "code-402",
    "code-400",
    "unknown",
]
StartAnswer = Literal["object", "string", "_id", "recordingId", "empty"]
ListForm = Literal["pages", "pagination", "array", "404", "unknown"]
SessionEnd = Literal["events", "stopped", "silent", "first"]


def _about(text: str) -> msgspec.Meta:
    return msgspec.Meta(description=text)


class Forms(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The form that each open point takes."""

    none_active: Annotated[
        NoneActive,
        _about(
            "GET /v2/hls/{roomId}/active without an active stream: a status; 200 with data null, absent, {} or without "
            "id and URL (hollow); a bare null; 204; 200 with a code in the body; or an unknown form"
        ),
    ] = "404"
    start_answer: Annotated[
        StartAnswer, _about("answer to a start of HLS: the object, a bare string, the id under another name, or {}")
    ] = "object"
    other_start_answer: Annotated[
        StartAnswer, _about("answer to a start of a recording or RTMP stream, in the same forms")
    ] = "string"
    start_status: Annotated[Success, _about("status of a successful start; 204 has no body")] = 200
    end_status: Annotated[Success, _about("status of a successful end; 204 has no body")] = 200
    no_session: Annotated[Literal["400", "402", "404", "409"], _about("start in a known room without a session")] = (
        "400"
    )
    second_start: Annotated[
        Literal["409", "400", "second-stream"],
        _about("start while the same output is running in the room: refused, or a second stream"),
    ] = "409"
    list_needs_room: Annotated[
        bool, _about("GET /v2/hls, /v2/recordings and /v2/livestreams without roomId are 400")
    ] = False
    running_listed: Annotated[
        bool, _about("GET /v2/recordings and /v2/livestreams show what has not ended, with end null")
    ] = True
    list_form: Annotated[
        ListForm,
        _about(
            "GET /v2/recordings and /v2/livestreams: pageInfo and data; pagination and data, or a bare array, as the "
            "Node SDK reads too; 404 when there is nothing; or an unknown form"
        ),
    ] = "pages"
    room_key: Annotated[Literal["roomId", "meetingId"], _about("key of the room in the object of /active")] = "roomId"
    composer_ids: Annotated[bool, _about("stream objects have a composerId besides their id")] = False
    detail: Annotated[
        Literal["new", "old"],
        _about("GET /v2/hls/{id} with livestreamUrl, mode, quality and webhook, or without"),
    ] = "new"
    participants: Annotated[
        Literal["session", "rows", "404"],
        _about(
            "GET /v2/sessions/{id}/participants/active: one row, the session with its participants, as the reference "
            "prints it and the Node SDK reads it; rows of participants; or 404, as if the endpoint did not exist"
        ),
    ] = "session"
    participant_modes: Annotated[bool, _about("participants have mode and changeModeHistory")] = True
    session_end: Annotated[
        SessionEnd,
        _about(
            "how a session's end ends its streams: stopping, stopped and then session-ended; without stopping; with "
            "session-ended only; or session-ended first"
        ),
    ] = "events"
    session_reason: Annotated[Text | None, _about("reason in session-ended")] = None
    session_error: Annotated[Text | None, _about("error in session-ended")] = None
    own_storage: Annotated[
        bool, _about("recordings and MP4s go to the customer's own storage: filePath is known, fileUrl is null")
    ] = False
    livestream_webhook_url: Annotated[
        bool, _about("POST /v2/livestreams/start accepts webhookUrl, which only the other starts document")
    ] = False
    refused_destination: Annotated[
        Text | None, _about("pattern of RTMP URLs that refuse the stream: livestream-failed instead of -started")
    ] = None
    failed_destinations: Annotated[
        Literal["none", "outputs", "message"],
        _about(
            "what livestream-failed says of the failed destinations: nothing, outputs with their keys, or a message"
        ),
    ] = "none"
    transcoding_end: Annotated[
        Literal["completed", "failed", "never"], _about("how a transcoding job ends; never: it stays processing")
    ] = "completed"
    https_only: Annotated[bool, _about("POST /v2/rooms refuses a webhook address that is not https")] = False


def describe_forms() -> dict[str, dict[str, Any]]:
    """Return each open point by name: its values, its default and a description."""
    hints = get_type_hints(Forms, include_extras=True)
    return {field.name: _describe(hints[field.name], field.default) for field in msgspec.structs.fields(Forms)}


def _describe(hint: Any, default: Any) -> dict[str, Any]:
    inner, *metas = get_args(hint)
    about = next(meta.description for meta in metas if isinstance(meta, msgspec.Meta) and meta.description)
    return {"values": _values(inner), "default": default, "about": about}


def _values(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return "|".join(get_args(hint))
    if hint is bool:
        return "true|false"
    # `Success` is flattened into the field's own annotation, so that what is left of it is a plain int.
    return "200 to 299" if hint is int else "text or null"
