"""Why a subscriber is disabled: a code for each reason, and its text for people."""

from collections.abc import Mapping
from enum import StrEnum


class DisabledReason(StrEnum):
    """Why a subscriber is disabled. Earlier versions stored the text in place of the code."""

    MANUALLY = "disabled-manually"
    GONE = "disabled-gone"
    FAILED_TOO_LONG = "disabled-failed-too-long"
    WRONG_KEY = "disabled-wrong-key"


DISABLED_TEXTS: Mapping[str, str] = {
    DisabledReason.MANUALLY: "disabled by hand",
    DisabledReason.GONE: "it answered 410 Gone",
    DisabledReason.FAILED_TOO_LONG: "it has not answered for five days",
    DisabledReason.WRONG_KEY: (
        "its secrets were sealed under another key: give the right SECRETS_KEY, or set its URL and rotate"
    ),
}
