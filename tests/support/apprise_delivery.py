"""Delivers one notice to a chat, as the deliver process does, and shows what that left in its own process.

Prints one line of JSON, then waits to be ended. The argument is the store's URL.
"""

import asyncio
import json
import socket
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.support.delivery_harness import DeliveryHarness
from webhook_app.store.connection.clients import connect

NEVER_LOADED = ("apprise", "requests", "workers.channels.egress_guard")


async def main() -> None:
    """Deliver, then report."""
    before = (socket.getaddrinfo, socket.socket.connect)
    harness = DeliveryHarness(connect(sys.argv[1]), sys.argv[1])
    harness.subscribe("chat", url="json://127.0.0.1:{port}/chat", rate_limit=100)
    harness.announce()
    async with harness.open() as [deliverer]:
        while not harness.endpoint.at("/chat"):
            await deliverer.run()
        after = (socket.getaddrinfo, socket.socket.connect)
        listed = subprocess.run(["ps", "-eo", "pid=,args="], capture_output=True, text=True, check=True).stdout
        shown = {
            "delivered": len(harness.endpoint.at("/chat")),
            "patched": [str(now) for was, now in zip(before, after, strict=True) if was is not now],
            "loaded": [
                name for name in ("apprise", "requests", "workers.channels.egress_guard") if name in sys.modules
            ],
            "pid": next(int(line.split()[0]) for line in listed.splitlines() if "apprise_worker" in line),
        }
        print(json.dumps(shown), flush=True)
        await asyncio.Event().wait()


asyncio.run(main())
