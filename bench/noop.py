"""A Flask route that does nothing: the cost of server and framework alone."""

from flask import Flask, Response, request

application = Flask(__name__, static_folder=None)


@application.get("/")
def ready() -> Response:
    return Response(b"{}", 200, content_type="application/json")


@application.post("/webhooks/videosdk")
def take() -> Response:
    request.stream.read()
    return Response(b'{"id":"0-0"}', 200, content_type="application/json")
