"""Stacks of policies: values that are put over flows as one."""

import asyncio
import pickle

import pytest

from omnitron import Cache, Config, DefinitionError, Retry, RetryBudget, Stack, Timeout, flow, walk
from omnitron.policy import PolicyValue

HOUSE = Timeout(5) + Retry(4, delay=0)


@flow
async def load(number):
    """Give the number."""
    return number


@flow
def double(number):
    """Give twice the number."""
    return 2 * number


class Steady(PolicyValue):
    """A policy that no table knows."""

    __slots__ = ()


def kinds(subject):
    """Give the kinds of a tree, from the outside."""
    return [node.kind for _, node in walk(subject)]


def test_the_leftmost_is_innermost():
    """A stack is its policies, one put over the other."""
    assert load.apply(HOUSE) == load.apply(Timeout(5)).apply(Retry(4, delay=0))
    assert kinds(load.apply(HOUSE)) == ["retry", "timeout", "step"]


def test_stacks_add_to_stacks_and_policies():
    """In any grouping."""
    a, b, c = Timeout(5), Retry(4), Cache(60)

    assert a + (b + c) == (a + b) + c == Stack([a, b, c])
    assert (a + b) + (b + c) == Stack([a, b, b, c])


def test_the_empty_stack_changes_nothing():
    """Neither a stack nor a flow."""
    assert load.apply(Stack()) is load
    assert Stack() + HOUSE == HOUSE + Stack() == HOUSE
    assert sum([Timeout(5), Retry(4, delay=0)], Stack()) == HOUSE


def test_a_stack_is_a_value():
    """Equal by its policies, hashable, and through a pickle."""
    assert pickle.loads(pickle.dumps(HOUSE)) == HOUSE == Timeout(5) + Retry(4, delay=0)
    assert len({HOUSE, Timeout(5) + Retry(4, delay=0), Retry(4, delay=0) + Timeout(5)}) == 2
    with pytest.raises(AttributeError):
        HOUSE.policies = ()


def test_a_stack_prints_as_it_is_written():
    """The sum of its policies."""
    assert repr(Timeout(5) + Cache(60)) == f"{Timeout(5)!r} + {Cache(60)!r}"
    assert repr(Stack([Timeout(5)])) == f"Stack(policies=({Timeout(5)!r},))"


def test_a_stack_gives_its_policies():
    """In order, and says how many."""
    assert [*HOUSE] == [Timeout(5), Retry(4, delay=0)]
    assert len(HOUSE) == 2


def test_flows_under_one_stack_share_its_state():
    """What a policy counts, it counts for all of them."""
    kept = Cache(60)
    house = Retry(2) + kept

    assert (double.apply(house)(1), double.apply(house)(1)) == (2, 2)
    assert (kept.info().hits, kept.info().misses) == (1, 1)


def test_a_fresh_stack_shares_nothing():
    """It is equal, with a state of its own."""
    house = Retry(2, budget=RetryBudget(burst=1)) + Cache(60)
    new = house.fresh()

    assert new == house
    assert new.policies[1].cell is not house.policies[1].cell
    assert house.policies[0].budget.take()
    assert new.policies[0].budget.take()


def test_a_fresh_stack_keeps_what_is_one_value_one():
    """A value that stands in it twice shares with itself."""
    kept = Cache(60)
    new = (kept + Retry(2) + kept).fresh()

    assert new.policies[0] is new.policies[2] is not kept


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (3, "Policies are values"),
        ([Retry()], "Add its members one by one"),
        (Retry, r"write `Retry\(\.\.\.\)`"),
        (load, "write `flow.apply"),
        (None, "Policies are values"),
    ],
)
def test_what_is_no_policy_is_not_added(wrong, hint):
    """On neither side, nor as a member."""
    for make in (lambda: Timeout(5) + wrong, lambda: wrong + HOUSE, lambda: HOUSE + wrong, lambda: Stack([wrong])):
        with pytest.raises(DefinitionError, match=hint):
            make()


@pytest.mark.parametrize("wrong", [Retry(), 3, "ab", {Retry(), Timeout(5)}])
def test_a_stack_is_made_of_several(wrong):
    """One policy is none, and a set has no order."""
    with pytest.raises(DefinitionError, match="made of several"):
        Stack(wrong)


@pytest.mark.parametrize(
    ("wrong", "hint"), [(3, "takes a policy"), (Retry, r"Write `Retry\(\.\.\.\)`"), ([Retry()], "or a stack")]
)
def test_apply_takes_policies_and_stacks(wrong, hint):
    """Anything else is refused, and so is a policy without a node."""
    for subject in (wrong, Steady()):
        with pytest.raises(DefinitionError, match=hint if subject is wrong else "takes a policy"):
            load.apply(subject)


def test_a_timeout_in_a_stack_needs_an_async_flow():
    """The stack is refused as its part would be, and nothing is half applied."""
    with pytest.raises(DefinitionError, match="'double' is sync"):
        double.apply(HOUSE)


def test_a_stack_runs():
    """As its policies do."""
    assert asyncio.run(load.apply(HOUSE + Cache(60))(3)) == 3


def test_a_subclass_of_a_policy_goes_where_the_policy_goes():
    """Its node is that of its base."""

    class House(Retry):
        """A retry of the house."""

        __slots__ = ()

    assert double.apply(House(2)) == double.retry(2)


# ---- tuned by configuration


def details(subject):
    """Give the kinds of a tree with their options."""
    return [(node.kind, node.detail()) for _, node in walk(subject) if node.detail()]


def test_a_stack_is_tuned_by_a_file(tmp_path):
    """By the path of what it is over, one entry for the parameters of all its policies."""
    file = tmp_path / "omnitron.toml"
    file.write_text("[tool.omnitron.flows.load]\nattempts = 7\nseconds = 2.5\n")

    assert details(Config.read(file, environ={}).apply(load.apply(HOUSE))) == [
        ("retry", "attempts=7, delay=0.0"),
        ("timeout", "2.5 s"),
    ]


def test_a_stack_is_tuned_by_the_environment():
    """In a tree too, where only the place that is named changes."""
    tree = (load.apply(HOUSE).named("first") | load.apply(HOUSE).named("last")).named("both")
    found = Config.read(environ={"OMNITRON_FLOWS__BOTH__LAST__ATTEMPTS": "2"}).apply(tree)

    assert [detail for kind, detail in details(found) if kind == "retry"] == [
        "attempts=4, delay=0.0",
        "attempts=2, delay=0.0",
    ]


def test_a_tuned_stack_keeps_its_state():
    """What is set does not make a cache anew."""
    kept = Cache(60)
    tree = double.apply(Retry(2) + kept)
    tree(1)

    Config({"double": {"max_entries": 5}}).apply(tree)(1)

    assert kept.info().hits == 1
