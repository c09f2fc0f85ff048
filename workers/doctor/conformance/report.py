"""The report of a conformance run, as Markdown and JSON. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from webhook_app.domain.outputs import OUTPUTS
from workers.doctor.conformance.answer_checks import answer_rows
from workers.doctor.conformance.observations import Observations
from workers.doctor.conformance.rows import Result, Row
from workers.doctor.conformance.webhook_checks import session_end_rows, webhook_rows

HEAD = ("Assumption", "Observed", "Result", "Consequence")
NOT_TRIED = (
    "Not tried: retries of a webhook that is not answered 200, rotation of the public key, quotas, rate limits, and a "
    "stream's maximum duration."
)
SANDBOX_NOTE = "This is the sandbox, a simulated VideoSDK: it shows nothing about the real one."


@dataclass(frozen=True, slots=True)
class Report:
    """The rows of a run, and what it ran against. `failure` says why it ended early."""

    rows: tuple[Row, ...]
    api_url: str
    version: str
    date: str
    is_sandbox: bool
    failure: str | None = None

    @property
    def as_assumed(self) -> bool:
        """Whether everything that was observed is as assumed."""
        return self.failure is None and not any(row.is_problem for row in self.rows)


def rows_of(observations: Sequence[Observations], private: tuple[str, ...] = ()) -> tuple[Row, ...]:
    """Return the rows of all observations; `private` texts are shortened wherever VideoSDK quotes them."""
    return tuple(row for part in observations for row in _rows_of(part, private))


def _rows_of(part: Observations, private: tuple[str, ...]) -> Iterator[Row]:
    yield from answer_rows(part, private)
    yield from webhook_rows(part)
    yield from session_end_rows(part)


def markdown(report: Report) -> str:
    """Return the report as a Markdown page."""
    where = "the sandbox" if report.is_sandbox else report.api_url
    lines = [
        "# VideoSDK conformance",
        "",
        f"Tallylight {report.version} against {where}, {report.date}. {summary(report)}",
    ]
    lines += ["", SANDBOX_NOTE] if report.is_sandbox else []
    lines += ["", f"**Ended early:** {_cell(report.failure)}"] if report.failure else []
    for label in dict.fromkeys(OUTPUTS[row.output].label for row in report.rows):
        lines += ["", f"## {label.capitalize()}", "", _line(HEAD), _line(["---"] * len(HEAD))]
        lines += [_line(_cells(row)) for row in report.rows if OUTPUTS[row.output].label == label]
    return "\n".join([*lines, "", NOT_TRIED, ""])


def summary(report: Report) -> str:
    """Return how many assumptions hold, in a sentence."""
    counts = {result: sum(row.result is result for row in report.rows) for result in Result}
    return ", ".join(f"{count} {result.value}" for result, count in counts.items() if count) + "."


def as_json(report: Report) -> dict[str, Any]:
    """Return the report as JSON."""
    return {
        "ok": report.as_assumed,
        "sandbox": report.is_sandbox,
        "version": report.version,
        "date": report.date,
        "failure": report.failure,
        "checks": [
            {
                "check": row.check,
                "output": row.output.value,
                "assumption": row.assumption,
                "observed": row.observed,
                "result": row.result.value,
                "consequence": row.consequence,
            }
            for row in report.rows
        ],
    }


def _cells(row: Row) -> list[str]:
    mark = f"**{row.result.value}**" if row.is_problem else row.result.value
    return [_cell(row.assumption), _cell(row.observed), mark, _cell(row.consequence)]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
