"""Which notices a subscriber's filter selects."""

from dataclasses import dataclass
from functools import lru_cache

from webhook_app.domain.alarms.alarm import REPEATED_NOTICES
from webhook_app.domain.globs import glob_matches
from webhook_app.domain.notices.content import alarm_of, subscriber_of
from webhook_app.domain.notices.notice import Notice
from webhook_app.domain.notices.types import DEFAULT_TYPES, RECOVER, NoticeType
from webhook_app.domain.rules.configured_rooms import ConfiguredRoom, matches

# Types that go to the one subscriber that their data names.
ADDRESSED = (NoticeType.SUBSCRIBER_TEST, RECOVER)


@dataclass(frozen=True, slots=True)
class Filter:
    """What a subscriber selects: patterns of types, rooms and causes."""

    types: tuple[str, ...] = DEFAULT_TYPES
    rooms: tuple[str, ...] = ("*",)
    because: tuple[str, ...] = ("*",)


def matches_filter(
    notice_filter: Filter, notice: Notice, configured: ConfiguredRoom | None, *, shadowed: bool = False
) -> bool:
    """Whether a filter selects a notice; `*` is every type but raw webhooks.

    A filter that selects the notice that an alarm repeats does not select the alarm. `shadowed`: the room's id is the
    name of another room.
    """
    repeated = repeated_type(notice)
    return notice.type not in ADDRESSED and (
        matches_type(notice_filter.types, notice.type)
        and (repeated is None or not matches_type(notice_filter.types, repeated))
        and _matches_room(notice_filter.rooms, notice.room_id, configured, shadowed=shadowed)
        and any(pattern == "*" or glob_matches(notice.because or "", pattern) for pattern in notice_filter.because)
    )


def repeated_type(notice: Notice) -> str | None:
    """The type of the notice that an alarm's notice repeats; None for all other notices."""
    alarm = alarm_of(notice)
    return None if alarm is None else REPEATED_NOTICES.get(str(alarm.name))


def is_about(notice: Notice, subscriber_id: str) -> bool:
    """Whether an alarm's notice is about this very subscriber, who does not get it."""
    alarm = alarm_of(notice)
    return alarm is not None and alarm.subscriber_id == subscriber_id


def only_subscriber_of(notice: Notice) -> str | None:
    """The only subscriber that gets a notice, whatever filters say; None for a notice that filters select."""
    return subscriber_of(notice) if notice.type in ADDRESSED else None


def depends_on_head_only(notice: Notice) -> bool:
    """Whether a notice's type, room and cause alone decide who gets it, and nothing in its data."""
    return notice.type not in ADDRESSED and not notice.type.startswith("alarm.")


@lru_cache(maxsize=10_000)
def matches_type(patterns: tuple[str, ...], kind: str) -> bool:
    """Whether patterns select a type. Only patterns that begin with `videosdk.` select raw webhooks."""
    own_body = kind.startswith("videosdk.")
    return any(glob_matches(kind, pattern) for pattern in patterns if not own_body or pattern.startswith("videosdk."))


def _matches_room(
    patterns: tuple[str, ...], room_id: str | None, configured: ConfiguredRoom | None, *, shadowed: bool
) -> bool:
    if "*" in patterns:
        return True
    return room_id is not None and any(matches(pattern, room_id, configured, shadowed=shadowed) for pattern in patterns)
