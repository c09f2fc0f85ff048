"""Schedules: recurrences, cron expressions, and the windows that they open."""
