"""The laws of the algebra, over random trees of both colours."""

import asyncio
import json
import pickle
import re
from collections import Counter
from random import Random

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from omnitron import (
    CallFailed,
    CallStarted,
    EventLog,
    context,
    flow,
    identity,
    rebuild,
    rewrite,
    sequence,
    walk,
)
from omnitron.algebra import Step
from omnitron.model import ItemYielded

from . import reference, steps
from .strategies import (
    SYNC,
    TWO_LOOPS,
    any_trees,
    async_trees,
    away_trees,
    build,
    home_trees,
    sync_trees,
    tall_trees,
    threaded_trees,
    trees,
    wide_trees,
)

"""Every order is drawn, the wrong ones too."""

small_trees = trees(size=3)
laws = settings(deadline=None, max_examples=100)
few = settings(deadline=None, max_examples=80)
big = settings(deadline=None, max_examples=40)


def becomes(call):
    """Give what becomes of a call, and the effects that it had."""
    here = steps.World()
    token = steps.world.set(here)
    try:
        return "value", steps.shown(call()), here.log
    except Exception as error:
        return "error", steps.shown(error), here.log
    finally:
        steps.world.reset(token)


def becomes_later(call, seed=0):
    """Give what becomes of an async call whose gates are opened one at a time, in an order that `seed` decides.

    Between two gates everything comes to rest, so the order of effects does not depend on turns of the loop.
    """

    async def main():
        here = steps.World(gated=True)
        steps.world.set(here)
        try:
            word, result = "value", await driven(here, call(), seed)
        except Exception as error:
            word, result = "error", error
        return word, steps.shown(result), here.log, asyncio.all_tasks() - {asyncio.current_task()}

    return asyncio.run(main())


async def rest():
    """Let everything run that can, until the loop would wait."""
    loop, busy = asyncio.get_running_loop(), True
    while busy:
        await asyncio.sleep(0)
        busy = bool(loop._ready)


async def moves_elsewhere(here, task):
    """Say whether something goes on in a thread, which moves by its own time."""
    for _ in range(500):
        await asyncio.wait({task}, timeout=0.01)
        if task.done() or here.gates:
            return True
    return False


def open_gate(gate):
    """Let who waits there go on."""
    if not gate.done():
        gate.set_result(None)


async def driven(here, running, seed=0):
    """Await what runs, opening the gates of its world one at a time."""
    chance = Random(seed)
    task = asyncio.ensure_future(running)
    while not task.done():
        await rest()
        if here.gates:
            gate = chance.choice(here.gates)
            if gate.get_loop() is asyncio.get_running_loop():
                open_gate(gate)
            else:  # of a part that runs in a thread, whose loop would not wake
                gate.get_loop().call_soon_threadsafe(open_gate, gate)
                await asyncio.wait({task}, timeout=0.001)
        elif not task.done() and not await moves_elsewhere(here, task):
            task.cancel()
            raise AssertionError(f"nothing moves any more after {here.log}")
    return task.result()


def becomes_of(tree, value="x", seed=0):
    """Give what becomes of a flow of either colour."""
    if tree.node.is_async:
        return becomes_later(lambda: tree(value), seed)
    return becomes(lambda: tree(value))


@laws
@given(sync_trees)
def test_compiled_equals_reference(recipe):
    """A sync flow does what its tree means: result, error and order of effects."""
    tree = build(recipe)

    assert becomes(lambda: tree("x")) == becomes(lambda: reference.call(tree, "x"))


@laws
@example(TWO_LOOPS, 0)
@given(async_trees.filter(lambda recipe: build(recipe).node.is_async), st.integers(0, 9))
def test_compiled_equals_reference_later(recipe, seed):
    """An async flow does what its tree means, in every order of waking, and leaves no task behind."""
    tree = build(recipe)
    expected = becomes_later(lambda: reference.call(tree, "x"), seed)

    assert becomes_later(lambda: tree("x"), seed) == expected
    assert expected[-1] == set()


