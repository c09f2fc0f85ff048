"""What the product says of itself: processes, health, metrics and alarms about the reducer."""
