"""Ids drawn from what they name, so that folding again gives the same ones."""

from hashlib import blake2b


def derive(prefix: str, *parts: str) -> str:
    """`prefix` and 20 hexadecimal digits that depend on every part and on nothing else."""
    return prefix + blake2b("\x1f".join(parts).encode("utf-8", "surrogatepass"), digest_size=10).hexdigest()


def draw(below: int, *parts: str) -> int:
    """A number from 0 to `below` - 1 that depends on every part and on nothing else."""
    return int.from_bytes(blake2b("\x1f".join(parts).encode("utf-8", "surrogatepass"), digest_size=8).digest()) % below


def order(event_id: str) -> tuple[int, int]:
    """A journal id `<ms>-<n>` as a pair that compares as the journal is ordered."""
    ms, _, n = event_id.partition("-")
    return int(ms), int(n or 0)


def is_after(event_id: str | None, other: str | None) -> bool:
    """Whether `event_id` comes later in the journal than `other`; nothing comes before everything."""
    if event_id is None:
        return False
    return other is None or order(event_id) > order(other)
