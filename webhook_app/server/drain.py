"""How the server's main process tells its worker that it is about to end."""

import signal

DRAIN_SIGNAL = signal.SIGUSR1  # the worker ends its open event streams
