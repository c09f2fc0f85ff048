"""Clients for outbound HTTP requests, with the product's certificate authorities and proxies."""
