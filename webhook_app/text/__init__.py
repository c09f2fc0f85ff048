"""Text and JSON helpers: masking of secrets, printable text, bounds on nested input."""
