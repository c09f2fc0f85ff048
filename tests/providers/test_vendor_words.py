"""VideoSDK's words stay in its provider package, so that another vendor is one package beside it."""

import re
from pathlib import Path

import pytest

HOME = Path("webhook_app/providers/videosdk")
CONFORMANCE = Path("workers/doctor/conformance")  # compares what VideoSDK sends with what the provider assumes
PRODUCT = (Path("webhook_app"), Path("workers"))
WORDS = (
    *("meetingId", "roomId", "sessionId", "participantId", "participantName", "customRoomId", "composerId"),
    *("webhookType", "webhookUrl", "endPoint", "changeModeHistory", "pageInfo", "lastPage", "perPage", "filePath"),
    *("playbackHlsUrl", "downstreamUrl", "livestreamUrl"),
    *("CONFERENCE", "SEND_AND_RECV", "RECV_ONLY", "SIGNALLING_ONLY", '"VIEWER"'),
    *("hls-[a-z]+", "participant-joined", "participant-left", "(?:participant-|track-)?recording-[a-z]+"),
    *("/v2/hls", "/v2/rooms", "/v2/sessions", "videosdk-signature"),
)
VENDOR_WORD = re.compile("|".join(rf"(?<![\w-])(?:{word})(?![\w-])" for word in WORDS))
ALLOWED = {
    "webhook_app/api/examples.py": "an example of an event in the API's reference",
    "webhook_app/api/events.py": "an example of an event in the API's reference",
    "webhook_app/domain/reasons.py": "codes of our own",
    "workers/cli/commands/events.py": "an example in a command's help",
    "webhook_app/console/components/trigger_forms.py": "examples in the fields of the rule editor",
    "workers/dev/demo.py": "the sandbox's example rule",
}


def product_files() -> list[Path]:
    return sorted(
        path for root in PRODUCT for path in root.rglob("*.py") if not {HOME, CONFORMANCE} & set(path.parents)
    )


def vendor_words(text: str) -> list[str]:
    return [match.group() for match in VENDOR_WORD.finditer(text)]


def test_the_product_names_nothing_of_videosdk_outside_its_provider() -> None:
    words_by_file = {str(path): words for path in product_files() if (words := vendor_words(path.read_text()))}
    assert {path: words for path, words in words_by_file.items() if path not in ALLOWED} == {}


def test_every_exception_is_still_needed() -> None:
    assert [path for path in ALLOWED if not vendor_words(Path(path).read_text())] == []


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('room_id = data.get("meetingId")', ["meetingId"]),
        ('if event.type == "hls-stopped":', ["hls-stopped"]),
        ('request("POST", "/v2/hls/start")', ["/v2/hls"]),
        ('kind = "session-ended"', []),
        ("stream.playback_url", []),
    ],
)
def test_a_vendor_word_is_found(line: str, words: list[str]) -> None:
    assert vendor_words(line) == words
