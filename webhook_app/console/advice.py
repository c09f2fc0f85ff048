"""What to do about an alarm: in a few words, for whoever is on duty."""

ADVICE = {
    "reducing-halted": (
        "A key of Tallylight's holds something of another's, so folding stopped rather than guess. Webhooks are still "
        "kept. Remove the foreign key, then delete the key tally:halted; docs/operations.md says how."
    ),
    "journal-stalled": (
        "Events wait and none is being processed; webhooks are still kept. See that the worker runs and read its log. "
        "An event that takes too long is passed over by itself within a minute or two; docs/operations.md says more."
    ),
    "poisoned-event": (
        "One event could not be processed and was passed over; everything else goes on. Look at the event's effect "
        "for the error, and report it."
    ),
    "webhooks-unreadable": (
        "VideoSDK sent signed webhooks that could not be read. They are kept as they came and changed nothing: look at "
        "the events of the type unreadable for the reason. The alarm clears an hour after the last one."
    ),
    "videosdk-credentials": (
        "VideoSDK does not accept our token, so nothing is called. Check VIDEOSDK_API_KEY and VIDEOSDK_SECRET; it is "
        "asked every minute and goes on by itself."
    ),
    "videosdk-forbidden-": (
        "VideoSDK refuses this one room. Check that it belongs to the project of VIDEOSDK_API_KEY and that HLS is "
        "allowed there; it is asked every minute and goes on by itself."
    ),
    "configuration-file": (
        "The file on disk is wrong; what ran before still runs. Run `tally config check`: it names line and field."
    ),
    "schedule-": (
        "This rule's schedule cannot be computed, so it opens no windows; other rules go on. Change the schedule, or "
        "delete the rule."
    ),
    "calendar-": (
        "A calendar could not be fetched or read, or some of its entries were left out. The last good calendar stays "
        "in force, without those entries. Check its address or path, and correct the entries that the alarm names."
    ),
    "deliveries-cut-off": (
        "No subscriber can be reached, on whatever host: look at this machine's network and DNS. Deliveries use no "
        "proxy: where HTTPS_PROXY is the only way out, the firewall must let them pass. Nobody is disabled for it, and "
        "what waits is sent when the way is free."
    ),
}
OTHERWISE = "Look at the room's or the subscriber's page, and at docs/operations.md."


def advice_for(name: str) -> str:
    """What to do about an alarm of this name."""
    return next((said for begin, said in ADVICE.items() if name.startswith(begin)), OTHERWISE)
