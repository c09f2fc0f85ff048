"""Summaries of alarms: a code for each, and its text for people.

Arguments fill the `{fields}`, and the words of the output that an alarm is about `{output.…}`.
"""

from collections.abc import Mapping
from enum import StrEnum


class AlarmSummary(StrEnum):
    """What an alarm says, whether the reducer raises it or another process reports it."""

    BROADCAST_LATE = "summary-broadcast-late"
    BROADCAST_MISSED = "summary-broadcast-missed"
    BROADCAST_MISSED_UNEXPLAINED = "summary-broadcast-missed-unexplained"
    START_REFUSED = "summary-start-refused"
    RESTART_REFUSED = "summary-restart-refused"
    START_GIVEN_UP = "summary-start-given-up"
    START_GIVEN_UP_UNEXPLAINED = "summary-start-given-up-unexplained"
    STREAM_KEY_SEALED = "summary-stream-key-sealed"
    START_UNKNOWN = "summary-start-unknown"
    START_UNKNOWN_GIVEN_UP = "summary-start-unknown-given-up"
    STREAMS_IN_USE = "summary-streams-in-use"
    CREDENTIALS_REJECTED = "summary-credentials-rejected"
    ROOM_FORBIDDEN = "summary-room-forbidden"
    ANSWER_UNREADABLE = "summary-answer-unreadable"
    WEBHOOKS_UNREADABLE = "summary-webhooks-unreadable"
    WEBHOOKS_UNREADABLE_UNEXPLAINED = "summary-webhooks-unreadable-unexplained"
    EVENT_POISONED = "summary-event-poisoned"
    SCHEDULE_FAILING = "summary-schedule-failing"
    NOT_LISTED = "summary-not-listed"
    SUBSCRIBER_FAILING = "summary-subscriber-failing"
    SUBSCRIBER_FAILING_SINCE = "summary-subscriber-failing-since"
    SUBSCRIBERS_UNREACHABLE = "summary-subscribers-unreachable"
    SUBSCRIBERS_UNREACHABLE_PROXY = "summary-subscribers-unreachable-proxy"
    ROOMS_ON_AIR = "summary-rooms-on-air"
    ROOM_ON_AIR = "summary-room-on-air"
    CONFIGURATION_INVALID = "summary-configuration-invalid"
    CONFIGURATION_NOT_APPLIED = "summary-configuration-not-applied"
    CALENDAR_UNREADABLE = "summary-calendar-unreadable"
    CALENDAR_NEVER_READ = "summary-calendar-never-read"
    CALENDAR_PARTLY_READ = "summary-calendar-partly-read"
    CALENDAR_USED_BY = "summary-calendar-used-by"
    CALENDAR_USED_BY_MORE = "summary-calendar-used-by-more"
    JOURNAL_STALLED = "summary-journal-stalled"
    REDUCING_HALTED = "summary-reducing-halted"


