"""Masks secrets in addresses and in texts that quote them."""
