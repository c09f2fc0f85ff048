"""`tally rules`: see ahead with occurrences, and back with a backtest of draft rules."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from time import time
from typing import TYPE_CHECKING

import click

from webhook_app.domain.times import DAY, from_rfc3339, rfc3339
from webhook_app.settings import Settings

if TYPE_CHECKING:
    from webhook_app.domain.backtest import Act, Comparison

COUNT_MAX = 500


def add_to(main: click.Group, settle: Callable[[], Settings]) -> None:
    """Add the group; `settle` gives settings whose store can be reached."""

    @main.group()
    def rules() -> None:
        """Rules: what they will do, and what drafts would have done."""

    @rules.command("occurrences")
    @click.argument("name")
    @click.option("--count", default=10, show_default=True, type=click.IntRange(1, COUNT_MAX))
    @click.option("--json", "as_json", is_flag=True, help="Print JSON.")
    def list_occurrences(name: str, count: int, as_json: bool) -> None:
        """The next windows of a schedule, exceptions taken out and merged with other rules' windows."""
        from webhook_app.domain.occurrences import occurrences
        from webhook_app.domain.rules import matches
        from webhook_app.domain.views import occurrence_view
        from webhook_app.store import keys
        from webhook_app.store.clients import connect
        from webhook_app.store.state import StateStore

        client = connect(_url(settle()))
        config = StateStore(client).config()
        rule = config.rules.get(name)
        if rule is None or rule.schedule is None:
            click.echo(
                f"tally: {'rule ' + name + ' has no schedule' if rule else 'there is no rule ' + name}", err=True
            )
            sys.exit(1)
        ids = config.rooms_of(rule)
        if ids is None:
            seen = [room_id.decode() for room_id in client.zrange(keys.ROOMS, 0, -1)]
            ids = frozenset(
                room_id for room_id in seen if any(matches(one, room_id, config.named(room_id)) for one in rule.rooms)
            )
        found = occurrences(config, rule, ids, at=int(time() * 1000), count=count)
        if as_json:
            views = [occurrence_view(one.room_id, one.window, skipped=one.skipped) for one in found]
            click.echo(json.dumps({"items": views}, indent=2))
            return
        for one in found:
            skipped = "  skipped" if one.skipped else ""
            with_others = ", ".join(other for other in one.window.rules if other != name)
            click.echo(
                f"{rfc3339(one.window.opens_at)}  to  {rfc3339(one.window.closes_at)}  {one.room_id}"
                f"{'  with ' + with_others if with_others else ''}{skipped}"
            )

    @rules.command("backtest")
    @click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
    @click.option("--from", "since", help="RFC 3339; a week ago when left out.")
    @click.option("--to", "until", help="RFC 3339; now when left out.")
    @click.option("--json", "as_json", is_flag=True, help="Print JSON.")
    def run_backtest(path: Path, since: str | None, until: str | None, as_json: bool) -> None:
        """Fold recorded events through the draft rules of a configuration file. Nothing is called, nobody told."""
        from webhook_app.domain.rulebook import rule_from
        from webhook_app.store import keys
        from webhook_app.store.backtests import TooManyEventsError, comparison_view, replay
        from webhook_app.store.clients import connect
        from workers.config_file import FileError, read

        settings = settle()
        now = int(time() * 1000)
        try:
            first = from_rfc3339(since) if since else now - 7 * DAY
            last = from_rfc3339(until) if until else now
        except ValueError as error:
            raise click.UsageError(str(error)) from None
        try:
            drafts = [rule_from(rule) for rule in read(path, settings).rules]
        except FileError as error:
            for line in error.lines:
                click.echo(line, err=True)
            sys.exit(1)
        client = connect(_url(settings))
        total = int(client.xlen(keys.JOURNAL))
        try:
            with click.progressbar(
                length=total, label="folding", file=sys.stderr, hidden=not sys.stderr.isatty()
            ) as bar:
                found = replay(
                    client, drafts, since=first, until=last, progress=lambda count: bar.update(count - bar.pos)
                )
        except TooManyEventsError as error:
            click.echo(f"tally: {error}", err=True)
            sys.exit(1)
        click.echo(json.dumps(comparison_view(found), indent=2) if as_json else readable(found))


def readable(found: "Comparison") -> str:
    """A comparison as lines: + would have been done, - was done and would not have been, = both."""
    both = [act for act in found.would if act not in found.only_would]
    lines: list[tuple[int, str]] = [
        *((act.at, _line("+", act)) for act in found.only_would),
        *((act.at, _line("-", act)) for act in found.only_did),
        *((act.at, _line("=", act)) for act in both),
    ]
    counts = (len(found.only_would), len(found.only_did), len(both))
    summary = "{} only in the draft (+), {} only as it was (-), {} in both (=)".format(*counts)
    return "\n".join([*(line for _, line in sorted(lines)), summary])


def _line(sign: str, act: "Act") -> str:
    return f"{sign} {rfc3339(act.at)}  {act.room_id}  {act.kind}  {act.because}"


def _url(settings: Settings) -> str:
    assert settings.redis_url is not None
    return settings.redis_url
