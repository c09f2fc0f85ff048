"""Check the settings: public address, configuration file, disk space and time zone data."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from webhook_app.config.settings import Settings
from webhook_app.config.time_zone_data import ZoneDataChoice, use_newest
from webhook_app.outbound.addresses import is_loopback
from workers.dev.embedded_store.files import ROOM_MIN_BYTES, StoreFiles
from workers.doctor.finding import Finding, failed, ok, warning

DISK_MIN_BYTES = 512 * 1024 * 1024


def _free_bytes(directory: Path) -> int:
    return shutil.disk_usage(directory).free


def check_settings(
    settings: Settings, *, sandbox: bool, free_bytes: Callable[[Path], int] = _free_bytes
) -> Iterator[Finding]:
    """Check settings that have been loaded successfully."""
    yield ok("settings", "valid" + (", sandbox mode" if sandbox else ""))
    yield _time_zones(use_newest())
    if not sandbox:
        yield from _public_url(settings)
        for line in settings.warnings:
            yield warning("plain http", line, "change it in the environment or in .env")
    if settings.observe:
        yield warning(
            "observing",
            "OBSERVE is set: webhooks are recorded; no calls are made and nothing is sent",
            "remove it when this instance should act; what became due meanwhile is never sent",
        )
    yield from _configuration_file(settings)
    if sandbox or settings.redis_url is None or is_embedded_store(settings):
        yield from _disk(settings, free_bytes)


def is_embedded_store(settings: Settings) -> bool:
    """Whether the store is the embedded one of the `tally up` on this data directory."""
    return settings.redis_url == StoreFiles.of(settings.data_dir).url


def _time_zones(choice: ZoneDataChoice) -> Finding:
    """Report the time zone data that all processes on this machine choose at startup."""
    older = f"; not used: {', '.join(map(str, choice.others))}" if choice.others else ""
    return ok("time zones", f"{choice.used}{older}")


def _public_url(settings: Settings) -> Iterator[Finding]:
    if settings.public_url is None:
        if settings.has_credentials:
            yield warning(
                "public address",
                "PUBLIC_URL is not set",
                "set PUBLIC_URL to the address at which VideoSDK reaches this machine, e.g. https://tally.example.org; "
                "without it, starts do not include a webhook URL",
            )
        return
    parts = urlsplit(settings.public_url)
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        yield warning(
            "public address",
            f"{settings.public_url} has no TLS: tokens and webhooks can be read in transit",
            "put Caddy or nginx in front (docs/how-to/tls.md) and set PUBLIC_URL to https://…",
        )
        return
    yield ok("public address", settings.public_url)


def _configuration_file(settings: Settings) -> Iterator[Finding]:
    from workers.config_file.reading import FileError, read

    if settings.config_file is None:
        return
    try:
        config_file = read(settings.config_file, settings)
    except FileError as error:
        more = f" (and {len(error.lines) - 1} more)" if len(error.lines) > 1 else ""
        yield failed("configuration file", error.lines[0] + more, "`tally config check` lists all errors")
        return
    yield ok("configuration file", f"{len(config_file.rooms)} rooms, {len(config_file.rules)} rules")


def _disk(settings: Settings, free_bytes: Callable[[Path], int]) -> Iterator[Finding]:
    try:
        free = free_bytes(settings.data_dir)
    except OSError as error:
        yield failed("disk", f"DATA_DIR {settings.data_dir}: {error.strerror}", "set DATA_DIR to a writable directory")
        return
    message = f"{free // 2**20} MiB free under {settings.data_dir}"
    if free < ROOM_MIN_BYTES:
        yield failed("disk", message, "free disk space: webhooks get 503 until then; the store then restarts by itself")
    elif free < DISK_MIN_BYTES:
        yield warning("disk", message, "free disk space: when the disk is full, webhooks get 503")
    else:
        yield ok("disk", message)
