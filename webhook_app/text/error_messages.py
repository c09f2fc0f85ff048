"""Messages for errors of the operating system and of connections, for alarms and pages; details go to the log.

The texts of libraries quote addresses and class names, and differ between versions and platforms.
"""

import errno
import socket
import ssl

UNFORESEEN = "unexpected error; see the log"
_WORDS = {
    errno.ECONNREFUSED: "the connection was refused",
    errno.ECONNRESET: "the connection was closed by the other side",
    errno.EPIPE: "the connection was closed by the other side",
    errno.ECONNABORTED: "the connection was closed",
    errno.ETIMEDOUT: "the host did not answer in time",
    errno.EHOSTUNREACH: "there is no route to the host",
    errno.ENETUNREACH: "there is no route to the network",
    errno.EADDRNOTAVAIL: "there is no route to the host",
    errno.ENOENT: "there is no such file",
    errno.ENOTDIR: "a part of its path is not a directory",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.EISDIR: "it is a directory",
    errno.ENXIO: "it is a pipe or a device, not a file",
    errno.ELOOP: "its links lead in a circle",
    errno.ENAMETOOLONG: "its name is too long",
    errno.EMFILE: "too many files are open",
    errno.ENFILE: "too many files are open",
    errno.EIO: "the disk reports an error",
}


def os_error_text(error: OSError) -> str:
    """Describe an error of the operating system, without quoting anything."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return "the host's TLS certificate is not trusted; SSL_CERT_FILE can name a further authority"
    if isinstance(error, ssl.SSLError):
        return "TLS could not be agreed on with the host"
    if isinstance(error, socket.gaierror):
        return "the host's name cannot be resolved"
    if isinstance(error, TimeoutError):
        return "the host did not answer in time"
    number = error.errno
    if number is None:
        return "the connection failed"
    return _WORDS.get(number, f"the operating system reports {errno.errorcode.get(number, f'error {number}')}")
