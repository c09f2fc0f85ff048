"""Logs and background loops of every process."""
