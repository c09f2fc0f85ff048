"""Counts of received webhooks by type and outcome, when the last one was kept, and the newest refusals."""

from collections.abc import Mapping
from dataclasses import dataclass

from webhook_app.store import keys
from webhook_app.store.connection.clients import Client


@dataclass(frozen=True, slots=True)
class RefusedWebhook:
    """The newest webhook of an outcome that is not kept: when it came, in ms, and what was wrong."""

    outcome: str
    at: int
    detail: str


def add_webhook_counts(
    client: Client, counts: Mapping[str, int], *, refused: Mapping[str, RefusedWebhook], last_kept_s: float
) -> None:
    """Add counts by `type|outcome`, and replace the newest refusals and the time of the last kept one, if any."""
    with client.pipeline(transaction=True) as pipe:
        for label, count in counts.items():
            pipe.hincrby(keys.COUNTS, label, count)
        if refused:
            records = {outcome: f"{each.at / 1000:.3f}|{each.detail}" for outcome, each in refused.items()}
            pipe.hset(keys.REFUSED_WEBHOOKS, mapping=records)
        if last_kept_s:
            pipe.set(keys.LAST_WEBHOOK, f"{last_kept_s:.3f}")
        pipe.execute()


def webhook_counts(client: Client) -> dict[str, int]:
    """Counts by `type|outcome`."""
    return {label.decode(): int(count) for label, count in client.hgetall(keys.COUNTS).items()}


def last_webhook_s(client: Client) -> float | None:
    """When the last webhook was kept, in seconds since 1970; None when none was."""
    raw = client.get(keys.LAST_WEBHOOK)
    return float(raw) if raw is not None else None


def refused_webhooks(client: Client) -> list[RefusedWebhook]:
    """The newest webhook of each outcome that is not kept."""
    refused = []
    for outcome, raw in client.hgetall(keys.REFUSED_WEBHOOKS).items():
        at_s, _, detail = raw.decode("utf-8", "replace").partition("|")
        refused.append(RefusedWebhook(outcome.decode(), int(float(at_s) * 1000), detail))
    return refused
