"""Reads that several faces of the product share."""
