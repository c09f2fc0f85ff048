"""The `tally` command line: global options and all commands."""

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
    help="Address of the Tallylight API. Default: the `tally up` on DATA_DIR, otherwise HOST and PORT.",
)
@click.pass_context
def main(context: click.Context, url: str | None) -> None:
    """Tallylight: status and control of VideoSDK HLS rooms, rules and notices.

    Commands that read or change something use the API of the running product, with ADMIN_TOKEN or the token in
    DATA_DIR. Exit status: 0 success, 1 failure, 2 usage error.
    """
    use_newest()
    if os.environ.get("NO_COLOR"):
        context.color = False


for family in (processes, rooms, events, rules, subscribers, deliveries, alarms, config, doctor):
    family.add_to(main)
