"""The reason code of an HTTP error that was raised without one."""

from collections.abc import Mapping

from webhook_app.error_reasons import ErrorReason as R

BY_STATUS: Mapping[int, R] = {
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


def reason_of(status: int) -> R:
    """Return the default reason code of an HTTP status."""
    return BY_STATUS.get(status, R.INTERNAL_ERROR if status >= 500 else R.INVALID)
