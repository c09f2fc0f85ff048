"""Secrets: encryption of what is stored, and the signing secrets of subscribers."""
