"""The state diagram of a stream as SVG, drawn from the transition table, with its path highlighted."""

from collections.abc import Mapping

from markupsafe import Markup

from webhook_app.console.formatting import moment_of, written
from webhook_app.domain.streams.machine import MOVES, StreamState
from webhook_app.domain.streams.stream import Stream

WIDTH, TOP, STEP = 348, 8, 60
LEFT, BOX_WIDTH, BOX_HEIGHT = 64, 150, 38
FAILED_LEFT, FAILED_WIDTH = 262, 78
BULGE = 17
COLUMN = tuple(state for state in StreamState if state is not StreamState.FAILED)


def diagram(run: Stream | None) -> Markup:
    """Draw the diagram; without a stream, only the states."""
    places: dict[StreamState, int] = {state: TOP + at * STEP for at, state in enumerate(COLUMN)}
    height = TOP * 2 + STEP * (len(COLUMN) - 1) + BOX_HEIGHT
    been = _been(run)
    parts = [
        Markup('<svg class="diagram" viewBox="0 0 {} {}" role="img" aria-label="{}">').format(
            WIDTH, height, _in_words(run, been)
        )
    ]
    parts.append(_HEAD)
    for state, following in MOVES.items():
        for other in sorted(following, key=list(StreamState).index):
            went = state in been and other in been and not _between(state, other, been)
            parts.append(_arrow(places, state, other, height, went=went))
    for state in COLUMN:
        parts.append(_box(state, LEFT, places[state], BOX_WIDTH, BOX_HEIGHT, run, been))
    parts.append(_box(StreamState.FAILED, FAILED_LEFT, TOP, FAILED_WIDTH, height - 2 * TOP, run, been))
    parts.append(Markup("</svg>"))
    return Markup("").join(parts)


_HEAD = Markup(
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" markerHeight="6" orient="auto">'
    '<path class="tip" d="M0 0 8 4 0 8z"/></marker><marker id="tip-went" viewBox="0 0 8 8" refX="7" refY="4" '
    'markerWidth="6" markerHeight="6" orient="auto"><path class="tip went" d="M0 0 8 4 0 8z"/></marker></defs>'
)


def _been(run: Stream | None) -> Mapping[StreamState, int | None]:
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


def _between(first: StreamState, last: StreamState, been: Mapping[StreamState, int | None]) -> bool:
    order = list(StreamState)
    return any(state in been for state in order[order.index(first) + 1 : order.index(last)])


def _arrow(
    places: Mapping[StreamState, int], first: StreamState, last: StreamState, height: int, *, went: bool
) -> Markup:
    top = places[first]
    if last is StreamState.FAILED:
        middle = top + BOX_HEIGHT // 2
        path = f"M{LEFT + BOX_WIDTH} {middle}H{FAILED_LEFT - 2}"
    elif places[last] - top == STEP:
        middle = LEFT + BOX_WIDTH // 2
        path = f"M{middle} {top + BOX_HEIGHT}V{places[last] - 2}"
    else:
        steps = (places[last] - top) // STEP
        out = LEFT - 8 - BULGE * (steps - 1)
        begin, end = top + BOX_HEIGHT - 9 - steps, places[last] + 7 + 2 * steps
        path = f"M{LEFT} {begin}C{out} {begin} {out} {end} {LEFT - 2} {end}"
    kind = " went" if went else ""
    return Markup('<path class="move{}" d="{}" marker-end="url(#{})"/>').format(
        kind, path, "tip-went" if went else "tip"
    )


def _box(
    state: StreamState,
    left: int,
    top: int,
    width: int,
    height: int,
    run: Stream | None,
    been: Mapping[StreamState, int | None],
) -> Markup:
    here = run is not None and run.state is state
    kind = f"place {state}" + (" here" if here else "") + (" been" if state in been else "")
    middle, center = left + width // 2, top + height // 2
    text = _at(been.get(state)) if state in been else ""
    lines = Markup('<text class="word" x="{}" y="{}">{}</text>').format(
        middle, center + (-3 if text else 4), state.value
    )
    if text:
        lines += Markup('<text class="at" x="{}" y="{}">{}</text>').format(middle, center + 12, text)
    box = Markup('<rect x="{}" y="{}" width="{}" height="{}" rx="7"/>').format(left, top, width, height)
    return Markup('<g class="{}">{}{}</g>').format(kind, box, lines)


def _in_words(run: Stream | None, been: Mapping[StreamState, int | None]) -> str:
    if run is None:
        return "The states of a stream, from starting to stopped. No streams yet."
    path = ", then ".join(f"{state.value} {_at(at)}".strip() for state, at in been.items())
    return f"The stream is {run.state.value}. States: {path}."


def _at(moment: int | None) -> str:
    return "" if moment is None else written(moment_of(moment))
