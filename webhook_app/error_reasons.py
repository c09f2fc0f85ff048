"""Reason codes of refused requests: the `reason` of every error, with what each one means."""

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
    R.TOKEN_NEEDED: "the token is missing or not valid",
    R.SIGNATURE_INVALID: "the webhook has no valid VideoSDK signature",
    R.ADMIN_NEEDED: "the viewer token is read-only",
    R.FORBIDDEN: "not allowed",
    R.FORM_EXPIRED: "the console form has expired or was sent from another site",
    R.NOT_FOUND: "no resource has this address, id or name",
    R.UNKNOWN_ROOM: "the room is neither configured nor seen",
    R.ROOM_NOT_OURS: "the room is not selected by `ROOMS`",
    R.METHOD_NOT_ALLOWED: "the address does not support this method",
    R.CONFLICT: "the request conflicts with the current state",
    R.FROM_FILE: "the resource is managed by the configuration file",
    R.NAME_TAKEN: "the name is already in use",
    R.CHANGED_SINCE: "the resource has changed since it was read",
    R.BEING_CHANGED: "another request is changing the resource",
    R.OBSERVING: "this instance is in observe-only mode (`OBSERVE=1`)",
    R.NO_CREDENTIALS: "no VideoSDK credentials are set",
    R.NO_SCHEDULE: "the rule has no schedule",
    R.SCHEDULE_NOT_COMPUTABLE: "the schedule's windows cannot be computed",
    R.SUBSCRIBER_DISABLED: "the subscriber is disabled",
    R.NOTICE_GONE: "the notice was removed by retention",
    R.LIMIT_REACHED: "the maximum number of resources has been reached",
    R.TOO_LARGE: "the request is too large",
    R.INVALID: "the request is invalid; `errors` names the fields",
    R.TOO_MANY_REQUESTS: "too many requests; retry after `Retry-After` seconds",
    R.INTERNAL_ERROR: "an internal error; see the log",
    R.UNAVAILABLE: "the store or a part of Tallylight cannot handle the request now",
}
