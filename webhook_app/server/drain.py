"""Signals the web worker that the server's main process is about to end."""

import signal

DRAIN_SIGNAL = signal.SIGUSR1  # the worker ends its open event streams
