"""What can go wrong with a connection, a file or an attempt: a code for each failure, and its text for people."""

from collections.abc import Mapping
from enum import StrEnum


class Failure(StrEnum):
    """Why something outside could not be used, or did not accept what was sent."""

    UNFORESEEN = "failure-unforeseen"
    # Attempts at a delivery
    ATTEMPT_TIMED_OUT = "failure-attempt-timed-out"
    ATTEMPT_UNRESOLVED = "failure-attempt-unresolved"
    ATTEMPT_TLS = "failure-attempt-tls"
    ATTEMPT_REFUSED = "failure-attempt-refused"
    ATTEMPT_NOT_HTTP = "failure-attempt-not-http"
    ATTEMPT_BLOCKED = "failure-attempt-blocked"
    ATTEMPT_STATUS = "failure-attempt-status"
    ATTEMPT_FAILED = "failure-attempt-failed"


FAILURE_TEXTS: Mapping[str, str] = {
    Failure.UNFORESEEN: "unexpected error; see the log",
    Failure.ATTEMPT_TIMED_OUT: "it did not answer in time",
    Failure.ATTEMPT_UNRESOLVED: "its host name could not be resolved",
    Failure.ATTEMPT_TLS: "the TLS connection failed",
    Failure.ATTEMPT_REFUSED: "the connection was refused",
    Failure.ATTEMPT_NOT_HTTP: "its answer was not HTTP",
    Failure.ATTEMPT_BLOCKED: "its address is private and not in ALLOW_NETWORKS",
    Failure.ATTEMPT_STATUS: "it answered {status}",
    Failure.ATTEMPT_FAILED: "the last attempt failed",
}
