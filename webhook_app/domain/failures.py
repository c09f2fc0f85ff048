"""What can go wrong with a connection, a file or an attempt: a code for each failure, and its text for people."""

from collections.abc import Mapping
from enum import StrEnum


class Failure(StrEnum):
    """Why something outside could not be used, or did not accept what was sent."""

    UNFORESEEN = "failure-unforeseen"
    # Connections
    INVALID_ADDRESS = "failure-invalid-address"
    PRIVATE_ADDRESS = "failure-private-address"
    UNRESOLVED = "failure-unresolved"
    CONNECT_FAILED = "failure-connect-failed"
    CONNECT_TIMED_OUT = "failure-connect-timed-out"
    CONNECTION_REFUSED = "failure-connection-refused"
    CONNECTION_FAILED = "failure-connection-failed"
    CONNECTION_ABORTED = "failure-connection-aborted"
    CLOSED_BY_PEER = "failure-closed-by-peer"
    CLOSED_EARLY = "failure-closed-early"
    NO_ANSWER = "failure-no-answer"
    NO_ROUTE_TO_HOST = "failure-no-route-to-host"
    NO_ROUTE_TO_NETWORK = "failure-no-route-to-network"
    NOT_HTTP = "failure-not-http"
    PROXY_STATUS = "failure-proxy-status"
    PROXY_CONNECT_FAILED = "failure-proxy-connect-failed"
    TLS_FAILED = "failure-tls-failed"
    TLS_UNTRUSTED = "failure-tls-untrusted"
    # Files
    FILE_MISSING = "failure-file-missing"
    FILE_PATH = "failure-file-path"
    FILE_PERMISSION = "failure-file-permission"
    FILE_DIRECTORY = "failure-file-directory"
    FILE_DEVICE = "failure-file-device"
    FILE_IRREGULAR = "failure-file-irregular"
    FILE_LINKS = "failure-file-links"
    FILE_NAME_TOO_LONG = "failure-file-name-too-long"
    FILE_NAME_NUL = "failure-file-name-nul"
    FILE_UNREADABLE = "failure-file-unreadable"
    FILE_TOO_LARGE = "failure-file-too-large"
    FILES_OPEN = "failure-files-open"
    DISK = "failure-disk"
    SYSTEM = "failure-system"
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
    Failure.INVALID_ADDRESS: "invalid address",
    Failure.PRIVATE_ADDRESS: "{address} is private, loopback or reserved; ALLOW_NETWORKS can allow it",
    Failure.UNRESOLVED: "the host's name cannot be resolved",
    Failure.CONNECT_FAILED: "the connection could not be made: {why}",
    Failure.CONNECT_TIMED_OUT: "the connection could not be made in time",
    Failure.CONNECTION_REFUSED: "the connection was refused",
    Failure.CONNECTION_FAILED: "the connection failed",
    Failure.CONNECTION_ABORTED: "the connection was closed",
    Failure.CLOSED_BY_PEER: "the connection was closed by the other side",
    Failure.CLOSED_EARLY: "the connection was closed before the answer was complete",
    Failure.NO_ANSWER: "the host did not answer in time",
    Failure.NO_ROUTE_TO_HOST: "there is no route to the host",
    Failure.NO_ROUTE_TO_NETWORK: "there is no route to the network",
    Failure.NOT_HTTP: "invalid HTTP response",
    Failure.PROXY_STATUS: "the proxy answered {status}",
    Failure.PROXY_CONNECT_FAILED: "the connection to the proxy could not be made: {why}",
    Failure.TLS_FAILED: "TLS could not be agreed on with the host",
    Failure.TLS_UNTRUSTED: "the host's TLS certificate is not trusted; SSL_CERT_FILE can name a further authority",
    Failure.FILE_MISSING: "there is no such file",
    Failure.FILE_PATH: "a part of its path is not a directory",
    Failure.FILE_PERMISSION: "permission denied",
    Failure.FILE_DIRECTORY: "it is a directory",
    Failure.FILE_DEVICE: "it is a pipe or a device, not a file",
    Failure.FILE_IRREGULAR: "it is a directory, a pipe or a device, not a file",
    Failure.FILE_LINKS: "its links lead in a circle",
    Failure.FILE_NAME_TOO_LONG: "its name is too long",
    Failure.FILE_NAME_NUL: "its name holds a NUL",
    Failure.FILE_UNREADABLE: "cannot be read: {why}",
    Failure.FILE_TOO_LARGE: "is larger than {limit} bytes",
    Failure.FILES_OPEN: "too many files are open",
    Failure.DISK: "the disk reports an error",
    Failure.SYSTEM: "the operating system reports {name}",
    Failure.ATTEMPT_TIMED_OUT: "it did not answer in time",
    Failure.ATTEMPT_UNRESOLVED: "its host name could not be resolved",
    Failure.ATTEMPT_TLS: "the TLS connection failed",
    Failure.ATTEMPT_REFUSED: "the connection was refused",
    Failure.ATTEMPT_NOT_HTTP: "its answer was not HTTP",
    Failure.ATTEMPT_BLOCKED: "its address is private and not in ALLOW_NETWORKS",
    Failure.ATTEMPT_STATUS: "it answered {status}",
    Failure.ATTEMPT_FAILED: "the last attempt failed",
}
