"""Step budgets: limits that hold at any depth, and a cache that does not change what is counted."""

import pytest

from webhook_app.domain.budget import BudgetExceededError, counted_cache, spend, step_budget


def test_spending_without_a_budget_is_free() -> None:
    spend(10**9)


def test_the_limit_itself_may_be_spent_and_one_step_more_may_not() -> None:
    with step_budget(10, "a loop"):
        spend(10)
    with pytest.raises(BudgetExceededError, match="a loop takes more than 10 steps"), step_budget(10, "a loop"):
        spend(11)


def test_an_endless_loop_ends() -> None:
    with pytest.raises(BudgetExceededError), step_budget(1_000, "an endless loop"):
        while True:
            spend()


def test_what_an_inner_budget_spends_is_charged_to_the_outer_one() -> None:
    with step_budget(100, "outer") as outer:
        with step_budget(10, "inner"):
            spend(7)
        assert outer.spent == 7
        with pytest.raises(BudgetExceededError, match="inner"), step_budget(10, "inner"):
            spend(11)
        assert outer.spent == 18


def test_many_small_inner_budgets_pass_the_outer_limit() -> None:
    with pytest.raises(BudgetExceededError, match="outer"), step_budget(25, "outer"):
        while True:
            with step_budget(10, "inner"):
                spend(10)


def test_a_cached_result_costs_as_much_as_a_computed_one() -> None:
    computed: list[int] = []

    @counted_cache(limit=100, what="a sum", maxsize=8)
    def triangle(size: int) -> int:
        computed.append(size)
        for _ in range(size):
            spend()
        return size * (size + 1) // 2

    with step_budget(1_000, "all") as cold:
        assert triangle(9) == 45
    with step_budget(1_000, "all") as warm:
        assert triangle(9) == 45
    assert computed == [9]
    assert cold.spent == warm.spent == 9


def test_a_computation_over_its_limit_is_refused_again_without_being_repeated() -> None:
    computed: list[int] = []

    @counted_cache(limit=100, what="a sum", maxsize=8)
    def endless(size: int) -> int:
        computed.append(size)
        while True:
            spend()

    for _ in range(3):
        with step_budget(1_000, "all") as around, pytest.raises(BudgetExceededError, match="a sum"):
            endless(1)
        assert around.spent == 101
    assert computed == [1]


def test_a_handler_that_catches_the_error_does_not_hide_it() -> None:
    with pytest.raises(BudgetExceededError, match="outer"), step_budget(10, "outer"):
        try:
            spend(11)
        except ValueError:
            pass
