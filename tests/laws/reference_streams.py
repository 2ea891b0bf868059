"""The meaning of streams, for `reference`: lazy maps, the row that a pipe is, and who closes what.

A stream is a generator, sync or async. Whoever stops reading one, by closing or by an error, closes what it reads, and so
on to the source; each generator is ended once. What reads to the end has nothing to close.
"""

import asyncio
import inspect

from omnitron import flow

from . import reference, reference_more


def stream(node, items):
    """Map the body lazily: each item is a whole, run when somebody asks for it."""
    if node.mode == "collect":

        def call(item):
            return reference.outcome(node.body, (item,), {}, run=reference_more.whole)
    else:

        def call(item):
            return reference_more.whole(node.body, (item,), {})

    if node.concurrency is not None:
        return ahead(call, items, node.concurrency, unordered=node.unordered)
    if node.body.is_async or not hasattr(items, "__iter__"):
        return mapped_later(call, items)
    return mapped(call, iter(items), items)


def mapped(call, iterator, items):
    """Map sync items by what never suspends."""
    try:
        for item in iterator:
            yield finished(call(item))
    finally:
        end_now(items)


def finished(running):
    """Run what never suspends to its end."""
    try:
        running.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("a sync flow suspended")


async def mapped_later(call, items):
    """Map items of either kind, one at a time."""
    source = reference.either(items)
    try:
        async for item in source:
            yield await call(item)
    finally:
        await source.aclose()


async def ahead(call, items, width, *, unordered):
    """Map items some at a time: never more than `width` are taken from the source and not yet given.

    What an item raises takes its turn as a result would; what the source raises leaves after all that was taken.
    """
    source, taking = reference.either(items), asyncio.Lock()
    on_the_way, taken, given, open_, running, broken = 0, 0, 0, True, width, None
    ready, waiting, working = {}, [], {}

    async def take():
        nonlocal taken, open_
        async with taking:
            if not open_:
                raise StopAsyncIteration
            try:
                item = await anext(source)
            except BaseException:
                open_ = False
                raise
            taken += 1
            return taken - 1, item

    async def work():
        nonlocal on_the_way, open_, running, broken
        try:
            while True:
                while on_the_way >= width:
                    await wait()
                on_the_way += 1
                number, item = await take()
                working[asyncio.current_task()] = number
                try:
                    ready[number] = (await call(item), None)
                except Exception as error:
                    open_, ready[number] = False, (None, error)
                    break
                tell()
        except StopAsyncIteration:
            on_the_way -= 1
        except Exception as error:
            broken = broken or error
        finally:
            running -= 1
            tell()

    async def wait():
        turn = asyncio.get_running_loop().create_future()
        waiting.append(turn)
        await turn

    def tell():
        for turn in waiting:
            if not turn.done():
                turn.set_result(None)
        waiting.clear()

    workers = [asyncio.ensure_future(work()) for _ in range(width)]
    try:
        while True:
            while not ready if unordered else given not in ready:
                if not running and broken is not None:
                    raise broken
                if not running:
                    return
                await wait()
            value, error = ready.pop(next(iter(ready)) if unordered else given)
            given += 1
            if error is not None:
                raise error
            on_the_way -= 1
            tell()
            yield value
    finally:
        for worker in sorted(workers, key=lambda worker: working.get(worker, taken)):
            worker.cancel()
        await reference.all_ended(workers)
        await source.aclose()


# ------------------------------------------------------------------ a row


async def meaning_of_row(parts, args, kwargs):
    """Give what the last part gives of what the one before it gave; the streams on the way end when something fails.

    Once a step has read a stream to its end, or closed it, those before it end too; what it may still read goes on.
    """
    streams, value = [], None
    for part in parts:
        try:
            value = await reference.meaning(part, args, kwargs)
        except BaseException:
            await end(*streams)
            raise
        args, kwargs = (value,), {}
        if part.streams:
            streams.append(value)
        elif streams and ended(streams[-1]):
            await end(*streams[:-1])
    return in_row(value, streams[:-1]) if parts[-1].streams else value


def ended(stream):
    """Say whether a stream has nothing more to give."""
    return getattr(stream, "gi_frame" if inspect.isgenerator(stream) else "ag_frame", stream) is None


def in_row(last, before):
    """Give the last stream of a row: when it ends, so do those that stand before it."""
    if inspect.isgenerator(last):
        return row(last, before)
    return row_later(last, before) if inspect.isasyncgen(last) else last


def row(last, before):
    """The sync half."""
    try:
        yield from last
    finally:
        end_now(*before, last)


async def row_later(last, before):
    """The async half."""
    try:
        async for item in last:
            yield item
    finally:
        await end(*before, last)


def end_now(*streams):
    """Close sync generators, the last first."""
    for one in reversed(streams):
        if inspect.isgenerator(one):
            one.close()


async def end(*streams):
    """Close generators of either kind, the last first."""
    for one in reversed(streams):
        if inspect.isasyncgen(one):
            await one.aclose()
        else:
            end_now(one)


# ------------------------------------------------------------------ in another context


def read_inside(ctx, value):
    """Give a stream whose items are taken inside a context; any other value as it is."""
    if inspect.isgenerator(value):
        return reading(ctx, value)
    return reading_later(ctx, value) if inspect.isasyncgen(value) else value


END = object()


def reading(ctx, source):
    """The sync half."""
    try:
        while (item := ctx.run(flow(next), source, END)) is not END:
            yield item
    finally:
        ctx.run(flow(source.close))


async def reading_later(ctx, source):
    """The async half."""
    try:
        while (item := await ctx.run(flow(advance), source)) is not END:
            yield item
    finally:
        await ctx.run(flow(close), source)


async def advance(source):
    """Give the next item, or END."""
    return await anext(source, END)


async def close(source):
    """Close an async generator."""
    await source.aclose()
