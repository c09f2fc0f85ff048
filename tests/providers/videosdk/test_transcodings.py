"""What VideoSDK's objects say about MP4 files of HLS streams."""

from typing import Any

import pytest

from webhook_app.domain.facts.results import TranscodingReport, TranscodingStatus
from webhook_app.domain.streams.report import File
from webhook_app.providers.videosdk.objects import read_transcoding
from webhook_app.providers.videosdk.transcoding_answers import transcode_body

FILE = {"type": "video", "filePath": "/encoded/a.mp4", "fileUrl": "https://cdn.example/encoded/a.mp4"}
RUNNING = TranscodingStatus.RUNNING


@pytest.mark.parametrize(
    ("shown", "report"),
    [
        ({"id": "j", "status": "pending"}, TranscodingReport("j", RUNNING)),
        ({"id": "j", "status": "processing"}, TranscodingReport("j", RUNNING)),
        ({"id": "j", "status": "archiving"}, TranscodingReport("j", RUNNING)),
        ({"id": "j"}, TranscodingReport("j", RUNNING)),
        ({"status": "cancelled"}, TranscodingReport(None, TranscodingStatus.CANCELLED)),
        (
            {"_id": "j", "status": "COMPLETED", "file": FILE},
            TranscodingReport("j", TranscodingStatus.COMPLETED, File(FILE["filePath"], FILE["fileUrl"])),
        ),
        (
            {"id": "j", "file": {"filePath": "/mine/a.mp4", "fileUrl": None}},
            TranscodingReport("j", TranscodingStatus.COMPLETED, File("/mine/a.mp4", None)),
        ),
        (
            {"id": "j", "status": "failed", "error": "no segments"},
            TranscodingReport("j", TranscodingStatus.FAILED, None, "no segments"),
        ),
    ],
)
def test_an_object_is_read(shown: dict[str, Any], report: TranscodingReport) -> None:
    assert read_transcoding(shown) == report


def test_a_request_names_the_stream_or_its_session_and_our_webhook_url() -> None:
    assert transcode_body("run-1", None, None) == {"hlsId": "run-1"}
    url = "https://me.example/webhooks/videosdk"
    assert transcode_body(None, "s1", url) == {"sessionId": "s1", "webhookUrl": url}
