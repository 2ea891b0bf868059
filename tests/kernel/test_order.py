"""Orders of policies that defeat one of them: each is told once, where it is written; what stands near it is not."""

import asyncio
import pickle
import warnings

import pytest

from omnitron import (
    Adaptive,
    AdaptiveSize,
    Cache,
    Config,
    PolicyWarning,
    Retry,
    RetryBudget,
    Schedule,
    Timeout,
    flow,
    identity,
    parallel,
    rebuild,
    rewrite,
    tap,
    try_with,
    when,
)
from omnitron.algebra import from_node, misorders
from omnitron.algebra.ordering import ordered
from omnitron.algebra.policing import Policy

SECOND = Retry(3, 1, jitter="none")


@flow
async def load(number):
    """Give the number."""
    return number


@flow
def double(number):
    """Give twice the number."""
    return 2 * number


@flow
async def loads(numbers: list[int]) -> list[int]:
    """Give the numbers."""
    return numbers


@flow
def doubles(numbers: list[int]) -> list[int]:
    """Give twice the numbers."""
    return [2 * number for number in numbers]


def codes(compose):
    """Give the codes of the warnings that composing a flow gives."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        compose()
    assert {one.category for one in caught} <= {PolicyWarning}
    assert {one.filename for one in caught} <= {__file__}
    return [str(one.message).partition(":")[0] for one in caught]


# ---- stand-ins for nodes with a name and fields that a rule asks for


class RateLimited(Policy):
    """Stands for a rate limit."""

    __slots__ = ("body", "key")
    kind = "rate_limit"


class Hedged(Policy):
    """Stands for a hedge."""

    __slots__ = ("body", "at_most", "budget")
    kind = "hedge"


class Bulk(Policy):
    """Stands for a bulkhead."""

    __slots__ = ("body", "limit")
    kind = "bulkhead"


class Broken(Policy):
    """Stands for a circuit breaker."""

    __slots__ = ("body",)
    kind = "circuit_breaker"


def over(kind, f, *fields):
    """Put a stand-in over a flow, as its method would."""
    return from_node(ordered(kind(f.node, *fields)))


WRONG = {
    "order-retry-in-retry": [
        lambda: load.retry(4).retry(),
        lambda: (double | load.retry(4) | double).retry(),
        lambda: double.retry().each().retry(),
        lambda: when(double, load.retry(), load).retry(),
        lambda: load.retry(on=OSError).timeout(60).cache(60).retry(on=(ValueError, ConnectionError)),
        lambda: double.retry(backoff=Schedule.fixed(0)).retry(),
        lambda: double.or_else(double.retry()).retry(),
        lambda: try_with(double, finally_=double.retry()).retry(),
        lambda: loads.retry().batch().retry(),
        lambda: load.apply(Retry() + Timeout(60) + Retry()),
    ],
    "order-retry-around-hedge": [
        lambda: over(Hedged, load, 2, None).retry(),
        lambda: (double | over(Hedged, load, 2, None)).retry(),
    ],
    "order-retry-around-kept-errors": [
        lambda: double.cache(60, ttl_on_error=5).retry(),
        lambda: (double | double.cache(60, ttl_on_error=5)).apply(SECOND),
    ],
    "order-timeout-around-waits": [
        lambda: load.retry(4, delay=10).timeout(5),
        lambda: load.apply(SECOND).timeout(3),
        lambda: (load | load.apply(SECOND)).each().timeout(3),
        lambda: load.retry(4, delay=10, deadline=60).timeout(5),
    ],
    "order-timeout-around-attempt": [
        lambda: load.timeout(10).retry().timeout(5),
        lambda: load.timeout(5).retry(on=TimeoutError).timeout(5),
        lambda: (double | load.timeout(10).retry()).timeout(5),
    ],
    "order-each-below-batch": [
        lambda: loads.batch(128).each(concurrency=8),
        lambda: loads.batch(128).each(),
        lambda: loads.batch(128).each(concurrency=Adaptive(2, 8)),
        lambda: (double | loads.batch(128).retry()).each(concurrency=8),
        lambda: doubles.batch(128).each(threads=4),
        lambda: quietly(loads.batch(128).each, concurrency=8).each(concurrency=8),
    ],
    "order-stream-below-batch": [
        lambda: loads.batch(128).stream(concurrency=8),
        lambda: doubles.batch(128).stream(threads=4),
    ],
    "order-cache-in-batch": [
        lambda: loads.cache(60).batch(),
        lambda: doubles.cache(60).retry().batch(),
    ],
    "order-rate-limit-around-cache": [
        lambda: over(RateLimited, double.cache(60), None),
        lambda: over(RateLimited, double.cache(60).retry(), None),
    ],
    "order-rate-limit-around-retry": [lambda: over(RateLimited, load.retry().timeout(60), None)],
    "order-bulkhead-around-cache": [lambda: over(Bulk, double.cache(60), 8)],
    "order-bulkhead-around-batch": [lambda: over(Bulk, loads.batch(128), 8)],
    "order-circuit-breaker-around-cache": [lambda: over(Broken, double.cache(60))],
    "order-hedge-around-cache": [lambda: over(Hedged, load.cache(60).timeout(5), 2, None)],
}


@pytest.mark.parametrize(
    ("code", "compose"),
    [pytest.param(code, one, id=f"{code}-{n}") for code, some in WRONG.items() for n, one in enumerate(some)],
)
def test_a_wrong_order_is_told_once(code, compose):
    """At the line of the user, under its code."""
    assert codes(compose).count(code) == 1


def budgeted():
    """Give a budget."""
    return RetryBudget()


RIGHT = {
    "one retry alone": lambda: (double.retry() | double.retry()).cache(60),
    "retries side by side": lambda: parallel(double.retry(), load.retry()),
    "an attempt alone": lambda: (double.retry(1).retry(), double.retry().retry(1)),
    "a budget": lambda: (double.retry(budget=budgeted()).retry(), double.retry().retry(budget=budgeted())),
    "other errors": lambda: double.retry(on=ConnectionError).retry(on=(KeyError, ValueError)),
    "predicates": lambda: double.retry(on=lambda error: True).retry(),
    "what is caught": lambda: (double.retry().or_else(double).retry(), try_with(double.retry(), identity).retry()),
    "what is collected": lambda: double.retry().each(mode="collect").retry(),
    "a quorum": lambda: parallel(double.retry(), double, quorum=1).retry(),
    "an undo": lambda: double.undo(double.retry()).retry(),
    "kept errors": lambda: double.retry().cache(60, ttl_on_error=0.1).retry(),
    "a cache without errors": lambda: double.cache(60).retry(),
    "errors kept for less time": lambda: double.cache(60, ttl_on_error=1).retry(4, 1, jitter="none"),
    "a cache that is turned off": lambda: double.cache(60, ttl_on_error=5, mode="disable").retry(),
    "retry in hedge": lambda: over(Hedged, load.retry(), 2, None),
    "hedge under a budget": lambda: over(Hedged, load, 2, None).retry(budget=budgeted()),
    "a hedge of a budget": lambda: over(Hedged, load, 2, budgeted()).retry(),
    "time enough": lambda: load.apply(SECOND).timeout(3.1),
    "an endless retry": lambda: load.retry(backoff=Schedule.fixed(10)).timeout(5),
    "a retry with a deadline": lambda: load.retry(4, delay=10, deadline=5).timeout(5),
    "a schedule of one's own": lambda: load.retry(backoff=Own().up_to(attempts=3)).timeout(0.5),
    "what another timeout ends": lambda: quietly(load.retry(4, delay=10).timeout, 5).timeout(6),
    "timeouts without a retry": lambda: load.timeout(10).timeout(5),
    "a total that is longer": lambda: load.timeout(3).retry(4).timeout(10),
    "a retry of other errors": lambda: load.timeout(10).retry(on=ValueError).timeout(5),
    "an idle bound": lambda: load.stream().timeout(idle=1),
    "the defaults": lambda: (loads.batch().each(), loads.batch(60).each()),
    "a bound that is enough": lambda: loads.batch(8).each(concurrency=8),
    "a bound that adapts": lambda: loads.batch(8).each(concurrency=Adaptive(2, 8)),
    "a bound and a batch that adapt": lambda: loads.batch(AdaptiveSize(high=8, within=1)).each(concurrency=Adaptive()),
    "loops in loops": lambda: quietly(loads.batch(128).each, concurrency=16).each(concurrency=8),
    "threads enough": lambda: doubles.batch(4).each(threads=4),
    "items inline": lambda: doubles.batch(4).each(),
    "a lazy stream": lambda: loads.batch(128).stream(),
    "a cache around a batch": lambda: loads.batch().cache(60),
    "a cache of items in a batch": lambda: load.cache(60).each().batch(),
    "a cache by a key in a batch": lambda: loads.cache(60, key=len).batch(),
    "a cache somewhere in a batch": lambda: (loads | tap(double.cache(60))).batch(),
    "a rate limit inside": lambda: over(RateLimited, double, None).retry().cache(60),
    "a limit of each caller": lambda: over(RateLimited, double.retry().cache(60), len),
    "a rate limit over more": lambda: over(RateLimited, double | double.retry().cache(60), None),
    "a bulkhead inside": lambda: (over(Bulk, loads, 8).batch(128), over(Bulk, double, 8).cache(60)),
    "a bulkhead that is wide": lambda: over(Bulk, loads.batch(128), 128),
    "a breaker on either side of a retry": lambda: (over(Broken, double).retry(), over(Broken, double.retry())),
    "a breaker inside a cache": lambda: over(Broken, double).cache(60),
    "a hedge inside a cache": lambda: over(Hedged, load, 2, None).cache(60),
}


class Own(Schedule):
    """A schedule of a user."""

    __slots__ = ()

    def after(self, state, moment):
        """Wait long."""
        return 100.0, state


def quietly(method, *args, **options):
    """Give a flow whose order is told already."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return method(*args, **options)


