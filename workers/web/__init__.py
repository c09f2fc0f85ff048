"""The web process, and the probe that checks it."""
