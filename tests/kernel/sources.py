"""Generators that write down what happens to them, for the tests of streams."""

import asyncio
import sys
import threading

from omnitron import flow


class Book(list):
    """What happened, in order."""

    def close_of(self, name):
        """Say how often a generator was closed."""
        return self.count(f"close {name}")


def source(book, name="source", *, fails_at=None, closing=None):
    """Give the flow of a generator function of numbers; it may fail at one of them, and when it is closed."""

    def numbers(count):
        book.append(f"open {name}")
        try:
            for number in range(count):
                if number == fails_at:
                    raise LookupError(f"{name} at {number}")
                yield number
            if fails_at is not None and fails_at >= count:
                raise LookupError(f"{name} at its end")
        finally:
            book.append(f"close {name}")
            if closing is not None:
                raise closing

    return named(numbers, name)


def stage(book, name, *, stops_at=None, closing=None):
    """Give the flow of a generator function that passes items on, and may stop early, or fail when it is closed."""

    def passing(items):
        try:
            for number, item in enumerate(items):
                if number == stops_at:
                    return
                yield item
        finally:
            book.append(f"close {name}")
            if closing is not None:
                raise closing

    return named(passing, name)


def late_source(book, name="source", *, fails_at=None, closing=None):
    """The async twin of `source`; it waits for a turn of the loop before each item and when it is closed."""

    async def numbers(count):
        book.append(f"open {name}")
        try:
            for number in range(count):
                await asyncio.sleep(0)
                if number == fails_at:
                    raise LookupError(f"{name} at {number}")
                yield number
            if fails_at is not None and fails_at >= count:
                raise LookupError(f"{name} at its end")
        finally:
            await asyncio.sleep(0)
            book.append(f"close {name}")
            if closing is not None:
                raise closing

    return named(numbers, name)


def late_stage(book, name, *, stops_at=None, closing=None):
    """The async twin of `stage`."""

    async def passing(items):
        index = 0
        try:
            async for item in items:
                if index == stops_at:
                    return
                index += 1
                yield item
        finally:
            await asyncio.sleep(0)
            book.append(f"close {name}")
            if closing is not None:
                raise closing

    return named(passing, name)


def named(fn, name):
    """Give the flow of a function under another name."""
    fn.__name__ = fn.__qualname__ = name
    return flow(fn)


async def settle(turns=30):
    """Let the loop turn until what was started has gone as far as it can."""
    for _ in range(turns):
        await asyncio.sleep(0)


async def others():
    """Give the tasks that go on beside this one."""
    await settle()
    return [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]


class Flight:
    """Counts what is between a source and its reader.

    Attributes:
        taken: how many items were taken from the source.
        read: how many results the reader has.
        most: the greatest difference so far.
    """

    def __init__(self):
        self.taken = self.read = self.most = 0

    def up_to(self, count):
        """Give numbers, and count."""
        for number in range(count):
            self.taken += 1
            self.most = max(self.most, self.taken - self.read)
            yield number

    async def late_up_to(self, count):
        """Give numbers as an async stream, and count."""
        for number in self.up_to(count):
            yield number

    def drain(self, stream):
        """Read a stream, and count."""
        for _ in stream:
            self.read += 1

    async def late_drain(self, stream):
        """Read an async stream, and count."""
        async for _ in stream:
            self.read += 1


class Untraced:
    """Looks away from tracers (coverage), also in new threads: they keep what they have seen."""

    def __enter__(self):
        self.tracers = sys.gettrace(), threading.gettrace()
        sys.settrace(None)
        threading.settrace(None)

    def __exit__(self, *_):
        here, elsewhere = self.tracers
        threading.settrace(elsewhere)
        sys.settrace(here)
