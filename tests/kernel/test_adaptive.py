"""`Adaptive`: a bound on concurrency that finds its place by measured latency, on virtual time."""

import asyncio
import pickle
from statistics import mean

import pytest

from omnitron import (
    Adaptive,
    Config,
    DefinitionError,
    EventLog,
    Failure,
    InvalidValue,
    PolicyChanged,
    context,
    current_step,
    flow,
    rebuild,
    rewrite,
)
from omnitron.policy import Shift
from omnitron.policy.adapting import Gauge
from omnitron.testing import VirtualClock


class Server:
    """Does so many things at once, each in so many seconds; what comes more waits in a queue.

    Attributes:
        busy: how many calls were there at each arrival.
    """

    def __init__(self, places, seconds=1.0):
        self.places = asyncio.Semaphore(places)
        self.seconds = seconds
        self.here = 0
        self.busy = []

    async def __call__(self, item):
        """Serve one."""
        self.here += 1
        self.busy.append(self.here)
        try:
            async with self.places:
                await asyncio.sleep(self.seconds)
            return item
        finally:
            self.here -= 1


def served(bound, count, places, *, clock=None, change=None, **options):
    """Have a server serve so many items; give it, and the seconds that it took."""
    clock = clock or VirtualClock()

    async def main():
        server = Server(places)
        tree = flow(server).each(concurrency=bound, **options)

        def items():
            for number in range(count):
                if change is not None:
                    change(server, number)
                yield number

        began = clock.monotonic()
        assert await context(clock=clock).run(tree, items()) == list(range(count))
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return server, clock.monotonic() - began

    return clock.run(main())


# ------------------------------------------------------------------ where it comes to rest


@pytest.mark.parametrize("places", [2, 3, 5, 10, 20, 40])
def test_it_finds_what_a_server_does_at_once(places):
    """It rests a little above that, grows within seconds, costs at most a tenth of the time, and makes no long queue."""
    bound = Adaptive(2, 64)

    server, seconds = served(bound, 4000, places)

    assert places <= bound.info().limit <= max(places + 2, 1.35 * places)
    assert seconds <= 1.1 * 4000 / places + 10
    assert max(server.busy[2000:]) <= max(places + 3, 1.4 * places)


