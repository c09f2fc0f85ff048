"""One example of each shape, as the API's description shows it; a test holds each against its shape."""

from typing import Any

AT = "2026-11-22T10:00:07.120Z"
STREAM: dict[str, Any] = {
    "stream_id": "str_5f0c2a9b7d3e41c68a10",
    "videosdk_id": "65f0a1b2c3d4e5f6a7b8c9d0",
    "room_id": "abcd-efgh-ijkl",
    "room_name": "main-hall",
    "output": "hls",
    "session_id": "65f0a1a0c3d4e5f6a7b8c9aa",
    "state": "playable",
    "playback_url": "https://cdn.videosdk.live/meetings-hls/3f1c/index.m3u8",
    "livestream_url": "https://cdn.videosdk.live/meetings-hls/3f1c/live.m3u8",
    "starting_at": "2026-11-22T10:00:00.030Z",
    "started_at": "2026-11-22T10:00:02.110Z",
    "playable_at": AT,
    "stopping_at": None,
    "ended_at": None,
    "duration_s": 61.2,
    "ended_by": None,
    "known_by": None,
    "stopped_because": None,
    "failure": None,
    "snapshot": None,
    "files": [],
    "destinations": [],
}
RECORDING: dict[str, Any] = {
    **STREAM,
    "stream_id": "str_91c2d3e4f5a6b7081929",
    "videosdk_id": "65f0a1b2c3d4e5f6a7b8c9d1",
    "output": "recording",
    "state": "stopped",
    "playback_url": None,
    "livestream_url": None,
    "playable_at": None,
    "stopping_at": "2026-11-22T11:00:00.200Z",
    "ended_at": "2026-11-22T11:00:01.900Z",
    "duration_s": 3599.8,
    "ended_by": "webhook",
    "known_by": "webhook",
    "stopped_because": "rule:sunday-service",
    "files": [{"path": "recordings/3f1c.mp4", "url": "https://cdn.videosdk.live/recordings/3f1c.mp4"}],
}
DESIRED: dict[str, Any] = {
    "on_air": True,
    "because": "rule:sunday-service",
    "since": "2026-11-22T09:00:00.000Z",
    "until": "2026-11-22T11:00:00.000Z",
}
OCCURRENCE: dict[str, Any] = {
    "rules": ["sunday-service"],
    "room_id": "abcd-efgh-ijkl",
    "room_name": "main-hall",
    "opens_at": "2026-11-29T09:00:00.000Z",
    "closes_at": "2026-11-29T11:00:00.000Z",
    "skipped": False,
    "warning": None,
}
NO_WINDOWS: dict[str, Any] = {"armed": False, "late_since": None, "next_window": None}
WINDOWS: dict[str, Any] = {**NO_WINDOWS, "next_window": OCCURRENCE}
ROOM: dict[str, Any] = {
    "room_id": "abcd-efgh-ijkl",
    "name": "main-hall",
    "groups": ["webinar"],
    "on_air": True,
    "watchable": True,
    "live": True,
    "recording": False,
    "state": "playable",
    "stream": STREAM,
    "session": {
        "session_id": "65f0a1a0c3d4e5f6a7b8c9aa",
        "live": True,
        "participant_count": 1,
        "host_count": 1,
        "participants": [{"participant_id": "p1", "name": "Host Ada", "mode": "SEND_AND_RECV"}],
        "ended_reason": None,
        "ended_error": None,
    },
    "desired": DESIRED,
    **WINDOWS,
    "outputs": {
        "hls": {"state": "playable", "live": True, "stream": STREAM, "desired": DESIRED, **WINDOWS},
        "recording": {"state": "stopped", "live": False, "stream": RECORDING, "desired": None, **WINDOWS},
        "rtmp": {"state": "idle", "live": False, "stream": None, "desired": None, **NO_WINDOWS},
    },
    "sequence": 12,
    "updated_at": AT,
}
EVENT: dict[str, Any] = {
    "id": "1763805607120-0",
    "source": "videosdk",
    "type": "hls-playable",
    "room_id": "abcd-efgh-ijkl",
    "room_name": "main-hall",
    "at": AT,
    "data": {"meetingId": "abcd-efgh-ijkl", "sessionId": "65f0a1a0c3d4e5f6a7b8c9aa"},
    "effect": "Stream st_2b1f9c0d7a: started to playable",
    "reason": "stream-moved",
    "reasons": ["stream-moved"],
    "unchanged": False,
}
TIMELINE_ITEM: dict[str, Any] = {
    **EVENT,
    "run": None,
    "decisions": [
        {
            "rule": "sunday-service",
            "did": "Matched: start requested",
            "reason": "rule-matched",
            "call_id": None,
            "notice_id": None,
        }
    ],
    "notices": [{"id": "msg_1c0b7e5f9a2d4c68e310", "type": "stream.playable"}],
}
RULE: dict[str, Any] = {
    "rooms": ["*"],
    "when": "room.on_air && room.session.participant_count == 0",
    "for": "5m",
    "do": "end",
    "output": "hls",
    "cooldown": "10m",
}
RULE_VIEW: dict[str, Any] = {
    "name": "end-when-empty",
    **RULE,
    "timezone": "UTC",
    "paused": False,
    "from_file": False,
    "next": None,
    "last_fired_at": "2026-11-21T18:40:00.000Z",
    "last_error": None,
}
ACT: dict[str, Any] = {
    "at": AT,
    "room_id": "abcd-efgh-ijkl",
    "room_name": "main-hall",
    "output": "hls",
    "kind": "start",
    "because": "rule:live-with-the-host",
}
SUBSCRIBER: dict[str, Any] = {
    "id": "sub_9a1b2c3d4e5f60718293",
    "name": "av-team",
    "url": "https://example.org/hook",
    "types": ["stream.*"],
    "rooms": ["*"],
    "because": ["*"],
    "ordering": "none",
    "max_in_flight": 32,
    "rate_limit": None,
    "enabled": True,
    "disabled_because": None,
    "created_at": "2026-11-01T08:00:00.000Z",
    "from_file": False,
}
ATTEMPT: dict[str, Any] = {"at": AT, "status": 200, "error": None, "duration_ms": 31, "response": "ok"}
DELIVERY: dict[str, Any] = {
    "id": "dlv_0f1e2d3c4b5a69788796",
    "subscriber_id": "sub_9a1b2c3d4e5f60718293",
    "notice": {"id": "msg_1c0b7e5f9a2d4c68e310", "type": "stream.playable", "timestamp": AT},
    "state": "delivered",
    "attempts": [ATTEMPT],
    "next_attempt_at": None,
    "waiting_for": None,
}
CALL: dict[str, Any] = {
    "id": "call_7766554433221100ffee",
    "room_id": "abcd-efgh-ijkl",
    "room_name": "main-hall",
    "kind": "start",
    "output": "hls",
    "because": "rule:sunday-service",
    "state": "succeeded",
    "event_id": "1763805600030-0",
    "created_at": "2026-11-22T10:00:00.030Z",
    "answered_at": "2026-11-22T10:00:00.480Z",
    "message": None,
    "attempts": [{"at": "2026-11-22T10:00:00.060Z", "status": 200, "message": None}],
}
ALARM: dict[str, Any] = {
    "id": "alarm_5e6f708192a3b4c5d6e7",
    "name": "broadcast-late",
    "severity": "critical",
    "summary": "hall is late: rule sunday-service opened at 10:00 UTC and nobody can watch yet",
    "reason": "no-session",
    "room_id": "abcd-efgh-ijkl",
    "room_name": "hall",
    "rule": "sunday-service",
    "subscriber_id": None,
    "since": AT,
    "cleared_at": None,
    "acknowledged_by": None,
    "acknowledged_at": None,
    "muted_until": None,
}
COMPARISON = {"would": [ACT], "did": [], "only_would": [ACT], "only_did": []}
LAYOUT = {"type": "SPOTLIGHT", "priority": "PIN", "gridSize": 4}
OVERRIDE = {"until": "2026-11-22T12:00:00Z"}
EXAMPLES: dict[str, Any] = {
    "Room": ROOM,
    "Stream": STREAM,
    "Event": EVENT,
    "TimelineItem": TIMELINE_ITEM,
    "RuleView": RULE_VIEW,
    "Occurrence": OCCURRENCE,
    "RuleOccurrence": {**OCCURRENCE, "output": "hls", "openings": [OCCURRENCE["opens_at"]]},
    "Comparison": COMPARISON,
    "Subscriber": SUBSCRIBER,
    "NewSubscriber": {**SUBSCRIBER, "secret": "(shown this once)"},
    "Delivery": DELIVERY,
    "Retried": {"retried": 12},
    "System": {
        "version": "0.1.0",
        "observing": False,
        "sandbox_url": None,
        "settings": {"PORT": "8000", "ADMIN_TOKEN": "(set)"},
        "public_key": {"known": True, "pinned": False, "fingerprint": "3f1c:9a2b:77d0:e4c5"},
        "refused_webhooks": [
            {"outcome": "wrong-signature", "count": 3, "last_at": AT, "detail": "the signature is wrong"},
        ],
    },
    "Call": CALL,
    "Alarm": ALARM,
    "Accepted": {"id": "1763805600030-0"},
    "StartOverride": {
        **OVERRIDE,
        "start": {"config": {"layout": LAYOUT}},
    },
    "Override": OVERRIDE | {"output": "hls"},
    "Release": {"output": "recording"},
    "Backtest": {"rules": [{"name": "draft", **RULE}], "from": "2026-11-15T00:00:00Z", "to": "2026-11-22T00:00:00Z"},
    "Subscribe": {"url": "https://example.org/hook", "types": ["stream.*"], "name": "av-team"},
    "Change": {"types": ["stream.*", "alarm.*"]},
    "Enable": {"recover_from": "2026-11-22T00:00:00Z"},
    "Acknowledge": {"until": "2026-11-22T12:00:00Z", "by": "ann"},
    "Recover": {"from": "2026-11-22T00:00:00Z"},
    "Rule": RULE,
    "NewRoom": {"room_id": "abcd-efgh-ijkl", "name": "main-hall", "groups": ["webinar"]},
    "RoomChange": {"name": "main-hall", "groups": ["webinar", "friday"]},
}
PROBLEMS: dict[int, dict[str, Any]] = {
    422: {"errors": {"limit": ["must be from 1 to 500"]}},
}


def example_of(name: str) -> Any:
    """The example of a shape, or of a page of it; None when there is none."""
    if name.endswith("Page"):
        item = EXAMPLES.get(name.removesuffix("Page"))
        return None if item is None else {"items": [item], "next": None}
    return EXAMPLES.get(name)
