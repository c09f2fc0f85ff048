"""Masks secrets in URLs.

Many services identify their caller by the URL alone, so a URL counts as secret except for what is known to be public.
Everything that shows, logs, journals or sends a URL uses `shown_url`.
"""

import base64
import re
from collections.abc import Iterable, Iterator
from urllib.parse import SplitResult, unquote, urlsplit

from webhook_app.outbound.channel_kinds import plain_schemes, url_masked_by_channel

MASK = "****"
RTMP_SCHEMES = ("rtmp", "rtmps")
# Schemes besides those of channels whose addresses have a host, a path and a query as http's have.
_OTHER_PLAIN_SCHEMES = ("webcal", "webcals", "redis", "rediss", "redis+sentinel", "unix", "file", *RTMP_SCHEMES)
# The channel of any other scheme masks its URLs itself.
PLAIN_SCHEMES = frozenset({*_OTHER_PLAIN_SCHEMES, *plain_schemes()})
# Services whose path is the key: the host, and the part of the path that is the same for all their customers.
_KEYED_PATHS: tuple[tuple[re.Pattern[str], re.Pattern[str]], ...] = tuple(
    (re.compile(host, re.IGNORECASE), re.compile(prefix, re.IGNORECASE))
    for host, prefix in (
        (r"hooks\.slack(?:-gov)?\.com", r"/(?:services|workflows|triggers)/"),
        (r"(?:(?:ptb|canary)\.)?discord(?:app)?\.com", r"/api/(?:v\d+/)?webhooks/"),
        (r"(?:.+\.)?office(?:365)?\.com", r"/(?:webhook|webhookb2|owa/calendar)/"),
        (r"outlook\.live\.com", r"/owa/calendar/"),
        (r".+\.(?:logic\.azure|powerplatform|azure-apihub)\.(?:com|net)", r"/"),
        (r"chat\.googleapis\.com", r"/v\d+/spaces/"),
        (r".+\.icloud\.com", r"/published/"),
        (r"hooks\.zapier\.com", r"/hooks/(?:catch|standard)/"),
        (r"hook\.[a-z0-9.]*make\.com|hook\.integromat\.com", r"/"),
        (r"maker\.ifttt\.com", r"/trigger/"),
        (r"api\.telegram\.org", r"/"),
        (r"(?:.+\.)?webex(?:apis)?\.com", r"/v1/webhooks/incoming/"),
        (r"hooks?\.(?:stub|relay|pipedream)\..+|webhook\.site", r"/"),
        (r"(?:api\.)?pushover\.net|api\.pushbullet\.com|api\.opsgenie\.com|events\.pagerduty\.com", r"/"),
        (r"(?:.+\.)?ntfy\.sh", r"/"),
        (r"open\.(?:feishu\.cn|larksuite\.com)", r"/open-apis/bot/v2/hook/"),
        (r"hc-ping\.com|nosnch\.in|cronitor\.link|heartbeat\.uptimerobot\.com", r"/"),
        (r"uptime\.betterstack\.com|(?:.+\.)?betteruptime\.com", r"/api/v\d+/(?:incoming-webhook|heartbeat)s?/"),
        (r".*", r".*?/(?:api/push|videosdk)/+"),  # any host: Uptime Kuma, and our own webhooks,
    )
)
_RTMP_APPLICATION = re.compile(r"/([^/]+)/?")
_SECRET_NAME = re.compile(r"token|key|secret|sig|pass|pwd|auth|code|cred|session|jwt|hmac", re.IGNORECASE)
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_LONG_WORD = re.compile(r"[A-Za-z0-9_]{16}")
_LONGER_THAN_WORDS = re.compile(r"[A-Za-z0-9]{20}")
_LETTER_MEETS_DIGIT = re.compile(r"(?<=[A-Za-z])(?=\d)|(?<=\d)(?=[A-Za-z])")
_PRIVATE = re.compile(r"private-", re.IGNORECASE)
_FILE_NAME = re.compile(r"[a-z]{1,16}\.(?:ics|ical|ifb|vcs)", re.IGNORECASE)
_KEY_FOLLOWS = re.compile(r"(?:api[_-]?)?(?:keys?|tokens?|secrets?)", re.IGNORECASE)  # as in `/with/key/…`


def shown_url(url: str) -> str:
    """Mask a URL for display: scheme and host stay; user, password and what looks like a key become `****`.

    Where other parts of a URL are secret, its channel masks it. Of an invalid URL only the scheme stays.
    """
    scheme = url.partition(":")[0].lower()
    if scheme not in PLAIN_SCHEMES:
        return _shown_channel(url) if "://" in url else url
    try:
        parts = urlsplit(url)
    except ValueError:
        return f"{scheme}://{MASK}"
    host, path = _shown_authority(parts), _shown_path(parts)
    query, fragment = _shown_query(parts.query, parts), _shown_query(parts.fragment, parts)
    if (host, path, query, fragment) == (parts.netloc, parts.path, parts.query, parts.fragment):
        return url
    return parts._replace(netloc=host, path=path, query=query, fragment=fragment).geturl()


def unmasked(sent: str, stored: Iterable[str]) -> str:
    """Return the stored URL whose masked form was sent back, so that reading and writing a URL changes nothing."""
    return next((address for address in stored if sent == shown_url(address)), sent)


