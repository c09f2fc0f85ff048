"""Standard Webhooks 1.0.0, as the public libraries in Python and JavaScript read it; and secrets at rest."""

import base64
import json
import shutil
import subprocess
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from standardwebhooks.webhooks import Webhook

from tests.support.deliverer_factory import SECRET, subscribers_of
from tests.support.delivery_harness import DeliveryHarness
from tests.support.polling import scaled_limit
from tests.support.values import present
from webhook_app.domain.delivery.subscriber import OLD_SECRETS_MAX, ROTATION_MS, Subscriber, with_new_secret
from webhook_app.secrets.encryption import SecretBox, WrongKeyError
from webhook_app.secrets.subscriber_secrets import new_secret, read_secret
from webhook_app.store import keys
from webhook_app.store.connection.clients import Client
from webhook_app.store.subscribers import Subscribers
from workers.channels.webhook import signed_headers

JAVASCRIPT = "standardwebhooks@1.0.0"
INSTALL_LIMIT_S = scaled_limit(120)
NPM_LIMITS = ("--fetch-timeout=20000", "--fetch-retries=1")  # a machine without a registry is not to wait for minutes
VERIFY = """
const { Webhook } = require("standardwebhooks");
let text = "";
process.stdin.on("data", (piece) => (text += piece)).on("end", () => {
  const told = JSON.parse(text).map(({ secret, body, headers }) => {
    try { return new Webhook(secret).verify(body, headers); } catch (error) { return String(error.message); }
  });
  process.stdout.write(JSON.stringify(told));
});
"""


