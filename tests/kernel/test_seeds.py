"""The order of tasks by a seed: it finds races, and shows each of them again."""

import asyncio

import pytest

from omnitron import flow, parallel
from omnitron.testing import VirtualClock

SEEDS = range(21)


async def counted(many):
    """Count to `many` by as many tasks, each of which reads, lets others run, and writes."""
    count = 0

    async def add():
        nonlocal count
        read = count
        await asyncio.sleep(0)
        count = read + 1

    async with asyncio.TaskGroup() as group:
        for _ in range(many):
            group.create_task(add())
    return count


async def checked_late():
    """Give what a reader finds that is two steps slower than the writer, where tasks take turns."""
    there = []

    async def write():
        await asyncio.sleep(0)
        there.append(1)

    async def read():
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return len(there)

    async with asyncio.TaskGroup() as group:
        reader = group.create_task(read())
        group.create_task(write())
    return reader.result()


async def traced():
    """Give the order of the steps of some tasks, some of which sleep and are cancelled."""
    steps = []

    async def go(name):
        try:
            for number in range(5):
                steps.append((name, number))
                await asyncio.sleep(number % 2)
        finally:
            steps.append((name, "end"))

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(go(name)) for name in "abcdef"]
        await asyncio.sleep(1)
        for task in tasks[:2]:
            task.cancel()
    return steps


def test_without_a_seed_tasks_take_turns():
    """As on asyncio's own loop."""
    assert VirtualClock().run(traced()) == VirtualClock().run(traced())
    assert VirtualClock().run(checked_late()) == 1


def test_a_race_is_found_by_some_seed_and_shown_again_by_it():
    """And not by others: they explore different orders."""
    found = {seed: VirtualClock(seed=seed).run(counted(3)) for seed in SEEDS}
    again = {seed: VirtualClock(seed=seed).run(counted(3)) for seed in SEEDS}

    assert len({*found.values()}) > 1
    assert again == found


def test_a_race_that_turns_hide_is_found():
    """A task may go many steps while another one waits."""
    assert {VirtualClock(seed=seed).run(checked_late()) for seed in SEEDS} == {0, 1}


def test_the_same_seed_gives_the_same_order():
    """Step by step, in every run of a clock; another seed gives another."""
    clock = VirtualClock(seed=7)
    one, two = clock.run(traced()), clock.run(traced())

    assert one == two == VirtualClock(seed=7).run(traced())
    assert len({tuple(VirtualClock(seed=seed).run(traced())) for seed in SEEDS}) == len(SEEDS)


def test_callbacks_keep_their_order():
    """And no step of a task passes one."""

    async def main():
        seen, loop = [], asyncio.get_running_loop()

        async def step(name):
            seen.append(name)

        for number in range(4):
            loop.call_soon(seen.append, number)
            asyncio.create_task(step("one")), asyncio.create_task(step("other"))
        await asyncio.sleep(1)
        return [number for number in seen if isinstance(number, int)], seen[0], seen[3]

    for seed in SEEDS:
        assert VirtualClock(seed=seed).run(main()) == ([0, 1, 2, 3], 0, 1)


def test_time_is_not_permuted():
    """Who sleeps less wakes first."""

    async def main():
        woken = []

        async def sleeper(delay):
            await asyncio.sleep(delay)
            woken.append(delay)

        await asyncio.gather(*(sleeper(delay) for delay in (3, 1, 2)))
        return woken

    assert [VirtualClock(seed=seed).run(main()) for seed in SEEDS] == [[1, 2, 3]] * len(SEEDS)


def test_context_variables_stay_with_their_tasks():
    """A flow that looks for its place finds it, whatever comes before and after it."""

    @flow
    async def one(x):
        await asyncio.sleep(0)
        return x + 1

    @flow
    async def other(x):
        await asyncio.sleep(0)
        return x * 10

    tree = parallel(one, other, one | other)

    assert [VirtualClock(seed=seed).run(tree(1)) for seed in SEEDS] == [(2, 10, 20)] * len(SEEDS)


def test_an_error_of_a_task_leaves_as_ever():
    """Also one that no policy may catch."""

    async def main(error):
        async def fails():
            raise error

        await asyncio.create_task(fails())

    for error in (ValueError, SystemExit):
        with pytest.raises(error):
            VirtualClock(seed=1).run(main(error))


@pytest.mark.parametrize("seed", [None, 3])
def test_the_machinery_of_asyncio_works(seed):
    """Queues, locks, semaphores, conditions, shields and threads under any order."""

    async def main():
        queue, lock, few, done = asyncio.Queue(2), asyncio.Lock(), asyncio.Semaphore(2), asyncio.Condition()
        got = []

        async def put():
            for number in range(10):
                async with few:
                    await queue.put(number)

        async def get():
            for _ in range(10):
                async with lock:
                    got.append(await asyncio.shield(queue.get()))
            async with done:
                done.notify_all()

        async with asyncio.TaskGroup() as group, done:
            for work in (put, get, put, get):
                group.create_task(work())
            async with asyncio.timeout(50):
                await done.wait()
        return sorted(got), await asyncio.to_thread(len, got)

    assert VirtualClock(seed=seed).run(main(), debug=True) == (sorted([*range(10)] * 2), 20)
