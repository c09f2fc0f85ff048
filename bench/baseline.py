"""The baseline: Flask verifies each webhook and enqueues one RQ job, which writes a hash and sends one POST."""

import base64
import binascii
import os

import redis
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.hashes import SHA256
from flask import Flask, Response, request
from rq import Queue

from bench.baseline_job import QUEUE
from webhook_app.providers.videosdk.signature import HEADER, PublicKey, read_key

JOB = "bench.baseline_job.handle_webhook"


def build(redis_url: str, key: PublicKey) -> Flask:
    """Build a minimal Flask and RQ application."""
    app = Flask(__name__, static_folder=None)
    queue = Queue(QUEUE, connection=redis.Redis.from_url(redis_url))

    @app.get("/")
    def ready() -> Response:
        return Response(b"{}", 200, content_type="application/json")

    @app.post("/webhooks/videosdk")
    def take() -> Response:
        body = request.get_data()
        try:
            signature = base64.b64decode(request.headers.get(HEADER, ""), validate=True)
            key.verify(signature, body, padding.PKCS1v15(), SHA256())
        except (binascii.Error, InvalidSignature):
            return Response(b"{}", 401, content_type="application/json")
        job = queue.enqueue(JOB, body.decode())
        return Response(b'{"id":"' + job.id.encode() + b'"}', 200, content_type="application/json")

    return app


application = build(os.environ["REDIS_URL"], read_key(os.environ["VIDEOSDK_PUBLIC_KEY"]))