@pytest.mark.parametrize("places", [5, 10, 20, 40])
def test_it_does_not_oscillate(places):
    """Once it has come to rest it leaves its place only to measure the latency without load: for 1 of 40 rounds."""
    bound, limits = Adaptive(2, 64), []

    served(bound, 6000, places, change=lambda server, number: limits.append(bound.info().limit))

    rest = limits[1000:]
    place = max(set(rest), key=rest.count)
    assert sum(abs(limit - place) <= 1 for limit in rest) >= 0.95 * len(rest)
    assert set(rest) <= {place - 1, place, place + 1, place // 2}


def test_it_stays_within_its_bounds():
    """Whatever the server could do."""
    server, _ = served(Adaptive(3, 6), 500, 100)
    assert max(server.busy) == 6

    slow, narrow = served(Adaptive(3, 6), 500, 1)[0], Adaptive(4, 4)
    assert min(slow.busy[10:]) >= 3
    served(narrow, 100, 1)
    assert narrow.info().limit == 4


def test_a_server_that_gets_smaller_is_followed():
    """From 40 places to 10."""
    bound = Adaptive(2, 64)

    def change(server, number):
        if number == 1500:
            for _ in range(30):
                server.places._value -= 1

    served(bound, 4000, 40, change=change)

    assert 10 <= bound.info().limit <= 14


def test_a_server_that_gets_slower_is_measured_anew():
    """Three times the latency without a queue is no queue: after a while the bound is what it was."""
    bound = Adaptive(2, 64)

    def change(server, number):
        if number == 1500:
            server.seconds = 3.0

    served(bound, 6000, 20, change=change)

    assert 20 <= bound.info().limit <= 27


def test_a_bound_that_is_not_used_does_not_grow():
    """Where items come one at a time, nothing tells what more at once would do."""
    bound, clock = Adaptive(2, 64), VirtualClock()

    async def slowly():
        for number in range(200):
            await asyncio.sleep(1)
            yield number

    async def work(item):
        await asyncio.sleep(0.1)

    async def main():
        await context(clock=clock).run(flow(work).each(concurrency=bound), slowly())

    clock.run(main())

    assert bound.info().limit == 2


# ------------------------------------------------------------------ the machine


def rounds(gauge, latency, count, *, beside=None):
    """Tell a gauge of some rounds in which calls take what `latency` gives of the limit."""
    shifts = []
    for _ in range(count):
        before = gauge.rounds, gauge.epoch
        while (gauge.rounds, gauge.epoch) == before:
            limit = gauge.limit
            shifts.append(gauge.ended(gauge.epoch, latency(limit), limit if beside is None else beside))
    return [shift for shift in shifts if shift is not None]


def test_it_doubles_until_calls_take_longer():
    """Then it goes back to what was done at once, and says why."""
    gauge = Gauge(2, 64)

    shifts = rounds(gauge, lambda limit: max(1.0, limit / 10), 5)

    assert [(shift.before, shift.after) for shift in shifts] == [(2, 4), (4, 8), (8, 16), (16, 12)]
    assert shifts[-1] == Shift(16, 12, "calls take 1.6 s, and 1 s without load")
    assert (gauge.info().why, gauge.info().changes) == (shifts[-1].why, 4)


def test_calls_of_another_epoch_tell_nothing():
    """What began under another limit is no measure of this one."""
    gauge = Gauge(2, 64)
    old = gauge.epoch
    rounds(gauge, lambda limit: 1.0, 1)

    assert [gauge.ended(old, 100.0, 2) for _ in range(100)] == [None] * 100
    assert gauge.failed(old, TimeoutError()) is None


def test_too_much_for_the_other_side_lowers_it_at_once():
    """A call that came too late, or one that was asked to wait; any other error tells nothing."""

    class Busy(Exception):
        retry_after = 3

    gauge = Gauge(2, 64)
    rounds(gauge, lambda limit: 1.0, 4)

    assert gauge.failed(gauge.epoch, KeyError()) is None
    assert gauge.failed(gauge.epoch, Busy()) == Shift(32, 24, "calls came too late, or were asked to wait")
    assert gauge.failed(gauge.epoch, TimeoutError()).after == 18


def test_one_call_that_hangs_moves_nothing():
    """The slowest tenth of a round is no part of its mean."""
    gauge = Gauge(8, 8)
    rounds(gauge, lambda limit: 1.0, 2)

    gauge.ended(gauge.epoch, 1000.0, 8)
    rounds(gauge, lambda limit: 1.0, 1)

    assert gauge.latency == 1.0


def test_a_clock_that_stands_does_no_harm():
    """All calls take no time."""
    gauge = Gauge(2, 64)

    rounds(gauge, lambda limit: 0.0, 100)

    assert gauge.limit == 64


def test_random_latencies_keep_it_near():
    """Calls of one to three seconds in a random order, whatever the server: on the average it is where it should be."""
    from random import Random

    random, gauge = Random(7), Gauge(2, 64)
    limits = []

    for _ in range(300):
        rounds(gauge, lambda limit: random.uniform(1, 3) * max(1.0, limit / 20), 1)
        limits.append(gauge.limit)

    assert 17 <= mean(limits[20:]) <= 28


# ------------------------------------------------------------------ a value, in a flow


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((0, 4), InvalidValue),
        ((5, 4), InvalidValue),
        ((2.0, 4), DefinitionError),
        ((2, "4"), DefinitionError),
        ((True, 4), DefinitionError),
    ],
)
def test_wrong_bounds_are_refused(arguments, error):
    """When they are written."""
    with pytest.raises(error):
        Adaptive(*arguments)


@flow
async def soon(x):
    await asyncio.sleep(0)
    return x


def test_it_is_for_async_flows_without_a_quorum():
    """A sync flow has no concurrency, and a quorum ends before anything is known; other values are no bound."""
    with pytest.raises(DefinitionError, match="for async flows"):
        flow(lambda x: x).each(concurrency=Adaptive())
    with pytest.raises(DefinitionError, match="`quorum`"):
        soon.each(concurrency=Adaptive(), quorum=2)
    with pytest.raises(DefinitionError, match="or an Adaptive"):
        soon.each(concurrency=Failure(ValueError()))


