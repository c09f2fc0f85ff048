"""Serves another WSGI app exactly as the product serves its own: same server, same options, other target."""

import os
import sys
from typing import Any

from webhook_app.settings import load
from workers import web


def main(target: str) -> int:
    """Serve until asked to stop."""
    module: Any = web
    real = module.Server
    module.Server = lambda **options: real(**(options | {"target": target}))
    return web.run(load(os.environ, dotenv=None))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
