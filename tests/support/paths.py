"""Paths of the repository that tests use."""

from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PAYLOADS = ROOT / "tests" / "payloads" / "videosdk"
