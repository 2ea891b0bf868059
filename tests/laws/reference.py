"""An interpreter of flows by definition: it walks the public tree and does, node by node, what each one means.

It knows nothing of how the library compiles or schedules; the laws compare the library with it. One interpreter serves
both colours: a node that is not async never suspends here, so a sync flow is run by driving the coroutine to its end.
"""

import asyncio
import inspect
from contextlib import aclosing
from functools import reduce
from itertools import count

from omnitron import Failure, Ok
from omnitron.algebra import Each, Gather, Identity, Parallel, Sequence, Step, TryWith
from omnitron.model import Inputs

from . import reference_more as more
from . import reference_streams as streams


def call(flow, *args, **kwargs):
    """Run a flow of either colour by definition; an async one gives a coroutine.

    What was left to its default is no part of the input, and neither is a default that was given.
    """
    running = more.whole(flow.node, *without_defaults(inspect.signature(flow), args, kwargs))
    if flow.node.is_async:
        return running
    try:
        running.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("a sync flow suspended")


async def meaning(node, args, kwargs):
    """Give what the node gives for these arguments."""
    match node:
        case Step():
            result = node.fn(*args, **kwargs)
            return await result if node.is_async else result
        case Identity():
            (value,) = args
            return value
        case Sequence():
            return await streams.meaning_of_row(node.parts, args, kwargs)
        case TryWith():
            return await meaning_of_try(node, args, kwargs)
        case Parallel(quorum=None):
            return tuple(await branches(node, args, kwargs, collect=node.mode == "collect"))
        case Gather():
            return node.record(**dict(zip(node.names, await branches(node, args, kwargs, collect=False), strict=True)))
        case Each(quorum=None):
            return await meaning_of_each(node, *args)
    return await more.meaning(node, args, kwargs)


async def meaning_of_try(node, args, kwargs):
    """Catch what is chosen, and finish exactly once whatever happens."""
    try:
        try:
            return await (meaning if node.catch is None else more.part)(node.body, args, kwargs)
        except Exception as error:
            on = node.on
            if node.catch is None or not (isinstance(error, on) if isinstance(on, type | tuple) else on(error)):
                raise
            return await meaning(node.catch, (Failure(error, one_input(args, kwargs)),), {})
    finally:
        if node.final is not None:
            await meaning(node.final, (one_input(args, kwargs),), {})


async def branches(node, args, kwargs, *, collect):
    """Give every branch the same arguments: one after another when all are sync, else at the same time."""
    parts = [outcome(branch, args, kwargs) if collect else meaning(branch, args, kwargs) for branch in node.branches]
    return await at_once(parts) if node.is_async else await in_order(parts)


async def meaning_of_each(node, items):
    """Take the items in order, as many at a time as allowed, and list or fold the results."""
    results, finished, numbers, taking = {}, [], count(), asyncio.Lock()
    run = outcome if node.mode == "collect" else meaning

    async def place(source):
        while True:
            async with taking:
                try:
                    item = await anext(source)
                except StopAsyncIteration:
                    return
                number = next(numbers)
            results[number] = await run(node.body, (item,), {})
            finished.append(number)

    async with aclosing(either(items)) as source:
        await at_once([place(source) for _ in range((node.concurrency or 64) if node.is_async else 1)])
    values = [results[number] for number in (finished if node.unordered else sorted(finished))]
    return values if node.fold is None else reduce(node.fold, values, node.start())


async def either(items):
    """Give the items of either kind of iterable; a generator is closed when it is left."""
    try:
        if hasattr(items, "__aiter__"):
            async for item in items:
                yield item
        else:
            for item in items:
                yield item
    finally:
        await streams.end(items)


async def outcome(node, args, kwargs, run=more.part):
    """Give what becomes of the node as a value."""
    try:
        return Ok(await run(node, args, kwargs))
    except Exception as error:
        return Failure(error, one_input(args, kwargs))


async def in_order(parts):
    """Await one after another; what comes after an error never starts."""
    try:
        return [await part for part in parts]
    finally:
        for part in parts:
            part.close()


async def at_once(parts):
    """Await all at the same time; the first error cancels the others, and leaves once all have ended.

    What comes after goes on in the turn after the last part's, as it does in the library: where no gate stands between,
    another part of the tree that runs meanwhile could else be further on.
    """
    if len(parts) == 1:
        return [await parts[0]]
    errors, left, decided = [], len(parts), asyncio.get_running_loop().create_future()

    async def watched(part):
        nonlocal left
        try:
            return await part
        except Exception as error:
            errors.append(error)
            raise
        finally:
            left -= 1
            if (errors or not left) and not decided.done():
                decided.set_result(None)

    tasks = [asyncio.ensure_future(watched(part)) for part in parts]
    try:
        await decided
    finally:
        for task in tasks:
            task.cancel()
        await all_ended(tasks)
        for part in parts:
            part.close()
    if errors:
        raise errors[0]
    return [task.result() for task in tasks]


async def all_ended(tasks):
    """Wait until all have ended, however often this is cancelled meanwhile."""
    interrupted = None
    while not all(task.done() for task in tasks):
        try:
            await asyncio.wait(tasks)
        except asyncio.CancelledError as error:
            interrupted = error
    if interrupted is not None:
        raise interrupted


def without_defaults(signature, args, kwargs):
    """Give a call's arguments as the signature orders them, without those at the end that are their defaults."""
    given = signature.bind(*args, **kwargs)
    given.apply_defaults()
    kept, known = list(given.args), list(signature.parameters.values())
    while len(kept) > 1 and len(kept) <= len(known) and kept[-1] is known[len(kept) - 1].default:
        kept.pop()
    return tuple(kept), {
        name: value
        for name, value in given.kwargs.items()
        if name not in signature.parameters or value is not signature.parameters[name].default
    }


def one_input(args, kwargs):
    """Give the input as one value."""
    return args[0] if len(args) == 1 and not kwargs else Inputs(args, kwargs)
