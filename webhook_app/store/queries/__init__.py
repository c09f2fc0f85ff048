"""Queries that the API, the console, the CLI and the workers share."""
