"""The web process's ASGI front: reads requests with limits, then hands them to Flask."""
