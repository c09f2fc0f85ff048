"""Whether a session counts as empty."""

from collections.abc import Iterable

from webhook_app.domain.rules.triggers import ScheduleTrigger
from webhook_app.domain.sessions.participants import EmptyMeans
from webhook_app.domain.sessions.session import Session


def is_empty(session: Session | None, means: EmptyMeans) -> bool:
    """Whether it is certain that nobody, or no host, is there."""
    if session is None or not session.live:
        return True
    return (session.host_count if means is EmptyMeans.NO_HOSTS else session.count) == 0


def seems_empty(session: Session | None, means: EmptyMeans) -> bool:
    """Whether nobody, or no host, is there when everybody of unknown mode counts as a viewer."""
    if means is EmptyMeans.NO_HOSTS and session is not None and session.live:
        return session.complete and session.known_hosts == 0
    return is_empty(session, means)


def empty_means(triggers: Iterable[ScheduleTrigger]) -> EmptyMeans:
    """The meaning of "empty" for rules that share a window: the one that keeps the stream on air longest."""
    meanings = {trigger.empty_means for trigger in triggers}
    return EmptyMeans.NO_HOSTS if meanings == {EmptyMeans.NO_HOSTS} else EmptyMeans.NOBODY
