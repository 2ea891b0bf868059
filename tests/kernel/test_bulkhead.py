"""`.bulkhead`: how many calls run at once, who waits, and who is refused."""

import asyncio
import gc
import pickle

import pytest

from omnitron import (
    Bulkhead,
    BulkheadFull,
    DefinitionError,
    InvalidValue,
    SelfWait,
    context,
    flow,
    parallel,
    race,
    rewrite,
)
from omnitron.testing import VirtualClock, check_faults


class Gate:
    """An async step that counts who is inside, and takes a second of virtual time."""

    def __init__(self):
        self.inside = self.most = 0
        self.order = []

    async def __call__(self, number):
        """Be inside for a second."""
        self.order.append(number)
        self.inside += 1
        self.most = max(self.most, self.inside)
        try:
            await asyncio.sleep(1)
        finally:
            self.inside -= 1
        return number


def made(*args, **options):
    """Give a step, and its flow under a bulkhead."""
    gate = Gate()
    return gate, flow(gate.__call__, name="work").bulkhead(*args, **options)


async def outcomes(tree, many):
    """Call so often at once; give what came of each."""
    found = await asyncio.gather(*map(tree, range(many)), return_exceptions=True)
    return [type(one) if isinstance(one, BaseException) else one for one in found]


def test_no_more_than_so_many_run_at_once():
    """The others wait, and come in their order."""
    clock = VirtualClock()
    gate, tree = made(3)

    assert clock.run(outcomes(tree, 10)) == list(range(10))
    assert (gate.most, gate.order, clock.monotonic()) == (3, list(range(10)), 4)


def test_a_long_line_is_served_in_its_order():
    """Each waiter costs the same, however many there are."""
    gate, tree = made(10)

    assert VirtualClock().run(outcomes(tree, 5000)) == list(range(5000))
    assert (gate.most, gate.order) == (10, list(range(5000)))


def test_who_finds_the_queue_full_is_refused_at_once():
    """The error says how many run and wait, and that nobody knows when there is room."""
    _, tree = made(1, queue=2)

    assert VirtualClock().run(outcomes(tree, 5)) == [0, 1, 2, BulkheadFull, BulkheadFull]
    error = BulkheadFull("work", 1, 2)
    assert (error.limit, error.waiting, error.retry_after) == (1, 2, None)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_nobody_waits_in_a_queue_of_none():
    """The bound is 0."""
    _, tree = made(2, queue=0)

    assert VirtualClock().run(outcomes(tree, 3)) == [0, 1, BulkheadFull]


def test_who_waited_long_enough_is_refused():
    """Those behind it move up."""
    clock = VirtualClock()
    _, tree = made(1, max_wait=1.5)

    async def main():
        return await context(clock=clock).run(flow(outcomes), tree, 4)

    assert clock.run(main()) == [0, 1, BulkheadFull, BulkheadFull]


def test_a_shared_value_bounds_several_flows_together():
    """A fresh one does not."""
    bulkhead, gate = Bulkhead(2), Gate()
    first = flow(gate.__call__, name="first").bulkhead(bulkhead)
    second = flow(gate.__call__, name="second").apply(bulkhead)

    async def main():
        await asyncio.gather(*map(first, range(4)), *map(second, range(4)))

    VirtualClock().run(main())
    assert gate.most == 2
    assert bulkhead.fresh() == bulkhead
    assert (bulkhead.info().taken, bulkhead.fresh().info().taken) == (8, 0)


def test_the_value_says_what_happens():
    """Who runs, who waits, who was refused."""
    bulkhead = Bulkhead(2, queue=1)
    _, tree = made(bulkhead)

    async def main():
        work = asyncio.ensure_future(outcomes(tree, 4))
        await asyncio.sleep(0.5)
        info = bulkhead.info()
        await work
        return info.running, info.waiting, info.taken, info.refused

    assert VirtualClock().run(main()) == (2, 1, 2, 1)
    assert bulkhead.info().running == 0


