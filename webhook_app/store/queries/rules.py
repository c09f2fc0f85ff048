"""Rules as they are stored, with what they have done, and fetched calendars."""

from collections.abc import Sequence

from webhook_app.domain.rules.rule import RuleState
from webhook_app.store import codec, keys
from webhook_app.store.connection.clients import Client


def stored_rule(client: Client, name: str) -> bytes | None:
    """A rule as it is stored, to be compared; None when there is none."""
    raw: bytes | None = client.hget(keys.RULES, name)
    return raw


def stored_rules(client: Client) -> dict[str, bytes]:
    """All rules as they are stored, by name: `codec.rule_of` decodes one, or raises ValueError."""
    return {name.decode(errors="replace"): raw for name, raw in client.hgetall(keys.RULES).items()}


def rule_states(client: Client, names: Sequence[str]) -> list[RuleState]:
    """What these rules have done so far."""
    records = client.hmget(keys.RULE_MEMORY, names) if names else []
    return [codec.rule_state_of(raw) if raw else RuleState() for raw in records]


def stored_calendar(client: Client, source: str) -> bytes | None:
    """A fetched calendar as it is stored; None when it was never fetched."""
    raw: bytes | None = client.hget(keys.CALENDARS, source)
    return raw
