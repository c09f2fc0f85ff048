"""`tally rooms add`, `name`, `group` and `forget`: the configured rooms that are not the configuration file's."""

from typing import Any

import click

from workers.cli import options, output
from workers.cli.api_client import Json

group_option = click.option("--group", "groups", metavar="GROUP", multiple=True, help="A group; may be repeated.")
name_option = click.option("--name", metavar="NAME", help="What to call it: a-z, 0-9 and -.")


def add_to(rooms: click.Group) -> None:
    """Add these to `tally rooms`."""
    for command in (add, name, group, forget):
        rooms.add_command(command)


def new_room(room_id: str, name: str | None, groups: tuple[str, ...]) -> Json:
    """The body that adds a room."""
    return {"room_id": room_id, "groups": list(groups)} | ({} if name is None else {"name": name})


@click.command()
@click.argument("room_id", metavar="ROOM_ID")
@name_option
@group_option
@output.as_json_option
def add(room_id: str, name: str | None, groups: tuple[str, ...], as_json: bool) -> None:
    """Add a room that exists at VideoSDK, by its id. Its name then stands for the id everywhere.

    `tally rooms create` makes a new one at VideoSDK and adds it.

    \b
    Example:
      tally rooms add abcd-efgh-ijkl --name main-hall --group webinar
    """
    _say(options.api().post("/rooms", new_room(room_id, name, groups)), "is added", as_json)


@click.command()
@options.room_argument
@click.argument("new_name", metavar="[NAME]", required=False)
@click.option("--remove", is_flag=True, help="Take its name away.")
@output.as_json_option
def name(room: str, new_name: str | None, remove: bool, as_json: bool) -> None:
    """Name a room, or name it anew. Refused while a rule or subscriber uses the old name.

    \b
    Examples:
      tally rooms name abcd-efgh-ijkl main-hall
      tally rooms name main-hall --remove
    """
    if (new_name is None) != remove:
        raise click.UsageError("give a name, or --remove")
    _say(_change(room, {"name": new_name}), "is changed", as_json)


@click.command()
@options.room_argument
@click.argument("groups", metavar="[GROUP]...", nargs=-1)
@output.as_json_option
def group(room: str, groups: tuple[str, ...], as_json: bool) -> None:
    """Put a room in these groups and no others; in none when none is given.

    \b
    Example:
      tally rooms group main-hall webinar friday
    """
    _say(_change(room, {"groups": list(groups)}), "is changed", as_json)


@click.command()
@options.room_argument
@output.as_json_option
def forget(room: str, as_json: bool) -> None:
    """Forget a room: its state, name and groups. Its events stay.

    Refused while it is live, and while a rule or subscriber names it. A new webhook makes it known again. `id:` before
    an id means that id even if another room has it as its name.

    \b
    Examples:
      tally rooms forget abcd-efgh-ijkl
      tally rooms forget id:main-hall
    """
    answer = options.api().ask("DELETE", options.room_path(room))
    if as_json:
        output.print_json({"room": room, "forgotten": "id" not in answer, **answer})
    else:
        click.echo(output.one_line(f"room {room} {_outcome(answer, 'is forgotten')}"))


def _change(room: str, change: dict[str, Any]) -> Json:
    return options.api().ask("PATCH", options.room_path(room), body=change)


def _say(answer: Json, done: str, as_json: bool) -> None:
    if as_json:
        output.print_json(answer)
        return
    if "room_id" not in answer:
        click.echo(_outcome(answer, done))
        return
    named = f", named {answer['name']}" if answer["name"] else ""
    grouped = f", in {', '.join(answer['groups'])}" if answer["groups"] else ""
    click.echo(output.one_line(f"room {answer['room_id']} {done}{named}{grouped}"))


def _outcome(answer: Json, done: str) -> str:
    """What was done, or where the outcome of an accepted change can be read."""
    return (
        done if "id" not in answer else f"change is accepted; `tally events show {answer['id']}` says what came of it"
    )
