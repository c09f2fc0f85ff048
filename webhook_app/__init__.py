"""The web process and everything that processes share: domain, store, providers, use cases, receiver, API, console."""
