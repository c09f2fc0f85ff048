"""Step budgets: limits on the work that one input may ask for.

Steps are counted and never timed, so that a replay decides the same on every machine. Code that user input can shape
(recurrences, calendars, conditions, globs, backtests) calls `spend` in its loops; whoever runs it sets the limit with
`step_budget`. Budgets nest: what an inner budget spent is charged to the outer one as well.
"""

from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager
from contextvars import ContextVar
from functools import lru_cache, wraps
from types import TracebackType
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class BudgetExceededError(ValueError):
    """An input asks for more work than its limit allows; `what` names the input, `limit` is in steps."""

    def __init__(self, what: str, limit: int) -> None:
        super().__init__(f"{what} takes more than {limit} steps to compute")
        self.what = what
        self.limit = limit


class Budget:
    """Steps spent so far, and the limit that they may not pass; in force while its context is entered, once."""

    __slots__ = ("_outer", "_token", "limit", "spent", "what")

    def __init__(self, limit: int, what: str) -> None:
        self.limit = limit
        self.what = what
        self.spent = 0

    def spend(self, steps: int = 1) -> None:
        """Count steps; BudgetExceededError when they pass the limit."""
        self.spent += steps
        if self.spent > self.limit:
            raise BudgetExceededError(self.what, self.limit)

    def __enter__(self) -> "Budget":
        self._outer = _current.get()
        self._token = _current.set(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        _current.reset(self._token)
        outer = self._outer
        if outer is not None:
            outer.spent += self.spent
        if kind is None:
            self.spend(0)  # a handler inside the body that caught the error must not hide it
            if outer is not None:
                outer.spend(0)


_current: ContextVar[Budget | None] = ContextVar("step_budget", default=None)


def step_budget(limit: int, what: str) -> AbstractContextManager[Budget]:
    """Limit the steps that the body spends; they are charged to the budget around it when the body ends."""
    return Budget(limit, what)  # its own context, as a generator costs more, and every event enters one


def spend(steps: int = 1) -> None:
    """Charge steps to the budget in force, if there is one; BudgetExceededError when they pass its limit."""
    budget = _current.get()
    if budget is not None:
        budget.spend(steps)


def counted_cache(*, limit: int, what: str, maxsize: int) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """A least-recently-used cache whose hits cost what the computation cost.

    A hit that cost nothing would let a warm process fold an event that a replay, with an empty cache, refuses. The
    computation runs under a budget of its own; a BudgetExceededError is cached and raised again.
    """

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        @lru_cache(maxsize=maxsize)
        def compute(*args: Hashable) -> tuple[T | BudgetExceededError, int]:
            budget = Budget(limit, what)
            token = _current.set(budget)
            try:
                return function(*args), budget.spent  # type: ignore[arg-type, call-arg]
            except BudgetExceededError as error:
                return error.with_traceback(None), budget.spent
            finally:
                _current.reset(token)

        @wraps(function)
        def cached(*args: P.args, **kwargs: P.kwargs) -> T:
            result, cost = compute(*args)
            spend(cost)
            if isinstance(result, BudgetExceededError):
                raise BudgetExceededError(result.what, result.limit)
            return result

        return cached

    return decorate
