"""Rooms whose streams have come and gone, and the notices about them."""

from typing import Any

from tests.support.scenario import url, with_session

ALL = ["starting", "started", "playable", "stopping", "stopped"]
ANNOUNCED = [f"stream.{state}" for state in ALL]


def stream_notices(scenario: Any) -> Any:
    return [kind for kind in scenario.notices if kind.startswith("stream.")]


def after_a_bare_run(**more: Any) -> Any:
    """A stream without an id or URL has started and stopped."""
    scenario = with_session(**more)
    scenario.hls("starting", "started", "playable", "stopped")
    return scenario


def after_a_run_of_its_own(**more: Any) -> Any:
    """A session whose first stream, which had a URL, has started and stopped."""
    scenario = with_session(**more)
    scenario.hls("starting", "started", "playable", "stopped", url=url("a"))
    return scenario


def is_probed_after(scenario: Any, ms: Any) -> Any:
    """Whether VideoSDK is probed after this time, and not before."""
    scenario.wait(ms - 1)
    early = scenario.room.probing.probe is not None
    scenario.wait(1)
    return not early and scenario.room.probing.probe is not None
