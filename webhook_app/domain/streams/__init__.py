"""Streams: the state machine, matching an event to a stream, applying a signal."""
