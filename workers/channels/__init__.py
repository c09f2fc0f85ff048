"""Channels: how a notice reaches a subscriber. `port` is their interface, `registry` finds one by URL scheme."""
