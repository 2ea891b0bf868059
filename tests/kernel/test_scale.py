"""A pipe of 100,000 steps: no operation recurses along it, none is quadratic."""

import asyncio
import pickle
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from omnitron import AsyncFlow, flow, identity, parallel, rebuild, rewrite, sequence, walk

STEPS = 100_000


@flow
def up(x):
    return x + 1


@flow
async def late_up(x):
    return x + 1


def piped(step):
    """Build a long pipe by repeated `|`."""
    whole = step
    for _ in range(STEPS - 1):
        whole = whole | step
    return whole


@pytest.fixture(scope="module")
def long():
    """One long sync pipe."""
    return piped(up)


def test_a_long_pipe_runs(long):
    """Every step runs once, and a second run does too."""
    assert (long(0), long(1)) == (STEPS, STEPS + 1)


def test_a_long_async_pipe_runs():
    """An async pipe of the same length runs."""
    whole = piped(late_up)

    assert type(whole) is AsyncFlow
    assert asyncio.run(whole(0)) == STEPS


def test_pipes_built_from_the_left_the_right_and_at_once_are_equal(long):
    """The way of building leaves no trace."""
    right = up
    for _ in range(STEPS - 1):
        right = up | right

    assert long == right == sequence(*[up] * STEPS)
    assert hash(long) == hash(right)


def test_a_difference_at_the_end_is_found(long):
    """Comparison reaches the last step."""
    assert long != sequence(*[up] * (STEPS - 1), identity)


def test_a_long_pipe_has_a_name_and_a_repr(long):
    """The name is short, the tree is whole or elided, and both are made without recursion."""
    assert len(long.name) < 200
    assert "up" in repr(long)


def test_a_long_pipe_pickles(long):
    """It loads as an equal one that runs."""
    loaded = pickle.loads(pickle.dumps(long))

    assert loaded == long
    assert loaded(0) == STEPS


@pytest.mark.real
def test_a_long_pipe_is_described_and_rebuilt(long):
    """Every step is in its description, and what is rebuilt of it is equal."""
    data = long.describe()

    assert len(data["flow"]["fields"]["parts"]) == STEPS
    assert rebuild(data) == long


def test_a_long_pipe_is_walked(long):
    """A walk sees every step at a place of its own."""
    paths = [path for path, _ in walk(long)]

    assert len(set(paths)) == len(paths) == STEPS + 1


def test_a_long_pipe_is_rewritten(long):
    """A rewrite reaches every step."""
    down = flow(lambda x: x - 1).node
    target = up.node

    assert rewrite(long, lambda node: down if node == target else node)(0) == -STEPS


def test_a_long_pipe_of_distinct_functions_runs():
    """Distinct steps share nothing, and still build and run."""
    whole = sequence(*(flow(lambda x, n=n: x + n) for n in range(20_000)))

    assert whole(0) == sum(range(20_000))


def test_an_error_at_the_end_of_a_long_pipe_has_a_short_note(long):
    """The note of a long pipe is one that can be read."""
    with pytest.raises(ZeroDivisionError) as caught:
        (long | flow(lambda x: x / 0))(0)

    assert len(caught.value.__notes__) == 1
    assert len(caught.value.__notes__[0]) < 1000


def test_a_first_call_from_many_threads_at_once():
    """Threads that meet at a first call all get their results."""
    with ThreadPoolExecutor(8) as pool:
        for _ in range(100):
            start, whole = Barrier(8), parallel(flow(lambda x: x + 1), up) | flow(sum)
            results = pool.map(lambda n, start=start, whole=whole: (start.wait(10), whole(n))[1], range(8))
            assert list(results) == [2 * n + 2 for n in range(8)]


def test_200_levels_print_and_run():
    """What nests as deep as a flow may needs no deep recursion to be named, printed and called."""
    deep = flow(lambda x: (x,))
    for _ in range(199):
        deep = flow(lambda x: (x,)).star(deep)

    assert deep.node.depth == 200
    assert len(deep.name) <= 200
    assert "star" in repr(deep)
    assert deep(1) == (1,)


def test_a_name_stays_short_however_often_parts_repeat():
    """The name of a pipe is cut where it would double with every level."""
    doubled = flow(abs)
    for _ in range(18):
        doubled = doubled.on("thread") | doubled.on("thread")

    assert len(doubled.name) == 200
