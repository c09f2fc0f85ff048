"""Reads the participants of a session page by page, and reduces them to what the journal keeps.

1. `GET /v2/sessions/{id}/participants/active` is read in pages, a few at once, within the probe's deadline.
2. A page size that VideoSDK refuses, or whose answer is too large, is replaced by a smaller one.
3. When the pages show nobody, cannot be understood, or do not say whether the session goes on,
   `GET /v2/sessions/{id}` settles it: a session counts as empty only when neither shows anybody.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from webhook_app.domain.sessions.participants import LISTED_MAX, Role
from webhook_app.providers.videosdk.answers import ApiAnswer, answered_object
from webhook_app.providers.videosdk.client import ENDLESS, VideoSDK
from webhook_app.providers.videosdk.modes import role_of
from webhook_app.providers.videosdk.participants import ParticipantPage, participants_in, read_participant_page

# The largest first: a participant is about 900 bytes, an answer at most 1 MiB. None leaves the size to VideoSDK (20).
PAGE_SIZES = (500, 100, None)
SIZE_REFUSED = frozenset({400, 406, 413, 416, 422})
# VideoSDK will refuse a second request as well, or does not want one.
NOT_NOW = frozenset({401, 403, 429})
PAGES_MAX = 200
PAGES_AT_ONCE = 4
PARTICIPANTS_MAX = 100_000
# Where not all participants can be listed, so many viewers are enough to show.
VIEWERS_LISTED = 100


@dataclass(slots=True)
class Roster:
    """Who was found so far: name and mode by id. `total` is VideoSDK's own count; `whole`: no page is missing."""

    participants: dict[str, tuple[str | None, str | None]] = field(default_factory=dict)
    total: int | None = None
    live: bool | None = None
    whole: bool = False


def read_session(
    videosdk: VideoSDK, session_id: str, *, deadline: float, observe_answer: Callable[[ApiAnswer], None]
) -> tuple[dict[str, Any] | None, bool]:
    """What the journal keeps of a session: `session_id`, `live`, and who is there; and whether VideoSDK could say.

    None is no such session, when VideoSDK could say.
    """

    answers: list[ApiAnswer] = []

    def fetch_page(page: int, per_page: int | None) -> ApiAnswer:
        answer = videosdk.active_participants(session_id, deadline=deadline, page=page, per_page=per_page)
        observe_answer(answer)
        answers[:] = [answer]
        return answer

    roster = read_pages(fetch_page)
    if roster is not None and roster.participants and roster.live is not False:
        return {"session_id": session_id, "live": True, **journaled_participants(roster)}, True
    if roster is None and answers[-1].code in NOT_NOW:
        return None, False
    answer = videosdk.session(session_id, deadline=deadline)
    observe_answer(answer)
    shown = answered_object(answer)
    if shown is None:
        return None, answer.missing
    rows = shown.get("participants")
    session = {"session_id": session_id, "live": shown.get("status") == "ongoing"}
    if not isinstance(rows, list):
        return {**session, **(journaled_participants(roster) if roster is not None else {"participants": None})}, True
    return {**session, **journaled_participants(Roster(participants_in(rows), whole=True))}, True


def read_pages(fetch_page: Callable[[int, int | None], ApiAnswer]) -> Roster | None:
    """All pages that `fetch_page(page, per_page)` returns, within the limits; None when the first cannot be read."""
    first: ParticipantPage | None = None
    per_page: int | None = None
    for per_page in PAGE_SIZES:
        answer = fetch_page(1, per_page)
        first = read_participant_page(answer)
        if first is not None or not _is_refused(answer):
            break
    if first is None:
        return None
    roster = Roster(dict(first.participants), first.total, first.live)
    page, shown = 1, first
    with ThreadPoolExecutor(PAGES_AT_ONCE, thread_name_prefix="participants") as pool:
        while not _is_last(shown, page, per_page):
            if page >= PAGES_MAX or len(roster.participants) >= PARTICIPANTS_MAX:
                return roster
            before = len(roster.participants)
            for answer in pool.map(fetch_page, *zip(*_following(shown, page, per_page), strict=True)):
                following = read_participant_page(answer)
                if following is None:
                    return roster
                page += 1
                roster.participants.update(following.participants)
                roster.total = following.total if following.total is not None else roster.total
                shown = following
            if len(roster.participants) == before:
                break
    roster.whole = True
    return roster


def _following(shown: ParticipantPage, page: int, per_page: int | None) -> list[tuple[int, int | None]]:
    """The next pages to request together; one at a time when VideoSDK does not say how many there are."""
    last = page + 1 if shown.last_page is None else min(page + PAGES_AT_ONCE, shown.last_page, PAGES_MAX)
    return [(number, per_page) for number in range(page + 1, last + 1)]


def journaled_participants(roster: Roster) -> dict[str, Any]:
    """What the journal keeps: hosts first, then those of unknown mode, then viewers; beyond the limits, numbers."""
    by_role: dict[Role, list[str]] = {Role.HOST: [], Role.UNKNOWN: [], Role.VIEWER: []}
    for who, (_, mode) in roster.participants.items():
        by_role[role_of(mode)].append(who)
    unseen = 0 if roster.whole else max(0, (roster.total or 0) - len(roster.participants))
    if not roster.whole and roster.total is None:
        return {"participants": None}
    viewers = by_role[Role.VIEWER]
    if len(roster.participants) + unseen > LISTED_MAX:
        viewers = viewers[:VIEWERS_LISTED]
    listed = [*by_role[Role.HOST], *by_role[Role.UNKNOWN], *viewers][:LISTED_MAX]
    viewers_listed = sum(role_of(roster.participants[who][1]) is Role.VIEWER for who in listed)
    answer: dict[str, Any] = {"participants": {who: roster.participants[who][0] for who in listed}}
    modes = {who: mode for who in listed if (mode := roster.participants[who][1]) is not None}
    if modes:
        answer["modes"] = modes
    unlisted = len(roster.participants) + unseen - len(listed)
    if unlisted:
        answer |= {"unlisted": unlisted, "unlisted_viewers": len(by_role[Role.VIEWER]) - viewers_listed}
    return answer


def _is_refused(answer: ApiAnswer) -> bool:
    """Whether a smaller page may do: the size was refused, or the answer was too large to be read."""
    return answer.code in SIZE_REFUSED or (answer.code is None and answer.error == ENDLESS)


def _is_last(shown: ParticipantPage, page: int, per_page: int | None) -> bool:
    if shown.last_page is not None:
        return page >= shown.last_page
    return shown.rows < (per_page or 1)
