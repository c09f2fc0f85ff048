"""Channels that people read: chat, mail and push, by Apprise."""
