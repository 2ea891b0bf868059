"""Laws of what ends early, undoes, or changes the context; beside those that hold for every tree."""

import asyncio
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omnitron import CallFinished, EventLog, context, flow, parallel, race

from . import early, steps, streams
from .strategies import any_trees, async_trees, build
from .test_laws import Slow, becomes_later, becomes_of, still_running

"""Every order is drawn, the wrong ones too."""

few = settings(deadline=None, max_examples=80)
late_trees = async_trees.filter(lambda recipe: build(recipe).node.is_async)


@few
@given(late_trees, st.integers(0, 9))
def test_a_race_of_one_is_that_one(recipe, seed):
    """Without a competitor the result is the flow's; its error stands alone in a group."""
    tree = build(recipe)
    word, result, *rest = becomes_of(tree, seed=seed)
    raced = becomes_later(lambda: race(tree)("x"), seed)

    if word == "error":
        result = steps.shown(ExceptionGroup("no branch of the race succeeded, 1 failed", [ValueError()]))
        assert (raced[0], raced[1][0], raced[2:]) == (word, result[0], tuple(rest))
    else:
        assert raced == (word, result, *rest)


@few
@given(any_trees, any_trees, st.integers(0, 9))
def test_a_quorum_of_all_that_succeed_is_what_is_collected(first, second, seed):
    """Where nothing fails, the outcomes of a quorum of all are the outcomes of all."""
    a, b = build(first), build(second)
    collected = becomes_of(parallel(a, b, mode="collect"), seed=seed)

    if "failure" not in str(collected[1]):
        assert becomes_of(parallel(a, b, quorum=2), seed=seed) == collected


@few
@given(any_trees, st.integers(0, 9))
def test_an_undo_at_the_end_changes_nothing(recipe, seed):
    """What nothing follows is never undone, and what failed has nothing to undo."""
    tree = build(recipe)

    assert becomes_of(tree.undo(flow(steps.plain)), seed=seed) == becomes_of(tree, seed=seed)


@few
@given(any_trees, st.integers(0, 9))
def test_a_value_that_nobody_reads_changes_nothing(recipe, seed):
    """A derived context is the context around it but for what was named."""
    tree = build(recipe)

    assert becomes_of(tree.within(unread=1), seed=seed) == becomes_of(tree, seed=seed)


@few
@given(any_trees, st.integers(0, 9))
def test_watching_a_part_changes_nothing(recipe, seed):
    """Nor does a derived context in which the part is watched."""
    tree, log = build(recipe), EventLog()

    assert becomes_of(tree.within(observers=[log]) | steps.plain, seed=seed) == becomes_of(
        tree | steps.plain, seed=seed
    )
    assert still_running(log) == set()


@few
@given(any_trees, st.booleans(), st.booleans(), st.integers(0, 9))
def test_a_flow_that_fails_has_undone_everything(recipe, late, watched, seed):
    """Each thing that was done is undone once, whatever stands between it and the error.

    Only what was done for an item of a stream stays done: each is a whole, and somebody has read it.
    """
    given_away = streams.undoes_in_items(build(recipe))
    tree = early.reserving(late=late) | build(recipe) | early.reserving(late=False) | flow(steps.broken)
    call = context(observers=[EventLog()]).run if watched else lambda tree, value: tree(value)
    if tree.node.is_async:
        word, _, log, left = becomes_later(lambda: call(tree, "x"), seed)
    else:
        word, _, log, left = (*becomes_of(tree), set())

    assert (word, left) == ("error", set())
    reserved, released = counted(log, "reserve"), counted(log, "release")
    assert released <= reserved if given_away else released == reserved


def counted(log, word):
    """Count what was noted under a word."""
    return Counter(value for found, value in log if found == word)


@pytest.mark.parametrize("how", ["plain", "twice", "watched", "with a deadline"])
@settings(deadline=None, max_examples=60)
@given(recipe=late_trees)
def test_cancelled_at_any_await_everything_is_undone(how, recipe):
    """Cancelled at whichever suspension, a flow leaves no task, and undoes each thing that it did exactly once."""
    given_away = streams.undoes_in_items(build(recipe))
    tree = early.reserving(late=True) | build(recipe) | early.reserving(late=True) | flow(steps.slow)
    turn, done = 0, False
    while not done:
        done, succeeded, log, left, running = asyncio.run(cancelled_at(tree, turn, how))
        reserved, released = counted(log, "reserve"), counted(log, "release")
        assert released <= reserved if succeeded or given_away else released == reserved
        assert (left, running) == (set(), set())
        turn += 1


async def cancelled_at(tree, turn, how):
    """Run a tree, cancel it at that turn of the loop; say whether it had ended, had succeeded, what it did and left."""
    here, log = steps.World(), EventLog()
    steps.world.set(here)
    options = {"watched": {"observers": [log, Slow()]}, "with a deadline": {"deadline": 1_000}}
    running = context(**options[how]).run(tree, "x") if how in options else tree("x")
    task = asyncio.ensure_future(running)
    for _ in range(turn):
        await asyncio.sleep(0)
    ended = not task.cancel()
    if how == "twice":
        await asyncio.sleep(0)
        task.cancel()
    (outcome,) = await asyncio.gather(task, return_exceptions=True)
    assert ended or isinstance(outcome, asyncio.CancelledError)
    whole = [event for event in log.events if event.call.parent is None and isinstance(event, CallFinished)]
    succeeded = bool(whole) or not isinstance(outcome, BaseException)  # a whole that has succeeded is never undone
    return ended, succeeded, here.log, asyncio.all_tasks() - {asyncio.current_task()}, still_running(log)


def test_every_new_recipe_is_drawn():
    """The strategies reach each of them."""
    wanted = {
        "race",
        "quorum",
        "quorum of items",
        "undo",
        "reserve",
        "reserve first",
        "within",
        "tenant",
        "retry",
        "timeout",
        "guarded",
    }
    found = set()

    @settings(deadline=None, max_examples=300, database=None, derandomize=True)
    @given(late_trees)
    def draw(recipe):
        found.update(words(recipe))

    draw()
    assert wanted <= found


def words(recipe):
    """Give the words in a recipe."""
    if isinstance(recipe, tuple):
        for part in recipe:
            yield from words(part)
    elif isinstance(recipe, str):
        yield recipe
