"""What to do about an alarm: a title and a few words for whoever is on duty."""

from collections.abc import Mapping

from webhook_app.domain.alarms.alarm import Alarm, AlarmName
from webhook_app.domain.alarms.titles import ALARM_TITLES

ADVICE: Mapping[str, str] = {
    AlarmName.REDUCING_HALTED: (
        "A key of Tallylight's holds something of another's, so folding stopped rather than guess. Webhooks are still "
        "kept. Remove the foreign key, then delete the key tally:halted; docs/operations.md says how."
    ),
    AlarmName.JOURNAL_STALLED: (
        "Events wait and none is being processed; webhooks are still kept. See that the worker runs and read its log. "
        "An event that takes too long is passed over by itself within a minute or two; docs/operations.md says more."
    ),
    AlarmName.POISONED_EVENT: (
        "One event could not be processed and was passed over; everything else goes on. Look at the event's effect "
        "for the error, report it, then acknowledge the alarm."
    ),
    AlarmName.WEBHOOKS_UNREADABLE: (
        "VideoSDK sent signed webhooks that could not be read. They are kept as they came and changed nothing: look at "
        "the events of the type unreadable for the reason. The alarm clears an hour after the last one."
    ),
    AlarmName.VIDEOSDK_UNREADABLE: (
        "VideoSDK answered in a form that Tallylight does not know, so nothing was concluded from it. See whether the "
        "room is on air in VideoSDK's dashboard, and report the answer that the alarm quotes."
    ),
    AlarmName.VIDEOSDK_CREDENTIALS: (
        "VideoSDK does not accept our token, so nothing is called. Check VIDEOSDK_API_KEY and VIDEOSDK_SECRET; it is "
        "tried again every minute."
    ),
    AlarmName.VIDEOSDK_FORBIDDEN: (
        "VideoSDK refuses this one room. Check that it belongs to the project of VIDEOSDK_API_KEY and that HLS is "
        "allowed there; it is tried again every minute."
    ),
    AlarmName.CONFIGURATION_FILE: (
        "The file on disk is wrong; what ran before still runs. Run `tally config check`: it names line and field."
    ),
    AlarmName.SCHEDULE_FAILING: (
        "This rule's schedule cannot be computed, so it opens no windows; other rules go on. Change the schedule, or "
        "delete the rule."
    ),
    AlarmName.CALENDAR_FAILING: (
        "A calendar could not be fetched or read, or some of its entries were left out. A calendar that was read "
        "before stays in force. Check its address or path, and correct the entries that the alarm names."
    ),
    AlarmName.DELIVERIES_CUT_OFF: (
        "No subscriber can be reached, on whatever host: look at this machine's network and DNS. Deliveries use no "
        "proxy: where HTTPS_PROXY is the only way out, the firewall must let them pass. Nobody is disabled for it, and "
        "what waits is sent when the way is free."
    ),
    AlarmName.BROADCAST_LATE: (
        "Open the room's page: it says what the start waits for. Most often nobody has opened the session yet; open "
        "it, and the stream starts by itself. The alarm clears when viewers can watch, or when the window closes."
    ),
    AlarmName.BROADCAST_MISSED: (
        "The window is over and nobody could watch. The room's timeline says why. Acknowledge the alarm when you have "
        "seen it; otherwise it clears at the next opening, or after a day."
    ),
    AlarmName.START_REFUSED: (
        "VideoSDK refuses to start this room's stream; the alarm quotes its answer. The start is repeated with longer "
        "and longer pauses, unless the alarm says that it was given up: then start the room yourself."
    ),
    AlarmName.START_UNKNOWN: (
        "A start was sent and no answer came, and VideoSDK cannot be asked. Look at the room in VideoSDK's dashboard "
        "and at this machine's network. As soon as VideoSDK answers, the start is settled by itself."
    ),
    AlarmName.SUBSCRIBER_FAILING: (
        "This subscriber has failed again and again, so it is tried less often; what waits for it is kept. Look at its "
        "page for the last answers, and mend the endpoint: it then gets everything that waits."
    ),
    AlarmName.MAX_STREAMS: (
        "No further stream can start before one ends. End one that is not needed, or raise the limit of your VideoSDK "
        "plan, and MAX_STREAMS with it."
    ),
    AlarmName.NOT_LISTED: (
        "Something that many rooms share is wrong. Look at the wall, and at the alarms that are listed."
    ),
}
OTHERWISE = "Look at the room's or the subscriber's page, and at docs/operations.md."


def title_of(alarm: Alarm) -> str:
    """What the alarm is about, in a few words."""
    return ALARM_TITLES.get(alarm.name, alarm.name)


def advice_for(name: str) -> str:
    """What to do about an alarm of this kind."""
    return ADVICE.get(name, OTHERWISE)
