"""Changes of rules, room names and settings; each gives a new configuration."""