@pytest.mark.parametrize("compose", [pytest.param(one, id=name) for name, one in RIGHT.items()])
def test_a_right_order_is_not_told(compose):
    """Nor one of which nobody knows."""
    assert codes(compose) == []


def test_the_text_says_the_product():
    """Of all retries in a row, the whole of it."""
    with pytest.warns(PolicyWarning, match="3 × 4 = 12"):
        inner = double.retry(4).retry()
    with pytest.warns(PolicyWarning, match="2 × 3 × 4 = 24"):
        inner.retry(2)


def test_a_filter_names_a_rule():
    """By the code at the beginning of the text; others are still told."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "order-retry-in-retry")
        double.retry().retry()
        with pytest.raises(PolicyWarning, match="order-cache-in-batch"):
            loads.cache(60).batch()


@pytest.mark.parametrize(
    "change",
    [
        lambda f: f.named("other"),
        lambda f: f | double,
        lambda f: rewrite(f, lambda node: node),
        lambda f: rebuild(f.describe()),
        lambda f: pickle.loads(pickle.dumps(f)),
        lambda f: Config({"double": {"attempts": 5}}).apply(f.named("double")),
        lambda f: f(3),
    ],
)
def test_what_is_told_is_not_told_again(change):
    """Only who writes a policy is warned: no name, pipe, rewrite, pickle or call of it."""
    with pytest.warns(PolicyWarning):
        tree = double.retry().retry()

    assert codes(lambda: change(tree)) == []


def test_a_stack_is_looked_at_too():
    """At the line where it is applied."""
    house = Retry() + Cache(60) + Retry()

    assert codes(lambda: double.apply(house)) == ["order-retry-in-retry"]


def test_the_rows_of_a_tree_are_listed():
    """From the outside, each with its code and its path."""
    with pytest.warns(PolicyWarning):
        tree = (double.retry().retry().named("a") | loads.cache(60).batch().named("b")).named("both")

    assert [(one.code, one.path) for one in misorders(tree.node)] == [
        ("order-retry-in-retry", "both/a"),
        ("order-cache-in-batch", "both/b"),
    ]


def test_a_part_at_many_places_is_looked_at_once():
    """A tree of a million places is no more work than its parts."""
    tree = double.retry(on=KeyError)
    for _ in range(18):
        tree = parallel(tree, tree)

    assert codes(lambda: tree.retry(on=ValueError)) == []


def test_it_runs_as_it_is_written():
    """A warning changes nothing."""
    with pytest.warns(PolicyWarning):
        tree = load.retry().retry()

    assert asyncio.run(tree(3)) == 3
