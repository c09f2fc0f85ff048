"""Every key in Redis. The Lua scripts build some of them from the prefix; the stored names never change."""

from webhook_app.domain.outputs import Output

PREFIX = "tally:"

JOURNAL = PREFIX + "journal"
CURSOR = PREFIX + "cursor"
SNAPSHOT = PREFIX + "snapshot"
SKIPPED_EVENTS = PREFIX + "passed-over"
FOLD_STRIKE = PREFIX + "fold-strike"
SYSTEM_ALARMS = PREFIX + "alarms:system"
HALTED = PREFIX + "halted"
HALTED_AT = PREFIX + "halted:at"
ROOMS = PREFIX + "rooms"
ROOMS_FORGOTTEN = PREFIX + "rooms:forgotten"
ON_AIR = PREFIX + "rooms:on-air"  # by HLS or RTMP
ON_AIR_BY_RTMP_ALONE = PREFIX + "rooms:on-air:rtmp-alone"
STREAMS = PREFIX + "streams"
CALLS = PREFIX + "calls"
CALLS_DUE = PREFIX + "calls:due"
PROBES_DUE = PREFIX + "probes:due"
PROBES_PAUSED = PREFIX + "probes:quiet"
CALLS_CURRENT = PREFIX + "calls:current"
TRANSCODES_CURRENT = CALLS_CURRENT + ":transcode"
TIMERS = PREFIX + "timers"
RULES = PREFIX + "rules"
RULE_MEMORY = PREFIX + "rules:memory"
NAMES = PREFIX + "names"
SETTINGS = PREFIX + "settings"
CALENDARS = PREFIX + "calendars"
CALENDAR_TEXTS = PREFIX + "calendars:texts"
ALARMS = PREFIX + "alarms"
ALARMS_PAST = PREFIX + "alarms:past"
OUTBOX = PREFIX + "outbox"
OUTBOX_CURSOR = PREFIX + "outbox:cursor"
OBSERVED = PREFIX + "observed"  # set while deliveries are discarded as this copy only observes
OUTBOX_LATEST = PREFIX + "outbox:latest"
RECOVERIES = PREFIX + "recoveries"
SUBSCRIBERS = PREFIX + "subscribers"
SUBSCRIBERS_VERSION = PREFIX + "subscribers:version"
SUBSCRIBERS_DUE = PREFIX + "subscribers:due"
BREAKERS_OPEN_UNTIL = PREFIX + "subscribers:open"
SUBSCRIBER_RATES = PREFIX + "subscribers:rates"
DELIVERIES = PREFIX + "deliveries:all"
DELIVERIES_PENDING = PREFIX + "deliveries:pending"
DELIVERIES_DEAD = PREFIX + "deliveries:dead"
DEMO = PREFIX + "demo"
PROCESSES = PREFIX + "processes"
FAILING_LOOPS = PREFIX + "processes:unhealthy"
WRITE_PROBE = PREFIX + "write-probe"
PUBLIC_KEY = PREFIX + "public-key"
MEASURES = PREFIX + "measures"
COUNTS = PREFIX + "counts"
LAST_WEBHOOK = PREFIX + "webhook:last"
REFUSED_WEBHOOKS = PREFIX + "webhook:refused"  # the newest of each outcome: its moment in s, "|", and what was wrong
LOGIN_FAILURES = PREFIX + "login:failures"
SESSIONS_ENDED = PREFIX + "sessions:ended"


def room(room_id: str) -> str:
    """One room's state, JSON."""
    return f"{PREFIX}room:{room_id}"


def stream(stream_id: str) -> str:
    """One stream, JSON."""
    return f"{PREFIX}stream:{stream_id}"


def room_streams(room_id: str) -> str:
    """The streams of a room by the time they opened."""
    return f"{PREFIX}streams:{room_id}"


def timeline(room_id: str) -> str:
    """The effects and decisions on a room, a stream whose ids are the journal's; empty for no room."""
    return f"{PREFIX}timeline:{room_id}"


def outline(room_id: str) -> str:
    """The room's timeline with each run of checks that changed nothing as one entry; see `store.state.outline`."""
    return f"{PREFIX}outline:{room_id}"


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


def delivery(delivery_id: str) -> str:
    """One delivery, JSON."""
    return f"{PREFIX}delivery:{delivery_id}"


def subscriber_deliveries(subscriber_id: str) -> str:
    """A subscriber's deliveries by the moment they were made."""
    return f"{PREFIX}subscriber:{subscriber_id}:deliveries"


def subscriber_due(subscriber_id: str) -> str:
    """A subscriber's deliveries by the moment of their next attempt."""
    return f"{PREFIX}subscriber:{subscriber_id}:due"


def subscriber_health(subscriber_id: str) -> str:
    """The health of a subscriber, a hash."""
    return f"{PREFIX}subscriber:{subscriber_id}:health"


def subscriber_hour(subscriber_id: str, hour: int) -> str:
    """Counts of the attempts in one hour since 1970, a hash that expires."""
    return f"{PREFIX}subscriber:{subscriber_id}:hour:{hour}"


def last_announced(subscriber_id: str) -> str:
    """The state that a subscriber was last notified of, by room and family, a hash."""
    return f"{PREFIX}subscriber:{subscriber_id}:told"


def rule_lock(name: str) -> str:
    """The lock of a rule that is being changed by the API."""
    return f"{PREFIX}rules:lock:{name}"


def wake(queue: str) -> str:
    """Set while a wake-up of this queue is pending or a worker of it is awake."""
    return f"{PREFIX}wake:{queue}"


def reachability_token(nonce: str) -> str:
    """A token that `GET /doctor/<nonce>` returns once."""
    return f"{PREFIX}doctor:{nonce}"


def current_calls(output: Output) -> str:
    """The calls under way for an output: a hash of call ids by room id."""
    return CALLS_CURRENT if output is Output.HLS else f"{CALLS_CURRENT}:{output}"
