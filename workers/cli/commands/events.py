"""`tally events`: show and follow the event log."""

from urllib.parse import quote

import click
import requests
import urllib3

from webhook_app.domain.events import Source
from webhook_app.outbound.failures import failure_text
from workers.cli import options, output
from workers.cli.api_client import ApiClient, Json
from workers.cli.context import CommandError
from workers.cli.event_stream import follow

LAST_MAX = 500
COLOURS = {"videosdk": "cyan", "operator": "magenta", "call": "blue", "probe": "blue"}


def add_to(main: click.Group) -> None:
    """Add these commands to `tally`."""
    main.add_command(events)


@click.group()
def events() -> None:
    """Inspect the event log."""


@events.command()
@click.option("--room", metavar="ROOM", shell_complete=options.complete_rooms, help="Filter by room.")
@click.option("--type", "kind", help="Filter by type, such as hls-started.")
@click.option("--source", type=click.Choice([source.value for source in Source]), help="Filter by source.")
@click.option(
    "-n", "--last", default=10, show_default=True, type=click.IntRange(0, LAST_MAX), help="Number of past events."
)
@click.option("--follow/--no-follow", "going_on", default=True, help="Keep following (default) or exit.")
@click.option(
    "--all", "everything", is_flag=True, help="Show every check that changed nothing, instead of one line for all."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one event per line, including every check.")
def tail(
    room: str | None, kind: str | None, source: str | None, last: int, going_on: bool, everything: bool, as_json: bool
) -> None:
    """Show recent events and follow new ones, each with its effect.

    Consecutive checks that changed nothing are printed as one line once something else happens.

    \b
    Examples:
      tally events tail --room abcd-efgh-ijkl
      tally events tail --no-follow --last 100 --json | jq -r .type | sort | uniq -c
    """
    api = options.api()
    if room is not None:
        _warn_if_unknown(api, room)
    filters = {"room_id": room, "type": kind, "source": source}
    everything = everything or as_json or kind is not None or source is not None
    if not last:
        events_page = []
    elif room is not None and not everything:
        events_page = api.items(f"/rooms/{quote(room, safe='')}/timeline", last, collapse=1)[0]
    else:
        events_page = api.items("/events", last, **filters)[0]
    # Events that are not processed yet arrive by the stream, which follows processing.
    past = [event for event in reversed(events_page) if event["effect"] is not None or not going_on]
    printer = _Printer(as_json=as_json, everything=everything)
    for event in past:
        printer.take(event)
    if not going_on:
        printer.close()
        return
    newest = past[-1]["id"] if past else _newest_folded(api)
    try:
        for event in follow(api, last_id=newest, print_status=_print_status, **filters):
            printer.take(event)
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        raise CommandError(f"{api.url} is unreachable: {failure_text(error)}. Is Tallylight running there?") from None
    except KeyboardInterrupt:
        printer.close()
        click.echo(err=True)


@events.command("show")
@click.argument("event_id", metavar="ID")
@output.as_json_option
def show_event(event_id: str, as_json: bool) -> None:
    """Show one event: its data, its effect, and what rules and the controller decided.

    \b
    Example:
      tally events show 1795629607120-0
    """
    event = options.api().get(f"/events/{quote(event_id, safe='')}")
    if as_json:
        output.print_json(event)
        return
    room = output.room(event) + (f" ({event['room_id']})" if event.get("room_name") else "")
    click.echo(f"{click.style(event['type'], bold=True)}  from {event['source']}  room {output.one_line(room)}")
    click.echo(f"at        {event['at']}")
    click.echo(f"effect    {output.one_line(event['effect'] or 'not processed yet')}")
    for decision in event.get("decisions", ()):
        ids = ", ".join(
            f"{name} {decision[key]}" for name, key in (("call", "call_id"), ("notice", "notice_id")) if decision[key]
        )
        click.echo(
            f"decision  {decision['rule'] or 'controller'}: {output.one_line(decision['did'])}"
            f"{' (' + ids + ')' if ids else ''}"
        )
    click.echo("data")
    output.print_json(event["data"])


def _print_status(line: str) -> None:
    click.echo(f"tally: {output.one_line(line)}", err=True)


def _warn_if_unknown(api: ApiClient, room: str) -> None:
    """Warn about an unknown room, but continue: it may have past events, or its first event may still come."""
    try:
        api.get(options.room_path(room))
    except CommandError as error:
        click.echo(f"tally: {output.one_line(error.message)}", err=True)


def _newest_folded(api: ApiClient) -> str | None:
    events_page, _ = api.items("/events", 50)
    return next((event["id"] for event in events_page if event["effect"] is not None), None)


class _Printer:
    """Prints events; consecutive checks that changed nothing are collected and printed as one line per room."""

    def __init__(self, *, as_json: bool, everything: bool) -> None:
        self._as_json = as_json
        self._everything = everything
        self._collected: dict[str | None, list[Json]] = {}

    def take(self, event: Json) -> None:
        """Print an event, or collect it if it is a check that changed nothing."""
        run = event.get("run")
        if run is not None and run["checks"] and run["events"] > 2:
            self._release(event["room_id"])
            _print_run(run["checks"], run["since"], event)
            return
        if self._everything or not event.get("unchanged"):
            for room_id in list(self._collected) if event["room_id"] is None else [event["room_id"]]:
                self._release(room_id)
            _print(event, self._as_json)
            return
        collected = self._collected.setdefault(event["room_id"], [])
        if event["source"] == "probe" and any(decision["effect"] != event["effect"] for decision in _probes(collected)):
            self._release(event["room_id"])
        self._collected.setdefault(event["room_id"], []).append(event)

    def close(self) -> None:
        """Print the collected checks."""
        for room_id in list(self._collected):
            self._release(room_id)

    def _release(self, room_id: str | None) -> None:
        collected = self._collected.pop(room_id, [])
        probes = _probes(collected)
        if len(collected) < 3 or not probes:
            for event in collected:
                _print(event, self._as_json)
            return
        _print_run(len(probes), collected[0]["at"], probes[-1])


def _print_run(checks: int, since: str, last: Json) -> None:
    times = "once" if checks == 1 else f"{checks} times"
    room = output.one_line(output.room(last))
    click.echo(
        f"{output.moment(last['at'])}  {last['source']:8}  {'checked'.ljust(22)}  {room}  "
        f"checked {times} since {output.moment(since)}: {output.one_line(last['effect'])}"
    )


def _probes(events: list[Json]) -> list[Json]:
    return [event for event in events if event["source"] == "probe"]


def _print(event: Json, as_json: bool) -> None:
    if as_json:
        output.print_json_line(event)
        return
    kind = click.style(output.one_line(event["type"]).ljust(22), fg=COLOURS.get(event["source"]))
    effect = output.one_line(event["effect"] or "(not processed yet)")
    room = output.one_line(output.room(event))
    click.echo(f"{output.moment(event['at'])}  {event['source']:8}  {kind}  {room}  {effect}")
