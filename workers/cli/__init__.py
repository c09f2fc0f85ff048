"""The command line: `tally`."""
