"""Everything kept in Redis, and the only code that knows its keys."""
