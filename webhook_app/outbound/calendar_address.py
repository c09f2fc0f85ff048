"""Addresses of calendars: what is accepted when a rule is saved is what is fetched later."""

from webhook_app.outbound.url_checks import url_fault

# The URL schemes to try for each, in order. webcal is a convention: most servers mean https, some support only http.
SCHEMES = {"https": ("https",), "http": ("http",), "webcals": ("https",), "webcal": ("https", "http")}
SCHEMES_TEXT = "https://, http://, webcal:// or webcals://"


def fetch_urls(address: str) -> tuple[str, ...]:
    """The URLs to try for a calendar's address, in order; ValueError says what is wrong with it.

    The scheme may be written in any case. The message never quotes the address, which may be a secret.
    """
    address = address.strip()
    if any(letter.isspace() or not letter.isprintable() for letter in address):
        raise ValueError("a calendar's address has no spaces, line breaks or control characters")
    scheme, separator, rest = address.partition("://")
    schemes = SCHEMES.get(scheme.lower())
    if not separator or schemes is None:
        raise ValueError(f"a calendar's address begins with {SCHEMES_TEXT}")
    fault = url_fault(f"{schemes[0]}://{rest}")
    if fault is not None:
        raise ValueError(f"a calendar's address cannot be used: {fault}")
    return tuple(f"{scheme}://{rest}" for scheme in schemes)


def check_path(path: str) -> None:
    """Check the path of a calendar's file; ValueError says what is wrong with it."""
    if not path.strip() or any(not letter.isprintable() for letter in path):
        raise ValueError("a file's path has no line breaks or control characters")
    if "://" in path:
        raise ValueError("this is an address: write `url` in place of `file`")


def is_address(source: str) -> bool:
    """Whether a calendar's source is an address, and not a file's path."""
    return "://" in source
