"""Subscribers and deliveries: retries, concurrency, and what a pending delivery waits for."""
