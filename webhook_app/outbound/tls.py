"""Which certificate authorities outbound TLS connections trust: the system's, or the file that SSL_CERT_FILE names."""

import os
import ssl
from functools import lru_cache
from pathlib import Path

CA_FILE = "SSL_CERT_FILE"
CA_DIRECTORY = "SSL_CERT_DIR"
_CA_FILE_OF_REQUESTS = "REQUESTS_CA_BUNDLE"


def use_ca_file(path: Path | None) -> None:
    """Make every library of this process, and of the processes it starts, trust the authorities of this file.

    OpenSSL, and so the clients of the store and of mail, read SSL_CERT_FILE from the environment; `requests`, which the
    library of the channels uses, reads its own variable.
    """
    if path is not None:
        os.environ[CA_FILE] = os.environ[_CA_FILE_OF_REQUESTS] = str(path)


def tls_context() -> ssl.SSLContext:
    """The context of every outbound TLS client: HTTP/1.1, certificates and host names verified."""
    return _context(os.environ.get(CA_FILE), os.environ.get(CA_DIRECTORY))


@lru_cache(maxsize=4)
def _context(ca_file: str | None, ca_directory: str | None) -> ssl.SSLContext:
    """Cached per bundle, since loading one is slow. OpenSSL itself reads both variables.

    Without them the bundle of `certifi` is trusted beside the system's, which some container images lack.
    """
    context = ssl.create_default_context()
    if not (ca_file or ca_directory):
        import certifi

        context.load_verify_locations(cafile=certifi.where())
    context.set_alpn_protocols(["http/1.1"])
    return context
