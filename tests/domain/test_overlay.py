"""Layers and spread mappings are what a dict would be, and what lies below them is not touched."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from webhook_app.domain.overlay import Overlay
from webhook_app.domain.persistent_map import PersistentMap

NAMES = st.sampled_from("abcdef")
CHANGES = st.lists(st.tuples(NAMES, st.one_of(st.none(), st.integers(1, 9))), max_size=20)
BELOW = st.dictionaries(NAMES, st.integers(10, 19))


@given(BELOW, CHANGES)
def test_a_layer_reads_like_a_dict_that_was_changed_and_keeps_the_changes_only_when_told(
    below: Any, changes: Any
) -> None:
    untouched, plain, layer = dict(below), dict(below), Overlay(below)
    for name, value in changes:
        if value is None:
            assert layer.pop(name, None) == plain.pop(name, None)
        else:
            layer[name] = plain[name] = value
        assert {one: layer.get(one) for one in "abcdef"} == {one: plain.get(one) for one in "abcdef"}
        assert (dict(layer), len(layer), sorted(layer)) == (plain, len(plain), sorted(plain))
        assert [one in layer for one in "abcdef"] == [one in plain for one in "abcdef"]
    assert below == untouched
    assert layer.commit() is below
    assert below == plain


@given(BELOW, CHANGES)
def test_a_spread_mapping_reads_like_a_dict_and_its_older_copies_stay_what_they_were(below: Any, changes: Any) -> None:
    kept = [(PersistentMap(below), dict(below))]
    for name, value in changes:
        spread, plain = kept[-1][0], dict(kept[-1][1])
        if value is None:
            spread = spread.drop(name)
            plain.pop(name, None)
        else:
            spread, plain = spread.put(name, value), {**plain, name: value}
        kept.append((spread, plain))
    for spread, plain in kept:
        assert dict(spread) == plain == spread
        assert (len(spread), set(spread)) == (len(plain), set(plain))
        assert spread == PersistentMap(plain)
