"""Errors as answers: problem documents, their reasons and messages."""