@pytest.mark.parametrize("error", [LookupError, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_a_place_is_given_back_on_every_way_out(error):
    """Whatever leaves."""

    @flow
    def fail(x):
        raise error

    bulkhead = Bulkhead(1)
    with pytest.raises(error):
        fail.bulkhead(bulkhead)(1)

    assert bulkhead.info().running == 0


def test_faults_inside_give_the_place_back():
    """Errors, cancellations and delays, at each call."""
    bulkhead = Bulkhead(1)
    _, tree = made(bulkhead)

    assert check_faults(
        tree | str, lambda tree: VirtualClock().run(tree(1)), lambda outcome: bulkhead.info().running == 0
    )


def test_a_cancelled_waiter_leaves_no_trace():
    """One that waits, and one that was served in the very turn in which it is cancelled."""
    bulkhead = Bulkhead(1)
    _, tree = made(bulkhead)

    async def main():
        tasks = [asyncio.ensure_future(tree(number)) for number in range(3)]
        await asyncio.sleep(0.5)
        tasks[1].cancel()
        tasks[0].add_done_callback(lambda done: tasks[2].cancel())
        await asyncio.wait(tasks)
        return [task.cancelled() for task in tasks], await tree(9)

    assert VirtualClock().run(main()) == ([False, True, True], 9)
    assert (bulkhead.info().running, bulkhead.info().waiting) == (0, 0)


def test_many_interleavings_lose_no_place():
    """Tasks that come, wait, time out and are cancelled in any order: afterwards all places are free."""
    for seed in range(100):
        bulkhead = Bulkhead(1 + seed % 3, queue=5)
        gate, tree = made(bulkhead)
        clock = VirtualClock(seed=seed)
        clock.run(shoved(tree, seed))
        info = bulkhead.info()
        assert (info.running, info.waiting, gate.most) == (0, 0, 1 + seed % 3)


async def shoved(tree, seed, many=10):
    """Have ten tasks call, three of which are cancelled."""

    async def call(number):
        await asyncio.sleep((number * seed) % 4 / 4)
        async with asyncio.timeout(2.5):
            await tree(number)

    tasks = [asyncio.ensure_future(call(number)) for number in range(many)]
    for turn in range(3):
        await asyncio.sleep((seed % 7) / 3)
        tasks[(seed * 7 + turn * 3) % many].cancel()
    await asyncio.wait(tasks)
    assert all(task.done() for task in tasks)
    [task.cancelled() or task.exception() for task in tasks]


def test_a_flow_that_calls_itself_inside_is_told():
    """It would wait for itself."""

    @flow
    def down(n):
        return 0 if n == 0 else inner(n - 1)

    inner = down.bulkhead(2)
    assert inner(1) == 0
    with pytest.raises(SelfWait, match="at most 2 calls of 'down' run at once, and all that run wait"):
        inner(2)
    assert inner.node.cell.turns.running == 0


def test_tasks_that_wait_for_each_other_are_told():
    """All that run want one more place; the last of them is told, and the others go on."""

    async def main():
        meet = asyncio.Barrier(2)

        @flow
        async def outer(n):
            await meet.wait()
            return await leaf(n)

        @flow
        async def plain(n):
            return n

        bulkhead = Bulkhead(2)
        leaf, tree = plain.bulkhead(bulkhead), outer.bulkhead(bulkhead)
        found = await outcomes(tree, 2)
        return found.count(SelfWait), bulkhead.info().running

    assert VirtualClock().run(main()) == (1, 0)


@pytest.mark.parametrize("join", ["each", "parallel", "hedge", "cache"])
def test_what_asks_for_a_place_of_what_waits_for_it_is_told(join):
    """Though it is a task of its own: an item, a branch, an attempt."""

    @flow
    async def walk(depth):
        await asyncio.sleep(0)
        return 1 + (await deeper[join](depth) if depth else 0)

    inner = walk.bulkhead(3)
    tree = inner.each() | flow(sum)
    deeper = {
        "each": flow(lambda depth: [depth - 1] * 2) | tree,
        "parallel": flow(lambda depth: depth - 1) | parallel(inner, inner) | flow(sum),
        "hedge": flow(lambda depth: depth - 1) | inner.hedge(9),
        "cache": flow(lambda depth: depth - 1) | inner.cache(9),
    }
    with pytest.raises(SelfWait, match="at most 3 calls of 'walk' run at once, and all that run wait"):
        VirtualClock().run(asyncio.wait_for(inner(4), 99))
    assert (inner.node.cell.turns.running, VirtualClock().run(inner(1))) == (
        0,
        3 if join in ("each", "parallel") else 2,
    )


def test_what_asks_for_a_place_of_what_waits_for_its_thread_is_told():
    """Threads of a loop of sync flows."""

    @flow
    def walk(depth):
        return 1 + (sum(inner.each(threads=2)([depth - 1] * 2)) if depth else 0)

    inner = walk.bulkhead(2)
    with pytest.raises(SelfWait):
        inner(3)
    assert inner.node.cell.turns.running == 0


def test_two_who_wait_for_one_place_are_one_that_waits():
    """What runs beside them goes on, and gives them its place."""
    bulkhead = Bulkhead(2)
    _, other = made(bulkhead)
    leaf = flow(lambda number: asyncio.sleep(0, number), colour="async")
    around = leaf.bulkhead(bulkhead).each().bulkhead(bulkhead)

    async def main():
        return await asyncio.gather(other(0), around([1, 2, 3]))

    assert VirtualClock().run(main()) == [0, [1, 2, 3]]


@pytest.mark.skipif(not hasattr(asyncio, "eager_task_factory"), reason="eager tasks are of Python 3.12")
def test_a_task_that_begins_at_once_waits_for_nobody_around():
    """It stands on the stack of who has started it, who does not wait for it."""
    bulkhead, tasks = Bulkhead(1), []
    leaf = flow(lambda number: asyncio.sleep(0, number), colour="async").bulkhead(bulkhead)

    @flow
    async def start(number):
        tasks.append(asyncio.create_task(leaf(number)))
        return number

    async def main():
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
        return await start.bulkhead(bulkhead)(1), await tasks[0]

    assert asyncio.run(main()) == (1, 1)


def test_a_rival_that_waits_keeps_nobody_waiting():
    """Another branch of the race wins, so that what is around it goes on."""
    bulkhead = Bulkhead(2)
    place = flow(lambda number: asyncio.sleep(0, number), colour="async").bulkhead(bulkhead)
    quick = flow(lambda number: asyncio.sleep(1, "won"), colour="async")
    racing = flow(lambda number: race(place, quick)(number), colour="async").bulkhead(bulkhead)
    asking = flow(lambda number: asyncio.sleep(0.5, number), colour="async").pipe(place).bulkhead(bulkhead)

    async def main():
        return await asyncio.gather(racing(1), asking(2))

    assert VirtualClock().run(main()) == ["won", 2]


def test_one_after_the_other_in_a_pipe_is_no_nesting():
    """The place of the first is given back before the second asks."""
    bulkhead = Bulkhead(1)
    gate = Gate()
    step = flow(gate.__call__, name="work").bulkhead(bulkhead)

    assert VirtualClock().run(outcomes(step | step, 3)) == [0, 1, 2]


def test_a_sync_call_that_would_wait_for_its_own_loop_is_told():
    """What has the place cannot go on while the loop is blocked."""
    bulkhead = Bulkhead(1)
    _, tree = made(bulkhead)
    now = flow(str).bulkhead(bulkhead)

    async def main():
        task = asyncio.ensure_future(tree(1))
        await asyncio.sleep(0.5)
        with pytest.raises(SelfWait, match="blocks the loop"):
            now(1)
        return await task, now(1)

    assert VirtualClock().run(main()) == (1, "1")


def test_a_task_that_is_thrown_away_gives_its_place_back():
    """Its loop is closed while it runs, and others wait."""
    bulkhead = Bulkhead(1)
    _, tree = made(bulkhead)
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda loop, details: None)
    tasks = [loop.create_task(tree(number)) for number in range(3)]
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert (bulkhead.info().running, bulkhead.info().waiting) == (1, 2)
    loop.close()
    del tasks, loop
    gc.collect()

    assert VirtualClock().run(tree(7)) == 7
    assert (bulkhead.info().running, bulkhead.info().waiting) == (0, 0)


def test_a_rewritten_flow_keeps_its_places():
    """They are no part of equality."""
    _, tree = made(1)

    assert rewrite(tree, lambda node: node).node.cell is tree.node.cell
    assert tree.named("x").node.cell is tree.node.cell


def test_a_tuned_limit_shares_the_places():
    """What a configuration changes is how many of them this flow may fill."""
    bulkhead = Bulkhead(2)
    gate, tree = made(bulkhead)
    ctx = context(config={"work": {"limit": 1}})

    async def main():
        await asyncio.gather(*(ctx.run(tree, number) for number in range(3)))

    VirtualClock().run(main())
    assert (gate.most, bulkhead.info().taken) == (1, 3)


def test_a_stream_is_refused():
    """The error says where to put it."""

    @flow
    def items(count):
        yield from range(count)

    with pytest.raises(DefinitionError, match=r"Put `.bulkhead` on the flow of one item"):
        items.bulkhead(10)


@pytest.mark.parametrize(
    ("args", "options", "error", "text"),
    [
        ((0,), {}, InvalidValue, "positive number of calls"),
        (("1",), {}, DefinitionError, "whole number of calls"),
        ((1, -1), {}, InvalidValue, "from 0 on"),
        ((1, 1.5), {}, DefinitionError, "whole number of calls"),
        ((1,), {"max_wait": "soon"}, DefinitionError, "a number of seconds"),
        ((Bulkhead(1), 3), {}, DefinitionError, "takes a `Bulkhead` alone"),
    ],
)
def test_what_makes_no_sense_is_refused(args, options, error, text):
    """Where it is written."""
    with pytest.raises(error, match=text):
        flow(str).bulkhead(*args, **options)
