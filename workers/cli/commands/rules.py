"""`tally rules`: list, test, pause, resume and skip rules."""

import sys
from pathlib import Path
from time import time
from typing import TYPE_CHECKING
from urllib.parse import quote

import click

from webhook_app.domain.outputs import Output
from webhook_app.domain.times import DAY, from_rfc3339, rfc3339
from workers.cli import options, output
from workers.cli.api_client import Json
from workers.cli.context import CommandError, effective_settings, with_store
from workers.cli.progress import progress_bar

if TYPE_CHECKING:
    from webhook_app.domain.rules.comparison import Comparison, RuleAction
    from webhook_app.domain.rules.config import Config

COUNT_MAX = 500
COMMANDS = {
    "pause": "Pause a rule. A running stream is left alone.",
    "resume": "Resume a paused rule.",
    "skip-next": "Skip the next scheduled broadcast.",
}


SKIP_COMMANDS = {
    "skip": "Skip the broadcast that starts at OPENS_AT (RFC 3339, as listed by `tally rules occurrences`).",
    "unskip": "Undo a skip. If the broadcast should be running now, it starts at once.",
}


def add_to(main: click.Group) -> None:
    """Add these commands to `tally`."""
    for name, help_text in SKIP_COMMANDS.items():
        rules.add_command(_skip_command(name, help_text))
    for name, help_text in COMMANDS.items():
        rules.add_command(_command(name, help_text))
    main.add_command(rules)


@click.group(invoke_without_command=True)
@options.limit_option()
@output.as_json_option
@click.pass_context
def rules(context: click.Context, limit: int, as_json: bool) -> None:
    """Manage and test rules.

    \b
    Example:
      tally rules
    """
    if context.invoked_subcommand is not None:
        return
    rules_page, cursor = options.api().items("/rules", limit)
    if as_json:
        output.print_json({"items": rules_page, "next": cursor})
        return
    output.print_table(
        ("RULE", "TRIGGER", "DOES", "ROOMS", "NEXT", "LAST FIRED", "REMARK"),
        [_row(rule) for rule in rules_page],
        empty="No rules.",
    )
    output.more(cursor)


@rules.command("occurrences")
@click.argument("name")
@click.option("--count", default=10, show_default=True, type=click.IntRange(1, COUNT_MAX), help="Number of broadcasts.")
@output.as_json_option
def list_occurrences(name: str, count: int, as_json: bool) -> None:
    """List upcoming broadcasts of a schedule.

    Exceptions are left out; windows of other rules for the same room and output are merged. A rule with several
    outputs has a line for each.

    \b
    Example:
      tally rules occurrences sunday-service --count 5
    """
    occurrences = options.api().get(f"/rules/{quote(name, safe='')}/occurrences", count=count)
    if as_json:
        output.print_json(occurrences)
        return
    if not occurrences["items"]:
        click.echo(f"No upcoming broadcasts of rule {name}.")
    for occurrence in occurrences["items"]:
        with_others = ", ".join(other for other in occurrence["rules"] if other != name)
        room = output.one_line(output.room(occurrence))
        of_output = f"  {occurrence['output']}" if occurrence["output"] != Output.HLS else ""
        click.echo(
            f"{occurrence['opens_at']}  to  {occurrence['closes_at'] or 'no end':24}  {room}{of_output}"
            f"{'  with ' + with_others if with_others else ''}{'  skipped' if occurrence['skipped'] else ''}"
            f"{'  ' + click.style(occurrence['warning'], fg='yellow') if occurrence['warning'] else ''}"
        )


