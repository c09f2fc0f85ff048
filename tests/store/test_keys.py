"""Only the store's modules name its keys."""

import re
from pathlib import Path

import webhook_app.store

ROOT = Path(webhook_app.store.__file__).parent.parent.parent
NAMES_KEYS = re.compile(
    r"from webhook_app\.store import [^\n]*\bkeys\b|webhook_app\.store\.keys\b|[\"']tally:[a-z:]+[\"']|rq:queue"
)


def test_no_module_outside_the_store_names_its_keys() -> None:
    sources = [path for name in ("webhook_app", "workers") for path in (ROOT / name).rglob("*.py")]
    outside = [path for path in sources if ROOT / "webhook_app" / "store" not in path.parents]
    assert len(outside) > 100
    assert [str(path.relative_to(ROOT)) for path in outside if NAMES_KEYS.search(path.read_text())] == []


def test_a_module_that_names_a_key_is_found() -> None:
    for source in ("from webhook_app.store import codec, keys\n", 'client.get("tally:cursor")', 'f"rq:queue:{name}"'):
        assert NAMES_KEYS.search(source)