def secret_parts(url: str) -> tuple[str, ...]:
    """Return the parts of a URL that `shown_url` hides, as they are written in it."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return ()
    if scheme.lower() not in PLAIN_SCHEMES:
        return _channel_secrets(url, rest)
    try:
        parts = urlsplit(url)
    except ValueError:
        return (rest,)
    return tuple(part for part in (*_user_parts(parts), *_path_parts(parts), *_query_parts(parts)) if part)


def _shown_authority(parts: SplitResult) -> str:
    user, at, host = parts.netloc.rpartition("@")
    return f"{MASK}@{host}" if at and user else host


def _shown_path(parts: SplitResult) -> str:
    prefix, segments = _split_path(parts)
    keyed = prefix is not None
    masked = [
        _shown_segment(segment, after=segments[at - 1] if at else "", keyed=keyed)
        for at, segment in enumerate(segments)
    ]
    return (prefix or "") + "/".join(masked)


def _split_path(parts: SplitResult) -> tuple[str | None, list[str]]:
    """Split a path into the public prefix of a known service, if any, and the segments to check.

    Of RTMP the application, the first segment, is public: what follows may be a stream key.
    """
    if parts.scheme.lower() in RTMP_SCHEMES:
        application = _RTMP_APPLICATION.match(parts.path)
        if application is not None and not _looks_like_key(unquote(application[1])):
            return application[0], parts.path[application.end() :].split("/")
        return parts.path[:1], parts.path[1:].split("/")
    host = parts.netloc.rpartition("@")[2].partition(":")[0]
    for known_host, prefix in _KEYED_PATHS:
        public = prefix.match(parts.path) if known_host.fullmatch(host) else None
        if public is not None:
            return public[0], parts.path[public.end() :].split("/")
    return None, parts.path.split("/")


def _shown_segment(segment: str, *, after: str, keyed: bool) -> str:
    if not segment or segment == MASK or _FILE_NAME.fullmatch(segment):
        return segment
    decoded = unquote(segment)
    private = _PRIVATE.match(decoded)
    if private is not None:
        return private[0] + MASK
    if keyed or _KEY_FOLLOWS.fullmatch(after) or _looks_like_key(decoded):
        return MASK
    name, equals, _ = decoded.partition("=")
    return f"{segment.partition('=')[0]}={MASK}" if equals and _SECRET_NAME.search(name) else segment


def _looks_like_key(text: str) -> bool:
    """Whether a part of a URL looks like a key rather than a word."""
    has_both = re.search(r"[A-Za-z]", text) is not None and re.search(r"\d", text) is not None
    return (
        _UUID.search(text) is not None
        or _LONGER_THAN_WORDS.search(_longest_with_letters(text)) is not None
        or (has_both and _LONG_WORD.search(text) is not None)
        or (has_both and len(text) >= 16 and len(_LETTER_MEETS_DIGIT.findall(text)) >= 4)
    )


def _longest_with_letters(text: str) -> str:
    """Remove numbers, which are ids rather than keys."""
    return re.sub(r"(?<![A-Za-z0-9])\d+(?![A-Za-z0-9])", " ", text)


def _shown_query(query: str, parts: SplitResult) -> str:
    keyed = _split_path(parts)[0] is not None
    return "&".join(_shown_argument(argument, keyed=keyed) for argument in query.split("&"))


def _shown_argument(argument: str, *, keyed: bool) -> str:
    name, equals, value = argument.partition("=")
    if not equals:
        return MASK if argument and (keyed or _looks_like_key(unquote(argument))) else argument
    secret = keyed or _SECRET_NAME.search(unquote(name)) or _looks_like_key(unquote(value))
    if value and secret:
        return f"{name}={MASK}"
    # Older servers separate arguments by semicolons. A value may hold one too, so what follows a secret stays hidden.
    first, semicolon, rest = argument.partition(";")
    return f"{first};{_shown_argument(rest, keyed=keyed)}" if semicolon else argument


def _shown_channel(url: str) -> str:
    scheme = url.partition("://")[0]
    try:
        parts = urlsplit(url_masked_by_channel(url))
    except Exception:  # of Apprise's many services, each may fail on a URL in its own way
        return f"{scheme}://{MASK}"
    return parts._replace(path=_shown_path(parts)).geturl()


def _channel_secrets(url: str, rest: str) -> tuple[str, ...]:
    masked = shown_url(url)
    public = set(re.split(r"[/?&=:@#]+", masked))
    return tuple(part for part in re.split(r"[/?&=:@#]+", rest) if len(part) > 3 and part not in public)


def _user_parts(parts: SplitResult) -> Iterator[str]:
    user, at, _ = parts.netloc.rpartition("@")
    if at:
        name, _, password = user.partition(":")
        basic = base64.b64encode(f"{unquote(name)}:{unquote(password)}".encode()).decode()
        # A name beside a password is no secret, and may be a common word; alone it is a token.
        yield from (user, basic, password or name)


def _path_parts(parts: SplitResult) -> Iterator[str]:
    masked = _shown_path(parts)
    if masked == parts.path:
        return
    yield parts.path
    prefix, segments = _split_path(parts)
    if prefix is not None:
        yield "/".join(segments)
    for at, segment in enumerate(segments):
        hidden = _shown_segment(segment, after=segments[at - 1] if at else "", keyed=prefix is not None)
        if hidden != segment:
            yield segment
            yield _PRIVATE.sub("", segment, count=1)


def _query_parts(parts: SplitResult) -> Iterator[str]:
    for text in (parts.query, parts.fragment):
        if _shown_query(text, parts) == text:
            continue
        yield text
        for argument in (*text.split("&"), *re.split("[&;]", text)):
            if _shown_query(argument, parts) != argument:
                yield argument.partition("=")[2] or argument
