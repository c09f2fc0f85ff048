"""The deliver worker: expands the outbox to subscribers and sends what is due."""