calls = st.sampled_from(
    (
        (("x",), {}),
        (("x", "y"), {}),
        ((), {"first": "x"}),
        (("x",), {"key": "y"}),
        ((), {"key": "z", "second": "y", "first": "x"}),
    )
)


@laws
@given(wide_trees(late=False), calls)
def test_compiled_equals_reference_for_any_call(recipe, call):
    """The whole call, defaults included, reaches everything that stands at the head; watched or not."""
    tree, (args, kwargs) = build(recipe), call
    expected = becomes(lambda: reference.call(tree, *args, **kwargs))

    assert becomes(lambda: tree(*args, **kwargs)) == expected
    assert becomes(lambda: context(observers=[EventLog()]).run(tree, *args, **kwargs)) == expected


@laws
@given(wide_trees(late=True).filter(lambda recipe: build(recipe).node.is_async), calls)
def test_compiled_equals_reference_for_any_call_later(recipe, call):
    """The same for async flows."""
    tree, (args, kwargs) = build(recipe), call
    expected = becomes_later(lambda: reference.call(tree, *args, **kwargs))

    assert becomes_later(lambda: tree(*args, **kwargs)) == expected
    assert becomes_later(lambda: context(observers=[EventLog()]).run(tree, *args, **kwargs)) == expected


@big
@given(tall_trees(SYNC, late=False))
def test_compiled_equals_reference_when_tall(recipe):
    """Deep nesting and long pipes, which are compiled in pieces, change nothing; watched or not."""
    tree = build(recipe)
    expected = becomes(lambda: reference.call(tree, "x"))

    assert becomes(lambda: tree("x")) == expected
    assert becomes(lambda: context(observers=[EventLog()]).run(tree, "x")) == expected


@big
@given(tall_trees((*SYNC, steps.calm, steps.slow), late=True).filter(lambda recipe: build(recipe).node.is_async))
def test_compiled_equals_reference_when_tall_later(recipe):
    """The same for async flows."""
    tree = build(recipe)
    expected = becomes_later(lambda: reference.call(tree, "x"))

    assert becomes_later(lambda: tree("x")) == expected
    assert becomes_later(lambda: context(observers=[EventLog()]).run(tree, "x")) == expected


@few
@given(threaded_trees())
def test_threads_change_no_result(recipe):
    """Threads change the order of effects and nothing else; watched or not."""
    tree = build(recipe)
    expected = becomes(lambda: reference.call(tree, "x"))[:2]

    assert becomes(lambda: tree("x"))[:2] == expected
    assert becomes(lambda: context(observers=[EventLog()]).run(tree, "x"))[:2] == expected


@few
@given(away_trees())
def test_another_place_changes_no_result(recipe):
    """Parts on a thread of their own give what they give here."""
    tree = build(recipe)

    assert becomes(lambda: asyncio.run(tree("x"))) == becomes_later(lambda: reference.call(tree, "x"))[:3]


@few
@given(home_trees(), st.integers(0, 9))
def test_awaiting_a_part_here_changes_nothing(recipe, seed):
    """A part whose place is `local` does what it does without, in the same order; watched or not."""
    tree = build(recipe)
    expected = becomes_later(lambda: reference.call(tree, "x"), seed)

    assert becomes_later(lambda: tree("x"), seed) == expected
    assert becomes_later(lambda: context(observers=[EventLog()]).run(tree, "x"), seed) == expected


@few
@given(any_trees)
def test_a_second_call_is_as_the_first(recipe):
    """What the first call compiled serves the next."""
    tree = build(recipe)

    assert becomes_of(tree) == becomes_of(tree)


@few
@given(any_trees, st.integers(0, 9))
def test_acall_is_the_call(recipe, seed):
    """`acall` awaits what the call gives."""
    tree = build(recipe)

    assert becomes_later(lambda: tree.acall("x"), seed)[:3] == becomes_of(tree, seed=seed)[:3]


@laws
@given(any_trees, st.integers(0, 9))
def test_watched_equals_unwatched(recipe, seed):
    """A context that watches changes nothing."""
    tree = build(recipe)
    ctx = context(observers=[EventLog()])
    if tree.node.is_async:
        watched = becomes_later(lambda: ctx.run(tree, "x"), seed)
    else:
        watched = becomes(lambda: ctx.run(tree, "x"))

    assert watched == becomes_of(tree, seed=seed)


