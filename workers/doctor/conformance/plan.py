"""What a run will do and what it costs, in sentences. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

HLS_MINUTES = 3
RECORDING_MINUTES = 1


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What a run tries beside one stream."""

    recording: bool = False
    end_session: bool = False
    start_without_session: bool = False


def plan_lines(options: RunOptions, room: str, *, is_sandbox: bool) -> Iterator[str]:
    """Yield what the run does in the room."""
    streams = 2 if options.end_session else 1
    if is_sandbox:
        yield "The sandbox is a simulated VideoSDK: this costs nothing, and shows nothing about the real one."
    yield f"In room {room}, with the people who are there, this will:"
    yield "- start a stream, try a second start and ends at wrong moments, and end the stream once it was playable;"
    if options.recording:
        yield "- start and end a recording of about 10 s, and leave its file in your storage;"
    if options.end_session:
        yield "- start another stream and END THE SESSION: everybody in the room is disconnected;"
    if options.start_without_session:
        yield "- then try a start in the empty room, and end what that starts;"
    yield "- end everything that it has started, also on Ctrl-C. Subscribers are notified of it as of any stream."
    if not is_sandbox:
        cost = f"about {HLS_MINUTES * streams} minutes of HLS"
        cost += f" and {RECORDING_MINUTES} minute of recording" if options.recording else ""
        yield (
            f"VideoSDK charges you for it: usually {cost}; another stream for each second start or "
            "early end that VideoSDK accepts."
        )
