"""The past periods that forms offer: to test rules against, and to resend notices from."""

from collections.abc import Mapping

from webhook_app.domain.times import DAY, HOUR

PERIODS: Mapping[str, tuple[str, int]] = {  # by form value: the label, and the length in ms
    "1h": ("last hour", HOUR),
    "24h": ("last 24 hours", DAY),
    "7d": ("last 7 days", 7 * DAY),
}
DEFAULT_PERIOD = "24h"
