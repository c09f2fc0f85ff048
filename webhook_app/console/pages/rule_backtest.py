"""Backtest: what draft rules would have done with recorded events, compared with what was done."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, request
from markupsafe import Markup

from webhook_app.console.components.periods import DEFAULT_PERIOD, PERIODS
from webhook_app.console.components.rule_text import TextError, as_put, errors_with_lines, read, write
from webhook_app.console.context import ConsoleContext, page
from webhook_app.domain.outputs import Output
from webhook_app.domain.rules.comparison import Comparison, RuleAction, restricted_to_rules
from webhook_app.domain.rules.config import Config
from webhook_app.domain.rules.rule import Rule, RuleState
from webhook_app.usecases.backtests import load_drafts, run_backtest
from webhook_app.usecases.context import AppContext
from webhook_app.usecases.errors import UseCaseError
from webhook_app.usecases.rule_views import rule_view

ROWS_MAX = 300
BARS_MAX = 2_000
WIDTH, HEIGHT = 1000, 64
DRAFT_TOP, ACTUAL_TOP = 4, 36


@dataclass(frozen=True, slots=True)
class Row:
    """An action with its sign: `=` taken by both, `+` only by the drafts, `−` only by the rules in force."""

    action: RuleAction
    sign: str


def add(blueprint: Blueprint, console: ConsoleContext) -> None:
    """Add the form and its result."""
    context = console.context

    @blueprint.get("/backtest")
    def backtest_form() -> str:
        rule = context.state.rule(request.args.get("rule", ""))
        text = write(as_put(rule_view(rule, RuleState()))) if rule is not None else ""
        return page("backtest.html", section="rules", text=text, periods=PERIODS, period=DEFAULT_PERIOD, others=True)

    @blueprint.post("/backtest")
    def backtest() -> str | tuple[str, int]:
        text = request.form.get("text", "").replace("\r\n", "\n")
        period = request.form.get("span", DEFAULT_PERIOD)
        period = period if period in PERIODS else DEFAULT_PERIOD
        others, everything = "others" in request.form, "everything" in request.form
        form = {"text": text, "periods": PERIODS, "period": period, "others": others, "everything": everything}
        until = context.now()
        since = until - PERIODS[period][1]
        try:
            drafts = _drafts(context, text)
            comparison = run_backtest(context, drafts, since=since, until=until, others=others)
        except TextError as error:
            return _refused([{"field": "", "line": error.line, "why": str(error)}], form)
        except UseCaseError as error:
            # The form has no field for the start of the period.
            messages = {"" if field == "from" else field: why for field, why in error.messages_by_field.items()}
            return _refused(errors_with_lines(messages, text), form)
        of_drafts = restricted_to_rules(comparison, {rule.name for rule in drafts})
        selected = comparison if everything else of_drafts
        rows = _rows(selected)
        return page(
            "backtest.html",
            section="rules",
            comparison=selected,
            other_differences=_differences(comparison) - _differences(of_drafts),
            rows=rows[:ROWS_MAX],
            more=max(0, len(rows) - ROWS_MAX),
            chart=_chart(selected, since, until, context.state.names()),
            **form,
        )


def _refused(errors: Sequence[Mapping[str, Any]], form: Mapping[str, Any]) -> tuple[str, int]:
    return page("backtest.html", section="rules", errors=errors, **form), 422


def _drafts(context: AppContext, text: str) -> list[Rule]:
    value = read(text) if text.strip() else []
    if isinstance(value, dict):
        value = value.get("rules", [value])
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise TextError("must be one rule, or a list of rules that each start with `- name:`")
    places = [f"rules.{at}" if len(value) > 1 else "" for at in range(len(value))]
    return load_drafts(context, value, places)


def _differences(comparison: Comparison) -> int:
    return len(comparison.only_would) + len(comparison.only_did)


def _rows(comparison: Comparison) -> list[Row]:
    only_would, only_did = set(comparison.only_would), set(comparison.only_did)
    rows = [Row(action, "+" if action in only_would else "=") for action in comparison.would]
    rows += [Row(action, "−") for action in comparison.did if action in only_did]
    return sorted(rows, key=lambda row: (row.action.at, row.action.room_id, row.sign), reverse=True)


def _chart(comparison: Comparison, since: int, until: int, config: Config) -> Markup:
    """Draw the actions over time: those of the drafts above, those that were taken below."""
    label = f"With draft: {len(comparison.would)} actions. Actual: {len(comparison.did)}. Listed below."
    parts = [
        Markup('<svg class="backtest-chart" viewBox="0 0 {} {}" role="img" aria-label="{}">').format(
            WIDTH, HEIGHT, label
        )
    ]
    for actions, unmatched, top, kind in (
        (comparison.would, set(comparison.only_would), DRAFT_TOP, "draft"),
        (comparison.did, set(comparison.only_did), ACTUAL_TOP, "recorded"),
    ):
        parts.append(Markup('<rect class="track" x="0" y="{}" width="{}" height="24" rx="3"/>').format(top, WIDTH))
        for action in actions[:BARS_MAX]:
            left = (action.at - since) * (WIDTH - 6) / max(1, until - since)
            css_class = f"action {kind}" + (" differs" if action in unmatched else "")
            room = config.room_name(action.room_id) or action.room_id
            of_output = "" if action.output is Output.HLS else f" of {action.output}"
            title = f"{action.kind}{of_output} in {room}, triggered by {action.because}"
            parts.append(
                Markup(
                    '<rect class="{}" x="{:.1f}" y="{}" width="5" height="24" rx="1"><title>{}</title></rect>'
                ).format(css_class, left, top, title)
            )
    return Markup("").join([*parts, Markup("</svg>")])
