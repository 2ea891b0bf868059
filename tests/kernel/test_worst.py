"""Worst cases: how often each step runs at most, how long a call takes at most, and what has no bound."""

import pytest

from omnitron import (
    DefinitionError,
    Schedule,
    by_type,
    choose,
    fallback,
    flow,
    gather,
    identity,
    keep,
    loop,
    parallel,
    race,
    tap,
    try_with,
    when,
    worst_case,
)
from omnitron.algebra import Node, from_node
from omnitron.algebra.policing import Policy

pytestmark = pytest.mark.filterwarnings("ignore::omnitron.PolicyWarning")


def step(name, seconds=None):
    """Give an async step of a name, under a timeout of so many seconds."""

    async def work(value):
        return value

    made = flow(work, name=name)
    return made if seconds is None else made.timeout(seconds)


@flow
def sync(value):
    """Give the value."""
    return value


@flow
def number(value: int) -> int:
    """Give the number."""
    return value


A, B, C = step("a", 1), step("b", 10), step("c", 100)
NEVER = step("never")


class Waiting(Policy):
    """Stands for a policy that waits for a turn."""

    __slots__ = ("body", "max_wait", "wait")
    kind = "rate_limit"


class Bulk(Policy):
    """Stands for a bulkhead."""

    __slots__ = ("body", "queue")
    kind = "bulkhead"


class Hedged(Policy):
    """Stands for a hedge."""

    __slots__ = ("body", "at_most", "delay")
    kind = "hedge"


class Strange(Node):
    """A node of a user."""

    __slots__ = ("body",)
    kind = "strange"


@pytest.mark.parametrize(
    ("subject", "seconds"),
    [
        (A, 1),
        (identity, 0),
        (A | B | C, 111),
        (parallel(A, B), 10),
        (gather(dict, x=A, y=B), 10),
        (race(A, B), 10),
        (fallback(A, B), 11),
        (when(A, B, C), 101),
        (when(A, B), 11),
        (choose(A, {1: B}, default=C), 101),
        (keep(A) | tap(B), 11),
        (try_with(A, B, C), 111),
        (loop(A, until=B, at_most=3), 33),
        (A.retry(3, max_delay=7), 17),
        (A.retry(3, max_delay=0), 3),
        (A.retry(1), 1),
        (A.retry(50, max_delay=7, deadline=20), 21),
        (A.retry(backoff=Schedule.fixed(1).up_to(elapsed=20)), 21),
        (
            A.retry(backoff=Schedule.fixed(2).up_to(attempts=2).then(Schedule.fixed(1).up_to(attempts=3)), max_delay=5),
            19,
        ),
        (NEVER.retry(3).timeout(5), 5),
        (A.timeout(5), 1),
        (NEVER.each().timeout(5), 5),
        (loop(NEVER, until=sync).timeout(5), 5),
        (NEVER.within(deadline=5), 5),
        (NEVER.cache(60).timeout(5), 5),
        (sync.on("thread").timeout(5), 5),
        (A.undo(B), 11),
        (NEVER.undo(B).timeout(5), 15),
        (NEVER.undo(B).timeout(5).retry(2, max_delay=0), 30),
        (try_with(NEVER, finally_=B).timeout(5), 15),
        (A.undo(B).each().timeout(5) | A, None),
        (NEVER.stream().timeout(5), 5),
        (A.each().timeout(3).batch(max_wait=0.5), 3.5),
        (from_node(Hedged(B.node, 3, 2)), 14),
        (from_node(Hedged(A.node, 3, 2)), 3),
        (from_node(Hedged(B.node, 2, None)), 20),
        (from_node(Waiting(A.node, 5, True)), 6),
        (from_node(Waiting(A.node, None, False)), 1),
        (from_node(Bulk(A.node, 0)), 1),
        (from_node(Bulk(A.node, 3)), None),
        (from_node(Waiting(A.node, None, True)), None),
    ],
)
def test_seconds_of(subject, seconds):
    """A tree, from those of its parts."""
    assert worst_case(subject).seconds == seconds


