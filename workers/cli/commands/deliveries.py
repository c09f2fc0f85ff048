"""`tally deliveries`: list and retry deliveries."""

from collections.abc import Mapping, Sequence
from urllib.parse import quote

import click

from workers.cli import options, output
from workers.cli.api_client import ApiClient, Json
from workers.cli.progress import progress_bar

STATES = ("pending", "delivered", "dead")
RETRY_MAX = 10_000
SUBSCRIBERS_MAX = 10_000
COLOURS = {"dead": "red", "pending": "yellow"}


def add_to(main: click.Group) -> None:
    """Add these commands to `tally`."""
    main.add_command(deliveries)


@click.group(invoke_without_command=True)
@click.option("--state", type=click.Choice(STATES), help="Filter by state.")
@click.option("--subscriber", metavar="ID", help="Filter by subscriber id.")
@click.option("--notice", metavar="ID", help="Filter by notice id (its webhook-id).")
@options.limit_option()
@output.as_json_option
@click.pass_context
def deliveries(
    context: click.Context, state: str | None, subscriber: str | None, notice: str | None, limit: int, as_json: bool
) -> None:
    """List deliveries, newest first.

    \b
    Example:
      tally deliveries --state dead
    """
    if context.invoked_subcommand is not None:
        return
    api = options.api()
    deliveries_page, cursor = api.items(_path(subscriber), limit, state=state, notice_id=notice)
    if as_json:
        output.print_json({"items": deliveries_page, "next": cursor})
        return
    head = ("ID", "NOTICE", "ROOM", "SUBSCRIBER", "STATE", "TRIES", "LAST", "NEXT TRY")
    names = _subscriber_names(api) if deliveries_page else {}
    output.print_table(head, [_row(delivery, names) for delivery in deliveries_page], empty="No deliveries.")
    for hint in blocked_hints(deliveries_page):
        click.echo(hint, err=True)
    output.more(cursor)


@deliveries.command()
@click.argument("delivery_ids", metavar="[ID]...", nargs=-1)
@click.option("--dead", is_flag=True, help="Retry all dead deliveries.")
@click.option("--subscriber", metavar="ID", help="With --dead: only those of this subscriber.")
@output.as_json_option
def retry(delivery_ids: tuple[str, ...], dead: bool, subscriber: str | None, as_json: bool) -> None:
    """Retry deliveries now.

    A delivered one is sent once more under the same webhook-id.

    \b
    Examples:
      tally deliveries retry dlv_0123456789abcdef
      tally deliveries retry --dead --subscriber sub_0123456789abcdef
    """
    if bool(delivery_ids) == dead:
        raise click.UsageError("Give delivery ids or --dead.")
    if subscriber is not None and not dead:
        raise click.UsageError("--subscriber requires --dead.")
    api = options.api()
    if dead:
        delivery_ids = tuple(delivery["id"] for delivery in api.items(_path(subscriber), RETRY_MAX, state="dead")[0])
    with progress_bar(len(delivery_ids), "retrying") as set_progress:
        for count, delivery_id in enumerate(delivery_ids, 1):
            api.post(f"/deliveries/{quote(delivery_id, safe='')}/retry")
            set_progress(count)
    if as_json:
        output.print_json({"retried": list(delivery_ids)})
    else:
        click.echo(f"{len(delivery_ids)} {'delivery' if len(delivery_ids) == 1 else 'deliveries'} queued for retry")


def blocked_hints(deliveries: Sequence[Json]) -> list[str]:
    """Return how to allow the addresses that blocked the last attempts, each hint once."""
    last_attempts = [attempt for delivery in deliveries for attempt in delivery["attempts"][-1:]]
    return sorted({attempt["response"] for attempt in last_attempts if attempt["error"] == "blocked"} - {""})


def _path(subscriber: str | None) -> str:
    return "/deliveries" if subscriber is None else f"/subscribers/{quote(subscriber, safe='')}/deliveries"


def _subscriber_names(api: ApiClient) -> dict[str, str]:
    """Return the names of subscribers by id, for those that have one."""
    subscribers, _ = api.items("/subscribers", SUBSCRIBERS_MAX)
    return {subscriber["id"]: subscriber["name"] for subscriber in subscribers if subscriber["name"]}


def _row(delivery: Json, names: Mapping[str, str]) -> list[output.Cell]:
    last = delivery["attempts"][-1] if delivery["attempts"] else {}
    result = last.get("status") or last.get("error") or "-"
    return [
        delivery["id"],
        delivery["notice"].get("type", "-"),
        output.room(delivery["notice"].get("data") or {}),
        names.get(delivery["subscriber_id"], delivery["subscriber_id"]),
        (delivery["state"], COLOURS.get(delivery["state"])),
        str(len(delivery["attempts"])),
        str(result),
        output.moment(delivery["next_attempt_at"]),
    ]
