"""Frozen values that were kept by an earlier version, which did not know all their fields."""

import dataclasses
from typing import Any

import pytest

from webhook_app.domain.control.call import Call, CallKind, CallState
from webhook_app.domain.frozen import fast_init, replace
from webhook_app.domain.room import Room
from webhook_app.domain.sessions.session import Session, SessionHistory
from webhook_app.domain.streams.machine import StreamState
from webhook_app.domain.streams.stream import Stream
from webhook_app.store import codec

KEPT = [
    Room("abcd"),
    Session("s1", live=True, started_at=1),
    SessionHistory("s1"),
    Stream("st_1", "abcd", "s1", StreamState.STARTED, 1, "1-0"),
    Call("call_1", "abcd", CallKind.START, "operator", CallState.WAITING, 1, "1-0"),
]


@dataclasses.dataclass(frozen=True, slots=True)
class Plain:
    """Fields without a default, with one, and with one that is made anew."""

    name: str
    count: int = 3
    names: list[str] = dataclasses.field(default_factory=list)


@fast_init
@dataclasses.dataclass(frozen=True, slots=True)
class Quick(Plain):
    """The same, and one field more."""

    last: str | None = None


def as_kept_before(value: Any) -> Any:
    """The value as a version knew it that had none of the fields which may be left out."""
    needed = [
        field.name
        for field in dataclasses.fields(value)
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    ]
    return codec.decoder(type(value))(codec.encode({name: getattr(value, name) for name in needed}))


@pytest.mark.parametrize("value", KEPT, ids=lambda value: type(value).__name__)
def test_any_field_of_what_was_kept_before_can_be_changed(value: Any) -> None:
    old = as_kept_before(value)
    assert old == value
    for field in dataclasses.fields(value):
        now = getattr(value, field.name)
        assert replace(old, **{field.name: now}) == value
        assert replace(replace(old, **{field.name: now})) == value
    assert codec.decoder(type(value))(codec.encode(replace(old))) == value


def test_a_name_that_is_no_field_is_refused() -> None:
    for value in (*KEPT, as_kept_before(KEPT[2])):
        with pytest.raises(TypeError, match="has no colour"):
            replace(value, colour="red")


def test_a_quickly_made_value_has_the_given_fields_and_the_defaults_of_the_others() -> None:
    assert dataclasses.astuple(Quick("a")) == ("a", 3, [], None)
    assert dataclasses.astuple(Quick("a", 4, last="z", names=["b"])) == ("a", 4, ["b"], "z")
    assert Quick("a").names is not Quick("a").names


def test_a_quickly_made_value_is_frozen_and_refuses_names_that_are_no_fields() -> None:
    quick = Quick("a")
    with pytest.raises(dataclasses.FrozenInstanceError):
        quick.name = "b"  # type: ignore[misc]  # must fail
    with pytest.raises(TypeError, match=r"Quick.__init__\(\) got an unexpected keyword argument 'colour'"):
        Quick("a", colour="red")  # type: ignore[call-arg]  # must fail
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'name'"):
        Quick()  # type: ignore[call-arg]  # must fail
    assert dataclasses.replace(quick, count=5) == Quick("a", 5)
