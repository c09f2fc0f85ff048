"""Checks of `tally doctor`; each finding has a hint how to fix it."""
