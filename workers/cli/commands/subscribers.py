"""`tally subscribers`: list and test subscribers, and resend what one missed."""

from time import monotonic, sleep
from urllib.parse import quote

import click

from workers.cli import options, output
from workers.cli.api_client import ApiClient, Json
from workers.cli.progress import growing_progress_bar

WATCH_MAX_S = 600.0
POLL_INTERVAL_S = 0.5
BEGIN_S = 3.0  # from processing the command until its first deliveries are queued


def add_to(main: click.Group) -> None:
    """Add these commands to `tally`."""
    main.add_command(subscribers)


@click.group(invoke_without_command=True)
@options.limit_option()
@output.as_json_option
@click.pass_context
def subscribers(context: click.Context, limit: int, as_json: bool) -> None:
    """List subscribers.

    \b
    Example:
      tally subscribers
    """
    if context.invoked_subcommand is not None:
        return
    items, cursor = options.api().items("/subscribers", limit)
    if as_json:
        output.print_json({"items": items, "next": cursor})
        return
    head = ("ID", "NAME", "TYPES", "ROOMS", "ENABLED", "URL")
    output.print_table(head, [_row(subscriber) for subscriber in items], empty="No subscribers.")
    output.more(cursor)


@subscribers.command()
@click.argument("subscriber_id", metavar="ID")
@output.as_json_option
def test(subscriber_id: str, as_json: bool) -> None:
    """Send a test notice (subscriber.test) to a subscriber.

    \b
    Example:
      tally subscribers test sub_0123456789abcdef
    """
    accepted = options.api().post(f"/subscribers/{quote(subscriber_id, safe='')}/test")
    if as_json:
        output.print_json(accepted)
    else:
        click.echo(f"Sending a test notice. See: tally deliveries --subscriber {subscriber_id}")


@subscribers.command()
@click.argument("subscriber_id", metavar="ID")
@click.option("--from", "since", metavar="TIME", required=True, help="Start of the range (RFC 3339).")
@click.option("--to", "until", metavar="TIME", help="End of the range. Default: now.")
@click.option("--watch/--no-watch", default=True, help="Wait until all are delivered, at most 10 minutes.")
@output.as_json_option
def recover(subscriber_id: str, since: str, until: str | None, watch: bool, as_json: bool) -> None:
    """Resend undelivered notices for a time range.

    \b
    Example:
      tally subscribers recover sub_0123456789abcdef --from 2026-11-22T09:00:00Z
    """
    api, segment = options.api(), quote(subscriber_id, safe="")
    body: Json = {"from": since} | ({"to": until} if until else {})
    accepted = api.post(f"/subscribers/{segment}/recover", body)
    left = _watch(api, segment, accepted["id"]) if watch else None
    if as_json:
        output.print_json(accepted | ({} if left is None else {"pending": left}))
    elif left is None:
        click.echo("Resending.")
    else:
        click.echo(
            "All delivered." if not left else f"{left} {'delivery' if left == 1 else 'deliveries'} still pending."
        )


def _watch(api: ApiClient, segment: str, event_id: str) -> int:
    """Show progress until nothing is pending; return how many deliveries still are."""
    until, begins_by = monotonic() + WATCH_MAX_S, None
    most = left = 0
    with growing_progress_bar("delivering") as set_progress:
        while monotonic() < until:
            if begins_by is None and api.get(f"/events/{event_id}")["effect"] is not None:
                begins_by = monotonic() + BEGIN_S
            left = int(api.get(f"/subscribers/{segment}")["health"]["in_line"])
            most = max(most, left)
            set_progress(most - left, most)
            if not left and begins_by is not None and (most or monotonic() > begins_by):
                break
            sleep(POLL_INTERVAL_S)
    return left


def _row(subscriber: Json) -> list[output.Cell]:
    enabled: output.Cell = "yes" if subscriber["enabled"] else (f"no: {subscriber['disabled_because'] or ''}", "red")
    types, rooms = " ".join(subscriber["types"]), " ".join(subscriber["rooms"])
    return [subscriber["id"], subscriber["name"] or "-", types, rooms, enabled, subscriber["url"]]
