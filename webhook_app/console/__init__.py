"""The console: the web pages at /, rendered on the server."""
