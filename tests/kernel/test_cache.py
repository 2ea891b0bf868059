"""`.cache`: what is kept, how long, how many; what is refused; the modes."""

import pickle
from collections.abc import Iterator

import pytest

from omnitron import Cache, DefinitionError, Effect, InvalidValue, context, flow, rebuild
from omnitron.testing import ManualClock


class Counted:
    """A function that counts its calls."""

    def __init__(self, gives=None):
        self.calls = []
        self.gives = gives

    def __call__(self, x):
        self.calls.append(x)
        return x if self.gives is None else self.gives()


def counted(gives=None):
    """Give a function that counts its calls, and its flow."""
    seen = Counted(gives)

    @flow
    def f(x):
        return seen(x)

    return seen, f


def test_the_second_call_is_answered_from_the_first():
    """A flow runs once for one argument."""
    seen, f = counted()
    cached = f.cache(60)
    assert ([cached(1), cached(1), cached(2)], seen.calls) == ([1, 1, 2], [1, 2])


def test_none_is_a_value():
    """What gave None is not run again."""
    seen, f = counted(lambda: None)
    cached = f.cache(60)
    assert ((cached(1), cached(1)), len(seen.calls)) == ((None, None), 1)


def test_a_result_is_given_until_its_time_is_over():
    """The time to live goes by the clock of the context."""
    seen, f = counted()
    cached, clock = f.cache(10), ManualClock()
    ctx = context(clock=clock)
    calls = []
    for passed in (0, 9.9, 0.1, 9.9):
        clock.move(passed)
        ctx.run(cached, 1)
        calls.append(len(seen.calls))
    assert calls == [1, 1, 2, 2]


def test_no_time_is_no_end():
    """With ttl=None a result is kept until it is evicted."""
    seen, f = counted()
    cached, clock = f.cache(None), ManualClock()
    ctx = context(clock=clock)
    ctx.run(cached, 1)
    clock.move(1e9)
    ctx.run(cached, 1)
    assert seen.calls == [1]


def test_a_clock_of_a_test_gives_nothing_to_the_machine_s():
    """Values never cross from one clock to another, whose time means something else."""
    seen, f = counted()
    cached = f.cache(60)
    context(clock=ManualClock()).run(cached, 1)
    cached(1)
    assert seen.calls == [1, 1]


def test_it_is_bounded():
    """No more are kept than may be."""
    _, f = counted()
    policy = Cache(60, max_entries=10)
    cached = f.cache(policy)
    for number in range(1000):
        cached(number)
    assert (policy.info().size, policy.info().evictions) == (10, 990)


def test_what_was_used_lately_stays():
    """An entry that is hit between two evictions outlives those that are not."""
    seen, f = counted()
    cached = f.cache(60, max_entries=4)
    for number in range(100):
        cached("kept")
        cached(number)
    assert seen.calls.count("kept") == 1


def test_an_error_is_not_kept():
    """A flow that failed runs again."""
    seen, f = counted(lambda: 1 / 0)
    cached = f.cache(60)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            cached(1)
    assert len(seen.calls) == 2


def test_an_error_is_kept_for_its_own_time():
    """With ttl_on_error the very exception is raised again until then, and nothing more is noted on it."""
    seen, f = counted(lambda: 1 / 0)
    cached, clock = f.cache(60, ttl_on_error=5), ManualClock()
    ctx = context(clock=clock)
    errors = []
    for passed in (0, 4.9, 0.1):
        clock.move(passed)
        with pytest.raises(ZeroDivisionError) as caught:
            ctx.run(cached, 1)
        errors.append(caught.value)
    assert (errors[0] is errors[1], errors[1] is errors[2], len(seen.calls)) == (True, False, 2)


def test_a_kept_error_has_one_note():
    """Who is given a kept error adds nothing to its notes."""
    _, f = counted(lambda: 1 / 0)
    cached = f.cache(60, ttl_on_error=5)
    outer = (cached | str).named("outer")
    with pytest.raises(ZeroDivisionError) as first:
        cached(1)
    notes = list(first.value.__notes__)
    with pytest.raises(ZeroDivisionError) as second:
        outer(1)
    assert second.value is first.value
    assert (notes, second.value.__notes__) == (["raised in flow 'f', at f"], notes)


def test_the_same_object_is_given_again():
    """A mutable result is not copied."""
    _, f = counted(list)
    cached = f.cache(60)
    assert cached(1) is cached(1)


def test_an_iterator_as_a_result_is_refused():
    """What is read only once cannot be kept."""
    _, f = counted(lambda: iter([1]))
    with pytest.raises(DefinitionError, match="only once"):
        f.cache(60)(1)


def test_statistics():
    """`info` counts hits, misses and errors."""
    _, f = counted()
    policy = Cache(60)
    cached = f.cache(policy)
    for value in (1, 1, 2, 1):
        cached(value)
    info = policy.info()
    assert (info.hits, info.misses, info.size) == (2, 2, 2)


# ------------------------------------------------------------------ modes


def test_recompute_never_reads_and_always_writes():
    """What it computes is given by the same cache in its default mode."""
    numbers = iter(range(10))
    _, f = counted(lambda: next(numbers))
    policy = Cache(60)
    cached = f.cache(policy)
    cached(1)
    ctx = context(config={"f": {"mode": "recompute"}})
    assert (ctx.run(cached, 1), ctx.run(cached, 1), cached(1)) == (1, 2, 2)


