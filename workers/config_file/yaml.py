"""Read the configuration file as bounded YAML; errors name line and field."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from webhook_app.text.yaml_bounds import YAMLBoundsError, check_yaml
from workers.regular_file import FileReadError, read_regular_file

FILE_MAX_BYTES = 2 * 1024 * 1024
LINE_MAX_CHARS = 64 * 1024
VALUES_MAX = 100_000


@dataclass(frozen=True, slots=True)
class Mistake:
    """One error: its line and field (None if there is none), and what would be valid."""

    line: int | None
    field: str | None
    message: str


class FileError(Exception):
    """The file is invalid; `lines` has one line of text per error."""

    def __init__(self, path: Path, mistakes: list[Mistake]) -> None:
        self.path = path
        self.mistakes = mistakes
        self.lines = [_written(path, mistake) for mistake in mistakes]
        super().__init__("; ".join(self.lines))


def read_content(path: Path) -> bytes:
    """Return the bytes of the file. Raises FileError if it is unreadable, not a regular file, or too large."""
    try:
        return read_regular_file(path, FILE_MAX_BYTES)
    except FileReadError as error:
        raise FileError(path, [Mistake(None, None, str(error))]) from None


def load_yaml(path: Path, raw: bytes) -> Any:
    """Parse the file as YAML with the line numbers of its values. Raises FileError if it is invalid or too large."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise FileError(path, [Mistake(line, None, "not UTF-8 text; save the file as UTF-8")]) from None
    for number, line_text in enumerate(text.split("\n"), 1):
        if len(line_text) > LINE_MAX_CHARS:
            raise FileError(path, [Mistake(number, None, f"a line is longer than {LINE_MAX_CHARS} characters")])
    try:
        check_yaml(text, values_max=VALUES_MAX)
        return YAML().load(text)
    except YAMLBoundsError as error:
        raise FileError(path, [Mistake(error.line, None, str(error))]) from None
    except (YAMLError, ValueError) as error:
        raise FileError(path, [_not_yaml(text, error)]) from None


def _not_yaml(text: str, error: Exception) -> Mistake:
    mark = getattr(error, "problem_mark", None)
    position = getattr(error, "position", None)
    line = mark.line + 1 if mark is not None else None
    if line is None and isinstance(position, int):
        line = text.count("\n", 0, position) + 1
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "it cannot be read"
    # The rest of the message quotes values, which may be secrets.
    reason = str(problem).split(" with value", 1)[0]
    hint = "; indent with spaces" if "\\t" in reason else ""
    return Mistake(line, None, f"not YAML: {reason}{hint}")


def line_of(node: Any, path: tuple[Any, ...]) -> int | None:
    """Return the line of the value at a path, or of its nearest existing parent."""
    line = getattr(getattr(node, "lc", None), "line", None)
    for step in path:
        try:
            positions: Any = getattr(node, "lc")  # noqa: B009 - ruamel's lists and mappings have it, plain ones do not
            line = (positions.item if isinstance(node, list) else positions.key)(step)[0]
            node = node[step]
        except (AttributeError, KeyError, TypeError, IndexError):
            break
    return None if line is None else int(line) + 1


def _written(path: Path, mistake: Mistake) -> str:
    where = str(path) if mistake.line is None else f"{path}:{mistake.line}"
    return f"{where}: {mistake.field}: {mistake.message}" if mistake.field else f"{where}: {mistake.message}"
