"""The configuration file: read, check, apply."""
