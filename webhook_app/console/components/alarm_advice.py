"""What to do about each kind of alarm, for the console and the documentation."""

from collections.abc import Mapping

from webhook_app.domain.alarms.alarm import Alarm, AlarmName
from webhook_app.domain.alarms.titles import ALARM_TITLES

ADVICE: Mapping[str, str] = {
    AlarmName.REDUCING_HALTED: (
        "A Redis key was overwritten by another program, so processing stopped rather than risk corruption. Webhooks "
        "are still kept. Remove the foreign key, then delete the key tally:halted; see docs/operations.md."
    ),
    AlarmName.JOURNAL_STALLED: (
        "Events are waiting, but none is being processed. Webhooks are still kept. Check that the worker is running, "
        "and read its log. An event that takes too long is skipped within a minute or two; see docs/operations.md."
    ),
    AlarmName.POISONED_EVENT: (
        "One event could not be processed and was skipped; everything else continues. The event's effect contains the "
        "error. Report it, then acknowledge the alarm."
    ),
    AlarmName.WEBHOOKS_UNREADABLE: (
        "VideoSDK sent signed webhooks that could not be read. They are kept unchanged and had no effect. The events "
        "of type unreadable say why. The alarm clears an hour after the last one."
    ),
    AlarmName.VIDEOSDK_UNREADABLE: (
        "VideoSDK answered in an unknown form, so nothing was concluded. Check in VideoSDK's dashboard whether the "
        "room is on air, and report the response that the alarm quotes."
    ),
    AlarmName.VIDEOSDK_CREDENTIALS: (
        "VideoSDK rejects the token, so all calls are paused. Check VIDEOSDK_API_KEY and VIDEOSDK_SECRET. Tallylight "
        "retries every minute."
    ),
    AlarmName.VIDEOSDK_FORBIDDEN: (
        "VideoSDK refuses access to this room only. Check that it belongs to the project of VIDEOSDK_API_KEY and that "
        "HLS, recording or RTMP is enabled there. Tallylight retries every minute."
    ),
    AlarmName.CONFIGURATION_FILE: (
        "The file on disk is wrong; the previous configuration stays in force. `tally config check` names line and "
        "field."
    ),
    AlarmName.SCHEDULE_FAILING: (
        "This rule's schedule cannot be computed, so it opens no windows; other rules continue. Change the schedule, "
        "or delete the rule."
    ),
    AlarmName.CALENDAR_FAILING: (
        "A calendar could not be fetched or read, or some of its entries were left out. The schedule uses the last "
        "good copy. Check its address or path, and correct the entries that the alarm names."
    ),
    AlarmName.DELIVERIES_CUT_OFF: (
        "No subscriber is reachable on any host. Check this machine's network and DNS. Deliveries use no proxy: if "
        "HTTPS_PROXY is the only way out, the firewall must let them through. No subscriber is disabled because of "
        "this, and queued notices will be sent automatically."
    ),
    AlarmName.BROADCAST_LATE: (
        "The room's page says what the start is waiting for. Usually nobody has opened the session yet; when someone "
        "does, the start follows automatically. The alarm clears when viewers can watch, or the recording or RTMP "
        "stream runs, or when the window closes."
    ),
    AlarmName.BROADCAST_MISSED: (
        "The window has closed and viewers were never able to watch, or nothing was recorded or sent by RTMP. The "
        "room's timeline says why. Acknowledge the alarm when you have seen it; otherwise it clears at the next "
        "opening, or after a day."
    ),
    AlarmName.START_REFUSED: (
        "VideoSDK refuses to start this room's stream, recording or RTMP stream; the alarm quotes its response. "
        "Tallylight retries at growing intervals. If the alarm says that it gave up, start it yourself."
    ),
    AlarmName.START_UNKNOWN: (
        "A start was sent without a response, and VideoSDK cannot be reached. Check the room in VideoSDK's dashboard, "
        "and this machine's network. The start is settled as soon as VideoSDK answers."
    ),
    AlarmName.SUBSCRIBER_FAILING: (
        "This subscriber keeps failing, so deliveries are paused and queued. Its page shows the last responses. Fix "
        "the endpoint; it then receives everything that is queued."
    ),
    AlarmName.MAX_STREAMS: (
        "No further stream can start until one ends. End one that is not needed, or raise the limit of your VideoSDK "
        "plan, and MAX_STREAMS with it. MAX_STREAMS counts HLS streams only; a start that VideoSDK refuses at its "
        "quota raises this alarm for every output."
    ),
    AlarmName.NOT_LISTED: "A shared cause affects many rooms. Check the wall and the alarms that are listed.",
}
OTHERWISE = "See the page of the room or subscriber, and docs/operations.md."


def title_of(alarm: Alarm) -> str:
    """A short title of the alarm's kind."""
    return ALARM_TITLES.get(alarm.name, alarm.name)


def advice_for(name: str) -> str:
    """What to do about an alarm of this kind."""
    return ADVICE.get(name, OTHERWISE)
