"""Events that concern every room: a worker has started, and all calls are paused or resumed."""

from collections.abc import Callable

from webhook_app.domain.alarms.room_alarms import update_room_alarms
from webhook_app.domain.context import StepContext
from webhook_app.domain.control.controller import decide_next_call
from webhook_app.domain.events import JournalEvent
from webhook_app.domain.frozen import replace
from webhook_app.domain.outcome import StepOutcome
from webhook_app.domain.probing.requests import probe_after_start, request_next_in_queue
from webhook_app.domain.probing.watchdog import schedule_watchdog
from webhook_app.domain.reasons import Reason
from webhook_app.domain.state import SystemState


def on_worker_started(state: SystemState, event: JournalEvent, outcome: StepOutcome) -> None:
    """Schedule a probe of every room that looks on air."""
    _for_each_room(state, event, outcome, _probe_outputs)
    outcome.record_effect(Reason.ROOMS_CHECKED)


def pause_calls(state: SystemState, event: JournalEvent, outcome: StepOutcome, *, paused: bool) -> None:
    """Pause or resume all calls, as VideoSDK refuses our token or accepts it again; when resumed, every room decides
    anew.
    """
    config = outcome.config or state.config
    if config.settings.paused == paused:
        return
    outcome.config = replace(config, settings=replace(config.settings, paused=paused))
    if not paused:
        _for_each_room(state, event, outcome, _decide_anew)


def _probe_outputs(context: StepContext) -> None:
    for _ in context.each_output():
        probe_after_start(context)


def _decide_anew(context: StepContext) -> None:
    for _ in context.each_output():
        if context.room.probing.probe is None:
            request_next_in_queue(context)
        decide_next_call(context)
        schedule_watchdog(context)


def _for_each_room(
    state: SystemState, event: JournalEvent, outcome: StepOutcome, change: Callable[[StepContext], None]
) -> None:
    for room_id, room in sorted(state.rooms.items()):
        context = StepContext(state, event, outcome.rooms.get(room_id, room), outcome)
        change(context)
        update_room_alarms(context)
        context.finish()
