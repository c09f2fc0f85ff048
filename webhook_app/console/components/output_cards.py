"""What a page shows of each output of a room: lamp, stream, files, target, what it waits for."""

from collections.abc import Mapping, Sequence
from typing import Any

from webhook_app.console.components.lamps import Lamp, badge_of
from webhook_app.domain.explanations import explain
from webhook_app.domain.output_words import OUTPUT_WORDS
from webhook_app.domain.outputs import OTHER_OUTPUTS, Output
from webhook_app.domain.room import Room
from webhook_app.domain.rules.config import Config
from webhook_app.domain.schedules.broadcasts import why_off_air
from webhook_app.domain.streams.machine import StreamState
from webhook_app.domain.times import maybe_rfc3339
from webhook_app.masking.masking import masked

OUTPUT_TITLES = {output: words.title for output, words in OUTPUT_WORDS.items()}
ACTIVE = frozenset({Lamp.ON, Lamp.STARTING, Lamp.ARMED})


def status_of(room: Room, config: Config) -> dict[str, Any]:
    """Return why the output from which the room is seen is as it is: its cause, what it waits for, refusals."""
    stream, refusal, window = room.shown_stream, room.control.last_refusal, room.schedule.window
    waiting_for = room.control.waiting_for
    return {
        "because": stream.because if stream is not None and stream.live else None,
        "operator": room.desires.operator is not None,
        "waits": None if waiting_for is None else explain(waiting_for).of_output(room.output).text,
        "late_since": maybe_rfc3339(room.late_since),
        "late_reason": None
        if window is None or room.late_since is None
        else why_off_air(room, window, config.settings).text,
        "refusal": None if refusal is None or not room.control.retries else refusal.text,
    }


def output_cards(room: Room, shown: Mapping[str, Any], config: Config) -> list[dict[str, Any]]:
    """Return the recording and the RTMP stream of a room, with all that a page shows of each.

    `shown` are the outputs of the room's view.
    """
    return [output_card(room, output, shown, config) for output in OTHER_OUTPUTS]


def output_card(room: Room, output: Output, shown: Mapping[str, Any], config: Config) -> dict[str, Any]:
    """Return one output of a room, of any kind."""
    return _card(room.seen_from(output), shown[output.value], config)


def _card(room: Room, shown: dict[str, Any], config: Config) -> dict[str, Any]:
    window, stream, desired, badge = room.schedule.window, room.shown_stream, room.desired, badge_of(room)
    words = OUTPUT_WORDS[room.output]
    return (
        shown
        | status_of(room, config)
        | {
            "output": room.output.value,
            "title": words.title,
            "name": words.noun,
            "badge": badge,
            "started_by": None if stream is None else stream.because,
            "used": stream is not None or desired is not None or window is not None or badge.lamp in ACTIVE,
            "active": badge.lamp in ACTIVE,
            "destinations": _destinations(room, shown["stream"]),
            "window": window_view(room, config),
        }
    )


def window_view(room: Room, config: Config) -> dict[str, Any] | None:
    """Return the open window of the output from which the room is seen, and why it is left off in it."""
    window = room.schedule.window
    if window is None:
        return None
    return {
        "rules": window.rules,
        "closes_at": None if window.endless else window.closes_at,
        "paused_because": None if window.suppressed is None else why_off_air(room, window, config.settings).text,
    }


def _destinations(room: Room, shown_stream: Mapping[str, Any] | None) -> Sequence[Mapping[str, Any]]:
    """Where an RTMP stream is sent, without its keys: the one that runs or failed, else the one that is desired."""
    stream, desired = room.shown_stream, room.desired
    if shown_stream is not None and stream is not None and (stream.live or stream.state is StreamState.FAILED):
        destinations: list[dict[str, Any]] = shown_stream["destinations"]
        if destinations:
            return destinations
    if room.output is not Output.RTMP or desired is None:
        return []
    streams = desired.start.get("streams") or ()
    return [{"url": masked(str(stream.get("url"))), "failed": False} for stream in streams]
