"""`tally doctor`: diagnose problems and suggest fixes."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import click

from webhook_app.config.known_secrets import known_secrets
from workers.cli import context, options, output
from workers.cli.commands.conformance import run_conformance
from workers.doctor.conformance.plan import RunOptions
from workers.doctor.finding import Finding, Level

if TYPE_CHECKING:
    from webhook_app.store.connection.clients import Client
    from workers.doctor.examination import ReplayCheck

MARKS = {Level.OK: ("ok", "green"), Level.WARNING: ("warning", "yellow"), Level.FAILED: ("failed", "red")}


def add_to(main: click.Group) -> None:
    """Add this command to `tally`."""
    main.add_command(doctor)


@click.command()
@click.option(
    "--replay",
    "--fold",
    "again",
    is_flag=True,
    help="Also replay the journal and compare the result with the stored state.",
)
@click.option(
    "--conformance",
    "room",
    metavar="ROOM",
    shell_complete=options.complete_rooms,
    help="Play one short stream in this room, and compare VideoSDK with what Tallylight assumes.",
)
@click.option("--recording", is_flag=True, help="With --conformance: also make a recording of about 10 s.")
@click.option(
    "--end-session", is_flag=True, help="With --conformance: also end the session; everybody is disconnected."
)
@click.option("--start-without-session", is_flag=True, help="With --end-session: then try a start in the empty room.")
@click.option(
    "--report", type=click.Path(dir_okay=False, path_type=Path), help="With --conformance: the report's file."
)
@click.option("--yes", is_flag=True, help="With --conformance: do not ask for confirmation.")
@output.as_json_option
def doctor(
    again: bool,
    room: str | None,
    recording: bool,
    end_session: bool,
    start_without_session: bool,
    report: Path | None,
    yes: bool,
    as_json: bool,
) -> None:
    """Diagnose problems and suggest fixes.

    Reads the settings of the running product and checks the store, the clock, VideoSDK, the processes and whether
    webhooks can arrive. Changes nothing. Exit status 1 if a check failed; warnings do not count.

    With --conformance it starts and ends a stream in a room where somebody is, on your account, and writes a report
    that can be attached to an issue. Exit status 0 if all is as assumed, 1 if something differs or failed.

    \b
    Examples:
      tally doctor
      tally doctor --replay --json
      tally doctor --conformance abcd-efgh-ijkl --recording
    """
    run_options = RunOptions(recording, end_session, start_without_session)
    if room is not None:
        if again:
            raise click.UsageError("--replay and --conformance exclude each other")
        if start_without_session and not end_session:
            raise click.UsageError("--start-without-session needs --end-session")
        sys.exit(run_conformance(room, run_options, is_confirmed=yes, report_path=report, as_json=as_json))
    if run_options != RunOptions() or report is not None or yes:
        raise click.UsageError(
            "--recording, --end-session, --start-without-session, --report and --yes need --conformance"
        )
    findings: list[Finding] = []
    for finding in _findings(_fold_again if again else None):
        findings.append(finding)
        if not as_json:
            _print(finding)
    counts = {level.value: sum(finding.level is level for finding in findings) for level in Level}
    if as_json:
        checks = [_as_json(finding) for finding in findings]
        output.print_json({"ok": not counts["failed"], "checks": checks})
    else:
        click.echo(f"{counts['ok']} ok, {counts['warning']} warnings, {counts['failed']} failed")
    sys.exit(1 if counts["failed"] else 0)


def _as_json(finding: Finding) -> dict[str, str | None]:
    return {"name": finding.name, "level": finding.level.value, "said": finding.message, "hint": finding.hint}


def _findings(replay: "ReplayCheck | None") -> Iterator[Finding]:
    from workers.doctor.examination import examine
    from workers.doctor.finding import failed
    from workers.doctor.running import as_product_runs, ask_product, check_running

    try:
        shell_settings = context.settings()
        url = click.get_current_context().find_root().params.get("url")
        product, why_not = ask_product(shell_settings, url)
        local_settings = shell_settings if product is None else as_product_runs(shell_settings, product)
        sandbox_settings = context.sandbox_settings(local_settings)
    except context.CommandError as error:
        yield failed("settings", error.message, "fix it in the environment or .env")
        return
    settings = sandbox_settings or context.as_they_are(local_settings)
    secrets = known_secrets(settings)
    findings = chain(
        check_running(product, why_not, shell_settings),
        examine(settings, sandbox=sandbox_settings is not None, replay=replay, product=product),
    )
    for finding in findings:
        hint = None if finding.hint is None else secrets.masked(finding.hint)
        yield replace(finding, message=secrets.masked(finding.message), hint=hint)


def _fold_again(client: "Client") -> Finding:
    from webhook_app.runtime.logs import configure
    from webhook_app.store.queries.system import journal_length
    from workers.cli.progress import progress_bar
    from workers.doctor.replay import check_replay

    configure("doctor", "text")  # poison events are logged on stderr
    with progress_bar(journal_length(client), "replaying") as progress:
        return check_replay(client, progress=progress)


def _print(finding: Finding) -> None:
    label, colour = MARKS[finding.level]
    click.echo(
        f"{click.style(label.ljust(7), fg=colour)}  {finding.name.ljust(18)}  {output.one_line(finding.message)}"
    )
    if finding.hint is not None:
        click.echo(f"{'':7}  {'':18}  {click.style('→ ' + output.one_line(finding.hint), dim=True)}")
