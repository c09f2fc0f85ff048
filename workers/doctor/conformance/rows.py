"""The rows of the table: an assumption, what was observed, and what follows for Tallylight."""

from dataclasses import dataclass
from enum import StrEnum

from webhook_app.domain.outputs import Output

NO_CONSEQUENCE = "None."


class Result(StrEnum):
    """Whether an assumption holds."""

    AS_ASSUMED = "as assumed"
    DIFFERS = "differs"
    NOT_OBSERVED = "not observed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Row:
    """One assumption. `check` is its stable name."""

    check: str
    output: Output
    assumption: str
    observed: str
    result: Result
    consequence: str = NO_CONSEQUENCE

    @property
    def is_problem(self) -> bool:
        """Whether something differs or could not be carried out."""
        return self.result in (Result.DIFFERS, Result.FAILED)
