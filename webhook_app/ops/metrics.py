"""`GET /metrics`: the state of the store in the Prometheus format, the same in every process."""

from collections.abc import Iterator, Mapping

from flask import Blueprint, Response, request
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
from webhook_app.domain.outputs import Output
from webhook_app.ops.room_metrics import RULES_MAX, room_metrics
from webhook_app.problems.problems import Problem
from webhook_app.providers.registry import PROVIDER
from webhook_app.receiver.webhook_counters import KEPT, KNOWN_TYPES
from webhook_app.store.connection.clients import Client
from webhook_app.store.connection.server_time import now_ms
from webhook_app.store.journal.lag import COUNTED_MAX, read_lag
from webhook_app.store.operations import metrics as measures
from webhook_app.store.operations.processes import processes_seen
from webhook_app.store.operations.system_alarms import raised_system_alarms
from webhook_app.store.operations.webhook_counts import last_webhook_s, webhook_counts
from webhook_app.store.queries.system import read_delivery_figures
from webhook_app.store.state.alarms import active_alarms
from webhook_app.store.state.store import StateStore

FORWARDED = ("X-Forwarded-For", "Forwarded", "X-Real-Ip")
REMEDY = "Send a token, or set PUBLIC_URL to the address at which this is scraped."
BROADCAST_OUTCOMES = ("upcoming", "armed", "late", "missed", "interrupted", "completed")


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
        yield from room_metrics(self._client)
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
        yield self._alarms()
        yield self._processes()

    def _observing(self) -> int:
        return int(StateStore(self._client).names().settings.observing)

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
    labels = ["kind", "outcome", "output"]
    calls = CounterMetricFamily("tallylight_calls", "Answers to calls to VideoSDK.", labels=labels)
    for kind in measures.CALL_KINDS:
        for outcome in measures.CALL_OUTCOMES:
            for output in Output:
                calls.add_metric([kind, outcome, output], measured.get(measures.call_field(kind, outcome, output), 0))
    return calls


def _broadcasts(measured: Mapping[str, int]) -> Metric:
    labels = ["rule", "outcome", "output"]
    metric = CounterMetricFamily("tallylight_broadcasts", "Broadcasts by rule, outcome and output.", labels=labels)
    rules_and_outputs = sorted(measures.broadcast_rules(measured))
    for rule, output in rules_and_outputs[:RULES_MAX]:
        for outcome in BROADCAST_OUTCOMES:
            value = measured.get(measures.broadcast_field(rule, outcome, output), 0)
            metric.add_metric([rule, outcome, output], value)
    return metric