SUMMARY_TEXTS: Mapping[str, str] = {
    AlarmSummary.BROADCAST_LATE: (
        "{room} is late: the window of rule {rule} opened at {opened_at} and {output.nothing_yet}: {why}"
    ),
    AlarmSummary.BROADCAST_MISSED: (
        "{room} {output.never_on} in the window of rule {rule}, {opens_at} to {closes_at}: {why}"
    ),
    AlarmSummary.BROADCAST_MISSED_UNEXPLAINED: (
        "{room} {output.never_on} in the window of rule {rule}, {opens_at} to {closes_at}"
    ),
    AlarmSummary.START_REFUSED: "VideoSDK refuses to start {output.of}{room} ({answer}). Tallylight keeps trying",
    AlarmSummary.RESTART_REFUSED: (
        "{room} {output.went_off} inside its window, and VideoSDK refuses to start it again ({answer})"
    ),
    AlarmSummary.START_GIVEN_UP: (
        "Gave up starting {output.of}{room}: VideoSDK refused every attempt, the last with {answer}"
    ),
    AlarmSummary.START_GIVEN_UP_UNEXPLAINED: "Gave up starting {output.of}{room}: VideoSDK refused every attempt",
    AlarmSummary.STREAM_KEY_SEALED: (
        "{room} cannot be sent by RTMP: its stream key cannot be decrypted, as SECRETS_KEY has changed since it was "
        "given. Restore SECRETS_KEY, or give the key again"
    ),
    AlarmSummary.START_UNKNOWN: (
        "The outcome of starting {output.of}{room} at {sent_at} is unknown: VideoSDK has not answered since. "
        "Tallylight does not repeat the start until the outcome is known"
    ),
    AlarmSummary.START_UNKNOWN_GIVEN_UP: (
        "Starting {output.of}{room} at {sent_at} was given up: VideoSDK did not say whether it took effect, and "
        "nothing shows it. Check it there; Tallylight does not repeat it, as two might run. Start it by hand if needed"
    ),
    AlarmSummary.STREAMS_IN_USE: (
        "VideoSDK refused to start {output.of}{room} because the quota of your organisation is used up ({answer})"
    ),
    AlarmSummary.CREDENTIALS_REJECTED: (
        "VideoSDK rejects the credentials, so all calls are paused: check VIDEOSDK_API_KEY and VIDEOSDK_SECRET"
    ),
    AlarmSummary.ROOM_FORBIDDEN: "VideoSDK does not allow Tallylight to {action} {output.of}{room}: {answer}",
    AlarmSummary.ANSWER_UNREADABLE: (
        "VideoSDK's answer about {output.of}{room} has an unknown form. Tallylight concludes nothing from it and "
        "starts nothing: {answer}"
    ),
    AlarmSummary.WEBHOOKS_UNREADABLE: (
        "Webhooks not readable since {since}: {count}. They changed nothing. "
        "The last is event {event}: {why}. See the events of type unreadable"
    ),
    AlarmSummary.WEBHOOKS_UNREADABLE_UNEXPLAINED: (
        "Webhooks not readable since {since}: {count}. They changed nothing. "
        "The last is event {event}. See the events of type unreadable"
    ),
    AlarmSummary.EVENT_POISONED: (
        "Event {event} ({type}) could not be processed and was skipped; its effect names the error"
    ),
    AlarmSummary.SCHEDULE_FAILING: (
        "Rule {rule} opens no windows: its schedule cannot be computed: {why}. Change the schedule, or delete the rule"
    ),
    AlarmSummary.NOT_LISTED: (
        "{limit} alarms are active, so further ones are not listed. "
        "The wall and the room pages show every room that is late or refused"
    ),
    AlarmSummary.SUBSCRIBER_FAILING: (
        "subscriber {subscriber} has been failing: {why}. Its deliveries are queued and retried with increasing delays"
    ),
    AlarmSummary.SUBSCRIBER_FAILING_SINCE: (
        "subscriber {subscriber} has been failing since {since}: {why}. "
        "Its deliveries are queued and retried with increasing delays"
    ),
    AlarmSummary.SUBSCRIBERS_UNREACHABLE: (
        "no subscriber can be reached, on whatever host: our network or DNS may be down; nobody is disabled for it"
    ),
    AlarmSummary.SUBSCRIBERS_UNREACHABLE_PROXY: (
        "no subscriber can be reached, on whatever host: our network or DNS may be down; nobody is disabled for it; "
        "deliveries connect directly and use no proxy, although {names} is set"
    ),
    AlarmSummary.ROOMS_ON_AIR: "{count} HLS streams are on air, and MAX_STREAMS is {limit}",
    AlarmSummary.ROOM_ON_AIR: "1 HLS stream is on air, and MAX_STREAMS is {limit}",
    AlarmSummary.CONFIGURATION_INVALID: "{file} is invalid and was not applied: {error}",
    AlarmSummary.CONFIGURATION_NOT_APPLIED: "{file} could not be applied: {why}",
    AlarmSummary.CALENDAR_UNREADABLE: (
        "calendar {calendar} could not be read: {why} (the last good version is used){used_by}"
    ),
    AlarmSummary.CALENDAR_NEVER_READ: (
        "calendar {calendar} could not be read: {why} (no earlier version is available){used_by}"
    ),
    AlarmSummary.CALENDAR_PARTLY_READ: "calendar {calendar} was read only in part: {warnings}{used_by}",
    AlarmSummary.CALENDAR_USED_BY: "; used by rule {rules}",
    AlarmSummary.CALENDAR_USED_BY_MORE: "; used by rule {rules} and {count} more",
    AlarmSummary.JOURNAL_STALLED: (
        "no event has been processed for {seconds} s while {count} wait; the next is {event} ({type})"
    ),
    AlarmSummary.REDUCING_HALTED: "reducing is halted: {error}",
}
