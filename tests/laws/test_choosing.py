"""The laws of keep, tap, choose, by_type, fallback and loop: each in terms of the other combinators."""

from hypothesis import assume, given
from hypothesis import strategies as st

from omnitron import by_type, choose, fallback, flow, keep, loop, sequence, tap, when

from . import steps
from .growing import growth
from .strategies import CATCHES, any_trees, build
from .test_laws import becomes_of, few

catches = st.sampled_from(CATCHES)


@few
@given(any_trees, any_trees, any_trees, catches)
def test_or_else_is_fallback(first, second, third, on):
    """However many flows stand in, `fallback` is `or_else` written once."""
    a, b, c = build(first), build(second), build(third)
    chained = a.or_else(b, on=on).or_else(c, on=on)

    assert becomes_of(fallback(a, b, c, on=on)) == becomes_of(chained)


@few
@given(any_trees, any_trees, any_trees, catches)
def test_fallback_is_associative(first, second, third, on):
    """Which of them are taken together makes no difference."""
    a, b, c = build(first), build(second), build(third)
    flat = becomes_of(fallback(a, b, c, on=on))

    assert becomes_of(fallback(a, fallback(b, c, on=on), on=on)) == flat
    assert becomes_of(fallback(fallback(a, b, on=on), c, on=on)) == flat


@few
@given(any_trees)
def test_a_fallback_of_one_is_that_flow(recipe):
    """There is nothing to stand in."""
    tree = build(recipe)

    assert becomes_of(fallback(tree)) == becomes_of(tree)


@few
@given(any_trees)
def test_tap_is_keep_without_the_result(recipe):
    """Both run the flow once, and let its error leave."""
    tree = build(recipe)

    assert becomes_of(tap(tree)) == becomes_of(keep(tree) | flow(steps.first))


@few
@given(any_trees)
def test_what_a_tap_gives_is_its_input(recipe):
    """Unless the flow raises."""
    word, value, _, *_ = becomes_of(tap(build(recipe)))

    assert word == "error" or value == "'x'"


@few
@given(any_trees, st.integers(1, 4))
def test_a_counted_loop_is_a_pipe(recipe, turns):
    """It is the flow written down that many times."""
    assume(growth(recipe) ** turns <= 5_000)  # run again on what it gave, it would fill the memory
    tree = build(recipe)

    assert becomes_of(loop(tree, at_most=turns)) == becomes_of(sequence(*[tree] * turns))


@few
@given(any_trees, any_trees)
def test_choosing_by_a_test_is_when(first, second):
    """A choice of two is a branch."""
    a, b = build(first), build(second)

    assert becomes_of(choose(steps.is_even, {True: a, False: b})) == becomes_of(when(steps.is_even, a, b))
    assert becomes_of(choose(steps.is_even, {True: a}, b)) == becomes_of(when(steps.is_even, a, b))


@few
@given(any_trees)
def test_one_arm_for_anything_is_that_arm(recipe):
    """There is nothing to choose."""
    arm = flow(steps.of_rest) | build(recipe)

    assert becomes_of(by_type(arm)) == becomes_of(arm)
