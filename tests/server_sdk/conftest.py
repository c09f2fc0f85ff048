"""VideoSDK's server SDK, installed once."""

from pathlib import Path

import pytest

from tests.server_sdk.installation import installed_sdk


@pytest.fixture(scope="session")
def server_sdk() -> Path:
    """The directory of the installed SDK."""
    return installed_sdk()
