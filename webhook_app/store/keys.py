"""Every key in Redis, in one place."""

PREFIX = "tally:"

JOURNAL = PREFIX + "journal"
CURSOR = PREFIX + "cursor"
SNAPSHOT = PREFIX + "snapshot"
HALTED = PREFIX + "halted"
ROOMS = PREFIX + "rooms"
ON_AIR = PREFIX + "rooms:on-air"
STREAMS = PREFIX + "streams"
CALLS = PREFIX + "calls"
CALLS_DUE = PREFIX + "calls:due"
PROBES_DUE = PREFIX + "probes:due"
PROBES_QUIET = PREFIX + "probes:quiet"
CALLS_CURRENT = PREFIX + "calls:current"
TIMERS = PREFIX + "timers"
RULES = PREFIX + "rules"
RULE_MEMORY = PREFIX + "rules:memory"
NAMES = PREFIX + "names"
SETTINGS = PREFIX + "settings"
CALENDARS = PREFIX + "calendars"
ALARMS = PREFIX + "alarms"
OUTBOX = PREFIX + "outbox"
OUTBOX_CURSOR = PREFIX + "outbox:cursor"
SUBSCRIBERS = PREFIX + "subscribers"
SUBSCRIBERS_VERSION = PREFIX + "subscribers:version"
SUBSCRIBERS_DUE = PREFIX + "subscribers:due"
DEMO = PREFIX + "demo"
PROCESSES = PREFIX + "processes"
PUBLIC_KEY = PREFIX + "public-key"
COUNTS = PREFIX + "counts"
LAST_WEBHOOK = PREFIX + "webhook:last"


def room(room_id: str) -> str:
    """One room's state, JSON."""
    return f"{PREFIX}room:{room_id}"


def stream(stream_id: str) -> str:
    """One run, JSON."""
    return f"{PREFIX}stream:{stream_id}"


def room_streams(room_id: str) -> str:
    """The runs of a room by the moment they opened."""
    return f"{PREFIX}streams:{room_id}"


def timeline(room_id: str) -> str:
    """The effects and decisions on a room, a stream whose ids are the journal's; empty for no room."""
    return f"{PREFIX}timeline:{room_id}"


def call(call_id: str) -> str:
    """One call, JSON."""
    return f"{PREFIX}call:{call_id}"


def room_calls(room_id: str) -> str:
    """The calls of a room by the moment they were decided; a room may be named `due` or `current`."""
    return f"{PREFIX}calls-of:{room_id}"


def call_attempts(call_id: str) -> str:
    """What was sent for a call and what came back, a list of JSON."""
    return f"{PREFIX}call:{call_id}:attempts"


def call_mark(call_id: str) -> str:
    """Set just before a call is sent; written by the call job alone."""
    return f"{PREFIX}call:{call_id}:mark"


def notice(notice_id: str) -> str:
    """One notice as it is told, JSON."""
    return f"{PREFIX}notice:{notice_id}"


def delivery(delivery_id: str) -> str:
    """One delivery, JSON."""
    return f"{PREFIX}delivery:{delivery_id}"


def deliveries(state: str) -> str:
    """All deliveries in a state by the moment they were made."""
    return f"{PREFIX}deliveries:{state}"


def subscriber_deliveries(subscriber_id: str) -> str:
    """A subscriber's deliveries by the moment they were made."""
    return f"{PREFIX}subscriber:{subscriber_id}:deliveries"


def subscriber_due(subscriber_id: str) -> str:
    """A subscriber's deliveries by the moment of their next attempt."""
    return f"{PREFIX}subscriber:{subscriber_id}:due"


def wake(queue: str) -> str:
    """Set while a wake-up of this queue is pending or a worker of it is awake."""
    return f"{PREFIX}wake:{queue}"


def doctor_word(nonce: str) -> str:
    """A word that `GET /doctor/<nonce>` says once."""
    return f"{PREFIX}doctor:{nonce}"
