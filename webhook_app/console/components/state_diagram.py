"""The state diagram of a stream as SVG, drawn from the transition table, with its path highlighted."""

from collections.abc import Mapping

from markupsafe import Markup

from webhook_app.console.formatting import moment_of, written
from webhook_app.domain.streams.machine import MOVES, StreamState
from webhook_app.domain.streams.stream import Stream

WIDTH, TOP, STEP = 348, 8, 60
LEFT, BOX_WIDTH, BOX_HEIGHT = 64, 150, 38
FAILED_LEFT, FAILED_WIDTH = 262, 78
CURVE_STEP = 17
COLUMN = tuple(state for state in StreamState if state is not StreamState.FAILED)


def diagram(run: Stream | None) -> Markup:
    """Draw the diagram; without a stream, only the states."""
    tops: dict[StreamState, int] = {state: TOP + at * STEP for at, state in enumerate(COLUMN)}
    height = TOP * 2 + STEP * (len(COLUMN) - 1) + BOX_HEIGHT
    visited = _visited(run)
    parts = [
        Markup('<svg class="diagram" viewBox="0 0 {} {}" role="img" aria-label="{}">').format(
            WIDTH, height, _description(run, visited)
        )
    ]
    parts.append(_HEAD)
    for state, following in MOVES.items():
        for other in sorted(following, key=list(StreamState).index):
            is_taken = state in visited and other in visited and not _between(state, other, visited)
            parts.append(_arrow(tops, state, other, is_taken=is_taken))
    for state in COLUMN:
        parts.append(_box(state, LEFT, tops[state], BOX_WIDTH, BOX_HEIGHT, run, visited))
    parts.append(_box(StreamState.FAILED, FAILED_LEFT, TOP, FAILED_WIDTH, height - 2 * TOP, run, visited))
    parts.append(Markup("</svg>"))
    return Markup("").join(parts)


_HEAD = Markup(
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" markerHeight="6" orient="auto">'
    '<path class="tip" d="M0 0 8 4 0 8z"/></marker><marker id="tip-taken" viewBox="0 0 8 8" refX="7" refY="4" '
    'markerWidth="6" markerHeight="6" orient="auto"><path class="tip taken" d="M0 0 8 4 0 8z"/></marker></defs>'
)


def _visited(run: Stream | None) -> Mapping[StreamState, int | None]:
    """The states that a stream has been in, each with its time."""
    if run is None:
        return {}
    moments = {
        StreamState.STARTING: run.starting_at,
        StreamState.STARTED: run.started_at,
        StreamState.PLAYABLE: run.playable_at,
        StreamState.STOPPING: run.stopping_at,
    }
    times: dict[StreamState, int | None] = {state: at for state, at in moments.items() if at is not None}
    return {**times, run.state: run.ended_at if not run.live else moments.get(run.state)}


def _between(first: StreamState, last: StreamState, visited: Mapping[StreamState, int | None]) -> bool:
    order = list(StreamState)
    return any(state in visited for state in order[order.index(first) + 1 : order.index(last)])


def _arrow(tops: Mapping[StreamState, int], first: StreamState, last: StreamState, *, is_taken: bool) -> Markup:
    top = tops[first]
    if last is StreamState.FAILED:
        middle = top + BOX_HEIGHT // 2
        path = f"M{LEFT + BOX_WIDTH} {middle}H{FAILED_LEFT - 2}"
    elif tops[last] - top == STEP:
        middle = LEFT + BOX_WIDTH // 2
        path = f"M{middle} {top + BOX_HEIGHT}V{tops[last] - 2}"
    else:
        steps = (tops[last] - top) // STEP
        bend = LEFT - 8 - CURVE_STEP * (steps - 1)
        begin, end = top + BOX_HEIGHT - 9 - steps, tops[last] + 7 + 2 * steps
        path = f"M{LEFT} {begin}C{bend} {begin} {bend} {end} {LEFT - 2} {end}"
    kind = " taken" if is_taken else ""
    return Markup('<path class="transition{}" d="{}" marker-end="url(#{})"/>').format(
        kind, path, "tip-taken" if is_taken else "tip"
    )


def _box(
    state: StreamState,
    left: int,
    top: int,
    width: int,
    height: int,
    run: Stream | None,
    visited: Mapping[StreamState, int | None],
) -> Markup:
    is_current = run is not None and run.state is state
    kind = f"node {state}" + (" current" if is_current else "") + (" visited" if state in visited else "")
    middle, center = left + width // 2, top + height // 2
    text = _at(visited.get(state)) if state in visited else ""
    lines = Markup('<text class="label" x="{}" y="{}">{}</text>').format(
        middle, center + (-3 if text else 4), state.value
    )
    if text:
        lines += Markup('<text class="time" x="{}" y="{}">{}</text>').format(middle, center + 12, text)
    box = Markup('<rect x="{}" y="{}" width="{}" height="{}" rx="7"/>').format(left, top, width, height)
    return Markup('<g class="{}">{}{}</g>').format(kind, box, lines)


def _description(run: Stream | None, visited: Mapping[StreamState, int | None]) -> str:
    if run is None:
        return "The states of a stream, from starting to stopped. No streams yet."
    path = ", then ".join(f"{state.value} {_at(at)}".strip() for state, at in visited.items())
    return f"The stream is {run.state.value}. States: {path}."


def _at(moment: int | None) -> str:
    return "" if moment is None else written(moment_of(moment))