@pytest.fixture(scope="module")
def javascript(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Verifies with the JavaScript library: what it says of each."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("node and npm are not here: the JavaScript library cannot be asked")
    home = tmp_path_factory.mktemp("javascript")
    command = [
        npm,
        "install",
        "--no-audit",
        "--no-fund",
        "--no-save",
        "--ignore-scripts",
        *NPM_LIMITS,
        "--prefix",
        str(home),
        JAVASCRIPT,
    ]
    installed = subprocess.run(command, cwd=home, capture_output=True, timeout=INSTALL_LIMIT_S, check=False)
    if installed.returncode:
        pytest.skip(f"npm could not install {JAVASCRIPT}: {installed.stderr.decode()[-300:]}")
    (home / "verify.js").write_text(VERIFY)

    def verify(requests: Any) -> Any:
        completed = subprocess.run(
            [node, "verify.js"],
            cwd=home,
            input=json.dumps(requests).encode(),
            capture_output=True,
            timeout=scaled_limit(30),
            check=True,
        )
        return json.loads(completed.stdout)

    return verify


def signed(harness: Any, **more: Any) -> Any:
    """What one subscriber was sent, as a verifier gets it."""
    subscriber = harness.subscribe("tv", **more)
    harness.announce("stream.playable", message='ünï¢ode ✓ \\ " \u2028')
    harness.deliver()
    [post] = harness.endpoint.posts
    headers = {name: value for name, value in post.headers.items() if name.startswith("webhook-")}
    return subscriber, {"body": post.body.decode(), "headers": headers}


def test_the_javascript_library_verifies_what_was_sent(harness: DeliveryHarness, javascript: Any) -> None:
    old, new = new_secret(), new_secret()
    subscriber, sent = signed(harness, secret=old)
    harness.subscribers.put(with_new_secret(subscriber, new, now=1))
    expected = json.loads(sent["body"])
    wrong = sent | {"body": sent["body"].replace("playable", "stopped")}
    requests = [
        sent | {"secret": f"whsec_{old}"},
        sent | {"secret": f"whsec_{new_secret()}"},
        wrong | {"secret": f"whsec_{old}"},
    ]
    assert javascript(requests) == [expected, "No matching signature found", "No matching signature found"]


def test_both_libraries_verify_with_either_secret_of_a_rotation(harness: DeliveryHarness, javascript: Any) -> None:
    old, new = new_secret(), new_secret()
    subscriber = with_new_secret(Subscriber("x", "", "", 0, secret=old), new, now=4_000_000_000_000)
    _, sent = signed(harness, secret=subscriber.secret, old_secrets=subscriber.old_secrets)
    expected = json.loads(sent["body"])
    assert javascript([sent | {"secret": f"whsec_{secret}"} for secret in (new, old)]) == [expected, expected]
    for secret in (new, old):
        assert Webhook(f"whsec_{secret}").verify(sent["body"].encode(), sent["headers"]) == expected


@given(some.binary(max_size=300), some.binary(min_size=24, max_size=64), some.integers(0, 2**33))
def test_any_body_is_signed_as_the_standard_says(body: Any, key: Any, at: Any) -> None:
    secret = base64.b64encode(key).decode()
    headers = signed_headers("msg_x", at, body, [secret])
    assert set(headers) == {"content-type", "webhook-id", "webhook-timestamp", "webhook-signature"}
    version, _, signature = headers["webhook-signature"].partition(",")
    assert (version, len(base64.b64decode(signature))) == ("v1", 32)
    assert read_secret("whsec_" + secret) == secret


def test_rotating_again_and_again_keeps_a_bounded_number_of_old_secrets() -> None:
    subscriber = Subscriber("x", "", "", 0, secret=new_secret())
    for at in range(10):
        subscriber = with_new_secret(subscriber, new_secret(), now=at)
    assert len(subscriber.old_secrets) == OLD_SECRETS_MAX
    assert subscriber.secrets(now=ROTATION_MS) == (
        subscriber.secret,
        *(old.key for old in subscriber.old_secrets if old.until > ROTATION_MS),
    )
    assert subscriber.secrets(now=ROTATION_MS + 10) == (subscriber.secret,)


def test_nothing_secret_lies_open_in_the_store(client: Client) -> None:
    url = "https://user:hunter2@example.com/hook?token=opensesame"
    subscriber = Subscriber("sub_x", "tv", url, 1, secret=SECRET, shown_url="https://****@example.com/hook")
    subscribers_of(client).put(subscriber)
    assert subscribers_of(client).get("sub_x") == subscriber
    dump = b"".join(client.dump(key) for key in client.scan_iter())
    for secret in (b"hunter2", b"opensesame", SECRET.encode(), base64.b64decode(SECRET)):
        assert secret not in dump


def test_under_another_key_a_subscriber_is_disabled_and_says_why(client: Client) -> None:
    subscribers_of(client).put(Subscriber("sub_x", "tv", "https://example.com/", 1, secret=SECRET))
    stored = present(Subscribers(client, SecretBox("another key of sixteen or more")).get("sub_x"))
    assert (stored.enabled, stored.url, stored.secret) == (False, "", "")
    assert "SECRETS_KEY" in present(stored.disabled_text)
    assert present(subscribers_of(client).get("sub_x")).enabled


def test_a_secret_encrypted_for_one_subscriber_decrypts_for_no_other() -> None:
    seal = SecretBox("a key of sixteen or more")
    sealed = seal.seal(b"secret", "sub_a")
    assert seal.open(sealed, "sub_a") == b"secret"
    assert seal.seal(b"secret", "sub_a") != sealed
    for other in ("sub_b", ""):
        with pytest.raises(WrongKeyError):
            seal.open(sealed, other)
    for damaged in (sealed[:-4] + "AAA=", "", "!", sealed[:10]):
        with pytest.raises(WrongKeyError):
            seal.open(damaged, "sub_a")


def test_a_subscriber_moved_to_another_record_does_not_open(client: Client) -> None:
    subscribers = subscribers_of(client)
    subscribers.put(Subscriber("sub_a", "", "https://a.example/", 1, secret=SECRET))
    subscribers.put(Subscriber("sub_b", "", "https://b.example/", 1, secret=new_secret()))
    raw = client.hget(keys.SUBSCRIBERS, "sub_a").replace(b"sub_a", b"sub_b")
    client.hset(keys.SUBSCRIBERS, "sub_b", raw)
    assert not present(subscribers_of(client).get("sub_b")).enabled
    assert replace(present(subscribers_of(client).get("sub_a")), name="") == Subscriber(
        "sub_a", "", "https://a.example/", 1, secret=SECRET
    )


def test_a_subscriber_stored_with_plain_secrets_is_read_and_encrypted_at_its_next_change(client: Client) -> None:
    kept = {
        "subscriber_id": "sub_old",
        "name": "tv",
        "url": "https://user:hunter2@example.com/hook",
        "created_at": 1,
        "wanted": {"types": ["stream.*"], "rooms": ["*"], "because": ["*"]},
        "ordering": "none",
        "enabled": True,
        "disabled_because": None,
        "secrets": [SECRET],
        "from_file": False,
    }
    client.hset(keys.SUBSCRIBERS, "sub_old", json.dumps(kept))
    [stored] = subscribers_of(client).all()
    assert (stored.url, stored.secret, stored.enabled) == (kept["url"], SECRET, True)
    assert "hunter2" not in stored.shown_url
    subscribers_of(client).put(stored)
    assert b"hunter2" not in client.hget(keys.SUBSCRIBERS, "sub_old")
    assert subscribers_of(client).get("sub_old") == stored
