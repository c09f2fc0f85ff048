"""The one place that makes clients for outbound HTTP: the authorities they trust, the proxy they connect through."""
