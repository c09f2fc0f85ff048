"""The pure part: data in, data out; no clock, no I/O, no randomness."""
