"""Variables in the configuration file: `${NAME}`, `${NAME:-default}`, and `$${` for `${` itself."""

import re
from collections.abc import Mapping

_REFERENCE = re.compile(
    r"\$\$\{|\$\{(?:(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?:(?P<has_default>:-)(?P<default>[^{}]*))?\}|)"
)


class VariableError(ValueError):
    """A reference that cannot be replaced; the message says what would be right."""


def replace_variables(text: str, variables: Mapping[str, str]) -> str:
    """The text with its variables replaced; a default stands for a variable that is not set, or empty."""
    return _REFERENCE.sub(lambda reference: _value(reference, variables), text)


def _value(reference: re.Match[str], variables: Mapping[str, str]) -> str:
    name = reference["name"]
    if reference.group() == "$${":
        return "${"
    if name is None:
        # What stands in it may be a secret, and is not quoted.
        raise VariableError("a ${ that is no variable; write ${NAME} or ${NAME:-default}, or $${ for the text ${")
    value = variables.get(name)
    if reference["has_default"] is not None:
        return value or reference["default"]
    if value is None:
        raise VariableError(f"${{{name}}} is not set; set {name} in the environment or .env")
    return value
