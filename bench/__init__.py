"""Measurements of Tallylight, each beside the plain way of doing the same, both taken in one run."""
