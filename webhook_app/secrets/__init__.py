"""Secrets: encryption of what is stored, the signing secrets of subscribers, and stream keys."""
