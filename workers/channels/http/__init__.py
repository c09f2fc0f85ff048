"""The HTTP client that delivers webhooks to subscribers."""
