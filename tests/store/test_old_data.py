"""Data directories of earlier versions: they are read, folded further and shown exactly as the version before did.

The API may show further fields.
"""

import json
from pathlib import Path

import pytest

from tests.support.golden import load
from tests.support.old_data import FIXTURES, SECRETS_KEY, append_further, read_old_data, restore, shown_before
from tests.support.web_client import WebClient, fold_all
from webhook_app.store.connection.clients import Client
from workers.doctor.finding import Level
from workers.doctor.replay import check_replay

VERSIONS = sorted(path.name for path in FIXTURES.iterdir() if path.is_dir())


@pytest.mark.parametrize("version", VERSIONS)
def test_a_data_directory_of_an_earlier_version_reads_and_folds_on_as_it_did_before(
    client: Client, store_url: str, tmp_path: Path, version: str
) -> None:
    expected = load(FIXTURES / version / "expected.json.gz")
    web = WebClient(store_url, tmp_path, secrets_key=SECRETS_KEY)
    readings = json.loads(json.dumps(read_old_data(client, web, FIXTURES / version / "store.json.gz")))
    for moment in ("before", "after"):
        assert readings[moment]["replay"] == expected[moment]["replay"]
        assert readings[moment]["api"].keys() == expected[moment]["api"].keys()
        for path, answer in expected[moment]["api"].items():
            assert shown_before(readings[moment]["api"][path], answer) == answer, (moment, path)
    assert readings["folded"] == expected["folded"]


def test_recordings_that_the_version_before_ignored_are_no_fault_of_the_replay(client: Client) -> None:
    restore(client, FIXTURES / VERSIONS[-1] / "store.json.gz")
    for _ in ("before", "after"):
        finding = check_replay(client)
        assert finding.level is Level.OK
        assert finding.message.endswith("recordings and RTMP streams of 3, from before an upgrade, are left out")
        append_further(client)
        fold_all(client)
