"""`tally rooms`, `start`, `end` and `release`: room status and operator overrides."""

import json
from collections.abc import Callable
from time import monotonic, sleep
from typing import TextIO

import click

from webhook_app.domain.outputs import Output
from webhook_app.domain.views import next_opening
from workers.cli import options, output
from workers.cli.api_client import ApiClient, Json
from workers.cli.commands import room_changes
from workers.cli.commands.room_create import create
from workers.cli.context import CommandError

POLL_INTERVAL_S = 0.5
HLS = Output.HLS.value
BODY_FIELDS = {Output.HLS: "start", Output.RECORDING: "recording", Output.RTMP: "rtmp"}
OUTPUT_NAMES = {Output.RECORDING: "REC", Output.RTMP: "RTMP"}
QUIET_STATES = ("idle", "stopped")

RoomCheck = Callable[[Json], bool]

until_option = click.option(
    "--until", metavar="TIME", help="When the override expires (RFC 3339). Default: until released."
)
output_option = click.option(
    "--output",
    "room_output",
    type=click.Choice([room_output.value for room_output in Output]),
    default=HLS,
    show_default=True,
    help="The output of the room.",
)
wait_option = click.option(
    "--wait", type=click.IntRange(1, 3600), metavar="SECONDS", help="Wait up to this many seconds for the result."
)


def add_to(main: click.Group) -> None:
    """Add these commands to `tally`."""
    rooms.add_command(create)
    room_changes.add_to(rooms)
    for command in (rooms, start, end, release):
        main.add_command(command)


@click.group(invoke_without_command=True)
@click.option("--on-air", is_flag=True, help="Only rooms on air.")
@click.option("--group", help="Filter by group.")
@click.option("--q", metavar="TEXT", help="Filter by id or name.")
@options.limit_option()
@output.as_json_option
@click.pass_context
def rooms(context: click.Context, on_air: bool, group: str | None, q: str | None, limit: int, as_json: bool) -> None:
    """List rooms and their status, most recent first.

    \b
    Example:
      tally rooms --on-air
    """
    if context.invoked_subcommand is not None:
        return
    rooms_page, cursor = options.api().items("/rooms", limit, on_air=on_air or None, group=group, q=q)
    if as_json:
        output.print_json({"items": rooms_page, "next": cursor})
        return
    head = ("ROOM", "NAME", "LAMP", "STATE", "OTHER OUTPUTS", "SINCE", "PEOPLE", "WANTED BY", "NEXT WINDOW")
    output.print_table(head, [_row(room) for room in rooms_page], empty="No rooms.")
    output.more(cursor)


@click.command()
@options.room_argument
@output_option
@until_option
@click.option(
    "--body",
    "--start",
    "body",
    type=click.File(encoding="utf-8"),
    metavar="FILE",
    help="JSON file with the body of the output's start call; `-` for standard input. RTMP needs `streams`.",
)
@wait_option
@output.as_json_option
def start(room: str, room_output: str, until: str | None, body: TextIO | None, wait: int | None, as_json: bool) -> None:
    """Start an output of a room, by default its HLS stream (operator override). Safe to repeat.

    Overrides all rules until it expires or is released.

    \b
    Examples:
      tally start abcd-efgh-ijkl --wait 60
      tally start abcd-efgh-ijkl --until 2026-11-22T12:00:00Z --body layout.json
      tally start abcd-efgh-ijkl --output recording
      tally start abcd-efgh-ijkl --output rtmp --body destinations.json
    """
    override = _override(room_output, until)
    if body is not None:
        override[BODY_FIELDS[Output(room_output)]] = _json_of(body)
    if room_output == HLS:
        _command(room, "start", override, as_json, wait, lambda room: bool(room["watchable"]), "watchable")
    else:
        _command(room, "start", override, as_json, wait, lambda room: _is_live(room, room_output), "on")


@click.command()
@options.room_argument
@output_option
@until_option
@wait_option
@output.as_json_option
def end(room: str, room_output: str, until: str | None, wait: int | None, as_json: bool) -> None:
    """End an output of a room, by default its HLS stream (operator override). Safe to repeat.

    \b
    Examples:
      tally end abcd-efgh-ijkl --wait 30
      tally end abcd-efgh-ijkl --output recording
    """
    aim = "off air" if room_output == HLS else "off"
    override = _override(room_output, until)
    _command(room, "end", override, as_json, wait, lambda room: not _is_live(room, room_output), aim)


