"""`tally`: the command line."""

import os

import click

from webhook_app.config.time_zone_data import use_newest
from workers.cli.commands import alarms, config, deliveries, doctor, events, processes, rooms, rules, subscribers


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
    use_newest()
    if os.environ.get("NO_COLOR"):
        context.color = False


for family in (processes, rooms, events, rules, subscribers, deliveries, alarms, config, doctor):
    family.add_to(main)
