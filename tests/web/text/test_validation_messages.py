"""Validation messages: whatever the library can say, users read our words."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from typing import Any

import pytest
from marshmallow import Schema, ValidationError, fields, validate

import webhook_app
import workers
from webhook_app.problems.problems import Problem
from webhook_app.schemas.rule import RuleSchema
from webhook_app.schemas.subscriber import SubscribeSchema
from webhook_app.text.validation_messages import explain_errors, flatten_errors, translate

LIBRARYS_WORDS = (
    "Must be",
    "Length must",
    "Not a valid",
    "Missing data",
    "Field may not",
    "Unknown field",
    "Shorter than",
    "Longer than",
    "Invalid",
    "String does not",
    "One or more of the choices",
)


def raised_by(validator: Any, value: Any) -> Any:
    with pytest.raises(ValidationError) as raised:
        validator(value)
    return raised.value.messages[0]


VALIDATORS = [
    (validate.Length(min=2), "x"),
    (validate.Length(max=2), "xxx"),
    (validate.Length(1, 100), ""),
    (validate.Length(equal=5), "x"),
    (validate.Range(min=1), 0),
    (validate.Range(max=1), 2),
    (validate.Range(1, 500), 0),
    (validate.Range(min=1, min_inclusive=False), 1),
    (validate.Range(max=1, max_inclusive=False), 1),
    (validate.OneOf(["a", "b"]), "c"),
    (validate.NoneOf(["a"]), "a"),
    (validate.Equal(True), False),
    (validate.Regexp("a"), "b"),
    (validate.ContainsOnly(["a"]), ["b"]),
    (validate.ContainsNoneOf(["a"]), ["a"]),
    (validate.URL(), "x"),
    (validate.Email(), "x"),
]


def messages_of_fields() -> Iterator[Any]:
    for name, kind in inspect.getmembers(fields, inspect.isclass):
        if issubclass(kind, fields.Field):
            for key, message in getattr(kind, "default_error_messages", {}).items():
                yield pytest.param(message, id=f"{name}-{key}")
    for key, message in Schema._default_error_messages.items():
        yield pytest.param(message, id=f"Schema-{key}")


@pytest.mark.parametrize("message", list(messages_of_fields()))
def test_each_message_of_a_field_is_translated(message: Any) -> None:
    translated = translate(message)
    assert translated != message
    assert not translated.startswith(LIBRARYS_WORDS)


@pytest.mark.parametrize(("validator", "value"), VALIDATORS, ids=lambda parameter: type(parameter).__name__)
def test_each_message_of_a_validator_is_translated(validator: Any, value: Any) -> None:
    message = raised_by(validator, value)
    translated = translate(message)
    assert translated != message
    assert not translated.startswith(LIBRARYS_WORDS)


def test_no_validator_of_the_library_is_left_out() -> None:
    kinds = {kind for _, kind in inspect.getmembers(validate, inspect.isclass) if issubclass(kind, validate.Validator)}
    tested = {type(validator) for validator, _ in VALIDATORS}
    assert kinds - tested <= {validate.Validator, validate.And, validate.Predicate}


def schemas_of_the_product() -> Any:
    for package in (webhook_app, workers):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if module.name.rpartition(".")[2] not in ("__main__", "asgi", "wsgi"):
                importlib.import_module(module.name)
    schemas, todo = set(), [Schema]
    while todo:
        for kind in todo.pop().__subclasses__():
            if kind.__module__.startswith(("webhook_app.", "workers.")) and kind not in schemas:
                schemas.add(kind)
            todo.append(kind)
    return sorted(schemas, key=lambda kind: (kind.__module__, kind.__name__))


WRONG: tuple[Any, ...] = (None, "", "x" * 5_000, -1, 10**9, 1.5, True, [], ["", None, {}], {}, {"nope": 1})


def test_no_schema_of_the_product_answers_in_the_librarys_words() -> None:
    schemas = schemas_of_the_product()
    assert RuleSchema in schemas
    for kind in schemas:
        schema = kind()
        bodies = [{}, {"nope": 1}, *({name: value} for name in schema.fields for value in WRONG)]
        for body in bodies:
            for field, message in flatten_errors(schema.validate(body)):
                assert not message.startswith(LIBRARYS_WORDS), (kind, field, message)


def test_a_problem_never_carries_the_librarys_words() -> None:
    problem = Problem(
        422, "wrong", errors={"rooms": {"0": ["Length must be between 1 and 100."]}, "name": ["Invalid value."]}
    )
    assert problem.errors == {
        "rooms": {"0": ["must have 1 to 100 characters (or list items)"]},
        "name": ["is not valid"],
    }


def test_an_unknown_field_says_what_may_be_meant() -> None:
    schema = RuleSchema()
    errors = explain_errors(
        schema.validate({"name": "a", "rooms": ["*"], "cooldwn": "1m", "schedule": {"crn": "x"}}), schema
    )
    assert errors["cooldwn"] == ["unknown field; did you mean cooldown?"]
    assert errors["schedule"]["crn"] == ["unknown field; did you mean cron?"]
    assert "the fields are" in explain_errors(SubscribeSchema().validate({"zzz": 1}), SubscribeSchema())["zzz"][0]
