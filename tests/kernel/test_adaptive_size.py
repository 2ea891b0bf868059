"""`AdaptiveSize`: batches that take more while their calls are fast enough."""

import asyncio
import pickle
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from omnitron import AdaptiveSize, DefinitionError, EventLog, InvalidValue, PolicyChanged, context, flow
from omnitron.testing import ManualClock, VirtualClock


class Store:
    """Takes 10 ms for a call and 1 ms for each item of it, in virtual time.

    Attributes:
        sizes: how many items each call had.
    """

    def __init__(self, each=0.001):
        self.each = each
        self.sizes = []

    async def load(self, ids: list[int]) -> list[int]:
        """Load some."""
        self.sizes.append(len(ids))
        await asyncio.sleep(0.01 + self.each * len(ids))
        return ids


async def ask(ctx, tree, count):
    """Ask for so many at once, and check that each is given its own."""
    assert await asyncio.gather(*[ctx.run(tree, number) for number in range(count)]) == [*range(count)]


def test_it_grows_to_what_calls_take_within_their_time():
    """It doubles first, then goes up and down by little around the size that takes just as long as it may."""
    store, clock, size = Store(), VirtualClock(), AdaptiveSize(high=250, within=0.06)
    tree = flow(store.load).batch(size)

    async def main():
        for _ in range(40):
            await ask(context(clock=clock), tree, 300)

    clock.run(main())

    assert store.sizes[:5] == [1, 1, 1, 1, 1]
    assert size.info().limit in range(40, 60)
    assert max(store.sizes[-50:]) in range(45, 60)


def test_it_keeps_to_its_bounds():
    """A call that is always too slow, and one that never is."""
    for within, found in ((0.001, 4), (10, 32)):
        clock, size = VirtualClock(), AdaptiveSize(4, 32, within=within)
        tree = flow(Store().load).batch(size)

        async def main(clock=clock, tree=tree):
            for _ in range(10):
                await ask(context(clock=clock), tree, 200)

        clock.run(main())
        assert size.info().limit == found


def test_calls_that_are_not_full_do_not_make_it_grow():
    """Nothing is known then of larger ones."""
    clock, size = VirtualClock(), AdaptiveSize(8, 100, within=1)
    tree = flow(Store().load).batch(size)

    async def main():
        for _ in range(20):
            await ask(context(clock=clock), tree, 7)

    clock.run(main())
    assert (size.info().limit, size.info().changes, size.info().rounds) == (8, 0, 20)


def test_a_store_that_gets_slower_is_followed():
    """The size shrinks until calls are fast enough again."""
    store, clock, size = Store(), VirtualClock(), AdaptiveSize(high=250, within=0.06)
    tree = flow(store.load).batch(size)

    async def main():
        for turn in range(60):
            store.each = 0.001 if turn < 30 else 0.01
            await ask(context(clock=clock), tree, 300)

    clock.run(main())
    assert size.info().limit in range(3, 12)


def test_whoever_watches_is_told_of_each_change():
    """And the reason stands in `info()` too."""
    clock, log, size = VirtualClock(), EventLog(), AdaptiveSize(high=4, within=1)
    tree = flow(Store().load).batch(size)

    async def main():
        for _ in range(3):
            await ask(context(clock=clock, observers=log), tree, 8)

    clock.run(main())
    moves = [(one.policy, one.before, one.after) for one in log.events if isinstance(one, PolicyChanged)]
    assert moves == [("adaptive", 1, 2), ("adaptive", 2, 4)]
    assert size.info().why.startswith("a call of 2 took 0.012 s")


def test_a_sync_flow_on_threads():
    """Its calls are measured too."""
    clock, size = ManualClock(), AdaptiveSize(2, 8, within=1)
    sizes = []

    def load(ids: list[int]) -> list[int]:
        sizes.append(len(ids))
        clock.move(5 if len(ids) > 2 else 0.1)
        return ids

    tree = flow(load).batch(size, 0.001).each(threads=4)
    ctx = context(clock=clock)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(ctx.run, tree, range(64)).result(30) == [*range(64)]
    assert max(sizes) <= 4
    assert size.info().rounds == len(sizes)


def test_one_value_shares_what_it_has_measured():
    """A fresh one, an equal one and a pickled one have measured nothing."""
    size = AdaptiveSize(high=8, within=1)
    size.sizer.ended(1, 0.1)

    assert size.info().limit == 2
    assert [one.info().limit for one in (size.fresh(), pickle.loads(pickle.dumps(size)))] == [1, 1]
    assert flow(Store().load).batch(size) != flow(Store().load).batch(8)
    tree = flow(list, name="same").batch(size)
    assert tree == flow(list, name="same").batch(size.fresh())
    assert repr(tree).splitlines()[0] == "<Flow same: batch(size=AdaptiveSize(low=1, high=8, within=1.0))"


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"low": 0, "within": 1}, InvalidValue), ({"low": 5, "high": 4, "within": 1}, InvalidValue),
        ({"low": 1.5, "within": 1}, DefinitionError), ({"high": True, "within": 1}, DefinitionError),
        ({"within": 0}, InvalidValue), ({"within": -1}, InvalidValue), ({"within": "1"}, DefinitionError),
        ({}, TypeError),
    ],
)  # fmt: skip
def test_wrong_bounds_are_refused(options, error):
    """Where they are written."""
    with pytest.raises(error):
        AdaptiveSize(**options)
    assert AdaptiveSize(within=timedelta(seconds=2)).within == 2.0
