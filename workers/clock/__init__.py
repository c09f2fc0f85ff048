"""The clock worker: timers, sweeps, calendars, retention, alarms seen from outside the reducer."""
