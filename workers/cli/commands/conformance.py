"""`tally doctor --conformance`: play one short stream at VideoSDK, and report how it differs from what we assume."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from webhook_app.config.known_secrets import known_secrets
from webhook_app.config.settings import Settings
from webhook_app.masking.masking import masked
from workers.cli import context, output
from workers.cli.api_client import ApiClient, find_product
from workers.cli.context import CommandError
from workers.shutdown import SignalWaiter

if TYPE_CHECKING:
    from workers.doctor.conformance.limits import Limits
    from workers.doctor.conformance.observations import Step
    from workers.doctor.conformance.plan import RunOptions
    from workers.doctor.conformance.report import Report
    from workers.doctor.conformance.rows import Row
    from workers.doctor.conformance.run import RunOutcome, Target
    from workers.doctor.conformance.state_file import StateFile

COLOURS = {"as assumed": "green", "differs": "yellow", "not observed": None, "failed": "red"}
LABEL_CHARS = 12


def run_conformance(
    room: str, options: "RunOptions", *, is_confirmed: bool, report_path: Path | None, as_json: bool
) -> int:
    """Play a conformance run and write its report. Returns the exit status."""
    from workers.doctor.conformance.connecting import connect_videosdk, find_target, still_running
    from workers.doctor.conformance.limits import Limits
    from workers.doctor.conformance.plan import plan_lines
    from workers.doctor.conformance.report import as_json as report_json
    from workers.doctor.conformance.report import markdown
    from workers.doctor.conformance.state_file import StateFile, StateFileError
    from workers.doctor.running import as_product_runs, ask_product

    limits = Limits()
    shell_settings = context.settings()
    url = click.get_current_context().find_root().params.get("url")
    product, why_not = ask_product(shell_settings, url)
    local_settings = shell_settings if product is None else as_product_runs(shell_settings, product)
    settings = context.sandbox_settings(local_settings) or context.as_they_are(local_settings)
    path = report_path or Path(f"tallylight-conformance-{datetime.now(UTC):%Y%m%d-%H%M%S}.md")
    _require_writable(path)
    file = StateFile(settings.data_dir / "sandbox" if settings.sandbox_url is not None else settings.data_dir)
    try:
        with file.locked():
            _end_leftover(file, settings, limits)
            if product is None:
                raise CommandError(f"Tallylight must run, to receive the webhooks: {why_not}")
            is_sandbox = settings.sandbox_url is not None
            api = ApiClient(find_product(shell_settings, url))
            target = find_target(settings, connect_videosdk(settings), api, room, limits)
            click.echo("\n".join(plan_lines(options, room, is_sandbox=is_sandbox)), err=True)
            if not is_confirmed:
                click.confirm("Go ahead?", abort=True, err=True)
            outcome = _play(target, options, file, limits)
    except StateFileError as error:
        raise CommandError(str(error)) from None
    report = _report(target, outcome, settings, version=product.version)
    is_written = _write(path, markdown(report))
    if as_json:
        output.print_json({**report_json(report), "report": str(path)})
    else:
        _print(report)
    if not outcome.is_over:
        raise CommandError(still_running(file, target.room_id))
    return 0 if report.as_assumed and is_written else 1


def _require_writable(path: Path) -> None:
    try:
        path.open("a", encoding="utf-8").close()
        if path.stat().st_size == 0:
            path.unlink()
    except OSError as error:
        raise context.InvalidUsageError(f"the report {path} cannot be written ({error.strerror})") from None


def _write(path: Path, page: str) -> bool:
    """Write the report; False when the disk is full by now, for example."""
    try:
        path.write_text(page, "utf-8")
    except OSError as error:
        click.echo(output.one_line(f"tally: the report {path} cannot be written ({error.strerror})"), err=True)
        return False
    click.echo(output.one_line(f"Report: {path}"), err=True)
    return True


def _end_leftover(file: "StateFile", settings: Settings, limits: "Limits") -> None:
    from workers.doctor.conformance.connecting import end_leftover
    from workers.doctor.conformance.pauses import Pauses

    left = file.load()
    if left is None:
        return
    click.echo(output.one_line(f"An earlier run was killed: ending its stream in room {left.room_id} …"), err=True)
    with SignalWaiter() as waiter:
        end_leftover(file, left, settings, Pauses(waiter), limits)
    click.echo("Ended.", err=True)


def _play(target: "Target", options: "RunOptions", file: "StateFile", limits: "Limits") -> "RunOutcome":
    from workers.doctor.conformance.pauses import Pauses
    from workers.doctor.conformance.run import ConformanceRun

    with SignalWaiter() as waiter:
        return ConformanceRun(target, options, Pauses(waiter), limits, _print_step).run(file)


def _print_step(step: "Step", status: int | None) -> None:
    click.echo(f"  {step.value}: {'no answer' if status is None else status}", err=True)


def _report(target: "Target", outcome: "RunOutcome", settings: Settings, *, version: str) -> "Report":
    from workers.doctor.conformance.report import Report, rows_of
    from workers.doctor.conformance.run import private_texts
    from workers.doctor.conformance.scrubbing import scrubbed

    private = (*known_secrets(settings).values, *private_texts(target, outcome.observations))
    return Report(
        rows=rows_of(outcome.observations, private),
        api_url=masked(settings.videosdk_api_url),
        version=version,
        date=f"{datetime.now(UTC):%Y-%m-%d}",
        is_sandbox=settings.sandbox_url is not None,
        failure=None if outcome.failure is None else scrubbed(outcome.failure, private),
    )


def _print(report: "Report") -> None:
    from workers.doctor.conformance.report import summary

    for row in report.rows:
        _print_row(row)
    if report.failure is not None:
        click.echo(output.one_line(f"Ended early: {report.failure}"))
    click.echo(summary(report))


def _print_row(row: "Row") -> None:
    label = click.style(row.result.value.ljust(LABEL_CHARS), fg=COLOURS[row.result.value])
    click.echo(f"{label}  {row.output.value.ljust(9)}  {output.one_line(row.assumption)}")
    click.echo(f"{'':{LABEL_CHARS}}  {'':9}  {output.one_line(row.observed)}")
    if row.is_problem:
        click.echo(f"{'':{LABEL_CHARS}}  {'':9}  {click.style('→ ' + output.one_line(row.consequence), dim=True)}")
