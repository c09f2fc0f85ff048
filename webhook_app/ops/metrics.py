"""`GET /metrics`: the state of the store in the Prometheus format, the same in every process."""

from collections.abc import Iterator, Mapping

from flask import Blueprint, Response, request
from msgspec import Struct
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from webhook_app.access.auth import Tokens
from webhook_app.access.host_check import HostCheck
from webhook_app.config.settings import LOOPBACK
from webhook_app.domain.alarms.alarm import AlarmName
from webhook_app.problems.problems import Problem
from webhook_app.providers.registry import PROVIDER
from webhook_app.receiver.webhook_counters import KEPT, KNOWN_TYPES
from webhook_app.store import codec
from webhook_app.store.connection.clients import Client
from webhook_app.store.connection.server_time import now_ms
from webhook_app.store.journal.lag import COUNTED_MAX, read_lag
from webhook_app.store.operations import metrics as measures
from webhook_app.store.operations.processes import processes_seen
from webhook_app.store.operations.system_alarms import raised_system_alarms
from webhook_app.store.operations.webhook_counts import last_webhook_s, webhook_counts
from webhook_app.store.queries.rooms import known_room_ids, on_air_room_ids, stored_rooms
from webhook_app.store.queries.system import read_delivery_figures
from webhook_app.store.state.alarms import active_alarms
from webhook_app.store.state.store import StateStore

ROOMS_MAX = 1_000
RULES_MAX = 1_000
FORWARDED = ("X-Forwarded-For", "Forwarded", "X-Real-Ip")
REMEDY = "Send a token, or set PUBLIC_URL to the address at which this is scraped."
BROADCAST_OUTCOMES = ("upcoming", "armed", "late", "missed", "interrupted", "completed")


class _Window(Struct):
    opens_at: int
    rules: tuple[str, ...] = ()


class _Schedule(Struct):
    next_window: _Window | None = None


class _RoomOpenings(Struct):
    """The fields of a stored room that next openings need; the others are not decoded."""

    schedule: _Schedule | None = None
    next_window: _Window | None = None  # where earlier versions stored it


_openings_of = codec.decoder(_RoomOpenings)


def metrics(client: Client, tokens: Tokens, *, host: str, public_url: str | None) -> Blueprint:
    """Build the blueprint. It needs a token unless only this machine has access."""
    blueprint = Blueprint("metrics", __name__)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(StoreMetrics(client))
    open_to_all, hosts = host in LOOPBACK, HostCheck(public_url)

    @blueprint.get("/metrics")
    def show() -> Response:
        # A proxy on this machine brings requests from anywhere.
        if not open_to_all or any(header in request.headers for header in FORWARDED):
            tokens.guard()
        elif not hosts.is_ours(request.headers.get("Host")):
            if "Authorization" not in request.headers:
                raise Problem(403, hosts.advice(request.headers.get("Host"), REMEDY))
            tokens.guard()
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return Response(encode(registry), content_type=content_type, headers={"Cache-Control": "no-store"})

    return blueprint


