"""CEL conditions: source checks, metered evaluation, functions."""