@click.command()
@options.room_argument
@output_option
@output.as_json_option
def release(room: str, room_output: str, as_json: bool) -> None:
    """Clear the operator override of an output, by default HLS, and return control to rules.

    \b
    Example:
      tally release abcd-efgh-ijkl
    """
    _command(room, "release", _override(room_output, None), as_json, None, lambda room: True, "")


def _override(room_output: str, until: str | None) -> Json:
    override: Json = {} if until is None else {"until": until}
    return override if room_output == HLS else override | {"output": room_output}


def _is_live(room: Json, room_output: str) -> bool:
    return bool(room["outputs"][room_output]["live"])


def _command(room: str, what: str, body: Json, as_json: bool, wait_s: int | None, done: RoomCheck, aim: str) -> None:
    api, path = options.api(), options.room_path(room)
    accepted = api.post(f"{path}/{what}", body)
    room_output = body.get("output")
    subject = room if room_output is None else f"{room}, output {room_output}"
    if as_json and wait_s is None:
        output.print_json(accepted)
        return
    if not as_json:
        click.echo(f"{what.capitalize()} requested for {subject} (event {accepted['id']}).")
    if wait_s is None:
        return
    reached = _wait_for(api, path, accepted["id"], wait_s, done)
    if reached is None:
        raise CommandError(
            f"Timed out after {wait_s} s waiting for {subject} to become {aim}. See: tally events tail --room {room}"
        )
    if as_json:
        output.print_json(accepted | {"room": reached})
    elif room_output is None:
        click.echo(f"{room}: {reached['state']}{', on air' if reached['on_air'] else ''}")
    else:
        click.echo(f"{subject}: {reached['outputs'][room_output]['state']}")


def _wait_for(api: ApiClient, path: str, event_id: str, wait_s: int, done: RoomCheck) -> Json | None:
    """Return the room once the command is processed and `done` holds; None if that took too long."""
    until = monotonic() + wait_s
    folded = False
    while monotonic() < until:
        folded = folded or api.get(f"/events/{event_id}")["effect"] is not None
        if folded:
            room = api.get(path)
            if done(room):
                return room
        sleep(POLL_INTERVAL_S)
    return None


def _json_of(file: TextIO) -> Json:
    try:
        body = json.load(file)
    except ValueError as error:
        raise click.BadParameter(f"not JSON: {error}", param_hint="--body") from None
    if not isinstance(body, dict):
        raise click.BadParameter('must be a JSON object, such as {"config": {…}}', param_hint="--body")
    return body


def _people(count: int, hosts: int | None) -> str:
    """Format the number of participants, with the number of hosts if known."""
    if hosts is None or not count:
        return str(count)
    return f"{count} ({hosts} {'host' if hosts == 1 else 'hosts'})"


def _other_outputs(room: Json) -> output.Cell:
    """Return the recording and the RTMP stream with their states, unless they are off; red while one is on."""
    views = {word: room["outputs"][name] for name, word in OUTPUT_NAMES.items()}
    states = {word: "armed" if view.get("armed") else view["state"] for word, view in views.items()}
    words = [f"{word} {state}" for word, state in states.items() if state not in QUIET_STATES]
    if not words:
        return output.NOTHING
    return (", ".join(words), "red" if any(view["live"] for view in views.values()) else None)


def _next_opening(room: Json) -> output.Cell:
    """Return when the next window of any output opens, and of which outputs where HLS is none of them."""
    opening = next_opening(room["outputs"])
    if opening is None:
        return output.NOTHING
    opens_at, names = opening
    words = "" if HLS in names else f" ({', '.join(OUTPUT_NAMES[Output(name)] for name in names)})"
    return output.moment(opens_at) + words


def _row(room: Json) -> list[output.Cell]:
    stream, session, override = (room[name] or {} for name in ("stream", "session", "desired"))
    since = stream.get("ended_at") or stream.get("started_at") or stream.get("starting_at")
    count = session.get("participant_count") if session.get("live") else None
    hosts = session.get("host_count")
    wanted_by = f"{'on' if override['on_air'] else 'off'}: {override['because']}" if override else "-"
    return [
        room["room_id"],
        room["name"] or "-",
        output.lamp(room),
        room["state"] + (" (armed)" if room["armed"] else ""),
        _other_outputs(room),
        output.moment(since),
        "-" if count is None else _people(count, hosts),
        wanted_by,
        _next_opening(room),
    ]