@few
@given(any_trees)
def test_every_start_has_one_end(recipe):
    """Events nest: every call that starts ends once, within its parent."""
    tree, log = build(recipe), EventLog()
    ctx = context(observers=[log])
    if tree.node.is_async:
        becomes_later(lambda: ctx.run(tree, "x"))
    else:
        becomes(lambda: ctx.run(tree, "x"))

    assert still_running(log) == set()


def still_running(log):
    """Give the calls that have started and not ended; each ends once, and starts within its parent."""
    running = set()
    for event in log.events:
        call = event.call
        if isinstance(event, CallStarted):
            assert call.parent is None or call.parent.call_id in running
            running.add(call.call_id)
        elif not isinstance(event, ItemYielded):
            running.remove(call.call_id)
    return running


@laws
@example(("retry", ("step", steps.broken), 2, Exception, False))
@given(any_trees)
def test_failures_notes_and_events_name_one_place(recipe):
    """Where an error came from is told alike by the `Failure`, by the note and by the first event, watched or not."""
    tree, log = build(recipe), EventLog()
    assume(failing_sources(tree) < 2)
    plain, plain_error = failures_of(tree)
    seen, seen_error = failures_of(tree, context(observers=[log]))
    first = {}
    for event in log.events:
        if isinstance(event, CallFailed):
            first.setdefault(id(event.error), re.sub(r"\[\d+\]", "", event.path))

    assert [failure.path for failure in seen] == [first[id(failure.error)] for failure in seen]
    assert [failure.path for failure in plain] == [failure.path for failure in seen]
    if seen_error is not None and tree.node.children:
        expected = f"at {first[id(seen_error)]}"
        told = [re.sub(r", (item|after) \d.*", "", note) for note in seen_error.__notes__]
        assert [note.endswith(expected) for note in told if " at " in note] == [True]
        assert plain_error.__notes__ == seen_error.__notes__


def failing_sources(tree):
    """Count the generator functions that raise: of one that stands twice, an unwatched run may note the other."""
    return sum(getattr(node, "fn", None) is steps.fan_failing for _, node in walk(tree))


def failures_of(tree, ctx=None):
    """Run a tree; give every `Failure` that a step was given, in order, and the error that left."""
    here = steps.World(gated=tree.node.is_async)

    token = steps.world.set(here)
    try:
        result = tree("x") if ctx is None else ctx.run(tree, "x")
        if tree.node.is_async:
            asyncio.run(driven(here, result))
    except Exception as error:
        return here.failures, error
    finally:
        steps.world.reset(token)
    return here.failures, None


@few
@given(any_trees, any_trees, any_trees)
def test_sequence_is_associative(first, second, third):
    """However a pipe is nested, it is the same pipe."""
    a, b, c = build(first), build(second), build(third)
    left, right = sequence(sequence(a, b), c), sequence(a, sequence(b, c))

    assert left == right == a | b | c
    assert becomes_of(left) == becomes_of(right)


@few
@given(any_trees)
def test_identity_is_neutral(recipe):
    """Before or after a flow, `identity` changes nothing that can be seen."""
    tree = build(recipe)

    assert becomes_of(identity | tree) == becomes_of(tree | identity) == becomes_of(tree)


@laws
@given(any_trees)
def test_a_tree_built_twice_is_equal(recipe):
    """Equal trees are equal, have one hash and print alike."""
    first, second = build(recipe), build(recipe)

    assert first == second
    assert hash(first) == hash(second)
    assert repr(first) == repr(second)


@laws
@given(small_trees, small_trees)
def test_equal_trees_behave_alike(first, second):
    """Equality is more than a name: equal flows have equal hashes and do the same."""
    a, b = build(first), build(second)

    assert (a == b) is (b == a)
    if a == b:
        assert hash(a) == hash(b)
        assert becomes_of(a) == becomes_of(b)


