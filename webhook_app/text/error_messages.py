"""Explains errors of the operating system and of connections, for alarms and pages; details go to the log.

The texts of libraries quote addresses and class names, and differ between versions and platforms.
"""

import errno
import socket
import ssl
from collections.abc import Mapping

from webhook_app.domain.explanations import Explanation, explain
from webhook_app.domain.failures import Failure

_FAILURES: Mapping[int, Failure] = {
    errno.ECONNREFUSED: Failure.CONNECTION_REFUSED,
    errno.ECONNRESET: Failure.CLOSED_BY_PEER,
    errno.EPIPE: Failure.CLOSED_BY_PEER,
    errno.ECONNABORTED: Failure.CONNECTION_ABORTED,
    errno.ETIMEDOUT: Failure.NO_ANSWER,
    errno.EHOSTUNREACH: Failure.NO_ROUTE_TO_HOST,
    errno.ENETUNREACH: Failure.NO_ROUTE_TO_NETWORK,
    errno.EADDRNOTAVAIL: Failure.NO_ROUTE_TO_HOST,
    errno.ENOENT: Failure.FILE_MISSING,
    errno.ENOTDIR: Failure.FILE_PATH,
    errno.EACCES: Failure.FILE_PERMISSION,
    errno.EPERM: Failure.FILE_PERMISSION,
    errno.EISDIR: Failure.FILE_DIRECTORY,
    errno.ENXIO: Failure.FILE_DEVICE,
    errno.ELOOP: Failure.FILE_LINKS,
    errno.ENAMETOOLONG: Failure.FILE_NAME_TOO_LONG,
    errno.EMFILE: Failure.FILES_OPEN,
    errno.ENFILE: Failure.FILES_OPEN,
    errno.EIO: Failure.DISK,
}


def os_error_text(error: OSError) -> str:
    """Describe an error of the operating system, without quoting anything."""
    return explain_os_error(error).text


def explain_os_error(error: OSError) -> Explanation:
    """Explain an error of the operating system, without quoting anything."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return explain(Failure.TLS_UNTRUSTED)
    if isinstance(error, ssl.SSLError):
        return explain(Failure.TLS_FAILED)
    if isinstance(error, socket.gaierror):
        return explain(Failure.UNRESOLVED)
    if isinstance(error, TimeoutError):
        return explain(Failure.NO_ANSWER)
    number = error.errno
    if number is None:
        return explain(Failure.CONNECTION_FAILED)
    failure = _FAILURES.get(number)
    if failure is not None:
        return explain(failure)
    return explain(Failure.SYSTEM, name=errno.errorcode.get(number, f"error {number}"))
