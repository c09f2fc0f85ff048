"""The token that calls carry, and callers without credentials."""

import json
import time
from typing import Any

import jwt

from tests.support.call_harness import CallHarness
from tests.support.product import API_KEY, SECRET
from webhook_app.providers.videosdk.client import TOKEN_LIFE_S, TOKEN_RENEW_S, Token
from webhook_app.store.connection.clients import Client


def test_without_credentials_calls_are_refused_and_probes_conclude_nothing(client: Client) -> None:
    harness = CallHarness(client, "http://127.0.0.1:9", credentials=False)
    harness.decided_call()
    harness.decided_probe("elsewhere")
    harness.work()
    assert {(event.data["kind"], event.data["outcome"]) for event in harness.answers()} >= {("start", "refused")}
    assert all(event.data.get("reached") in (None, False) for event in harness.answers())


def test_the_token_is_a_raw_jwt_with_the_documented_claims(harness: Any, stub: Any) -> None:
    harness.decided_call()
    harness.work()
    headers = [request[3]["Authorization"] for request in stub.requests]
    assert len(set(headers)) == 1
    assert jwt.get_unverified_header(headers[0]) == {"alg": "HS256", "typ": "JWT"}
    claims = jwt.decode(headers[0], SECRET, algorithms=["HS256"])
    now = int(time.time())
    assert claims.pop("iat") <= now
    assert now < claims.pop("exp") <= now + TOKEN_LIFE_S
    assert claims == {"apikey": API_KEY, "permissions": ["allow_join"], "version": 2, "roles": ["crawler"]}


def test_the_token_is_renewed_before_it_expires() -> None:
    now = [1_000_000.0]
    token = Token(API_KEY, SECRET, clock=lambda: now[0])
    first = token.header()
    now[0] += TOKEN_LIFE_S - TOKEN_RENEW_S - 1
    assert token.header() == first
    now[0] += 2
    assert token.header() != first


def test_no_header_and_no_message_contains_the_secret(harness: Any, stub: Any) -> None:
    stub.starts = (401, {"message": "no"})
    harness.decided_call()
    harness.work()
    assert SECRET not in json.dumps([request[3] for request in stub.requests])
    assert SECRET not in json.dumps([event.data for event in harness.answers()])
