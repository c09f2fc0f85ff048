"""Configured rooms, and the patterns with which rules name rooms."""

from collections.abc import Mapping
from dataclasses import dataclass

from webhook_app.domain.globs import glob_matches, is_glob

ID_PREFIX = "id:"  # `id:lobby` is the room whose id is lobby, whatever rooms are named


@dataclass(frozen=True, slots=True)
class ConfiguredRoom:
    """A configured room. `name` is None when only its id is configured; `from_file` is False when the API added it."""

    name: str | None
    room_id: str
    groups: tuple[str, ...] = ()
    from_file: bool = True

    @property
    def key(self) -> str:
        """What `Config.names` keeps it under: its name, or `id:` and its id. Names hold no colon."""
        return self.name if self.name is not None else f"{ID_PREFIX}{self.room_id}"

    @property
    def label(self) -> str:
        """Its name, or its id when it has none."""
        return self.name or self.room_id


def rooms_by_id(names: Mapping[str, ConfiguredRoom]) -> dict[str, ConfiguredRoom]:
    """Configured rooms by their id."""
    return {configured.room_id: configured for configured in names.values()}


def shadowed_ids(names: Mapping[str, ConfiguredRoom]) -> frozenset[str]:
    """The names that are not the id of the room they name: as an id, each is taken for that room."""
    return frozenset(key for key, configured in names.items() if key != configured.room_id)


def plain_patterns(room_id: str, named: ConfiguredRoom | None, *, shadowed: bool) -> list[str]:
    """Every pattern without wildcards that means this room."""
    patterns = [f"{ID_PREFIX}{room_id}"] if shadowed else [room_id, f"{ID_PREFIX}{room_id}"]
    if named is not None:
        patterns += [f"group:{group}" for group in named.groups]
        if named.name is not None and named.name != room_id:
            patterns.append(named.name)
    return patterns


def matches(pattern: str, room_id: str, named: ConfiguredRoom | None, *, shadowed: bool = False) -> bool:
    """Whether a pattern means this room: its name, its id, `id:` and its id, a glob of ids, `group:x`.

    `shadowed`: its id is the name of another room, which a pattern that says it means.
    """
    if is_glob(pattern):
        return pattern == room_id or glob_matches(room_id, pattern)
    return pattern in plain_patterns(room_id, named, shadowed=shadowed)
