"""A short title of each kind of alarm, for pages, chat and mail."""

from collections.abc import Mapping

from webhook_app.domain.alarms.alarm import AlarmName

ALARM_TITLES: Mapping[str, str] = {
    AlarmName.REDUCING_HALTED: "Event processing is halted. Webhooks are still kept.",
    AlarmName.JOURNAL_STALLED: "Events are not being processed",
    AlarmName.POISONED_EVENT: "An event could not be processed",
    AlarmName.WEBHOOKS_UNREADABLE: "Webhooks could not be read",
    AlarmName.VIDEOSDK_UNREADABLE: "A VideoSDK response could not be read",
    AlarmName.VIDEOSDK_CREDENTIALS: "VideoSDK rejects the token",
    AlarmName.VIDEOSDK_FORBIDDEN: "VideoSDK refuses access to a room",
    AlarmName.CONFIGURATION_FILE: "The configuration file is wrong",
    AlarmName.SCHEDULE_FAILING: "A schedule cannot be computed",
    AlarmName.CALENDAR_FAILING: "A calendar needs attention",
    AlarmName.DELIVERIES_CUT_OFF: "No subscriber can be reached",
    AlarmName.BROADCAST_LATE: "A broadcast is late",
    AlarmName.BROADCAST_MISSED: "A broadcast was missed",
    AlarmName.START_REFUSED: "VideoSDK refuses a start",
    AlarmName.START_UNKNOWN: "The outcome of a start is unknown",
    AlarmName.SUBSCRIBER_FAILING: "A subscriber keeps failing",
    AlarmName.MAX_STREAMS: "All streams are in use",
    AlarmName.NOT_LISTED: "More alarms than can be listed",
}
