"""The product itself: processes, health, metrics and alarms about the reducer."""