def test_who_shares_it_shares_what_was_found():
    """The value, a rewritten tree; a fresh one, an equal one and a pickled one start anew."""
    bound = Adaptive(2, 64)
    served(bound, 500, 20)
    tree = soon.each(concurrency=bound)

    assert bound.info().limit > 2
    assert rewrite(tree, lambda node: node).node.concurrency is bound
    assert bound == Adaptive(2, 64) == bound.fresh() == pickle.loads(pickle.dumps(bound))
    assert [one.info().limit for one in (bound.fresh(), pickle.loads(pickle.dumps(bound)))] == [2, 2]
    assert rebuild(tree.describe()) == tree == soon.each(concurrency=Adaptive(2, 64))


@pytest.mark.parametrize("watched", [False, True])
@pytest.mark.parametrize("unordered", [False, True])
def test_the_other_options_hold(watched, unordered):
    """Order, outcomes, reducers, async items, and the index in the path."""
    clock, paths = VirtualClock(), []

    async def work(item):
        if watched:
            paths.append(current_step().path)
        await asyncio.sleep((7 - item) % 5)
        if item == 3:
            raise ValueError(item)
        return item

    async def items():
        for number in range(10):
            yield number

    async def main():
        ctx = context(clock=clock, **({"observers": EventLog()} if watched else {}))
        options = {"concurrency": Adaptive(2, 4), "mode": "collect", "unordered": unordered}
        collected = await ctx.run(flow(work).each(**options), items())
        counted = await ctx.run(flow(work).each(**options, fold=lambda total, _: total + 1, start=int), range(10))
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return collected, counted

    collected, counted = clock.run(main())

    values = [outcome.input if isinstance(outcome, Failure) else outcome.value for outcome in collected]
    assert (sorted(values) if unordered else values, counted) == (list(range(10)), 10)
    assert not watched or {f"each[{number}]/work" in " ".join(paths) for number in range(10)} == {True}


def test_items_are_taken_only_when_there_is_a_place():
    """A bound of two has taken two from the iterable, though it may grow to 64."""
    taken = []

    async def main():
        gate = asyncio.Event()

        async def work(item):
            await gate.wait()

        task = asyncio.ensure_future(flow(work).each(concurrency=Adaptive(2, 64))(map(taken.append, range(100))))
        for _ in range(10):
            await asyncio.sleep(0)
        assert len(taken) == 2
        gate.set()
        await task

    asyncio.run(main())
    assert len(taken) == 100


@pytest.mark.parametrize("seed", range(20))
def test_an_error_and_a_cancellation_leave_no_task(seed):
    """In whatever order things happen; and the bound works on."""
    clock, bound = VirtualClock(seed=seed), Adaptive(1 + seed % 3, 8)

    async def work(item):
        await asyncio.sleep(item % 3)
        if item == 30 + seed:
            raise ValueError(item)

    async def main():
        tree = flow(work, name="work").each(concurrency=bound)
        with pytest.raises(ValueError) as caught:
            await tree(range(100))
        assert caught.value.__notes__[0].endswith("/work")
        task = asyncio.ensure_future(tree(range(100)))
        await asyncio.sleep(seed % 4)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return len(await tree(range(25)))

    assert clock.run(main()) == 25


def test_it_is_shown_in_the_tree():
    """With its bounds."""
    assert soon.each(concurrency=Adaptive(2, 8)).node.detail() == "concurrency=Adaptive(low=2, high=8)"


def test_a_fixed_bound_takes_its_place_from_outside():
    """A number in the configuration, which is one of the numbers that the loop may have anyway."""
    assert Config({"each": {"concurrency": 3}}).apply(soon.each(concurrency=Adaptive())) == soon.each(concurrency=3)


def test_whoever_watches_is_told_when_the_bound_moves():
    """With what it was, what it is, and why, at the place of the loop."""
    clock, log = VirtualClock(), EventLog()
    tree = flow(Server(5), name="server").each(concurrency=Adaptive(2, 64))

    clock.run(context(clock=clock, observers=log).run(tree, range(200)))

    moves = [one for one in log.events if isinstance(one, PolicyChanged)]
    assert {(one.path, one.policy) for one in moves} == {("each", "adaptive")}
    assert (moves[0].before, all(one.before != one.after for one in moves)) == (2, True)
    assert [one.before for one in moves[1:]] == [one.after for one in moves[:-1]]
