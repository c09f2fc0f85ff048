"""Packs commands into the Redis protocol."""

from collections.abc import Sequence
from typing import Any

import hiredis
import redis

Argument = str | bytes | int | float


class CommandPacker:
    """Hands a command to hiredis as it is.

    The library's own packer copies every argument of every command before that, to convert bytearrays and memoryviews,
    of which we send none. The commit of a batch has thousands of arguments.
    """

    def pack(self, *arguments: Argument) -> Sequence[bytes]:
        """A command in the protocol's form. The library writes some commands of two words as one argument."""
        name = arguments[0]
        packed: Any = arguments  # hiredis takes any number, but declares a tuple of one
        if isinstance(name, str) and " " in name:
            packed = (*name.split(), *arguments[1:])
        try:
            return (hiredis.pack_command(packed),)
        except TypeError as error:
            raise redis.DataError(str(error)) from error
