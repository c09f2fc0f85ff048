"""Conditions see exactly the fields that the API shows, with the types that it shows."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import pytest
from marshmallow import Schema, fields

from webhook_app.api.rule_schemas import OccurrenceSchema
from webhook_app.api.schemas import EventSchema, RoomSchema
from webhook_app.domain.outputs import Output
from webhook_app.domain.rules.cel.meter import CEL_ERRORS
from webhook_app.domain.rules.condition_checks import check_condition
from webhook_app.domain.rules.conditions import ConditionError, compile_condition, expression_value
from webhook_app.domain.view_examples import event_shape, event_shapes, room_shape, room_shapes
from webhook_app.domain.view_shape import ViewShape

# What comes of an event is not known while its conditions are evaluated.
OUTCOME = {"effect", "reason", "reasons", "unchanged"}
# Warnings are for lists of occurrences; a room's next window has none.
ALWAYS_NULL = {"room.next_window.warning", *(f"room.outputs.{output}.next_window.warning" for output in Output)}
TYPES: dict[type[fields.Field[Any]], set[type]] = {
    fields.String: {str},
    fields.Boolean: {bool},
    fields.Integer: {int},
    fields.Float: {float, int},
    fields.List: {list},
    fields.Dict: {dict},
    fields.Nested: {dict},
}


def nested_schema(name: str, field: fields.Field[Any]) -> Schema | None:
    if isinstance(field, fields.Nested):
        return field.schema
    return OccurrenceSchema() if name == "next_window" else None


def paths_of(schema: Schema, at: str) -> Iterator[tuple[str, fields.Field[Any]]]:
    """Every field of a schema as an expression: `room.stream.state`, `room.session.participants[0].name`."""
    for name, field in schema.fields.items():
        path = f"{at}.{name}"
        yield path, field
        item = field.inner if isinstance(field, fields.List) else field
        inner = nested_schema(name, item)
        if inner is not None:
            yield from paths_of(inner, f"{path}[0]" if isinstance(field, fields.List) else path)


def names_of(shape: ViewShape, at: str) -> Iterator[str]:
    for name, inner in shape.fields.items():
        yield f"{at}.{name}"
        yield from names_of(inner, f"{at}.{name}")
        if inner.items is not None:
            yield from names_of(inner.items, f"{at}.{name}[0]")


ROOM_PATHS = dict(paths_of(RoomSchema(), "room"))
EVENT_PATHS = {path: field for path, field in paths_of(EventSchema(), "event") if path.split(".")[1] not in OUTCOME}


def read_field(room: Mapping[str, Any], name: str, inner: object) -> Any:
    return room[name]


def values_seen(expression: str) -> list[object]:
    """What CEL gives for an expression over all example rooms, errors and null left out."""
    condition = compile_condition(expression)
    values = []
    for room in room_shapes():
        try:
            value = expression_value(condition, partial(read_field, room), event_shapes()[0])
        except CEL_ERRORS:
            continue
        if value is not None:
            values.append(value)
    return values


@pytest.mark.parametrize("path", sorted((ROOM_PATHS | EVENT_PATHS).keys() - ALWAYS_NULL))
def test_a_condition_sees_each_field_of_the_api_with_its_type(path: Any) -> None:
    field = (ROOM_PATHS | EVENT_PATHS)[path]
    values = values_seen(path)
    assert values, f"no example has {path}: set it in one of domain/shapes.py"
    allowed = next(types for kind, types in TYPES.items() if isinstance(field, kind))
    assert {type(value) for value in values} <= allowed


def test_the_api_shows_each_field_that_a_condition_sees() -> None:
    assert set(names_of(room_shape(), "room")) == set(ROOM_PATHS)
    assert set(names_of(event_shape(), "event")) == set(EVENT_PATHS)


@pytest.mark.parametrize("path", sorted(ROOM_PATHS))
def test_a_field_with_one_letter_missing_is_refused_at_any_depth(path: Any) -> None:
    with pytest.raises(ConditionError, match=r"does not exist|there is no field"):
        check_condition(compile_condition(f"{path}x == true"), room_shapes(), with_event=False)


@pytest.mark.parametrize(
    ("condition", "why"),
    [
        ("room.stream.snapshot.urll == 'x'", "did you mean room.stream.snapshot.url"),
        ("room.session.participants.exists(p, p.nmae == 'x')", "did you mean name"),
        ("room.groups.webinar == 'x'", "it is a list"),
        ("room.state.name == 'x'", "it is a plain value"),
        ("room.state > 3", "can never be true"),
        ("room.next_window.opens_at < timestamp('2026-01-01T00:00:00Z')", "times are text"),
    ],
)
def test_a_condition_that_can_never_hold_says_why(condition: str, why: str) -> None:
    with pytest.raises(ConditionError, match=why):
        check_condition(compile_condition(condition), room_shapes(), with_event=False)


@pytest.mark.parametrize(
    "condition",
    [
        "room.stream.snapshot.width > 640",
        "timestamp(room.stream.snapshot.taken_at) > timestamp('2026-01-01T00:00:00Z')",
        "{'playable': 1}[room.state] == 1",
        "room.session.participants[3].name == 'Host'",
        "room.next_window.rules[0] == 'service'",
        "has(room.stream) && has(room.stream.snapshot)",
    ],
)
def test_a_condition_that_holds_for_some_rooms_is_accepted(condition: str) -> None:
    check_condition(compile_condition(condition), room_shapes(), with_event=False)