class StoreMetrics:
    """Reads everything from the store at each scrape, so that all processes report the same."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def describe(self) -> Iterator[Metric]:
        """Describe nothing: collecting descriptions would read the store."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Collect every metric; each is present from the start."""
        now = now_ms(self._client)
        measured = measures.read(self._client)
        yield from self._rooms()
        yield from self._webhooks()
        yield from self._lag(now)
        yield _histogram(measured, measures.EVENT_TO_STATE, "From an event's append to its state being committed.")
        yield _histogram(measured, measures.NOTICE_TO_DELIVERED, "From a notice to its delivery, per subscriber.")
        yield from self._deliveries(now)
        yield _calls(measured)
        yield _broadcasts(measured)
        repairs = CounterMetricFamily("tallylight_repairs", "Changes found only by a probe: their webhooks were lost.")
        repairs.add_metric([], measured.get(measures.REPAIRS, 0))
        yield repairs
        yield GaugeMetricFamily(
            "tallylight_observing", "1 while OBSERVE is set: nothing is called or sent.", value=self._observing()
        )
        yield self._openings()
        yield self._alarms()
        yield self._processes()

    def _observing(self) -> int:
        return int(StateStore(self._client).names().settings.observing)

    def _rooms(self) -> Iterator[Metric]:
        rooms = GaugeMetricFamily(
            "tallylight_room_on_air",
            "1 while the room is on air; rooms that are configured are 0 else.",
            labels=["room_id"],
        )
        on_air = on_air_room_ids(self._client)
        configured = {room.room_id for room in StateStore(self._client).names().names.values()}
        named = sorted(configured - set(on_air))
        for room_id, value in [*((room_id, 1) for room_id in on_air), *((room_id, 0) for room_id in named)][:ROOMS_MAX]:
            rooms.add_metric([room_id], value)
        yield rooms
        yield GaugeMetricFamily("tallylight_rooms_on_air", "How many rooms are on air.", value=len(on_air))

    def _webhooks(self) -> Iterator[Metric]:
        webhooks = CounterMetricFamily(
            "tallylight_webhooks", "Webhooks by VideoSDK type and outcome.", labels=["type", "outcome"]
        )
        counts = dict.fromkeys((f"{kind}|{KEPT}" for kind in PROVIDER.facts.stream_types), 0)
        counts |= webhook_counts(self._client)
        for label, count in sorted(counts.items()):
            kind, _, outcome = label.partition("|")
            webhooks.add_metric([kind if kind in KNOWN_TYPES else "other", outcome], count)
        yield webhooks
        last = last_webhook_s(self._client)
        last_received = GaugeMetricFamily(
            "tallylight_last_webhook_timestamp_seconds", "When the last webhook was kept."
        )
        if last is not None:
            last_received.add_metric([], last)
        yield last_received

    def _lag(self, now: int) -> Iterator[Metric]:
        lag = read_lag(self._client)
        yield GaugeMetricFamily(
            "tallylight_journal_lag_events",
            f"Events waiting to be processed; counted up to {COUNTED_MAX}.",
            value=lag.events,
        )
        yield GaugeMetricFamily(
            "tallylight_journal_lag_seconds", "How long the first of them has waited.", value=lag.waited_s(now)
        )

    def _deliveries(self, now: int) -> Iterator[Metric]:
        figures = read_delivery_figures(self._client)
        kept_deliveries = GaugeMetricFamily(
            "tallylight_deliveries", "Deliveries that are kept, by state.", labels=["state"]
        )
        for state, count in (
            ("pending", figures.pending),
            ("delivered", figures.delivered),
            ("dead", figures.dead),
        ):
            kept_deliveries.add_metric([state], count)
        yield kept_deliveries
        due_at = figures.oldest_due_at
        late = max(0.0, now - due_at) / 1000 if due_at is not None else 0
        yield GaugeMetricFamily(
            "tallylight_oldest_due_seconds", "For how long the delivery that is most overdue has been due.", value=late
        )

    def _openings(self) -> Metric:
        openings = GaugeMetricFamily(
            "tallylight_next_opening_timestamp_seconds",
            "When the rule's next window opens; in the past while processing is behind.",
            labels=["rule"],
        )
        soonest: dict[str, int] = {}
        for window in self._next_windows():
            for rule in window.rules:
                soonest[rule] = min(window.opens_at, soonest.get(rule, window.opens_at))
        for rule, opens_at in sorted(soonest.items())[:RULES_MAX]:
            openings.add_metric([rule], opens_at / 1000)
        return openings

    def _next_windows(self) -> Iterator[_Window]:
        for _, raw in stored_rooms(self._client, known_room_ids(self._client)):
            room = _openings_of(raw)
            window = room.next_window if room.schedule is None else room.schedule.next_window
            if window is not None:
                yield window

    def _alarms(self) -> Metric:
        alarms = GaugeMetricFamily(
            "tallylight_alarm_active", "1 while an alarm of this kind is raised.", labels=["name"]
        )
        active = {alarm.name for alarm in (*active_alarms(self._client), *raised_system_alarms(self._client))}
        for name in sorted(active | {name.value for name in AlarmName}):
            alarms.add_metric([name], int(name in active))
        return alarms

    def _processes(self) -> Metric:
        last_seen = GaugeMetricFamily(
            "tallylight_process_last_seen_timestamp_seconds",
            "Last heartbeat of a process of this kind.",
            labels=["process"],
        )
        newest: dict[str, float] = {}
        for process in processes_seen(self._client):
            newest[process.name] = process.seen_at / 1000
        for name, moment in sorted(newest.items()):
            last_seen.add_metric([name], moment)
        return last_seen


def _histogram(measured: Mapping[str, int], name: str, about: str) -> Metric:
    stored = measures.histogram(measured, name)
    buckets: list[tuple[str, float]] = []
    so_far = 0
    for bound, count in stored.buckets.items():
        so_far += count
        buckets.append(("+Inf" if bound is None else str(bound / 1000), so_far))
    family = HistogramMetricFamily(f"tallylight_{name}_seconds", about)
    family.add_metric([], buckets, stored.sum_ms / 1000)
    return family


def _calls(measured: Mapping[str, int]) -> Metric:
    calls = CounterMetricFamily("tallylight_calls", "Answers to calls to VideoSDK.", labels=["kind", "outcome"])
    for kind in measures.CALL_KINDS:
        for outcome in measures.CALL_OUTCOMES:
            calls.add_metric([kind, outcome], measured.get(f"{measures.CALLS}|{kind}|{outcome}", 0))
    return calls


def _broadcasts(measured: Mapping[str, int]) -> Metric:
    metric = CounterMetricFamily("tallylight_broadcasts", "Broadcasts by rule and outcome.", labels=["rule", "outcome"])
    rules = sorted({field.split("|")[1] for field in measured if field.startswith(f"{measures.BROADCASTS}|")})
    for rule in rules[:RULES_MAX]:
        for outcome in BROADCAST_OUTCOMES:
            metric.add_metric([rule, outcome], measured.get(f"{measures.BROADCASTS}|{rule}|{outcome}", 0))
    return metric
