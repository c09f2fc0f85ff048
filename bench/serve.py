"""Serve a WSGI app on the product's server with the product's options, on the server's own WSGI threads."""

import os
import sys

from granian.constants import Interfaces

from webhook_app.config.loading import load
from workers.web import process


def main(target: str) -> int:
    """Serve until stopped."""
    settings = load(os.environ, dotenv=None)
    overrides = {
        "target": target,
        "factory": False,
        "interface": Interfaces.WSGI,
        "blocking_threads": settings.web_threads,
    }
    return process.run(settings, overrides=overrides)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
