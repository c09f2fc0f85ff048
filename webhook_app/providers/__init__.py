"""Clients of outside services, one package each: their words stay here."""
