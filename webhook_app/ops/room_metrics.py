"""Metrics of rooms: what is on air, which outputs are on, and when windows open next."""

from collections.abc import Iterator, Mapping

from msgspec import Struct, field
from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from webhook_app.domain.outputs import OTHER_OUTPUTS, Output
from webhook_app.domain.streams.machine import ON_AIR
from webhook_app.store import codec
from webhook_app.store.connection.clients import Client
from webhook_app.store.queries.rooms import known_room_ids, on_air_room_ids, stored_rooms
from webhook_app.store.state.store import StateStore

ROOMS_MAX = 1_000
RULES_MAX = 1_000


class _Stream(Struct):
    state: str
    provisional: bool = False


class _Window(Struct):
    opens_at: int
    rules: tuple[str, ...] = ()


class _Schedule(Struct):
    next_window: _Window | None = None


class _Output(Struct):
    streams: tuple[_Stream, ...] = ()
    schedule: _Schedule | None = None


class _Room(Struct):
    """The fields of a stored room that these metrics need; the others are not decoded."""

    streams: tuple[_Stream, ...] = ()
    schedule: _Schedule | None = None
    next_window: _Window | None = None  # where earlier versions stored it
    others: Mapping[str, _Output] = field(default_factory=dict)

    @property
    def outputs(self) -> Iterator[tuple[Output, bool]]:
        """Each output of which anything is kept, and whether it is on."""
        yield Output.HLS, _is_on(self.streams)
        for output in OTHER_OUTPUTS:
            if output in self.others:
                yield output, _is_on(self.others[output].streams)

    @property
    def next_windows(self) -> Iterator[_Window]:
        """The next windows of its outputs."""
        windows = [self.next_window if self.schedule is None else self.schedule.next_window]
        windows += [other.schedule.next_window for other in self.others.values() if other.schedule is not None]
        yield from (window for window in windows if window is not None)


_room_of = codec.decoder(_Room)


def room_metrics(client: Client) -> Iterator[Metric]:
    """Collect the metrics of rooms, each room decoded once."""
    soonest: dict[str, int] = {}
    on_by_room: dict[str, dict[Output, bool]] = {}
    live = set(on_air_room_ids(client))
    configured = {room.room_id for room in StateStore(client).names().names.values()}
    for room_id, raw in stored_rooms(client, known_room_ids(client)):
        room = _room_of(raw)
        for window in room.next_windows:
            for rule in window.rules:
                soonest[rule] = min(window.opens_at, soonest.get(rule, window.opens_at))
        outputs = dict(room.outputs)
        if room_id in live or room_id in configured or any(outputs.values()):
            on_by_room[room_id] = outputs
    for room_id in configured - on_by_room.keys():
        on_by_room[room_id] = {Output.HLS: False}
    yield from _outputs(on_by_room)
    yield _openings(soonest)


def _outputs(on_by_room: Mapping[str, Mapping[Output, bool]]) -> Iterator[Metric]:
    rooms = GaugeMetricFamily(
        "tallylight_room_on_air",
        "1 while the room's HLS stream is on air; rooms that are configured are 0 else.",
        labels=["room_id"],
    )
    outputs = GaugeMetricFamily(
        "tallylight_output_on",
        "1 while an output of the room is on; 0 else, for outputs that were used in it.",
        labels=["room_id", "output"],
    )
    on_first = sorted(on_by_room, key=lambda room_id: (not any(on_by_room[room_id].values()), room_id))
    for room_id in on_first[:ROOMS_MAX]:
        by_output = on_by_room[room_id]
        rooms.add_metric([room_id], int(by_output[Output.HLS]))
        for output, is_on in by_output.items():
            outputs.add_metric([room_id, output], int(is_on))
    yield rooms
    on_air = sum(by_output[Output.HLS] for by_output in on_by_room.values())
    yield GaugeMetricFamily("tallylight_rooms_on_air", "How many rooms have an HLS stream on air.", value=on_air)
    yield outputs


def _openings(soonest: Mapping[str, int]) -> Metric:
    openings = GaugeMetricFamily(
        "tallylight_next_opening_timestamp_seconds",
        "When the rule's next window opens; in the past while processing is behind.",
        labels=["rule"],
    )
    for rule, opens_at in sorted(soonest.items())[:RULES_MAX]:
        openings.add_metric([rule], opens_at / 1000)
    return openings


def _is_on(streams: tuple[_Stream, ...]) -> bool:
    return any(stream.state in ON_AIR and not stream.provisional for stream in streams)
