"""Errors that use cases raise. They know no HTTP: the API and the console translate them into their own answers."""

from typing import Any, ClassVar

from webhook_app.error_reasons import ErrorReason
from webhook_app.text.validation_messages import translate_all


class UseCaseError(Exception):
    """An operation that was refused.

    `detail` is a sentence for people, `reason` a stable code for programs, and `errors` names the wrong fields, each
    with a list of messages.
    """

    default_reason: ClassVar[ErrorReason]

    def __init__(self, detail: str, *, reason: ErrorReason | None = None, errors: dict[str, Any] | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.reason = reason or self.default_reason
        self.errors: dict[str, Any] | None = None if errors is None else translate_all(errors)

    @property
    def messages_by_field(self) -> dict[str, Any]:
        """The errors by field; an error that concerns no field has the detail under an empty name."""
        return self.errors or {"": [self.detail]}


class NotFoundError(UseCaseError):
    """The resource does not exist."""

    default_reason = ErrorReason.NOT_FOUND


class ConflictError(UseCaseError):
    """The operation conflicts with the current state."""

    default_reason = ErrorReason.CONFLICT


class InvalidInputError(UseCaseError):
    """The input is wrong."""

    default_reason = ErrorReason.INVALID
