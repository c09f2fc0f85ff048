"""The commands of `tally`, one module per group."""
