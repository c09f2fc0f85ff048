"""The packer of commands writes what the library's own writes."""

import pytest
import redis
from redis.connection import HiredisRespSerializer

from webhook_app.store.connection.command_packer import CommandPacker

COMMANDS = [
    ("PING",),
    ("SET", "name", "caf\u00e9"),
    ("SET", b"name", b"\x00\xff", "PX", 1_000),
    ("ZADD", "scores", 1.5, "a"),
    ("CONFIG GET", "maxmemory"),
    ("MEMORY USAGE", "name", "SAMPLES", 0),
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: str(command[0]))
def test_a_command_is_packed_as_the_library_packs_it(command: tuple[str | bytes | int | float, ...]) -> None:
    library = HiredisRespSerializer()
    assert b"".join(CommandPacker().pack(*command)) == b"".join(library.pack(*command))  # type: ignore[arg-type]  # annotated as lists


def test_an_argument_that_has_no_form_in_the_protocol_is_refused() -> None:
    with pytest.raises(redis.DataError):
        CommandPacker().pack("SET", "name", None)  # type: ignore[arg-type]  # must fail
