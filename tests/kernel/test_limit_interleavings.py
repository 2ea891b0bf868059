"""Ten thousand interleavings of tasks at a rate limit and a bulkhead: no permit is lost, nobody waits for ever."""

import asyncio

import pytest

from omnitron import Bulkhead, RateLimit, context, flow
from omnitron.testing import VirtualClock

SEEDS, ROUNDS, TASKS = 500, 10, 4


class Service:
    """Counts who is inside, and when each came."""

    def __init__(self):
        self.inside = self.most = 0
        self.came = []

    async def __call__(self, number):
        """Be inside for a while."""
        self.came.append(asyncio.get_running_loop().time())
        self.inside += 1
        self.most = max(self.most, self.inside)
        try:
            await asyncio.sleep(0.25)
        finally:
            self.inside -= 1


async def shuffled(ctx, tree, seed):
    """Have tasks come at once, and some of them cancelled at any time."""
    for turn in range(ROUNDS):
        tasks = [asyncio.ensure_future(ctx.run(tree, number)) for number in range(TASKS)]
        await asyncio.sleep((seed + turn) % 5 / 4)
        tasks[(seed + turn) % TASKS].cancel()
        tasks[(seed // TASKS + 3 * turn) % TASKS].cancel()
        await asyncio.wait(tasks)
        assert not any(task.exception() for task in tasks if not task.cancelled())


@pytest.mark.real
@pytest.mark.parametrize("kind", ["bucket", "window"])
def test_ten_thousand_interleavings_lose_nothing(kind):
    """After each seed all places are free, and as many permits are there as time has brought."""
    limit, bulkhead, service = RateLimit(3, per=0.5, kind=kind), Bulkhead(2), Service()
    tree = flow(service.__call__, name="call").rate_limit(limit).bulkhead(bulkhead)
    for seed in range(SEEDS):
        clock = VirtualClock(seed=seed)
        service.came.clear()
        clock.run(shuffled(context(clock=clock), tree, seed))
        assert (limit.info().waiting, bulkhead.info().waiting, bulkhead.info().running) == (0, 0, 0)
        if kind == "window":
            assert all(late - early >= 0.5 for early, late in zip(service.came, service.came[3:], strict=False))
        clock.wait(1)
        clock.run(at_once(context(clock=clock), tree, clock))
    assert service.most == 2


async def at_once(ctx, tree, clock):
    """All permits are there: nobody waits for one, but for a place."""
    began = clock.monotonic()
    await asyncio.gather(*(ctx.run(tree, number) for number in range(3)))
    assert clock.monotonic() - began == pytest.approx(0.5)
