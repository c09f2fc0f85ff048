"""A duration at the door."""

from typing import Any

from marshmallow import ValidationError, fields

from webhook_app.domain.times import parse_duration


class Duration(fields.Field[int]):
    """`90s`, `5m`, `2h`, `1h30m` outside, seconds inside."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if not isinstance(value, str):
            raise ValidationError("a duration is text, such as 90s, 5m or 1h30m")
        try:
            return parse_duration(value)
        except ValueError as error:
            raise ValidationError(str(error)) from None
