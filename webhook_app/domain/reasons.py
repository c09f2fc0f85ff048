"""Reason codes: why an event did what it did, or nothing, and the one table that puts each code into words.

Codes are what state, comparisons and other programs go by, and never change their meaning. The words are for people
and may change. A text's `{fields}` are filled by whoever gives the reason.
"""

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """Why something was done or left alone: each member is its code, and has the words for it as `text`."""

    text: str

    def __new__(cls, code: str, text: str) -> "Reason":
        """A member with both."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.text = text
        return member

    # Any event
    CHANGED = "changed", "Changed"
    NO_CHANGE = "no-change", "No change"
    STATE_NOT_CONCERNED = "state-not-concerned", "No change: this type does not affect state"
    NO_ROOM = "no-room", "No change: the event names no room"
    NOT_HANDLED = "not-handled", "No change: nothing handles this event"
    UNREADABLE = "unreadable", "Kept: authentic, but not readable"
    FOLD_ERROR = "fold-error", "error: {error}"
    STALE_TIMER = "stale-timer", "No change: the timer was cleared or moved"

    # Streams
    HELD_BACK = "held-back", "Held back until VideoSDK confirms it: {why}"
    STILL_HELD_BACK = "still-held-back", "Still held back until VideoSDK confirms it"
    HELD_BACK_DROPPED = "held-back-dropped", "What was held back was late news: dropped"
    CONFIRMED = "confirmed", "Confirmed"
    STREAM_OPENED = "stream-opened", "Stream {stream} opened: {state}"
    STREAM_MOVED = "stream-moved", "Stream {stream}: {before} to {after}"
    STREAM_REPEAT = "stream-repeat", "Repeat: stream {stream} is {state}"
    STREAM_LATE = "stream-late", "Late: stream {stream} is already {state}"
    STREAM_FAILED_FINAL = "stream-failed-final", "No change: stream {stream} has failed, which is final"
    STREAM_GONE = "stream-gone", "Stream {stream}: {before} to {after}; VideoSDK no longer shows it"
    STREAM_REOPENED = "stream-reopened", "Stream {stream}: {before} to {after}; VideoSDK still shows it"
    STREAM_UNKNOWN_ACTIVE = "stream-unknown-active", "VideoSDK shows a stream that was not known"
    STREAM_SUPERSEDED = "stream-superseded", "Stream {stream} ended, inferred from a newer stream"
    STREAM_INFERRED = (
        "stream-inferred",
        "Stream {stream}: {before} to {after}, inferred: its end was reported and could not be checked with VideoSDK",
    )
    END_NOT_INFERRED = "end-not-inferred", "Nothing inferred: checking with VideoSDK what is said to have ended"
    END_UNCHECKED = "end-unchecked", "It ends the only live stream, inferred: without credentials nobody can check"
    STREAM_CROWDED_OUT = "stream-crowded-out", "Stream {stream} ended, inferred: {count} newer ones look live"
    STREAM_ENDED_MEANWHILE = "stream-ended-meanwhile", "Stream {stream} ended meanwhile; checking again"
    STREAM_NEWER_THAN_PROBE = (
        "stream-newer-than-probe",
        "Stream {stream} changed after the probe was sent; checking again",
    )
    STREAM_NOT_SHOWN_YET = (
        "stream-not-shown-yet",
        "Stream {stream} is not shown as active, and has not ended; checking again",
    )
    STREAM_TOO_OLD = "stream-too-old", "No change: the stream ended long ago"
    MAYBE_SAME_STREAM = "maybe-same-stream", "it may be another id of the stream that is starting"
    STREAMS_UNITED = "streams-united", "Stream {other} is stream {stream} under another id"
    MAYBE_LATE = "maybe-late", "it may be late news of a stream that has ended"
    END_BEFORE_START = "end-before-start", "an end came before it"
    END_WITHOUT_STREAM = "end-without-stream", "it names no stream, and its session has had none"
    END_AMBIGUOUS = "end-ambiguous", "it names no stream, and its session has had several"
    END_UNIDENTIFIED = "end-unidentified", "it may mean several streams of its session"
    END_UNSETTLED = "end-unsettled", "Ends nothing by itself, checking with VideoSDK: {why}"
    FAILURE_REASON_AWAITED = "failure-reason-awaited", "Checking with VideoSDK why it failed"
    FAILURE_REASON_MISSING = "failure-reason-missing", "VideoSDK gives no reason for the failure"
    FAILURE_REASON_FOUND = "failure-reason-found", "Stream {stream} failed because: {failure}"
    FAILURE_REASON_UNREACHED = (
        "failure-reason-unreached",
        "VideoSDK could not say why the stream failed; checking again",
    )
    FAILURE_ALL_EXPLAINED = "failure-all-explained", "Nothing to check: every failure has its reason"

    # Sessions and participants
    SESSION_STARTED = "session-started", "Session {session} started"
    SESSION_ENDED = "session-ended", "Session {session} ended"
    SESSION_ENDED_INFERRED = "session-ended-inferred", "Session {session} ended, inferred from a newer session"
    SESSION_ENDED_UNSEEN = "session-ended-unseen", "Session {session} ended; it was not known to be live"
    SESSION_END_EXPLAINED = "session-end-explained", "VideoSDK's {name}: {text}"
    SESSION_REPEAT = "session-repeat", "Repeat: the session is known"
    SESSION_OVER = "session-over", "Late: the session has ended"
    SESSION_NEWER_THAN_PROBE = (
        "session-newer-than-probe",
        "The session changed after the probe was sent; checking again",
    )
    PARTICIPANT_JOINED = "participant-joined", "Participant {name} joined"
    PARTICIPANT_LEFT = "participant-left", "Participant {name} left"
    PARTICIPANT_PRESENT = "participant-present", "Repeat: the participant is already in the session"
    PARTICIPANT_ABSENT = "participant-absent", "Repeat: the participant is not in the session"
    PARTICIPANT_UNNAMED = "participant-unnamed", "No change: there is no participantId"
    PARTICIPANTS_SEEN = "participants-seen", "Participants in the session: {count}"

    # Probes
    PROBE_DUE = "probe-due", "Checking with VideoSDK"
    PROBE_NO_CHANGE = "probe-no-change", "No change: probe confirmed the current state"
    PROBE_NO_CREDENTIALS = "probe-no-credentials", "Not checked: there are no VideoSDK credentials"
    OBSERVING = "observing", "Observing only: nothing is called or sent"
    PROBE_PUT_OFF = "probe-put-off", "Checked later: VideoSDK asks for fewer requests"
    PROBE_RATE_LIMITED = "probe-rate-limited", "VideoSDK asks for fewer requests; nothing concluded"
    PROBE_UNREADABLE = "probe-unreadable", "VideoSDK's answer is in an unknown form; nothing concluded"
    PROBE_UNREACHED = "probe-unreached", "VideoSDK could not be reached; nothing concluded"
    WEBHOOK_DELIVERED = "webhook-delivered", "VideoSDK's record: {type} sent, delivered"
    WEBHOOK_NOT_DELIVERED = "webhook-not-delivered", "VideoSDK's record: {type} sent, delivery failed"
    WEBHOOK_PARTLY_DELIVERED = (
        "webhook-partly-delivered",
        "VideoSDK's record: {type} sent {sent} times, delivered {delivered} times",
    )
    WEBHOOK_NOT_SENT = "webhook-not-sent", "VideoSDK's record: {type} not sent"
    WEBHOOKS_NOT_RECORDED = "webhooks-not-recorded", "VideoSDK's record shows no webhook of this stream"
    PROBE_LOST = "probe-lost", "The probe had no answer; checking again"
    PROBE_LATE = "probe-late", "Late: the probe had been given up"

    # Calls
    START_SENT = "start-sent", "Start called because of {because}"
    END_SENT = "end-sent", "End called because of {because}"
    START_SUCCEEDED = "start-succeeded", "VideoSDK has started a stream"
    START_NOT_NEEDED = "start-not-needed", "Already on air: no start was sent"
    START_STILL_UNKNOWN = "start-still-unknown", "The outcome of the start is still unknown"
    START_WITHOUT_SESSION = "start-without-session", "Not started: nobody is in the room"
    END_NOT_NEEDED = "end-not-needed", "The stream had ended already"
    END_SUCCEEDED = "end-succeeded", "VideoSDK has accepted the end"
    END_TOOK_EFFECT = "end-took-effect", "The end took effect"
    END_HAD_NO_EFFECT = "end-had-no-effect", "The end did not take effect"
    START_TOOK_EFFECT = "start-took-effect", "The start took effect after all"
    START_HAD_NO_EFFECT = "start-had-no-effect", "The start did not take effect: two probes showed no stream"
    CALL_LATE = "call-late", "Late: the room has moved on from this call"
    CALL_OVERDUE = "call-overdue", "The call's answer is overdue"
    CALL_NOT_MADE = "call-not-made", "Call not made: {message}"
    CALL_UNKNOWN = "call-unknown", "Outcome unknown; checking with VideoSDK before retrying"
    CALL_REFUSED = "call-refused", "VideoSDK refused: {said}"
    CALL_DISPUTED = "call-disputed", "VideoSDK answered {said}; a probe settles what that means"
    CALL_GIVEN_UP = "call-given-up", "Given up after {tries} tries"
    RETRY_REFUSED = "retry-refused", "Retrying in {wait} s"
    CALL_REJECTED = (
        "call-rejected",
        "Given up: VideoSDK rejects this start; it is sent again when it is changed",
    )
    RETRY_UNREADABLE = "retry-unreadable", "VideoSDK's answer is in an unknown form; retrying in {wait} s"
    RETRY_UNREACHED = "retry-unreached", "VideoSDK could not be reached; retrying in {wait} s"
    RETRY_DELAYED = "retry-delayed", "Calls do not get through in time; retrying in {wait} s"
    RETRY_NO_EFFECT = "retry-no-effect", "Starting again in {wait} s"
    RETRY_STREAM_GONE = "retry-stream-gone", "The stream is gone while it should be on air; starting again in {wait} s"
    RETRY_VIDEOSDK_LIMIT = "retry-videosdk-limit", "VideoSDK's own limit ended the stream; starting again in {wait} s"
    RETRY_STOPPED = "retry-stopped", "Somebody stopped the stream, and `restart: always` starts it again in {wait} s"
    RETRY_STILL_SHOWN = "retry-still-shown", "VideoSDK still shows the stream that has ended; starting in {wait} s"
    BACKOFF_OVER = "backoff-over", "The wait is over"
    CALLS_PAUSED = "calls-paused", "All calls are paused: VideoSDK does not accept our token"
    WAITING_FOR_CONFIRMATION = "waiting-for-confirmation", "Waiting: a stream is not confirmed yet"
    WAITING_FOR_STARTED = (
        "waiting-for-started",
        "The end waits until the stream has started: VideoSDK refuses it before",
    )
    WAITING_FOR_SESSION = "waiting-for-session", "Armed: nobody has opened a session; it starts when somebody does"
    CHECKING_SESSION = "checking-session", "Checking with VideoSDK whether a session is open"
    STILL_WAITING_FOR_SESSION = "still-waiting-for-session", "Still waiting for a session; checking with VideoSDK"

    # Snapshots
    SNAPSHOT_REQUESTED = "snapshot-requested", "A snapshot was requested"
    SNAPSHOT_SENT = "snapshot-sent", "Capture called because of operator"
    SNAPSHOT_REPEAT = "snapshot-repeat", "Repeat: a snapshot is being taken"
    SNAPSHOT_OFF_AIR = "snapshot-off-air", "No snapshot: nothing watchable is on air"
    SNAPSHOT_NO_CREDENTIALS = "snapshot-no-credentials", "No snapshot: there are no VideoSDK credentials"
    SNAPSHOT_CALLS_PAUSED = (
        "snapshot-calls-paused",
        "No snapshot: all calls are paused, VideoSDK does not accept our token",
    )
    SNAPSHOT_FAILED = "snapshot-failed", "No snapshot: {why}"
    SNAPSHOT_STREAM_GONE = "snapshot-stream-gone", "The snapshot is of a stream that is no longer kept"
    SNAPSHOT_KEPT = "snapshot-kept", "The snapshot is kept with its stream"
    SNAPSHOT_OVERDUE = "snapshot-overdue", "No snapshot: the answer is overdue"

    # Desired state
    OPERATOR_WANTS_ON = "operator-wants-on", "The operator wants the room on air"
    OPERATOR_WANTS_OFF = "operator-wants-off", "The operator wants the room off air"
    OPERATOR_REPEAT = "operator-repeat", "Repeat: the operator already wants that"
    OPERATOR_RELEASED = "operator-released", "The operator's desire is dropped"
    OPERATOR_EXPIRED = "operator-expired", "The operator's desire has expired"
    OPERATOR_NOTHING_TO_RELEASE = "operator-nothing-to-release", "No change: there was no operator's desire"
    OPERATOR_SUPERSEDED_BY_WINDOW = "operator-superseded-by-window", "The operator's desire is dropped: a window opens"
    OPERATOR_ENDED_WITH_WINDOW = "operator-ended-with-window", "The operator's desire is dropped: the window closed"
    UNKNOWN_COMMAND = "unknown-command", "No change: {command} is no command for a room"
    DESIRE_MET = "desire-met", "Done: the stream has ended"
    DESIRE_DROPPED_WINDOW_CLOSED = "desire-dropped-window-closed", "Desire dropped: the window has closed"
    DESIRE_DROPPED_SESSION_ENDED = "desire-dropped-session-ended", "Desire dropped: its session ended"
    DESIRE_DROPPED_OBSERVED = "desire-dropped-observed", "Desire dropped: it was formed while this copy only observed"
    DESIRE_DROPPED_RULE_CHANGED = (
        "desire-dropped-rule-changed",
        "Desire dropped: the rule was changed; the stream is left alone",
    )
    STOPPED_BY_SOMEBODY = "stopped-by-somebody", "Somebody stopped the stream: left off"
    STOPPED_BY_SOMEBODY_IN_WINDOW = (
        "stopped-by-somebody-in-window",
        "Somebody stopped the stream: left off until the window closes",
    )
    WINDOW_START_REJECTED = "window-start-rejected", "VideoSDK rejects the start: given up until it is changed"
    NOT_RESTARTED = "not-restarted", "The stream ended; `restart: never` leaves it off until the window closes"

    # Rules
    RULE_MATCHED = "rule-matched", "Matched: {action} wanted"
    RULE_NOTIFIED = "rule-notified", "Matched: notice sent"
    RULE_OFF_AIR = "rule-off-air", "Matched, nothing to end: not on air"
    RULE_REPEAT = "rule-repeat", "Matched: {action} is wanted already"
    RULE_OPERATOR_WINS = "rule-operator-wins", "Matched: {action} wanted, but the operator's desire wins"
    RULE_SCHEDULE_WINS = "rule-schedule-wins", "Matched: {action} wanted, but the schedule {winner} wins"
    RULE_NO_CREDENTIALS = "rule-no-credentials", "Matched: {action} wanted, but there are no VideoSDK credentials"
    RULE_NEWER = "rule-newer", "Matched: {action} wanted, newer than what {loser} wants"
    RULE_BEGAN_TO_HOLD = "rule-began-to-hold", "Began to hold; acts if it still does in {seconds} s"
    RULE_HELD = "rule-held", "Held for {seconds} s: {rule}"
    RULE_NO_LONGER_HOLDS = "rule-no-longer-holds", "No longer holds"
    RULE_REFUTED = "rule-refuted", "No longer holds after checking with VideoSDK"
    RULE_VERIFYING = "rule-verifying", "Holds; checking with VideoSDK who is there before anything is done"
    RULE_GONE = "rule-gone", "No change: the rule is gone"
    RULE_IF_FALSE = "rule-if-false", "Not matched: `if` is false"
    RULE_IF_ERROR = "rule-if-error", "Not matched: {error}"
    RULE_COOLING_DOWN = "rule-cooling-down", "Not done: cooling down for another {seconds} s"
    RULE_TOO_OFTEN = "rule-too-often", "Not done: it has acted {count} times within a minute"
    RULE_MESSAGE_ERROR = "rule-message-error", "A part of the message could not be evaluated: {error}"
    CONDITION_ERROR = "condition-error", "Counts as false: {error}"

    # Schedules
    SCHEDULE_NOT_COMPUTED = "schedule-not-computed", "No windows: the schedule cannot be computed: {error}"
    WINDOW_OPENED = "window-opened", "The window opened"
    WINDOW_ENTERED_LATE = "window-entered-late", "The window opened earlier: entered late"
    WINDOW_ENTERED_NOW = "window-entered-now", "The window opened earlier: entered now"
    WINDOW_CLOSED = "window-closed", "The window closed"
    WINDOW_CLOSED_ENDING = "window-closed-ending", "The window closed: the stream is ended"
    WINDOW_PASSED = "window-passed", "A window has passed"
    WINDOW_PASSED_UNSEEN = "window-passed-unseen", "The window opened and closed while the process was not running"
    WINDOW_NEAR = "window-near", "A window opens soon"
    WINDOW_LATE = "window-late", "Late"
    WINDOW_NONE = "window-none", "No change: there is no window"
    WINDOW_NONE_AHEAD = "window-none-ahead", "No change: no window is ahead"
    WINDOW_PLAYABLE = "window-playable", "No change: it is playable, or left off"
    WINDOW_RULE_GONE = "window-rule-gone", "The rule is gone or paused: its window is over, the stream is left alone"
    WINDOW_OTHER_START = "window-other-start", "Another start is wanted: the stream is ended and started again"
    WINDOW_OVERRUNS = "window-overruns", "Somebody is still there: the window runs over"
    WINDOW_IF_HOLDS = "window-if-holds", "Its `if` holds"
    WINDOW_IF_AWAITED = "window-if-awaited", "The window is open and waits for its `if`"
    WINDOW_CHECKING_EMPTY = (
        "window-checking-empty",
        "Nobody has been there for a while; checking with VideoSDK before ending",
    )
    WINDOW_CHECKING_NO_HOSTS = (
        "window-checking-no-hosts",
        "No host has been there for a while; checking with VideoSDK before ending",
    )
    WINDOW_NO_HOSTS = "window-no-hosts", "Ended: no host is there; on again when one comes back"
    WINDOW_EMPTY = "window-empty", "Ended: nobody is there; on again when somebody comes back"
    WINDOW_SOMEBODY_BACK = "window-somebody-back", "Somebody is back"
    STREAM_RENEWED = "stream-renewed", "The stream is as long as it may be: ended and started again"
    STREAM_NONE_TO_RENEW = "stream-none-to-renew", "No change: there is no stream to renew"

    # Why a window is not on air
    OPERATOR_OFF = "operator-off", "the operator wants the room off air"
    NO_CREDENTIALS = "no-credentials", "there are no VideoSDK credentials to call with"
    SESSION_UNKNOWN = "session-unknown", "VideoSDK could not say who is there"
    NO_SESSION = "no-session", "nobody has opened a session"
    CALL_UNDER_WAY = "call-under-way", "the {kind} is {state}"
    NOT_PLAYABLE = "not-playable", "VideoSDK has not made it playable: it is {state}"
    NO_STREAM = "no-stream", "the stream is gone"
    NOT_RUNNING = "not-running", "the process was not running"
    VIDEOSDK_REFUSED = "videosdk-refused", "VideoSDK refused: {said}"
    START_REJECTED = "start-rejected", "VideoSDK rejects the start"
    VIDEOSDK_UNREADABLE = "videosdk-unreadable", "VideoSDK's answer is in an unknown form"
    VIDEOSDK_UNREACHED = "videosdk-unreached", "VideoSDK could not be reached"

    # Configuration
    RULE_ADDED = "rule-added", "Rule {rule} added"
    RULE_CHANGED = "rule-changed", "Rule {rule} changed"
    RULE_DELETED = "rule-deleted", "Rule {rule} deleted"
    RULE_PAUSED = "rule-paused", "Rule {rule} paused"
    RULE_RESUMED = "rule-resumed", "Rule {rule} resumed"
    RULE_UNCHANGED = "rule-unchanged", "No change: rule {rule} says this already"
    RULE_FROM_FILE = "rule-from-file", "No change: rule {rule} belongs to the configuration file"
    RULE_NOT_FOUND = "rule-not-found", "No change: there is no rule {rule} that the API may change"
    RULE_STATE_UNCHANGED = "rule-state-unchanged", "No change: rule {rule} is so already"
    ROOM_ADDED = "room-added", "Room {room} added"
    ROOM_CHANGED = "room-changed", "Room {room} changed"
    ROOM_UNCHANGED = "room-unchanged", "No change: room {room} is configured like this already"
    ROOM_FROM_FILE = "room-from-file", "No change: room {room} belongs to the configuration file"
    ROOM_NAME_TAKEN = "room-name-taken", "No change: {room} already means another room"
    ROOM_FORGOTTEN = "room-forgotten", "Room {room} forgotten"
    ROOM_LIVE = "room-live", "No change: the room is live"
    ROOM_NAMED_BY_RULES = "room-named-by-rules", "No change: the room is named by {rules}"
    ROOM_UNKNOWN = "room-unknown", "No change: the room is neither configured nor seen"
    FILE_APPLIED = "file-applied", "Configuration file applied: rules: {rules}, rooms: {rooms}"
    FILE_UNCHANGED = "file-unchanged", "No change: the configuration file says this already"
    SCHEDULE_NOT_FOUND = "schedule-not-found", "No change: there is no schedule {rule}"
    OCCURRENCE_SKIPPED = "occurrence-skipped", "The opening at {opens_at} is skipped"
    OCCURRENCE_UNSKIPPED = "occurrence-unskipped", "The opening at {opens_at} is no longer skipped"
    OCCURRENCE_SKIPPED_ALREADY = "occurrence-skipped-already", "No change: the opening at {opens_at} is skipped already"
    OCCURRENCE_NOT_SKIPPED = "occurrence-not-skipped", "No change: the opening at {opens_at} is not skipped"
    OCCURRENCE_NOT_FOUND = "occurrence-not-found", "No change: no window opens at {opens_at}"
    OCCURRENCE_BEGUN = "occurrence-begun", "No change: the window of {opens_at} has begun, or is over"
    OCCURRENCE_NONE_AHEAD = "occurrence-none-ahead", "No change: no opening is ahead"
    CALENDAR_UPDATED = "calendar-updated", "Calendar updated"
    CALENDAR_UNCHANGED = "calendar-unchanged", "No change: the calendar has the same entries"
    SETTINGS_CHANGED = "settings-changed", "Settings changed: {changes}"
    SETTINGS_UNCHANGED = "settings-unchanged", "No change: the settings are the same"

    # System
    ALARM_RAISED = "alarm-raised", "Alarm {name} raised"
    ALARM_CLEARED = "alarm-cleared", "Alarm {name} cleared"
    ALARM_ACKNOWLEDGED = "alarm-acknowledged", "Alarm {name} acknowledged"
    ALARM_NOT_ACTIVE = "alarm-not-active", "No change: the alarm is not active any more"
    ALARM_NOT_CONCERNED = "alarm-not-concerned", "No change: no rule names what alarm {name} is about"
    SUBSCRIBER_DISABLED = "subscriber-disabled", "Subscriber disabled"
    SUBSCRIBER_TEST = "subscriber-test", "A test notice is sent to {subscriber}"
    SUBSCRIBER_RECOVER = "subscriber-recover", "What {subscriber} has missed is queued again"
    ROOMS_CHECKED = "rooms-checked", "Rooms that look on air are checked with VideoSDK"


UNEVENTFUL: frozenset[str] = frozenset(
    {
        Reason.NO_CHANGE,
        Reason.STALE_TIMER,
        Reason.STREAM_REPEAT,
        Reason.STREAM_TOO_OLD,
        Reason.SESSION_REPEAT,
        Reason.PARTICIPANT_PRESENT,
        Reason.PARTICIPANT_ABSENT,
        Reason.PROBE_DUE,
        Reason.PROBE_NO_CHANGE,
        Reason.PROBE_PUT_OFF,
        Reason.STILL_WAITING_FOR_SESSION,
        Reason.BACKOFF_OVER,
        Reason.WINDOW_NONE,
        Reason.WINDOW_NONE_AHEAD,
        Reason.WINDOW_PLAYABLE,
        Reason.STREAM_NONE_TO_RENEW,
        Reason.CALENDAR_UNCHANGED,
        Reason.SETTINGS_UNCHANGED,
    }
)
"""What an event did that nobody would look for on a timeline, unless something came of it."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """A reason with its words filled in."""

    reason: Reason
    text: str


def cause(reason: Reason, **fields: object) -> Explanation:
    """A reason and its text; KeyError when a field of the text is not given."""
    return Explanation(reason, reason.text.format(**fields))


def stored_reason_text(stored: str) -> str:
    """The words of a stored code. Earlier versions stored the words themselves: they are returned as they are."""
    reason = _BY_CODE.get(stored)
    return stored if reason is None else reason.text


_BY_CODE = {str(reason): reason for reason in Reason}
