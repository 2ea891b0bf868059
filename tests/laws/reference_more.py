"""The meaning of the nodes of `reference` that end early, undo, or change the context. Its interpreter calls this one."""

import asyncio
from contextvars import ContextVar
from functools import reduce
from itertools import count

from omnitron import Failure, Ok, current_context, flow
from omnitron.algebra import Each, On, Parallel, Race, Retrying, Stream, Timed, Undo, Within
from omnitron.errors import NotEnough

from . import reference, reference_choosing, reference_streams

done = ContextVar("done", default=None)
ordinal = count()


async def meaning(node, args, kwargs):
    """Give what the node gives for these arguments."""
    if node.kind in ("circuit_breaker", "rate_limit", "bulkhead"):  # they let everything through
        return await reference.meaning(node.body, args, kwargs)
    match node:
        case Race():
            return await meaning_of_race(node, args, kwargs)
        case Parallel():
            tally, few = {}, len(node.branches)
            calls = [(number, branch, args, kwargs) for number, branch in enumerate(node.branches)]
            await enough(node, iter(calls), few, tally, few if node.is_async else 1)
            return tuple(tally.get(number) for number in range(few))
        case Each():
            return await meaning_of_each(node, *args)
        case On():
            return await reference.meaning(node.body, args, kwargs)
        case Undo():
            value = await reference.meaning(node.body, args, kwargs)
            done.get().append((next(ordinal), node.with_, value))
            return value
        case Timed():
            return await reference.meaning(node.body, args, kwargs)
        case Retrying():
            return await meaning_of_retry(node, args, kwargs)
        case Within():
            inside = current_context().with_(dict(node.values), **dict(node.options))
            value = await inside.run(flow(reference.meaning, colour="async"), node.body, args, kwargs)
            return reference_streams.read_inside(inside, value)
        case Stream():
            return reference_streams.stream(node, *args)
    return await reference_choosing.meaning(node, args, kwargs)


async def whole(node, args, kwargs):
    """Run a node as a whole: what was done in it is undone when it fails, and stays done when it succeeds."""
    return await part(node, args, kwargs, outer=[])


async def part(node, args, kwargs, *, outer=None, dropped=lambda: False):
    """Run a node as a part: what was done in it is undone when it fails or is dropped, else handed on."""
    outer, mine = done.get() if outer is None else outer, []
    token = done.set(mine)
    try:
        value = await reference.meaning(node, args, kwargs)
    except BaseException:
        done.reset(token)
        await undo(mine)
        raise
    done.reset(token)
    if dropped():
        await undo(mine)
    else:
        outer += mine
    return value


async def undo(steps):
    """Undo what was done, the last first; each compensation is a whole of its own, and may fail."""
    interrupted = None
    for _, compensation, value in sorted(steps, key=lambda step: step[0], reverse=True):
        try:
            await reference.outcome(compensation, (value,), {}, run=whole)
        except asyncio.CancelledError as error:
            interrupted = error
    if interrupted is not None:
        raise interrupted


async def meaning_of_retry(node, args, kwargs):
    """Try as often as is allowed; each attempt is a part, and between two of them others have a turn."""
    for left in range(node.attempts - 1, -1, -1):
        try:
            return await part(node.body, args, kwargs)
        except node.on as error:
            if not left or any(hasattr(value, "__next__") or hasattr(value, "__anext__") for value in args):
                raise
            del error
        if node.is_async:
            await asyncio.sleep(0)
    raise AssertionError("it was tried as often as it may be")


async def meaning_of_race(node, args, kwargs):
    """Give what the first branch that succeeds gives; when all fail, raise all that they raised."""
    won, errors = [], {}

    async def run(number, branch, stop):
        if won:
            return
        try:
            late = []
            value = await part(branch, args, kwargs, dropped=lambda: late.append(bool(won)) or late[0])
        except Exception as error:
            errors[number] = error
        else:
            won.append(value)
            stop()

    await at_once([lambda stop, n=n, branch=branch: run(n, branch, stop) for n, branch in enumerate(node.branches)])
    if won:
        return won[0]
    raised = [errors[number] for number in sorted(errors)]
    raise ExceptionGroup(f"no branch of the race succeeded, {len(raised)} failed", raised)


async def meaning_of_each(node, items):
    """Take items until enough have succeeded; list or fold the outcomes."""
    tally = {}
    size = len(items) if hasattr(items, "__len__") else None
    async with reference.aclosing(reference.either(items)) as source:

        async def calls():
            async for number, item in reference_enumerate(source):
                yield number, node.body, (item,), {}

        width = (node.concurrency or 64) if node.is_async else 1
        await enough(node, calls(), size, tally, width if size is None else min(width, size))
    values = [tally[number] for number in (tally if node.unordered else sorted(tally))]
    return values if node.fold is None else reduce(node.fold, values, node.start())


async def reference_enumerate(source):
    """Number items as they come."""
    number = 0
    async for item in source:
        yield number, item
        number += 1


async def enough(node, calls, possible, tally, width):
    """Make calls, `width` at a time, until enough have succeeded or too many failed; put outcomes into the tally."""
    taking, taken = asyncio.Lock(), 0

    def failed():
        return [outcome for _, outcome in sorted(tally.items()) if isinstance(outcome, Failure)]

    def decided():
        bad = len(failed())
        return len(tally) - bad >= node.quorum or (possible is not None and possible - bad < node.quorum)

    async def worker(stop):
        nonlocal possible, taken
        while not decided():
            async with taking:
                found = next(calls, None) if hasattr(calls, "__next__") else await anext(calls, None)
            if found is None:
                possible = taken
                break
            taken += 1
            number, branch, args, kwargs = found
            tally[number] = await reference.outcome(branch, args, kwargs)
        if decided():
            stop()

    if node.is_async:
        await at_once([] if decided() else [worker] * width)
    elif not decided():
        await worker(lambda: None)
    if sum(isinstance(outcome, Ok) for outcome in tally.values()) < node.quorum:
        errors = [outcome.error for outcome in failed()]
        if not errors:
            raise NotEnough(node.quorum, possible)
        succeeded = len(tally) - len(errors)
        said = f"{node.quorum} of {possible} needed, {succeeded} succeeded and {len(errors)} failed"
        raise ExceptionGroup(said, errors)


async def at_once(workers):
    """Run workers at once; each is given what cancels all others, which then are awaited."""
    tasks, stopped, errors = [], [], []
    finished = asyncio.get_running_loop().create_future()

    def stop():
        if not stopped:
            stopped.append(True)
            for task in tasks:
                if task is not asyncio.current_task():
                    task.cancel()
        if not finished.done():
            finished.set_result(None)

    async def watched(worker):
        try:
            if not stopped:
                await worker(stop)
        except asyncio.CancelledError:
            if not stopped:
                raise
        except Exception as error:
            errors.append(error)
            stop()
        if len(tasks) == sum(task.done() or task is asyncio.current_task() for task in tasks):
            stop()

    tasks += [asyncio.ensure_future(watched(worker)) for worker in workers]
    if not tasks:
        return
    try:
        await finished
    finally:
        stop()
        await reference.all_ended(tasks)
    if errors:
        raise errors[0]
