"""Backtest: draft rules tried on what was recorded, and where they would have done something else."""

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, request
from markupsafe import Markup

from webhook_app.api.rules import rule_view, validate_rule
from webhook_app.console.components.rule_text import TextError, as_put, mistakes, read, write
from webhook_app.console.context import ConsoleContext, page
from webhook_app.domain.configuration.changes import decode_rule
from webhook_app.domain.rules.backtest import BacktestTooLargeError
from webhook_app.domain.rules.comparison import Comparison, RuleAction, restricted_to_rules
from webhook_app.domain.rules.rule import Config, Rule, RuleState
from webhook_app.domain.times import DAY, HOUR
from webhook_app.problems.problems import Problem
from webhook_app.usecases.backtests import replay
from webhook_app.usecases.context import AppContext

SPANS = {"1h": ("the last hour", HOUR), "24h": ("the last 24 hours", DAY), "7d": ("the last 7 days", 7 * DAY)}
ROWS_MAX = 300
WIDTH, HEIGHT = 1000, 64


@dataclass(frozen=True, slots=True)
class Row:
    """One act: done by both, only by the drafts, or only by what was in force."""

    act: RuleAction
    sign: str


def add(blueprint: Blueprint, desk: ConsoleContext) -> None:
    """The page and its trial."""
    context = desk.context

    @blueprint.get("/backtest")
    def backtest_form() -> str:
        rule = context.state.rule(request.args.get("rule", ""))
        text = write(as_put(rule_view(rule, RuleState()))) if rule is not None else ""
        return page("backtest.html", here="rules", text=text, spans=SPANS, span="24h", others=True)

    @blueprint.post("/backtest")
    def run_backtest() -> str | tuple[str, int]:
        text = request.form.get("text", "").replace("\r\n", "\n")
        span = request.form.get("span", "24h")
        span = span if span in SPANS else "24h"
        others, everything = "others" in request.form, "everything" in request.form
        given: dict[str, Any] = {
            "text": text,
            "spans": SPANS,
            "span": span,
            "others": others,
            "everything": everything,
        }
        until = context.now()
        since = until - SPANS[span][1]
        try:
            drafts = _drafts(context, text)
            whole = replay(context.client, drafts, since=since, until=until, others=others)
        except TextError as error:
            wrong = [{"field": "", "line": error.line, "why": str(error)}]
            return page("backtest.html", here="rules", wrong=wrong, **given), 422
        except Problem as problem:
            wrong = mistakes(problem.errors or {"": [problem.description]}, text)
            return page("backtest.html", here="rules", wrong=wrong, **given), 422
        except BacktestTooLargeError as error:
            wrong = [{"field": "", "line": None, "why": str(error)}]
            return page("backtest.html", here="rules", wrong=wrong, **given), 422
        own = restricted_to_rules(whole, {rule.name for rule in drafts})
        found = whole if everything else own
        rows = _rows(found)
        return page(
            "backtest.html",
            here="rules",
            found=found,
            elsewhere=_differences(whole) - _differences(own),
            rows=rows[:ROWS_MAX],
            more=max(0, len(rows) - ROWS_MAX),
            picture=_picture(found, since, until, context.state.names()),
            **given,
        )


def _drafts(context: AppContext, text: str) -> list[Rule]:
    said = read(text) if text.strip() else []
    if isinstance(said, dict):
        said = said.get("rules", [said])
    if not isinstance(said, list) or not all(isinstance(one, dict) for one in said):
        raise TextError("write one rule, or a list of rules each beginning with `- name:`")
    wheres = [f"rules.{at}" if len(said) > 1 else "" for at in range(len(said))]
    return [decode_rule(validate_rule(context, rule, where)) for rule, where in zip(said, wheres, strict=True)]


def _differences(found: Comparison) -> int:
    return len(found.only_would) + len(found.only_did)


def _rows(found: Comparison) -> list[Row]:
    only_would, only_did = set(found.only_would), set(found.only_did)
    rows = [Row(act, "+" if act in only_would else "=") for act in found.would]
    rows += [Row(act, "−") for act in found.did if act in only_did]
    return sorted(rows, key=lambda row: (row.act.at, row.act.room_id, row.sign), reverse=True)


def _picture(found: Comparison, since: int, until: int, config: Config) -> Markup:
    said = f"{len(found.would)} acts would have been done, {len(found.did)} were; the list says which"
    parts = [Markup('<svg class="trial" viewBox="0 0 {} {}" role="img" aria-label="{}">').format(WIDTH, HEIGHT, said)]
    for acts, alone, top, word in (
        (found.would, set(found.only_would), 4, "would"),
        (found.did, set(found.only_did), 36, "did"),
    ):
        parts.append(Markup('<rect class="lane" x="0" y="{}" width="{}" height="24" rx="3"/>').format(top, WIDTH))
        for act in acts[:2_000]:
            left = (act.at - since) * (WIDTH - 6) / max(1, until - since)
            kind = f"act {word}" + (" alone" if act in alone else "")
            said = f"{act.kind} in {config.room_name(act.room_id) or act.room_id} because of {act.because}"
            parts.append(
                Markup(
                    '<rect class="{}" x="{:.1f}" y="{}" width="5" height="24" rx="1"><title>{}</title></rect>'
                ).format(kind, left, top, said)
            )
    return Markup("").join([*parts, Markup("</svg>")])