def test_disable_passes_through():
    """Nothing is read and nothing is written."""
    seen, f = counted()
    policy = Cache(60, mode="disable")
    cached = f.cache(policy)
    cached(1)
    cached(1)
    assert (len(seen.calls), policy.info().size) == (2, 0)


def test_ignore_is_as_if_it_were_not_there():
    """The key of a cache around it is the one that it would have without it."""
    seen, f = counted()
    outer = Cache(60)
    f.cache(outer)(1)
    f.cache(1, mode="ignore").cache(outer)(1)
    f.cache(1, mode="disable").cache(outer)(1)
    assert len(seen.calls) == 2


@pytest.mark.parametrize(
    ("name", "value", "computed"), [("ttl", 1.0, 2), ("mode", "disable", 2), ("max_entries", 7, 1)]
)
def test_a_configuration_tunes_it(name, value, computed):
    """Time, size and mode are parameters that a configuration may set."""
    seen, f = counted()
    cached, clock = f.cache(60), ManualClock()
    ctx = context(clock=clock, config={"f": {name: value}})
    ctx.run(cached, 1)
    clock.move(2)
    ctx.run(cached, 1)
    assert len(seen.calls) == computed


# ------------------------------------------------------------------ being a value


def test_a_value_shares_its_bound_and_its_statistics():
    """Flows that are given one Cache have one cell, and never each other's results."""
    policy = Cache(60, max_entries=3)
    first, second = flow(lambda x: ("first", x)).cache(policy), flow(lambda x: ("second", x)).cache(policy)
    got = [first(1), second(1), first(2), second(2)]
    assert got == [("first", 1), ("second", 1), ("first", 2), ("second", 2)]
    assert policy.info().size == 3


def test_two_written_alike_are_equal_and_share_nothing():
    """Equality does not see what is kept."""
    seen, f = counted()
    one, other = f.cache(60), f.cache(60)
    one(1)
    other(1)
    assert one == other
    assert hash(one) == hash(other)
    assert len(seen.calls) == 2


def test_a_name_keeps_what_is_kept():
    """A flow that is renamed, or put in a pipe, has the same cell."""
    seen, f = counted()
    cached = f.cache(60)
    cached(1)
    cached.named("other")(1)
    (cached | str)(1)
    assert len(seen.calls) == 1


def test_fresh_has_nothing():
    """`fresh` gives an equal policy without entries."""
    seen, f = counted()
    policy = Cache(60)
    f.cache(policy)(1)
    f.cache(policy.fresh())(1)
    assert policy.fresh() == policy
    assert len(seen.calls) == 2


def twice(x):
    """Double."""
    return [x, x]


kept = flow(twice).cache(60, max_entries=5)


def test_a_pickled_flow_arrives_with_a_fresh_cell():
    """It is equal, and has nothing kept."""
    given = kept.retry(2)
    given(1)
    arrived = pickle.loads(pickle.dumps(given))
    assert arrived == given
    assert arrived(1) is not given(1)


def test_a_rebuilt_flow_is_equal():
    """A description has the policy, not what is kept."""
    assert rebuild(kept.describe()) == kept


def test_apply_is_the_method():
    """`f.apply(Cache(...))` is `f.cache(Cache(...))`."""
    policy = Cache(60)
    assert flow(twice).apply(policy) == flow(twice).cache(policy)


def test_options_beside_a_value_are_refused():
    """A policy has them all."""
    with pytest.raises(DefinitionError, match="alone"):
        flow(twice).cache(Cache(60), mode="disable")


# ------------------------------------------------------------------ what is refused


@pytest.mark.parametrize(
    "options",
    [
        {"ttl": 0},
        {"ttl": -1},
        {"ttl": float("nan")},
        {"ttl": "60"},
        {"ttl": True},
        {"ttl": 1, "max_entries": 0},
        {"ttl": 1, "max_entries": 1.5},
        {"ttl": 1, "mode": "off"},
        {"ttl": 1, "ttl_on_error": 0},
        {"ttl": 1, "key": "id"},
        {"ttl": 1, "version": 3},
        {"ttl": 1, "stale_while_revalidate": None},
        {"ttl": None, "stale_while_revalidate": 5},
    ],
)
def test_wrong_options_are_refused(options):
    """Each is refused where it is written."""
    with pytest.raises((DefinitionError, InvalidValue)):
        flow(twice).cache(**options)


@pytest.mark.parametrize("effect", [Effect.WRITE, Effect.RANDOM])
def test_what_writes_or_draws_is_refused(effect):
    """A declared write or randomness anywhere inside is refused at composition."""
    with pytest.raises(DefinitionError, match=effect.name):
        (flow(twice) | flow(effects=effect)(len)).cache(60)


def test_a_stream_is_refused():
    """The way out is the flow of one item."""

    @flow
    def numbers(n: int) -> Iterator[int]:
        yield from range(n)

    with pytest.raises(DefinitionError, match=r"\.stream\(\)"):
        numbers.cache(60)


def test_what_can_be_undone_is_refused():
    """An answer from the cache does nothing that could be undone."""
    with pytest.raises(DefinitionError, match="undo"):
        flow(twice).undo(flow(print)).cache(60)


def test_a_tree_shows_what_the_cache_was_told():
    """The time, and what is not the default."""
    tree = flow(abs, name="price")

    assert repr(tree.cache(60)).splitlines()[0] == "<Flow price: cache(60 s)"
    assert repr(tree.cache(None, 5, key=str)).splitlines()[0] == "<Flow price: cache(for ever, max_entries=5, key=str)"
