"""Desired state, and the controller that compares it with the actual state and decides the next call."""
