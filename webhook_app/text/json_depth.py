"""Maximum JSON nesting depth. Deeper input is rejected at the edge, since later parsers run with less stack."""

from typing import Any

JSON_DEPTH_MAX = 64


def exceeds_json_depth(value: Any) -> bool:
    """Whether lists and objects are nested more than `JSON_DEPTH_MAX` levels deep."""
    level = [value]
    for _ in range(JSON_DEPTH_MAX + 1):
        holders = [one for one in level if isinstance(one, dict | list)]
        if not holders:
            return False
        level = [inner for one in holders for inner in (one.values() if isinstance(one, dict) else one)]
    return True
