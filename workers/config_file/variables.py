"""Variables in the configuration file: `${NAME}`, `${NAME:-default}`, and `$${` for `${` itself."""

import re
from collections.abc import Mapping

_REFERENCE = re.compile(
    r"\$\$\{|\$\{(?:(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?:(?P<has_default>:-)(?P<default>[^{}]*))?\}|)"
)


class VariableError(ValueError):
    """A reference that cannot be replaced; the message says what would be valid."""


def replace_variables(text: str, variables: Mapping[str, str]) -> str:
    """Replace the variables in a text; a default is used for a variable that is unset or empty."""
    return _REFERENCE.sub(lambda reference: _value(reference, variables), text)


def _value(reference: re.Match[str], variables: Mapping[str, str]) -> str:
    name = reference["name"]
    if reference.group() == "$${":
        return "${"
    if name is None:
        # Not quoted, since it may contain a secret.
        raise VariableError("invalid ${; write ${NAME} or ${NAME:-default}, or $${ for a literal ${")
    value = variables.get(name)
    if reference["has_default"] is not None:
        return value or reference["default"]
    if value is None:
        raise VariableError(f"${{{name}}} is not set; set {name} in the environment or .env")
    return value
