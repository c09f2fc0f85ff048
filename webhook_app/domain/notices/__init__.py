"""Notices to subscribers: their types, which subscribers match, and their text."""
