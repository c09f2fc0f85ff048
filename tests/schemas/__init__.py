"""Tests of the schemas of user input."""
