"""`tally rooms add`, `name`, `group` and `forget`: configure rooms that are not in the configuration file."""

from typing import Any

import click

from workers.cli import options, output
from workers.cli.api_client import Json

group_option = click.option("--group", "groups", metavar="GROUP", multiple=True, help="Group of the room; repeatable.")
name_option = click.option("--name", metavar="NAME", help="Name of the room: a-z, 0-9 and -.")


def add_to(rooms: click.Group) -> None:
    """Add these commands to `tally rooms`."""
    for command in (add, name, group, forget):
        rooms.add_command(command)


def new_room(room_id: str, name: str | None, groups: tuple[str, ...]) -> Json:
    """Return the request body that adds a room."""
    return {"room_id": room_id, "groups": list(groups)} | ({} if name is None else {"name": name})


@click.command()
@click.argument("room_id", metavar="ROOM_ID")
@name_option
@group_option
@output.as_json_option
def add(room_id: str, name: str | None, groups: tuple[str, ...], as_json: bool) -> None:
    """Add an existing VideoSDK room by its id. Its name can then be used instead of the id everywhere.

    `tally rooms create` creates a new room at VideoSDK and adds it.

    \b
    Example:
      tally rooms add abcd-efgh-ijkl --name main-hall --group webinar
    """
    _print_result(options.api().post("/rooms", new_room(room_id, name, groups)), "added", as_json)


@click.command()
@options.room_argument
@click.argument("new_name", metavar="[NAME]", required=False)
@click.option("--remove", is_flag=True, help="Remove the name.")
@output.as_json_option
def name(room: str, new_name: str | None, remove: bool, as_json: bool) -> None:
    """Name or rename a room. Rejected while a rule or subscriber uses the old name.

    \b
    Examples:
      tally rooms name abcd-efgh-ijkl main-hall
      tally rooms name main-hall --remove
    """
    if (new_name is None) != remove:
        raise click.UsageError("Give a name or --remove.")
    _print_result(_change(room, {"name": new_name}), "changed", as_json)


@click.command()
@options.room_argument
@click.argument("groups", metavar="[GROUP]...", nargs=-1)
@output.as_json_option
def group(room: str, groups: tuple[str, ...], as_json: bool) -> None:
    """Set the groups of a room; without groups, remove it from all.

    \b
    Example:
      tally rooms group main-hall webinar friday
    """
    _print_result(_change(room, {"groups": list(groups)}), "changed", as_json)


@click.command()
@options.room_argument
@output.as_json_option
def forget(room: str, as_json: bool) -> None:
    """Forget a room: its state, name and groups. Its events are kept.

    Rejected while the room is live, or while a rule or subscriber names it. A new webhook adds the room again. Prefix
    an id with `id:` if another room has it as its name.

    \b
    Examples:
      tally rooms forget abcd-efgh-ijkl
      tally rooms forget id:main-hall
    """
    answer = options.api().request("DELETE", options.room_path(room))
    if as_json:
        output.print_json({"room": room, "forgotten": "id" not in answer, **answer})
    else:
        click.echo(output.one_line(f"room {room} {_outcome(answer, 'forgotten')}"))


def _change(room: str, change: dict[str, Any]) -> Json:
    return options.api().request("PATCH", options.room_path(room), body=change)


def _print_result(answer: Json, done: str, as_json: bool) -> None:
    if as_json:
        output.print_json(answer)
        return
    if "room_id" not in answer:
        click.echo(_outcome(answer, done))
        return
    name_part = f", named {answer['name']}" if answer["name"] else ""
    grouped = f", in {', '.join(answer['groups'])}" if answer["groups"] else ""
    click.echo(output.one_line(f"room {answer['room_id']} {done}{name_part}{grouped}"))


def _outcome(answer: Json, done: str) -> str:
    """Return what was done, or the event of a change that is still being processed."""
    return done if "id" not in answer else f"change requested (event {answer['id']})"
