"""A small HTTP/1.1 client for deliveries: POST only, no redirects, no private addresses."""
