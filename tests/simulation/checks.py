"""What must hold when a simulated world has come to rest."""

from tests.simulation.agenda import MINUTE, Agenda, InvariantError
from tests.simulation.people import ROOMS
from tests.simulation.videosdk import Cloud
from tests.simulation.worker import Worker, effect_of
from webhook_app.domain.context import StepContext
from webhook_app.domain.events import Event, Source
from webhook_app.domain.outcome import StepOutcome
from webhook_app.domain.outputs import Output
from webhook_app.domain.reducer import apply, step
from webhook_app.domain.room import Room
from webhook_app.domain.schedules.merged_windows import current_and_next
from webhook_app.domain.state import SystemState
from webhook_app.domain.streams.collection import history_of
from webhook_app.domain.streams.stream import Stream
from webhook_app.store import codec

CALM_MS = 8 * MINUTE
PAIRS = tuple((room_id, output) for room_id in ROOMS for output in Output)


def calm(agenda: Agenda, worker: Worker, cloud: Cloud) -> bool:
    """Whether for a while nothing has changed what is wanted, and no run has come to VideoSDK's limit."""
    since = agenda.now - CALM_MS
    changes = (moments.get((room, output), 0) for moments in (worker.edges, cloud.limited) for room, output in PAIRS)
    return max(changes) < since


def check_fold(worker: Worker) -> None:
    """Folded again, from where it began and one by one, the journal gives the same state and the same effects."""
    again = SystemState(worker.base.config, dict(worker.base.rooms), dict(worker.base.memory), dict(worker.base.alarms))
    for event, effect in zip(worker.journal[: worker.cursor], worker.effects, strict=True):
        outcome = step(again, event)
        apply(again, outcome)
        if effect_of(event, outcome) != effect:
            raise InvariantError(f"folded again, {event} comes to {effect_of(event, outcome)}, it had come to {effect}")
    if again != worker.world:
        raise InvariantError("folding the journal again gives another state")


def check_end(agenda: Agenda, cloud: Cloud, room: Room, run: Stream) -> None:
    """A run that we take for ended has ended: no stop of another run has ended it, no look that was too old."""
    if run.live:
        return
    stream = cloud.stream(run.videosdk_id, run.url_key)
    if stream is None or stream.over:
        return
    if cloud.other_ids and run.url_key is None and run.output is Output.HLS:
        return  # REST calls it by another id: until its address is known nobody can tell that it is the same
    if history_of(room, run.session_id).stream_count < cloud.runs_of(run.session_id, run.output):
        return  # of some run of its session not one webhook has come: nobody can tell whose stop this is
    raise InvariantError(
        f"{agenda.clock()} {room.room_id} {run.stream_id} is {stream.state}, we take it for {run.state}: {run}"
    )


def check_rest(agenda: Agenda, worker: Worker, cloud: Cloud) -> None:
    """After a while without faults the rooms are what is wanted, and we know it."""
    agenda.count("checks")
    if worker.cursor != len(worker.journal):
        raise InvariantError("the journal is not folded to its end")
    if worker.world.config.settings.paused:
        raise InvariantError("calls are still paused")
    rooms = worker.world.rooms
    timers = {(room_id, name): due for room_id, room in rooms.items() for name, due in room.all_timers.items()}
    if timers != worker.timers:
        raise InvariantError(f"timers are lost: {timers.keys() ^ worker.timers.keys()}")
    overdue = {timer: due for timer, due in timers.items() if due < agenda.now - MINUTE}
    if overdue:
        raise InvariantError(f"nobody told these timers: {overdue}")
    for room_id, output in PAIRS:
        room = (rooms.get(room_id) or Room(room_id)).seen_from(output)
        if room.probing.pending_failure_notice is not None and agenda.now > room.timers["untold"]:
            raise InvariantError(f"{output} {room_id}: a failure is still untold")
        _check_plan(agenda, worker.world, room)
        _check_room(agenda, cloud, room)
        running, closed_at = cloud.running(room_id, output), worker.closed.get((room_id, output))
        was_announced = running is not None and running.id in cloud.announced
        if running is not None and was_announced and closed_at is not None and running.start_ms < closed_at:
            raise InvariantError(f"{agenda.clock()} {output} {room_id}: what ran when the window closed runs on")


def _check_plan(agenda: Agenda, world: SystemState, room: Room) -> None:
    event = codec.journal_event(Event("0-0", Source.SYSTEM, "look", room.room_id, agenda.now, {}))
    turn = StepContext(world, event, room, StepOutcome())
    current = current_and_next(turn, agenda.now).current
    window, where = room.schedule.window, f"{agenda.clock()} {room.output} {room.room_id}"
    if current is None:
        if window is not None and not window.overrunning:
            raise InvariantError(f"{where} has a window that nobody asks for: {window}")
    elif window is None or window.closes_at <= agenda.now or dict(window.start) != dict(current.start):
        raise InvariantError(f"{where} has the window {window}, asked for is {current}")
    elif (
        window.suppressed is None
        and window.condition_met
        and not (room.desires.schedule and room.desires.schedule.on_air)
    ):
        raise InvariantError(f"{where} is not wanted on air in its open window")
    if window is None and room.desires.schedule is not None and room.desires.operator is None:
        raise InvariantError(f"{where}: the schedule wants something after the close")


def _check_room(agenda: Agenda, cloud: Cloud, room: Room) -> None:
    on_air, running = cloud.on_air(room.room_id, room.output), cloud.running(room.room_id, room.output)
    desired, where = room.desired, f"{agenda.clock()} {room.output} {room.room_id}"
    if running is not None and not cloud.is_known_started(running):
        return  # nothing tells that it has started
    unheard = running is not None and running.id not in cloud.announced
    if unheard and (desired is None or not desired.on_air):
        return  # not one webhook of it has come, and nobody has a reason to ask
    if room.on_air != on_air:
        raise InvariantError(f"{where} is {running and running.state}, we take it for {room.shown_stream}")
    if on_air:
        agenda.count("checks on air" if room.output is Output.HLS else f"checks of {room.output}")
    if desired is None:
        return
    session = cloud.session(room.room_id)
    if on_air != (desired.on_air and session is not None):
        raise InvariantError(
            f"{where} is {'on' if on_air else 'off'} air with {desired}, "
            f"session {session and session.id}, waits {room.control.waiting_for}, "
            f"call {room.control.call}, timers {room.timers}"
        )
