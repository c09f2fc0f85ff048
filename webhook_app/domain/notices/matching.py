"""Finds the subscribers of a notice, by an index over their filters."""

from collections import defaultdict
from collections.abc import Iterable

from webhook_app.domain.delivery.subscriber import Subscriber
from webhook_app.domain.notices.filters import Filter, is_about, matches_filter, only_subscriber_of
from webhook_app.domain.notices.notice import Notice
from webhook_app.domain.notices.types import RECOVER
from webhook_app.domain.rules.configured_rooms import ConfiguredRoom, plain_patterns

_GLOB = frozenset("*?[")


class SubscriberIndex:
    """Enabled subscribers by their filters; subscribers with the same filter are matched once."""

    def __init__(self, subscribers: Iterable[Subscriber]) -> None:
        self._all = {subscriber.subscriber_id: subscriber for subscriber in subscribers if subscriber.enabled}
        self._by_filter: dict[Filter, list[Subscriber]] = defaultdict(list)
        self._of_room: dict[str, list[Filter]] = defaultdict(list)
        self._anywhere: list[Filter] = []
        for subscriber in self._all.values():
            self._by_filter[subscriber.wanted].append(subscriber)
        for notice_filter in self._by_filter:
            if any(pattern.startswith("group:") or _GLOB.intersection(pattern) for pattern in notice_filter.rooms):
                self._anywhere.append(notice_filter)
            else:
                for room in set(notice_filter.rooms):
                    self._of_room[room].append(notice_filter)

    def of(self, notice: Notice, configured: ConfiguredRoom | None, *, shadowed: bool = False) -> list[Subscriber]:
        """The subscribers of a notice; none for a command to the deliver worker.

        `shadowed`: the room's id is the name of another room.
        """
        if notice.type == RECOVER:
            return []
        only = only_subscriber_of(notice)
        if only is not None:
            return [self._all[only]] if only in self._all else []
        candidates = self._asking(notice.room_id, configured, shadowed=shadowed)
        matching = (
            notice_filter
            for notice_filter in candidates
            if matches_filter(notice_filter, notice, configured, shadowed=shadowed)
        )
        subscribers = [subscriber for notice_filter in matching for subscriber in self._by_filter[notice_filter]]
        if notice.type.startswith("alarm."):
            return [subscriber for subscriber in subscribers if not is_about(notice, subscriber.subscriber_id)]
        return subscribers

    def _asking(self, room_id: str | None, configured: ConfiguredRoom | None, *, shadowed: bool) -> Iterable[Filter]:
        patterns = () if room_id is None else plain_patterns(room_id, configured, shadowed=shadowed)
        of_room = dict.fromkeys(
            notice_filter for pattern in patterns for notice_filter in self._of_room.get(pattern, ())
        )
        return [*of_room, *self._anywhere]
