"""Serves a WSGI app on the product's server with the product's options, by the server's own threads for WSGI."""

import os
import sys
from typing import Any

from granian.constants import Interfaces

from webhook_app.config.settings import load
from workers.web import process


def main(target: str) -> int:
    """Serve until asked to stop."""
    module: Any = process
    real = module.WebServer
    settings = load(os.environ, dotenv=None)
    own = {
        "target": target,
        "factory": False,
        "interface": Interfaces.WSGI,
        "blocking_threads": settings.web_threads,
    }
    module.WebServer = lambda **options: real(**(options | own))
    return process.run(settings)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
