"""`RetryBudget`: how many retries all may make together."""

import pickle
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from omnitron import DefinitionError, InvalidValue, Retry, RetryBudget, flow, rebuild, walk

from .trying import Down, Trial, down


@flow
def fail(x):
    raise Down(x)


def fails(tree, value=0):
    """Give the note with which a flow fails."""
    with pytest.raises(Down) as caught:
        tree(value)
    return caught.value.__notes__[0]


def taken(budget, most=1_000):
    """Give how many retries are left, and take them."""
    return sum(budget.take() for _ in range(most))


def test_the_reserve_is_there_from_the_start():
    """So many retries, and no more."""
    assert taken(RetryBudget(ratio=0, burst=7)) == 7


def test_calls_earn_retries():
    """So many for each; never more than the reserve are kept."""
    budget = RetryBudget(ratio=0.5, burst=10)
    taken(budget)
    for _ in range(8):
        budget.note_call()

    assert taken(budget) == 4

    for _ in range(1_000):
        budget.note_call()

    assert taken(budget) == 10


def test_a_budget_without_reserve_is_earned():
    """One retry is kept, once calls have earned it."""
    budget = RetryBudget(ratio=0.5, burst=0)

    assert taken(budget) == 0
    for _ in range(100):
        budget.note_call()
    assert taken(budget) == 1


def test_looking_earns_nothing():
    """Neither does asking in vain."""
    budget = RetryBudget(ratio=1, burst=5)
    taken(budget)

    assert [budget.left for _ in range(5)] == [0] * 5
    assert taken(budget) == 0


@pytest.mark.parametrize("delay", [0, 0.0001])
def test_flows_that_share_a_budget_spend_it_together(delay):
    """Who comes when it is used up fails at its first attempt, and says why."""
    budget = RetryBudget(ratio=0, burst=3)
    trial = Trial(*down(99))
    one, other = (trial.step().retry(delay=delay, budget=budget) for _ in range(2))

    assert fails(one).endswith(", after 3 attempts")
    assert fails(other).endswith(", after 2 attempts (the retry budget is used up)")
    assert fails(one).endswith(", after 1 attempt (the retry budget is used up)")
    assert trial.calls == 3 + 2 + 1


def test_an_outage_does_not_multiply_the_load():
    """A thousand failing calls make a tenth more, and the reserve."""
    calls = []
    tree = (flow(calls.append) | fail).retry(delay=0, budget=RetryBudget(ratio=0.1, burst=10))

    for number in range(1_000):
        fails(tree, number)

    assert 1_100 <= len(calls) <= 1_110


def test_calls_that_succeed_pay_for_those_that_fail():
    """A call is counted when it begins."""
    budget = RetryBudget(ratio=0.25, burst=2)
    taken(budget)
    fine = flow(lambda x: x).retry(budget=budget)
    for number in range(8):
        fine(number)

    assert taken(budget) == 2


def test_threads_never_spend_more_than_there_is():
    """However many take at once, while others earn."""
    budget, start = RetryBudget(ratio=0.01, burst=500), Barrier(8)

    def work(_):
        start.wait()
        spent = 0
        for _ in range(1_000):
            budget.note_call()
            spent += budget.take()
        return spent

    with ThreadPoolExecutor(8) as pool:
        spent = sum(pool.map(work, range(8)))

    assert 500 + 79 <= spent <= 500 + 80


def test_flows_on_threads_never_spend_more_than_there_is():
    """Through the flow itself."""
    calls = []
    tree = (flow(calls.append) | fail).retry(5, 0, budget=RetryBudget(ratio=0, burst=50))

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(fails, tree, number) for number in range(200)]:
            done.result()

    assert len(calls) == 200 + 50


def test_two_made_alike_are_equal_and_do_not_share():
    """The count is no part of the value."""
    one, other = RetryBudget(ratio=0, burst=2), RetryBudget(ratio=0, burst=2)
    taken(one)

    assert one == other
    assert hash(one) == hash(other)
    assert repr(one) == "RetryBudget(ratio=0.0, burst=2)"
    assert (taken(one), taken(other)) == (0, 2)


def test_fresh_gives_one_with_a_count_of_its_own():
    """Equal, and full."""
    budget = RetryBudget(ratio=0, burst=2)
    taken(budget)

    assert budget.fresh() == budget
    assert taken(budget.fresh()) == 2


def test_what_is_pickled_has_a_full_reserve():
    """And flows of one tree that shared it share it there."""
    budget = RetryBudget(ratio=0, burst=2)
    tree = fail.retry(budget=budget) | fail.retry(budget=budget)
    taken(budget)

    one, other = budgets(pickle.loads(pickle.dumps(tree)))

    assert one is other
    assert taken(one) == 2


def test_what_is_rebuilt_has_a_full_reserve():
    """Of its own in each place, because a description has equal values only."""
    budget = RetryBudget(ratio=0, burst=2)
    tree = fail.retry(budget=budget) | fail.retry(budget=budget)
    taken(budget)

    assert [taken(one) for one in budgets(rebuild(tree.describe()))] == [2, 2]


def budgets(tree):
    """Give those of a tree."""
    return [node.budget for _, node in walk(tree) if node.kind == "retry"]


def test_a_flow_keeps_its_budget_through_every_change():
    """Renamed, declared otherwise, in another tree."""
    budget = RetryBudget(ratio=0, burst=2)
    tree = (fail.retry(budget=budget).named("a").with_meta(tags={"x"}) | fail).named("b")

    assert budgets(tree)[0] is budget


def test_a_policy_shares_its_budget():
    """One value for many flows."""
    policy = Retry(delay=0, budget=RetryBudget(ratio=0, burst=2))

    assert fails(fail.retry(policy)).endswith(", after 3 attempts")
    assert "used up" in fails(fail.named("other").apply(policy))


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"ratio": -1}, InvalidValue),
        ({"ratio": "1"}, DefinitionError),
        ({"ratio": float("nan")}, InvalidValue),
        ({"burst": -1}, InvalidValue),
        ({"burst": 1.5}, DefinitionError),
        ({"burst": True}, DefinitionError),
        ({"ratio": 0, "burst": 0}, InvalidValue),
    ],
    ids=str,
)
def test_wrong_budgets_are_refused(options, error):
    """Also one that would never allow a retry."""
    with pytest.raises(error):
        RetryBudget(**options)
