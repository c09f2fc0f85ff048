"""Alarms: what raises, acknowledges and clears them."""
