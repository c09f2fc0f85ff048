"""Machine-readable reasons of refused requests: the `reason` of every problem document, with what each means."""

from collections.abc import Mapping
from enum import StrEnum


class ErrorReason(StrEnum):
    """Why a request was refused. Codes are stable; texts may change."""

    UNREADABLE = "unreadable"
    TOKEN_NEEDED = "token-needed"
    SIGNATURE_INVALID = "signature-invalid"
    ADMIN_NEEDED = "admin-needed"
    FORBIDDEN = "forbidden"
    FORM_EXPIRED = "form-expired"
    NOT_FOUND = "not-found"
    UNKNOWN_ROOM = "unknown-room"
    ROOM_NOT_OURS = "room-not-ours"
    METHOD_NOT_ALLOWED = "method-not-allowed"
    CONFLICT = "conflict"
    FROM_FILE = "from-file"
    NAME_TAKEN = "name-taken"
    CHANGED_SINCE = "changed-since"
    BEING_CHANGED = "being-changed"
    NO_CREDENTIALS = "no-credentials"
    OBSERVING = "observing"
    NO_SCHEDULE = "no-schedule"
    SCHEDULE_NOT_COMPUTABLE = "schedule-not-computable"
    SUBSCRIBER_DISABLED = "subscriber-disabled"
    NOTICE_GONE = "notice-gone"
    LIMIT_REACHED = "limit-reached"
    TOO_LARGE = "too-large"
    INVALID = "invalid"
    TOO_MANY_REQUESTS = "too-many-requests"
    INTERNAL_ERROR = "internal-error"
    UNAVAILABLE = "unavailable"


R = ErrorReason
MEANINGS: Mapping[ErrorReason, str] = {
    R.UNREADABLE: "the body cannot be read",
    R.TOKEN_NEEDED: "no token, or none that is known",
    R.SIGNATURE_INVALID: "a webhook without a valid signature of VideoSDK",
    R.ADMIN_NEEDED: "the viewer token may only read",
    R.FORBIDDEN: "not allowed",
    R.FORM_EXPIRED: "a form of the console that is too old, or was sent from another site",
    R.NOT_FOUND: "nothing has this address, id or name",
    R.UNKNOWN_ROOM: "a room that is neither configured nor seen",
    R.ROOM_NOT_OURS: "a room outside `ROOMS`",
    R.METHOD_NOT_ALLOWED: "the address does not take this method",
    R.CONFLICT: "the request does not fit the current state",
    R.FROM_FILE: "it belongs to the configuration file",
    R.NAME_TAKEN: "the name is in use",
    R.CHANGED_SINCE: "it was changed since it was read",
    R.BEING_CHANGED: "another request is changing it",
    R.OBSERVING: "this copy only observes (`OBSERVE=1`)",
    R.NO_CREDENTIALS: "no VideoSDK credentials are set",
    R.NO_SCHEDULE: "the rule has no schedule",
    R.SCHEDULE_NOT_COMPUTABLE: "the schedule's windows cannot be computed",
    R.SUBSCRIBER_DISABLED: "the subscriber is disabled",
    R.NOTICE_GONE: "the notice is no longer kept",
    R.LIMIT_REACHED: "there are as many as there can be",
    R.TOO_LARGE: "the request is too large",
    R.INVALID: "something in the request is wrong; `errors` names the fields",
    R.TOO_MANY_REQUESTS: "too many requests; `Retry-After` says when to go on",
    R.INTERNAL_ERROR: "an error of Tallylight; the log has it",
    R.UNAVAILABLE: "the store, or a part of Tallylight, cannot take the request now",
}
BY_STATUS: Mapping[int, ErrorReason] = {
    400: R.UNREADABLE,
    401: R.TOKEN_NEEDED,
    403: R.FORBIDDEN,
    404: R.NOT_FOUND,
    405: R.METHOD_NOT_ALLOWED,
    409: R.CONFLICT,
    412: R.CHANGED_SINCE,
    413: R.TOO_LARGE,
    415: R.UNREADABLE,
    422: R.INVALID,
    429: R.TOO_MANY_REQUESTS,
    503: R.UNAVAILABLE,
}


def reason_of(status: int) -> ErrorReason:
    """The reason of a status that came without one of its own."""
    return BY_STATUS.get(status, R.INTERNAL_ERROR if status >= 500 else R.INVALID)
