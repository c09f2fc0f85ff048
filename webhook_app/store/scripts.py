"""The Lua scripts that run inside the store, loaded from `lua/*.lua`.

Each file begins with what it does, its KEYS and ARGV with their units, and what it returns.
"""

from functools import cache
from importlib.resources import files


@cache
def lua(name: str) -> str:
    """The text of `lua/<name>.lua` without comment lines: some scripts are sent whole with each call."""
    text = files("webhook_app.store").joinpath("lua", f"{name}.lua").read_text("utf-8")
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("--"))
