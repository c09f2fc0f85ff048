"""Overlays and persistent maps behave like dicts, and leave untouched what they were made from."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from webhook_app.domain.overlay import Overlay
from webhook_app.domain.persistent_map import PersistentMap

NAMES = st.sampled_from("abcdef")
CHANGES = st.lists(st.tuples(NAMES, st.one_of(st.none(), st.integers(1, 9))), max_size=20)
BASE = st.dictionaries(NAMES, st.integers(10, 19))


@given(BASE, CHANGES)
def test_an_overlay_reads_like_a_changed_dict_and_changes_its_base_only_when_committed(base: Any, changes: Any) -> None:
    untouched, plain, overlay = dict(base), dict(base), Overlay(base)
    for name, value in changes:
        if value is None:
            assert overlay.pop(name, None) == plain.pop(name, None)
        else:
            overlay[name] = plain[name] = value
        assert {name: overlay.get(name) for name in "abcdef"} == {name: plain.get(name) for name in "abcdef"}
        assert (dict(overlay), len(overlay), sorted(overlay)) == (plain, len(plain), sorted(plain))
        assert [name in overlay for name in "abcdef"] == [name in plain for name in "abcdef"]
    assert base == untouched
    assert overlay.commit() is base
    assert base == plain


@given(BASE, CHANGES)
def test_a_persistent_map_reads_like_a_dict_and_its_older_copies_stay_as_they_were(base: Any, changes: Any) -> None:
    copies = [(PersistentMap(base), dict(base))]
    for name, value in changes:
        persistent, plain = copies[-1][0], dict(copies[-1][1])
        if value is None:
            persistent = persistent.drop(name)
            plain.pop(name, None)
        else:
            persistent, plain = persistent.put(name, value), {**plain, name: value}
        copies.append((persistent, plain))
    for persistent, plain in copies:
        assert dict(persistent) == plain == persistent
        assert (len(persistent), set(persistent)) == (len(plain), set(plain))
        assert persistent == PersistentMap(plain)
