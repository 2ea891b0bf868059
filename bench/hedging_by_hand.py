"""What an expert writes by hand in the place of `.hedge`, on `asyncio.wait`: written first, and as fast as it goes.

Each says what it lacks. Read next: `bench.hedging`, which times them.
"""

import asyncio

from bench.work import add_soon


async def hedged(value: int) -> int:
    """A second attempt where the first has given nothing after 60 s.

    Lacks: what fails at once is not tried again while there is time; a cancellation leaves the attempts running; no bound
    on the load; a fixed delay; no events, no notes, no clock but the loop's.
    """
    first = asyncio.create_task(add_soon(value))
    done, _ = await asyncio.wait({first}, timeout=60)
    if done:
        return first.result()
    second = asyncio.create_task(add_soon(value))
    done, _ = await asyncio.wait({first, second}, return_when=asyncio.FIRST_COMPLETED)
    winner = done.pop()
    for other in (first, second):
        if other is not winner:
            other.cancel()
            await asyncio.wait({other})
    return winner.result()


async def hedged_safely(value: int) -> int:
    """The same, which leaves nothing running when it is cancelled.

    Lacks: what fails at once is not tried again while there is time; no bound on the load; a fixed delay; no events, no
    notes, no clock but the loop's.
    """
    tasks = {asyncio.create_task(add_soon(value))}
    try:
        done, _ = await asyncio.wait(tasks, timeout=60)
        if not done:
            tasks.add(asyncio.create_task(add_soon(value)))
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return next(iter(done)).result()
    finally:
        left = [task for task in tasks if not task.done()]
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)
