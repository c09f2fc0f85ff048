"""The webhook receiver: verify, append, answer."""
