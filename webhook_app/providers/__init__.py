"""Vendors of video rooms: the interface in `port`, and one package for each vendor."""
