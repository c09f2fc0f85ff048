"""What the registered provider says of itself fits the product's defaults."""

from webhook_app.config.settings import Settings
from webhook_app.domain.rules.config import Settings as RoomSettings
from webhook_app.providers.registry import PROVIDER


def test_the_limit_of_streams_is_the_providers_unless_it_is_set() -> None:
    assert Settings().max_stream_duration_s == RoomSettings().max_stream_s == PROVIDER.facts.stream_max_s


def test_all_types_that_a_rooms_state_follows_are_documented() -> None:
    facts = PROVIDER.facts
    assert {*facts.stream_types, *facts.participant_types} <= set(facts.followed_types) <= set(facts.documented_types)


def test_without_credentials_there_is_no_client() -> None:
    assert PROVIDER.client(Settings()) is None
