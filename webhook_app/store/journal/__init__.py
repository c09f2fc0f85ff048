"""The journal: append, read, wake-ups, due timers, lag, and events to be skipped."""