@pytest.mark.parametrize(
    ("subject", "why", "counted"),
    [
        (NEVER, "'never' may take any time: no timeout is around it.", 0),
        ((A.retry(2, max_delay=3) | sync).named("p"), "'p/sync' may take any time: no timeout is around it.", 5),
        (A.each(), "'each' runs its flow for as many items as there are.", None),
        (A.stream(), "'stream' runs its flow for as many items as there are.", None),
        (loop(A, until=A), "'loop' has no bound on its turns, `at_most`.", None),
        (A.retry(backoff=Schedule.fixed(1)), "'a' has no bound on its attempts, nor a deadline.", None),
        (A.undo(NEVER), "'a/never' may take any time: no timeout is around it.", 1),
        (try_with(A, finally_=NEVER).timeout(5), "'try_with/never' may take any time: no timeout is around it.", 1),
        (from_node(Waiting(A.node, None, True)), "'a' waits for its turn as long as it takes.", None),
        (from_node(Strange(A.node)), "'strange' is of a kind (strange) of which nobody told how long it takes.", None),
        (sync.within(deadline=5), "'sync' may take any time: no timeout is around it.", 0),
        (parallel(sync, number, threads=2), "'parallel/sync' may take any time: no timeout is around it.", 0),
    ],
)
def test_what_has_no_bound_says_why(subject, why, counted):
    """Which part makes it so, and what is left without that."""
    worst = worst_case(subject)

    assert (worst.seconds, worst.counted) == (None, counted)
    assert why in worst.why


@pytest.mark.parametrize(
    ("compose", "attempts"),
    [
        (lambda: A | B, {"a": 1, "b": 1}),
        (lambda: A.retry(3).retry(4) | B.retry(2), {"a": 12, "b": 2}),
        (lambda: (A.retry(3) | B).retry(4), {"a": 12, "b": 4}),
        (lambda: loop(A.retry(3), until=B, at_most=5), {"a": 15, "b": 5}),
        (lambda: A.retry(3).each().retry(2), {"a": 6}),
        (lambda: A.undo(B).retry(3), {"a": 3, "b": 3}),
        (lambda: loop(A, until=B), {"a": None, "b": None}),
        (lambda: A.retry(backoff=Schedule.fixed(1)) | B, {"a": None, "b": 1}),
        (lambda: A.retry(backoff=Schedule.fixed(2).up_to(elapsed=5)), {"a": 3}),
        (lambda: A.retry(backoff=Schedule.fixed(2).jittered().up_to(elapsed=5)), {"a": None}),
        (lambda: A.retry(backoff=Schedule.fixed(1).while_(lambda error: 1 / 0).up_to(attempts=3)), {"a": 3}),
        (lambda: from_node(Hedged(A.retry(2).node, 3, 1)), {"a": 6}),
        (lambda: parallel(A, A.retry(2)), {"a": 1, "a#2": 2}),
    ],
)
def test_attempts_of(compose, attempts):
    """Each step: retries, hedges and turns multiply."""
    worst = worst_case(compose())

    assert {step.path.rpartition("/")[2]: step.attempts for step in worst.steps} == attempts
    assert worst.attempts == (None if None in attempts.values() else max(attempts.values()))


def test_attempts_without_bound_say_why():
    """Also where a timeout bounds the time."""
    worst = worst_case(A.retry(backoff=Schedule.fixed(1)).timeout(5))

    assert (worst.attempts, worst.seconds) == (None, 5)
    assert worst.why == ("'a' may run its flow without end.",)


def test_it_is_of_flows():
    """Anything else is refused."""
    with pytest.raises(DefinitionError, match="worst_case takes a flow"):
        worst_case(len)


@pytest.mark.real
def test_a_tree_of_many_places_is_walked_once_for_time():
    """Deep and wide trees are no recursion."""
    tree = A
    for _ in range(90):
        tree = tree.retry(1).timeout(500)
    row = flow(sync.fn)
    for _ in range(2000):
        row = row | number

    assert worst_case(tree).seconds == 1
    assert len(worst_case(row).steps) == 2001


def test_arms_by_type_are_one_of_them():
    """The longest."""

    @flow
    async def text(value: str) -> str:
        return value

    @flow
    async def whole(value: int) -> int:
        return value

    assert worst_case(by_type(text.timeout(2), whole.timeout(3))).seconds == 3
