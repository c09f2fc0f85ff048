"""The outbox and the queues of deliveries."""
