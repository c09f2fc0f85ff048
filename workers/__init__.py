"""The worker processes: reduce, calls, deliver, clock; the command line, doctor and `tally up`."""
