"""Turns journal entries into typed events. Pure; the provider translates what its vendor wrote."""
