"""Schemas of user input that the API, the console and the configuration file share."""
