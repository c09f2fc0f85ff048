"""The name by which outbound requests introduce themselves."""

from importlib.metadata import version

USER_AGENT = f"Tallylight/{version('tallylight')}"
