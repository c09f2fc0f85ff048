"""The reducer's state: rooms, rules, alarms, timelines, and the transaction that commits a batch."""
