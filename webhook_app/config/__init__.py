"""Settings from the environment, and secrets that are generated on first run."""
