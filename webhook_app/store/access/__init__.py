"""Log-ins that failed and sessions that ended."""
