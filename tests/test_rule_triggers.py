"""Each kind of rule trigger is known in every place that must know it; a test fails with the kind that is missing."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.scenario import Scenario
from webhook_app.console.components.rule_form import form_of, rule_of
from webhook_app.console.components.trigger_forms import TRIGGER_FORMS, form_fields, kind_of, summarize
from webhook_app.domain.rules.rule import RuleState
from webhook_app.domain.rules.triggers import TRIGGERS, TriggerKind
from webhook_app.event_decoding.rules import decode_rule
from webhook_app.schemas.rule import RuleSchema
from webhook_app.schemas.trigger_formats import FORMATS
from webhook_app.store import codec
from webhook_app.usecases.rule_views import rule_view

RULES = Path(__file__).parents[1] / "docs" / "rules.md"
TEMPLATE = Path(__file__).parents[1] / "webhook_app" / "console" / "templates" / "rule_edit.html"
# A rule with each kind of trigger and every field that the kind has, as the API shows it.
EXAMPLES: dict[TriggerKind, dict[str, Any]] = {
    TriggerKind.SCHEDULE: {
        "schedule": {"cron": "0 9 * * SUN", "duration": "2h"},
        **dict.fromkeys(("late_after", "remind", "end_when_empty", "overrun", "max_run"), "10m"),
        "restart": "always",
        "empty_means": "no-hosts",
        "outputs": ["hls", "recording"],
        "if": "room.on_air",
    },
    TriggerKind.EVENT: {"on": "participant-joined", "if": "room.on_air", "do": "notify"},
    TriggerKind.CONDITION: {"when": "room.on_air", "for": "5m", "do": "notify"},
}
every_kind = pytest.mark.parametrize("kind", list(TriggerKind))


def example(kind: TriggerKind) -> dict[str, Any]:
    assert kind in EXAMPLES, f"add a rule with the trigger `{kind}` to EXAMPLES"
    return {"name": "r", "rooms": ["*"], **EXAMPLES[kind]}


@every_kind
def test_each_kind_of_trigger_has_its_class_format_and_form(kind: TriggerKind) -> None:
    registries = {"TRIGGERS": TRIGGERS, "FORMATS": FORMATS, "TRIGGER_FORMS": TRIGGER_FORMS}
    assert [name for name, registry in registries.items() if kind not in registry] == []


@every_kind
def test_each_kind_of_trigger_is_read_stored_and_shown_as_it_was_written(kind: TriggerKind) -> None:
    written = example(kind)
    left_out = FORMATS[kind].field_names - written.keys()
    assert not left_out, f"the example of `{kind}` leaves out {sorted(left_out)}"
    rule = decode_rule(RuleSchema().load(written))
    assert isinstance(rule.trigger, TRIGGERS[kind])
    assert codec.rule_of(codec.encode_rule(rule)) == rule
    view = rule_view(rule, RuleState())
    assert {name: view.get(name) for name in written} == written


@every_kind
def test_the_engine_evaluates_each_kind_of_trigger(kind: TriggerKind) -> None:
    scenario = Scenario()
    scenario.put_rule(RuleSchema().load(example(kind)))
    scenario.webhook("session-started")
    scenario.joined("ada")
    scenario.hls("started", "playable", id="6581a3f2c4b0e7a1d2c3b4a5")
    scenario.timer("rule:r", due=scenario.now)


@every_kind
def test_the_rule_editor_shows_each_kind_of_trigger(kind: TriggerKind) -> None:
    view, template = example(kind), TEMPLATE.read_text()
    inputs = {form_input.name for form_input in TRIGGER_FORMS[kind].inputs}
    missing = [name for name in (kind, *form_fields(kind)) if name not in inputs and f'"{name}"' not in template]
    assert missing == []
    built = rule_of(form_of(view), view)
    assert kind_of(built) is kind
    assert built.keys() == view.keys()
    assert form_of(built) == form_of(view)
    assert summarize(view)


@every_kind
def test_each_kind_of_trigger_is_documented(kind: TriggerKind) -> None:
    text = RULES.read_text()
    assert sorted(name for name in FORMATS[kind].field_names if f"`{name}`" not in text) == []


def test_the_styles_of_the_rule_editor_hide_as_many_triggers_as_there_are() -> None:
    styles = (TEMPLATE.parents[1] / "static" / "tally.css").read_text()
    assert f".trigger-{len(TRIGGER_FORMS)}" in styles
