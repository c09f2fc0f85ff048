"""Maximum JSON nesting depth. Deeper input is rejected at the edge, since later parsers run with less stack."""

from typing import Any

JSON_DEPTH_MAX = 64


def exceeds_json_depth(value: Any) -> bool:
    """Whether lists and objects are nested more than `JSON_DEPTH_MAX` levels deep."""
    level = [value]
    for _ in range(JSON_DEPTH_MAX + 1):
        containers = [container for container in level if isinstance(container, dict | list)]
        if not containers:
            return False
        level = [
            inner
            for container in containers
            for inner in (container.values() if isinstance(container, dict) else container)
        ]
    return True