@laws
@given(any_trees)
def test_pickle_and_load_gives_an_equal_flow(recipe):
    """A flow travels: what arrives is equal, has the same name, metadata and class, and does the same."""
    tree = build(recipe)
    loaded = pickle.loads(pickle.dumps(tree))

    assert loaded == tree
    assert (type(loaded), loaded.name, loaded.meta) == (type(tree), tree.name, tree.meta)
    assert becomes_of(loaded) == becomes_of(tree)


@laws
@given(any_trees | threaded_trees() | wide_trees(late=True) | tall_trees(SYNC, late=False) | away_trees())
def test_described_and_rebuilt_gives_an_equal_flow(recipe):
    """A description is plain data that JSON keeps; what is rebuilt of it is equal and described alike."""
    tree = build(recipe)
    described = tree.describe()
    rebuilt = rebuild(json.loads(json.dumps(described, allow_nan=False)))

    assert rebuilt == tree
    assert (type(rebuilt), facts(rebuilt)) == (type(tree), facts(tree))
    assert rebuilt.describe() == described


def facts(tree):
    """Give path, label and metadata of every node."""
    return [(path, node.label, node.meta) for path, node in walk(tree)]


@laws
@given(any_trees)
def test_identity_rewrite_is_identity(recipe):
    """Rewriting every node to itself gives an equal flow, names and metadata included."""
    tree = build(recipe)
    same = rewrite(tree, lambda node: node)

    assert same == tree
    assert (same.name, same.meta, facts(same)) == (tree.name, tree.meta, facts(tree))


@laws
@given(any_trees)
def test_a_rewrite_replaces_every_occurrence(recipe):
    """Replacing one function by another gives the tree that was written with the other."""
    tree = build(recipe)
    other = flow(steps.other).node
    changed = rewrite(tree, lambda node: other if isinstance(node, Step) and node.fn is steps.plain else node)

    assert [node.label for _, node in walk(changed)] == [node.label for _, node in walk(tree)]
    assert [node.meta for _, node in walk(changed)] == [node.meta for _, node in walk(tree)]
    assert becomes_of(changed) == becomes_of(build(replaced(recipe)))


def replaced(recipe):
    """Give the recipe with `other` for `plain`."""
    if recipe is steps.plain:
        return steps.other
    return tuple(map(replaced, recipe)) if isinstance(recipe, tuple) else recipe


@laws
@given(any_trees)
def test_every_step_has_a_place_of_its_own(recipe):
    """No two steps of a tree share a path, and every path begins with the root's name."""
    tree = build(recipe)
    paths = [path for path, node in walk(tree) if isinstance(node, Step)]

    assert len(set(paths)) == len(paths)
    assert all(path.split("/")[0] == tree.name for path in paths)


@pytest.mark.parametrize("how", ["plain", "twice", "watched", "with a deadline"])
@settings(deadline=None, max_examples=60)
@given(recipe=async_trees.filter(lambda recipe: build(recipe).node.is_async))
def test_cancelled_at_any_await_nothing_is_left(how, recipe):
    """Cancelled at whichever suspension, a tree ends whole.

    No task is left, every body that began is finished once, every call that was seen to start is seen to end.
    """
    tree = build(recipe)
    turn, done = 0, False
    while not done:
        done, log, left, running = asyncio.run(cancelled_at(tree, turn, how))
        begun = Counter(value for word, value in log if word == "enter")
        finished = Counter(value for word, value in log if word == "finish")
        if how == "watched":  # a body may be cancelled while its first step is announced, and is finished still
            begun = begun | finished
        if how == "watched":  # observers may be told of a first step that a cancellation then keeps from beginning
            finished = begun if begun <= finished else finished
        assert (left, finished, running) == (set(), begun, set())
        turn += 1


class Slow:
    """An observer that suspends."""

    async def observe(self, event):
        await asyncio.sleep(0)


async def cancelled_at(tree, turn, how):
    """Run a tree, cancel it at that turn of the loop; say whether it had ended before, what it did and left."""
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
    return ended, here.log, asyncio.all_tasks() - {asyncio.current_task()}, still_running(log)
