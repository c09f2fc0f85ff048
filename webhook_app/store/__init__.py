"""Everything stored in Redis or Valkey, and the only code that names its keys."""
