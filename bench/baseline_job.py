"""The baseline's worker: each job writes one hash and sends one request."""

import json
import os

import redis
import requests
from rq import Queue, SimpleWorker

QUEUE = "baseline"
SUBSCRIBER = "BENCH_SUBSCRIBER"
TIMEOUT_S = 10

_client: "redis.Redis | None" = None


def handle_webhook(body: str) -> None:
    """Store the room's state and notify the subscriber."""
    webhook = json.loads(body)
    data = webhook["data"]
    _store().hset(f"room:{data['meetingId']}", mapping={"state": webhook["webhookType"], "stream": data["id"]})
    notice = {"type": webhook["webhookType"], "data": data}
    headers = {"webhook-id": f"{data['id']}-{webhook['webhookType']}"}
    requests.post(os.environ[SUBSCRIBER], json=notice, headers=headers, timeout=TIMEOUT_S).raise_for_status()


def _store() -> "redis.Redis":
    global _client
    if _client is None:
        _client = redis.Redis.from_url(os.environ["REDIS_URL"])
    return _client


def main() -> None:
    """Work until stopped."""
    connection = redis.Redis.from_url(os.environ["REDIS_URL"])
    SimpleWorker([Queue(QUEUE, connection=connection)], connection=connection).work(logging_level="ERROR")


if __name__ == "__main__":
    main()
