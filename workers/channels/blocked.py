"""The error for an endpoint whose addresses are private, and its message."""

from collections.abc import Sequence

ADDRESSES_SHOWN_MAX = 4


class BlockedAddressError(OSError):
    """Every address of the endpoint is private, and no setting allows any of them."""


def blocked_message(addresses: Sequence[str]) -> str:
    """Why nothing was sent, and which setting changes that."""
    several = len(addresses) > 1
    listed = ", ".join(addresses[:ADDRESSES_SHOWN_MAX])
    return (
        f"Not sent: {listed} {'are' if several else 'is'} private, loopback or reserved. "
        f"ALLOW_NETWORKS can allow {'them' if several else 'it'}."
    )