@rules.command("backtest")
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--from", "since", metavar="TIME", help="Start of the period (RFC 3339). Default: a week ago.")
@click.option("--to", "until", metavar="TIME", help="End of the period (RFC 3339). Default: now.")
@click.option("--all", "everything", is_flag=True, help="Include actions of other rules and operators.")
@output.as_json_option
def run_backtest(path: Path, since: str | None, until: str | None, everything: bool, as_json: bool) -> None:
    """Test draft rules against recorded events. Makes no calls and sends nothing.

    Compares what the rules of a configuration file would have done with what rules of the same names did; --json
    contains everything.

    Reads the store (REDIS_URL, or the `tally up` running here), not the API.

    \b
    Example:
      tally rules backtest draft.yaml --from 2026-11-15T00:00:00Z
    """
    from webhook_app.config.secrets_file import secrets_key
    from webhook_app.domain.rules.backtest import BacktestTooLargeError
    from webhook_app.domain.rules.comparison import restricted_to_rules
    from webhook_app.event_decoding.rules import decode_rule
    from webhook_app.secrets.encryption import SecretBox
    from webhook_app.store.connection.clients import connect
    from webhook_app.store.queries.system import journal_length
    from webhook_app.store.state.store import StateStore
    from webhook_app.usecases.backtests import comparison_view, replay
    from webhook_app.usecases.stream_keys import sealed_rule
    from workers.config_file.reading import FileError, read

    settings = with_store(effective_settings())
    assert settings.redis_url is not None
    now = int(time() * 1000)
    try:
        first = from_rfc3339(since) if since else now - 7 * DAY
        last = from_rfc3339(until) if until else now
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    try:
        file = read(path, settings)
    except FileError as error:
        for line in error.lines:
            click.echo(output.one_line(line), err=True)
        sys.exit(1)
    secret_box, config = SecretBox(secrets_key(settings)), file.config()
    drafts = [decode_rule(sealed_rule(rule, secret_box)) for rule in file.rules]
    client = connect(settings.redis_url, sentinel_login=settings.sentinel_login)
    config = config.with_rooms({**StateStore(client).names().names, **config.names})
    try:
        with progress_bar(journal_length(client), "processing") as progress:
            comparison = replay(client, drafts, since=first, until=last, names=config.names, progress=progress)
    except BacktestTooLargeError as error:
        raise CommandError(str(error)) from None
    if as_json:
        output.print_json(comparison_view(comparison, config))
    else:
        filtered = restricted_to_rules(comparison, {rule.name for rule in drafts})
        click.echo(readable(comparison if everything else filtered, config))
        hidden = (
            len(comparison.only_would) + len(comparison.only_did) - len(filtered.only_would) - len(filtered.only_did)
        )
        if hidden and not everything:
            click.echo(f"{hidden} more differences in actions of other rules and operators; use --all.", err=True)


def readable(comparison: "Comparison", config: "Config") -> str:
    """Format a comparison: + only with the draft, - only as recorded, = both."""
    only_would = set(comparison.only_would)
    both = [action for action in comparison.would if action not in only_would]
    lines: list[tuple[int, str]] = [
        *((action.at, _line("+", action, config)) for action in comparison.only_would),
        *((action.at, _line("-", action, config)) for action in comparison.only_did),
        *((action.at, _line("=", action, config)) for action in both),
    ]
    counts = (len(comparison.only_would), len(comparison.only_did), len(both))
    summary = "Added {}, removed {}, unchanged {}".format(*counts)
    return "\n".join([*(line for _, line in sorted(lines)), summary])


def _line(sign: str, act: "RuleAction", config: "Config") -> str:
    room = config.room_name(act.room_id) or act.room_id
    what = act.kind if act.output is Output.HLS else f"{act.kind} {act.output}"
    return output.one_line(f"{sign} {rfc3339(act.at)}  {room}  {what}  {act.because}")


def _command(name: str, help_text: str) -> click.Command:
    @click.command(name, help=f"{help_text}\n\n\b\nExample:\n  tally rules {name} sunday-service")
    @click.argument("rule")
    @output.as_json_option
    def run(rule: str, as_json: bool) -> None:
        accepted = options.api().post(f"/rules/{quote(rule, safe='')}/{name}")
        if as_json:
            output.print_json(accepted)
        else:
            click.echo(f"{name.capitalize()} requested for {rule} (event {accepted['id']}).")

    return run


def _skip_command(name: str, help_text: str) -> click.Command:
    @click.command(name, help=f"{help_text}\n\n\b\nExample:\n  tally rules {name} sunday-service 2026-11-29T09:00:00Z")
    @click.argument("rule")
    @click.argument("opens_at")
    @output.as_json_option
    def run(rule: str, opens_at: str, as_json: bool) -> None:
        path = f"/rules/{quote(rule, safe='')}/occurrences/{quote(opens_at, safe='')}/{name}"
        accepted = options.api().post(path)
        if as_json:
            output.print_json(accepted)
        else:
            click.echo(f"{name.capitalize()} requested for {rule} at {opens_at} (event {accepted['id']}).")

    return run


def _action(rule: Json) -> str:
    """Return what a rule does: `start`, `end recording`, `window hls recording`; HLS alone is not named."""
    outputs = [rule["output"]] if "output" in rule else rule.get("outputs", [])
    return " ".join([rule.get("do", "window"), *(outputs if outputs != ["hls"] else [])])


def _row(rule: Json) -> list[output.Cell]:
    schedule, opening = rule.get("schedule"), (rule["next"] or {}).get("opens_at")
    if schedule is not None:
        trigger = "schedule " + next((str(schedule[key]) for key in ("cron", "rrule") if key in schedule), "")
    else:
        trigger = f"on {rule['on']}" if "on" in rule else f"when {rule.get('when')}"
    remark = " ".join(
        part
        for part in (
            "paused" if rule["paused"] else "",
            "from the file" if rule["from_file"] else "",
            rule["last_error"],
        )
        if part
    )
    return [
        rule["name"],
        trigger.strip(),
        _action(rule),
        " ".join(rule["rooms"]),
        f"open since {output.moment(opening)}"
        if opening and from_rfc3339(opening) <= time() * 1000
        else output.moment(opening),
        output.moment(rule["last_fired_at"]),
        remark or "-",
    ]
