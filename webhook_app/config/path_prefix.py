"""The path prefix under which Tallylight is served on a shared host, such as `/tally`."""

import re

PREFIX_MAX_CHARS = 1_000
# First segments of our own pages: a prefix cannot be one of them, or a path could be read in two ways.
OWN_SEGMENTS = frozenset(
    "alarms api backtest causes deliveries docs doctor events healthz live login logout metrics new-room new-rule "
    "new-subscriber notices openapi.json page people readyz rooms rule-text rules schedule static subscribers system "
    "watch webhooks".split()
)
_PREFIX = re.compile(r"(?:/[A-Za-z0-9._~-]+)*")


def is_prefix(path: str) -> bool:
    """Whether Tallylight can be served under this path; the empty path is the root of the host."""
    segments = path.split("/")[1:]
    readable = len(path) <= PREFIX_MAX_CHARS and _PREFIX.fullmatch(path) is not None
    return readable and not {".", ".."} & set(segments) and not (segments and segments[0] in OWN_SEGMENTS)
