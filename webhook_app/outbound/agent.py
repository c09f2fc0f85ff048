"""The User-Agent of outbound requests."""

from importlib.metadata import version

USER_AGENT = f"Tallylight/{version('tallylight')}"
