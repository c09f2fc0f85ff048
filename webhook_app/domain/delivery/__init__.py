"""Deliveries to subscribers: their states, retries, concurrency and circuit breaker."""
