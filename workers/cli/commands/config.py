"""`tally config`: check or apply a configuration file."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep, time
from typing import TYPE_CHECKING, Any

import click

from webhook_app.config.settings import Settings
from workers.cli import context, output
from workers.cli.context import CommandError

if TYPE_CHECKING:
    from webhook_app.store.connection.clients import Client
    from webhook_app.usecases.declared_configuration import Applied, DeclaredConfiguration

SIGNS = {"added": "+", "changed": "~", "removed": "-"}


@dataclass(frozen=True, slots=True)
class ApplyLimits:
    """How long `apply` waits until the file is processed, and how often it looks; taken from click's context object."""

    processed_within_s: float = 5.0
    poll_s: float = 0.05


path_argument = click.argument("path", type=click.Path(path_type=Path), required=False)


def add_to(main: click.Group) -> None:
    """Add these commands to `tally`."""
    main.add_command(config)


@click.group()
def config() -> None:
    """Check and apply the configuration file of rooms, rules and subscribers."""


@config.command()
@path_argument
@output.as_json_option
def check(path: Path | None, as_json: bool) -> None:
    """Check a configuration file; errors name line and field.

    PATH defaults to CONFIG_FILE. Needs no store. Warns if windows exceed MAX_STREAMS.

    \b
    Example:
      tally config check tally.yaml
    """
    from workers.config_file.reading import warnings

    settings = context.effective_settings()
    path = _path(path, settings)
    config_file = _read(path, settings, as_json)
    warned = [
        *config_file.warnings,
        *warnings(config_file.config(), settings, at=int(time() * 1000), subscribers=config_file.subscribers),
    ]
    if as_json:
        output.print_json({"path": str(path), "ok": True, "errors": [], "warnings": warned, **_counts(config_file)})
        return
    _warn(warned)
    click.echo(f"{path}: " + ", ".join(f"{count} {what}" for what, count in _counts(config_file).items()))


@config.command()
@path_argument
@output.as_json_option
def apply(path: Path | None, as_json: bool) -> None:
    """Apply a configuration file once and list the changes.

    PATH defaults to CONFIG_FILE. Writes to the store (REDIS_URL, or the `tally up` running here), as the clock does
    when CONFIG_FILE changes. An invalid file changes nothing.

    \b
    Example:
      tally config apply tally.yaml
    """

    from webhook_app.store.connection.clients import STORE_ERRORS
    from workers.config_file.apply import apply as apply_file
    from workers.store_access import open_store

    settings = context.effective_settings()
    path = _path(path, settings)
    config_file = _read(path, settings, as_json)
    stored_settings = context.with_store(settings)
    store = open_store(stored_settings)
    try:
        applied = apply_file(config_file, store, stored_settings)
        effect = _effect_of(store.client, applied)
        warned = [*config_file.warnings, *_warnings(store.client, settings, config_file.subscribers)]
    except STORE_ERRORS as error:
        raise CommandError(f"The store does not answer: {error}") from None
    if settings.config_file is not None and settings.config_file.resolve() != path.resolve():
        warned.append(
            f"CONFIG_FILE is {settings.config_file}: when that file changes, it replaces what this file configured"
        )
    _print_result(path, config_file, applied, effect, warned, as_json)
    if effect is not None and effect.startswith("error"):
        raise CommandError(f"The file could not be processed: {effect} (event {applied.event_id})")


def _print_result(
    path: Path,
    config_file: "DeclaredConfiguration",
    applied: "Applied",
    effect: str | None,
    warned: list[str],
    as_json: bool,
) -> None:
    if as_json:
        changes = [{"kind": change.kind, "name": change.name, "did": change.did} for change in applied.changes]
        report: dict[str, Any] = {"path": str(path), "ok": True, "errors": [], "warnings": warned}
        report |= _counts(config_file)
        output.print_json({**report, "changes": changes, "event_id": applied.event_id, "effect": effect})
        return
    _warn(warned)
    for change in applied.changes:
        click.echo(output.one_line(f"{SIGNS[change.did]} {change.kind} {change.name} {change.did}"))
    if not applied.changes:
        click.echo("No changes.")
    if effect is None:
        click.echo(
            f"Recorded as event {applied.event_id}; rooms and rules change as soon as a worker processes it.", err=True
        )


def _effect_of(client: "Client", applied: "Applied") -> str | None:
    """Return the event's effect; None if it was not processed in time."""
    from webhook_app.store.queries.timelines import timeline_row

    limits = click.get_current_context().find_object(ApplyLimits) or ApplyLimits()
    until = monotonic() + limits.processed_within_s
    while True:
        row = timeline_row(client, "", applied.event_id)
        if row is not None:
            return row.effect
        if monotonic() > until:
            return None
        sleep(limits.poll_s)


def _warnings(client: "Client", settings: Settings, subscribers: list[Mapping[str, Any]]) -> list[str]:
    from webhook_app.store.queries.rooms import known_room_ids
    from webhook_app.store.state.store import StateStore
    from workers.config_file.reading import warnings

    seen_ids = known_room_ids(client)
    return warnings(
        StateStore(client).config(), settings, at=int(time() * 1000), subscribers=subscribers, seen_ids=seen_ids
    )


def _path(path: Path | None, settings: Settings) -> Path:
    path = path or settings.config_file
    if path is None:
        raise click.UsageError("Give a file, or set CONFIG_FILE.")
    return path


def _read(path: Path, settings: Settings, as_json: bool) -> "DeclaredConfiguration":
    from workers.config_file.reading import FileError, read

    try:
        return read(path, settings)
    except FileError as error:
        if as_json:
            errors = [
                {"line": mistake.line, "field": mistake.field, "message": mistake.message} for mistake in error.mistakes
            ]
            output.print_json({"path": str(path), "ok": False, "errors": errors, "warnings": []})
        else:
            for line in error.lines:
                click.echo(output.one_line(line), err=True)
        sys.exit(1)


def _counts(config_file: "DeclaredConfiguration") -> dict[str, int]:
    counted = {"rooms": config_file.rooms, "rules": config_file.rules, "subscribers": config_file.subscribers}
    return {name: len(items) for name, items in counted.items()}


def _warn(warned: list[str]) -> None:
    for line in warned:
        click.echo(click.style(f"warning: {output.one_line(line)}", fg="yellow"), err=True)
