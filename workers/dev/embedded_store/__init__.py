"""The embedded Valkey server: started, adopted, watched, stopped."""
