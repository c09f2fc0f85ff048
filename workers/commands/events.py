"""`tally events`: what happened, as it happens, and what each event came to."""

from urllib.parse import quote

import click
import requests
import urllib3

from webhook_app.domain.events import Source
from workers.commands import asking, show
from workers.commands.api import Api, Json
from workers.commands.event_stream import follow
from workers.commands.given import Failed

LAST_MAX = 500
COLOURS = {"videosdk": "cyan", "operator": "magenta", "call": "blue", "probe": "blue"}


def add_to(main: click.Group) -> None:
    """Add the events."""
    main.add_command(events)


@click.group()
def events() -> None:
    """Events: what happened, and what it came to."""


@events.command()
@click.option("--room", metavar="ROOM", shell_complete=asking.complete_rooms, help="Only this room's.")
@click.option("--type", "kind", help="Only those of this type, such as hls-started.")
@click.option("--source", type=click.Choice([source.value for source in Source]), help="Only those from there.")
@click.option(
    "-n", "--last", default=10, show_default=True, type=click.IntRange(0, LAST_MAX), help="Begin so far back."
)
@click.option("--follow/--no-follow", "going_on", default=True, help="Go on until Ctrl-C, or stop at the newest.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one event a line.")
def tail(room: str | None, kind: str | None, source: str | None, last: int, going_on: bool, as_json: bool) -> None:
    """The last events and, live, each further one with what folding it came to.

    \b
    Examples:
      tally events tail --room abcd-efgh-ijkl
      tally events tail --no-follow --last 100 --json | jq -r .type | sort | uniq -c
    """
    api = asking.api()
    if room is not None:
        _warn_if_unknown(api, room)
    filters = {"room_id": room, "type": kind, "source": source}
    found = api.items("/events", last, **filters)[0] if last else []
    # What is not folded yet comes with the stream, which runs behind the folding.
    past = [event for event in reversed(found) if event["effect"] is not None or not going_on]
    for event in past:
        _print(event, as_json)
    if not going_on:
        return
    newest = past[-1]["id"] if past else _newest_folded(api)
    try:
        for event in follow(
            api, last_id=newest, say=lambda line: click.echo(f"tally: {show.one_line(line)}", err=True), **filters
        ):
            _print(event, as_json)
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        raise Failed(f"{api.url} cannot be reached ({type(error).__name__}): does Tallylight run there?") from None
    except KeyboardInterrupt:
        click.echo(err=True)


@events.command("show")
@click.argument("event_id", metavar="ID")
@show.as_json_option
def show_event(event_id: str, as_json: bool) -> None:
    """One event: what it said, what folding it changed, and what rules and controller decided.

    \b
    Example:
      tally events show 1795629607120-0
    """
    event = asking.api().get(f"/events/{quote(event_id, safe='')}")
    if as_json:
        show.print_json(event)
        return
    room = event["room_id"] or "-"
    click.echo(f"{click.style(event['type'], bold=True)}  from {event['source']}  room {show.one_line(room)}")
    click.echo(f"at        {event['at']}")
    click.echo(f"effect    {show.one_line(event['effect'] or 'not folded yet')}")
    for one in event.get("decisions", ()):
        ids = ", ".join(
            f"{name} {one[key]}" for name, key in (("call", "call_id"), ("notice", "notice_id")) if one[key]
        )
        click.echo(
            f"decision  {one['rule'] or 'controller'}: {show.one_line(one['did'])}{' (' + ids + ')' if ids else ''}"
        )
    click.echo("data")
    show.print_json(event["data"])


def _warn_if_unknown(api: Api, room: str) -> None:
    """Say so when nothing is known of a room: its past events may be kept, or its first may be yet to come."""
    try:
        api.get(asking.room_path(room))
    except Failed as error:
        click.echo(f"tally: {show.one_line(error.message)}", err=True)


def _newest_folded(api: Api) -> str | None:
    found, _ = api.items("/events", 50)
    return next((event["id"] for event in found if event["effect"] is not None), None)


def _print(event: Json, as_json: bool) -> None:
    if as_json:
        show.print_json_line(event)
        return
    kind = click.style(show.one_line(event["type"]).ljust(22), fg=COLOURS.get(event["source"]))
    effect = show.one_line(event["effect"] or "(not folded yet)")
    room = show.one_line(event["room_id"] or "-")
    click.echo(f"{show.moment(event['at'])}  {event['source']:8}  {kind}  {room}  {effect}")
