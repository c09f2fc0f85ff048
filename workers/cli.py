"""`tally`: the command line."""

import os
import sys
from pathlib import Path

import click

from workers.commands import alarms, deliveries, doctor, events, processes, rooms, rules, subscribers
from workers.commands.given import on_a_store as _on_a_store
from workers.commands.given import settings as _settings


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tallylight")
@click.option(
    "--url",
    envvar="TALLY_URL",
    show_envvar=True,
    metavar="URL",
    help="The product to ask; else the `tally up` on DATA_DIR, else HOST and PORT.",
)
@click.pass_context
def main(context: click.Context, url: str | None) -> None:
    """Knows which VideoSDK rooms are on air, puts them on air and takes them off, and tells everyone.

    Commands that ask or change something talk to the API of the product that runs, with ADMIN_TOKEN or the token in
    DATA_DIR. Exit status: 0 done, 1 failed, 2 wrong use.
    """
    if os.environ.get("NO_COLOR"):
        context.color = False


@main.group()
def config() -> None:
    """The configuration file."""


@config.command("check")
@click.argument("path", type=click.Path(path_type=Path), required=False)
def config_check(path: Path | None) -> None:
    """Read a configuration file and say what is wrong with it, by line and field."""
    from workers.config_file import FileError, read

    settings = _settings()
    found = path or settings.config_file
    if found is None:
        raise click.UsageError("name a file, or set CONFIG_FILE")
    try:
        read_file = read(found, settings)
    except FileError as error:
        for line in error.lines:
            click.echo(line, err=True)
        sys.exit(1)
    click.echo(
        f"{found}: {len(read_file.rooms)} rooms, {len(read_file.rules)} rules, {len(read_file.subscribers)} subscribers"
    )


__all__ = ["_on_a_store", "main"]

for family in (processes, rooms, events, rules, subscribers, deliveries, alarms, doctor):
    family.add_to(main)
