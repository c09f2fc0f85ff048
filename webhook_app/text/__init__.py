"""Text and JSON helpers: printable text, lenient JSON, error messages, bounds on nested input."""
