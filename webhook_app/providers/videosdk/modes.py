"""VideoSDK's words for a participant's mode, and what they mean; older SDKs write the first of each role.

A word that is not among them, as of a newer SDK, is kept and shown as it is; its role is unknown.
"""

from collections.abc import Mapping

from webhook_app.domain.sessions.participants import Role

MODE_ROLES: Mapping[str, Role] = {
    "CONFERENCE": Role.HOST,
    "SEND_AND_RECV": Role.HOST,
    "VIEWER": Role.VIEWER,
    "RECV_ONLY": Role.VIEWER,
    "SIGNALLING_ONLY": Role.VIEWER,
}


def role_of(mode: str | None) -> Role:
    """The role that a mode stands for; unknown when the mode is missing or new."""
    return Role.UNKNOWN if mode is None else MODE_ROLES.get(mode, Role.UNKNOWN)
