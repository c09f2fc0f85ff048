"""Clients of the store: how they connect, reconnect, fail over and fail."""
