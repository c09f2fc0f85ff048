"""`tally alarms`: list and acknowledge alarms."""

import getpass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import click

from webhook_app.domain.times import from_rfc3339, parse_duration, rfc3339
from workers.cli import options, output
from workers.cli.api_client import Json
from workers.cli.context import InvalidUsageError

COLOURS = {"critical": "red", "warning": "yellow"}


@click.group(invoke_without_command=True)
@click.option("--all", "everything", is_flag=True, help="Include cleared alarms.")
@options.limit_option()
@output.as_json_option
@click.pass_context
def alarms(context: click.Context, everything: bool, limit: int, as_json: bool) -> None:
    """List active alarms.

    \b
    Example:
      tally alarms --all
    """
    if context.invoked_subcommand is not None:
        return
    items, cursor = options.api().items("/alarms", limit, active=None if everything else True)
    if as_json:
        output.print_json({"items": items, "next": cursor})
        return
    cleared = ["CLEARED"] if everything else []
    rows = [_row(alarm, everything) for alarm in items]
    head = ["SEVERITY", "ALARM", "SINCE", *cleared, "ACKNOWLEDGED", "ID", "WHAT"]
    output.print_table(head, rows, empty="No alarms." if everything else "No active alarms.")
    output.more(cursor)


@alarms.command()
@click.argument("alarm_ids", metavar="ID...", nargs=-1, required=True)
@click.option(
    "--for",
    "span",
    metavar="DURATION",
    help="Acknowledge for this long, such as 30m or 2h; then the alarm counts again.",
)
@click.option("--until", metavar="TIME", help="Acknowledge until this time, such as 2026-11-22T12:00:00Z.")
@click.option("--by", metavar="NAME", help="Name to record.  [default: your login name]")
@output.as_json_option
def acknowledge(alarm_ids: tuple[str, ...], span: str | None, until: str | None, by: str | None, as_json: bool) -> None:
    """Acknowledge alarms: they stay listed but no longer count.

    Alarms about past events, such as a missed broadcast, are cleared.

    \b
    Examples:
      tally alarms acknowledge alarm_0123456789abcdef0123
      tally alarms acknowledge alarm_0123456789abcdef0123 --for 30m
    """
    body: Json = {"by": by or _login_name()}
    if (moment := _until(span, until)) is not None:
        body["until"] = moment
    api = options.api()
    answers = [api.post(f"/alarms/{quote(alarm_id, safe='')}/acknowledge", body) for alarm_id in alarm_ids]
    if as_json:
        output.print_json({"acknowledged": list(alarm_ids), "events": [answer["id"] for answer in answers]})
    else:
        click.echo(f"acknowledged: {', '.join(alarm_ids)}")


def _until(span: str | None, until: str | None) -> str | None:
    if span is not None and until is not None:
        raise InvalidUsageError("Give --for or --until, not both.")
    try:
        if span is not None:
            return (datetime.now(UTC) + timedelta(seconds=parse_duration(span))).isoformat()
        return None if until is None else rfc3339(from_rfc3339(until))
    except ValueError as error:
        raise InvalidUsageError(str(error)) from None


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "cli"


def _row(alarm: Json, everything: bool) -> list[output.Cell]:
    is_active = alarm["cleared_at"] is None
    muted = f" until {output.moment(alarm['muted_until'])}" if alarm["muted_until"] else ""
    return [
        (alarm["severity"], COLOURS.get(alarm["severity"]) if is_active else None),
        alarm["name"],
        output.moment(alarm["since"]),
        *([output.moment(alarm["cleared_at"])] if everything else []),
        f"{alarm['acknowledged_by']}{muted}" if alarm["acknowledged_by"] else "-",
        alarm["id"],
        alarm["summary"],
    ]


def add_to(main: click.Group) -> None:
    """Add these commands to `tally`."""
    main.add_command(alarms)
