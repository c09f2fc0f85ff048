"""`tally alarms`: what is raised, since when, and what was."""

import click

from workers.commands import asking, show

COLOURS = {"critical": "red", "warning": "yellow"}


@click.command()
@click.option("--all", "everything", is_flag=True, help="Those that were cleared too.")
@asking.limit_option()
@show.as_json_option
def alarms(everything: bool, limit: int, as_json: bool) -> None:
    """What is raised now, the newest first.

    \b
    Example:
      tally alarms --all
    """
    found, cursor = asking.api().items("/alarms", limit, active=None if everything else True)
    if as_json:
        show.print_json({"items": found, "next": cursor})
        return
    rows: list[list[show.Cell]] = [
        [
            (one["severity"], COLOURS.get(one["severity"]) if one["cleared_at"] is None else None),
            one["name"],
            show.moment(one["since"]),
            *([show.moment(one["cleared_at"])] if everything else []),
            one["summary"],
        ]
        for one in found
    ]
    cleared = ["CLEARED"] if everything else []
    show.print_table(["SEVERITY", "ALARM", "SINCE", *cleared, "WHAT"], rows, empty="no alarm is raised")
    show.more(cursor)


def add_to(main: click.Group) -> None:
    """Add the alarms."""
    main.add_command(alarms)
