"""The audience: who wants a notice, found without asking each of thousands of subscribers."""

from collections import defaultdict
from collections.abc import Iterable

from webhook_app.domain.delivery.subscriber import Subscriber
from webhook_app.domain.notices.filters import Filter, is_about, matches_filter, only_subscriber_of
from webhook_app.domain.notices.notice import Notice
from webhook_app.domain.notices.types import RECOVER
from webhook_app.domain.rules.rule import ConfiguredRoom, plain_patterns

_GLOB = frozenset("*?[")


class SubscriberIndex:
    """The subscribers that are told at all, by what they asked for; those that asked for the same are asked once."""

    def __init__(self, subscribers: Iterable[Subscriber]) -> None:
        self._all = {known.subscriber_id: known for known in subscribers if known.enabled}
        self._alike: dict[Filter, list[Subscriber]] = defaultdict(list)
        self._of_room: dict[str, list[Filter]] = defaultdict(list)
        self._anywhere: list[Filter] = []
        for known in self._all.values():
            self._alike[known.wanted].append(known)
        for wanted in self._alike:
            if any(pattern.startswith("group:") or _GLOB.intersection(pattern) for pattern in wanted.rooms):
                self._anywhere.append(wanted)
            else:
                for room in set(wanted.rooms):
                    self._of_room[room].append(wanted)

    def of(self, notice: Notice, named: ConfiguredRoom | None, *, shadowed: bool = False) -> list[Subscriber]:
        """Who is to be told this notice; nobody of one that is told to nobody.

        `shadowed`: the room's id is the name of another room.
        """
        if notice.type == RECOVER:
            return []
        only = only_subscriber_of(notice)
        if only is not None:
            return [self._all[only]] if only in self._all else []
        asking = self._asking(notice.room_id, named, shadowed=shadowed)
        found = (wanted for wanted in asking if matches_filter(wanted, notice, named, shadowed=shadowed))
        subscribers = [known for wanted in found for known in self._alike[wanted]]
        if notice.type.startswith("alarm."):
            return [subscriber for subscriber in subscribers if not is_about(notice, subscriber.subscriber_id)]
        return subscribers

    def _asking(self, room_id: str | None, named: ConfiguredRoom | None, *, shadowed: bool) -> Iterable[Filter]:
        patterns = () if room_id is None else plain_patterns(room_id, named, shadowed=shadowed)
        here = dict.fromkeys(wanted for pattern in patterns for wanted in self._of_room.get(pattern, ()))
        return [*here, *self._anywhere]
