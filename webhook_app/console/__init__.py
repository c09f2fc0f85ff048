"""The page at /, rendered on the server."""
