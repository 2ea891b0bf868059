"""What is done on an event loop, one suite for every kind of loop: each function takes an entered context, and asserts.

The flows stand at the top of the module, so that one and the same is used on each loop.
"""

import asyncio
import os
import threading

from omnitron import (
    DeadlineExceeded,
    EventLog,
    Hooks,
    RunCancelled,
    context,
    current_step,
    fallback,
    flow,
    needs,
    parallel,
    race,
    resource,
    try_with,
)
from omnitron.testing import ManualClock

from . import places

undone = threading.local()


@flow
async def later(x: int) -> int:
    await asyncio.sleep(0)
    return x + 1


@flow
def double(x: int) -> int:
    return 2 * x


@flow
async def forever(x: int) -> int:
    await asyncio.Event().wait()
    return x


@flow
async def fail(x: int) -> int:
    await asyncio.sleep(0)
    raise ValueError(x)


@flow
async def place(x: int) -> str:
    await asyncio.sleep(0)
    return current_step().path


@resource
async def loop_of_app():
    await asyncio.sleep(0)
    yield asyncio.get_running_loop()
    await asyncio.sleep(0)


@resource(scope="run")
async def loop_of_run(*, app: object = needs(loop_of_app)):
    yield app, asyncio.get_running_loop()
    await asyncio.sleep(0)


@flow
async def loops(x: int, *, it: tuple = needs(loop_of_run)) -> tuple:
    await asyncio.sleep(0)
    return (*it, asyncio.get_running_loop())


@flow
async def forget(x: int) -> None:
    await asyncio.sleep(0)
    undone.values.append(x)


async def twenty(stop=20):
    for number in range(stop):
        await asyncio.sleep(0)
        yield number


piped = double | later
both = parallel(piped, double, place)
most = parallel(later, forever, fail, quorum=1)
first = race(forever, later, fail)
many = later.each(concurrency=3)
kept = later.undo(forget) | fail
safe = try_with(fail, catch=flow(lambda failure: -failure.input))
second = fallback(fail, later)
threaded, threaded_later = double.on("thread"), later.on("thread")
elsewhere = flow(places.pid_and).on("process")


async def runs_in_parallel(app):
    """Branches, and the place of each."""
    assert await app.run(both, 1) == (3, 2, "parallel/place")


async def runs_outside_of_any_context(app):
    """Flows that are called as functions."""
    assert await asyncio.gather(piped(1), piped(2)) == [3, 5]


async def loops_over_items(app):
    """A list, and what comes one after the other."""
    assert await app.run(many, range(20)) == await app.run(many, twenty()) == list(range(1, 21))


async def races(app):
    """The first success, and enough of them."""
    won, outcomes = await app.run(first, 1), await app.run(most, 1)
    assert (won, outcomes[0].value, outcomes[1]) == (2, 2, None)


async def recovers(app):
    """From errors, in three ways."""
    undone.values = []
    assert (await app.run(safe, 1), await app.run(second, 1)) == (-1, 2)
    try:
        await app.run(kept, 1)
    except ValueError:
        assert undone.values == [2]


async def is_stopped_by_a_deadline(app):
    """On the machine's clock, and on one that the test turns."""
    clock = ManualClock()
    for ctx in (app.with_(deadline=0.001), app.with_(clock=clock).with_(deadline=10)):
        task = asyncio.ensure_future(ctx.run(forever, 1))
        await asyncio.sleep(0)
        await clock.advance(11)
        try:
            await task
        except DeadlineExceeded:
            continue
        raise AssertionError(ctx)


async def is_observed(app):
    """By plain and by asynchronous hooks."""
    seen, log = [], EventLog()

    async def before(event):
        await asyncio.sleep(0)
        seen.append(event.path)

    await app.with_(hooks=Hooks(before=before), observers=[log]).run(piped, 1)
    assert seen == ["double → later", "double → later/double", "double → later/later"]
    assert len(log.events) == 6


async def starts_runs(app):
    """A task, a thread, and one that is cancelled."""
    task, thread, endless = app.start(piped, 1), app.start(double, 1), app.start(forever, 1)
    assert [event.run_id async for event in task.events()] == [task.id] * 6
    endless.cancel()
    try:
        await endless
    except RunCancelled:
        assert (await task, await thread, endless.status) == (3, 2, "cancelled")


async def opens_resources(app):
    """All on the loop that needs them."""
    assert set(await app.run(loops, 1)) == {asyncio.get_running_loop()}


async def uses_threads(app):
    """Of the loop, with a loop of their own where the step is async."""
    assert (await app.run(threaded, 1), await app.run(threaded_later, 1)) == (2, 2)
    inner, outer = (await app.run(loops.on("thread"), 1))[0], asyncio.get_running_loop()
    assert inner is not outer


async def uses_processes(app):
    """Workers of the loop."""
    found = await app.run(elsewhere, 1)
    assert (found[0] != os.getpid(), found[1]) == (True, 1)


SCENES = [
    runs_in_parallel, runs_outside_of_any_context, loops_over_items, races, recovers, is_stopped_by_a_deadline,
    is_observed, starts_runs, opens_resources, uses_threads, uses_processes,
]  # fmt: skip


def side_by_side(scene, runners, times):
    """Do a scene several times by each of some runners, all in threads at once, in one context."""
    start, errors = threading.Barrier(len(runners)), []

    def work(run, app):
        try:
            start.wait()
            for _ in range(times):
                run(scene(app))
        except BaseException as error:
            errors.append(error)

    with context() as app:
        threads = [threading.Thread(target=work, args=(run, app)) for run in runners]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if errors:
        raise ExceptionGroup("beside each other", errors)
