"""The order of tasks by a seed: which of the steps that are ready runs next.

Only steps of tasks change places, and only among those between two other callbacks: what asyncio itself calls soon keeps
its order, and no step passes it. Inside such a stretch any step may come before any other, also one that became ready
later: so a task may go many steps while another one waits, which no loop in order of arrival ever shows.

Which one is next does not depend on the order in which they became ready: a number is made of the seed, the number of the
task in order of creation, and of the step in its task, and the least one runs. So the same seed gives the same order where
asyncio wakes a set of tasks, whose order changes from process to process.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from contextvars import Context, copy_context
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

__all__ = ["Order"]

MASK = (1 << 64) - 1
Entry = tuple[int, int, asyncio.Handle, Callable[..., object], tuple[Any, ...], Context]


class Order:
    """The steps that are ready, in stretches.

    Attributes:
        context: in which turns are called; each step then runs in that of its task.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.context = Context()
        self.stretch: list[Entry] = []
        self.steps: WeakKeyDictionary[asyncio.Task[Any], list[int]] = WeakKeyDictionary()
        self.tasks = 0

    def close(self) -> None:
        """End the stretch: no later step comes before what follows."""
        if self.stretch:
            self.stretch = []

    def add(
        self,
        loop: asyncio.AbstractEventLoop,
        task: asyncio.Task[Any],
        callback: Callable[..., object],
        args: tuple[Any, ...],
        context: Context | None,
    ) -> tuple[asyncio.Handle, Callable[[], None]]:
        """Take a step that is ready; give its handle, and what is to be called once for it, which runs one of them."""
        place = self.steps.get(task)
        if place is None:
            self.tasks += 1
            place = self.steps[task] = [self.tasks, 0]
        place[1] += 1
        context = copy_context() if context is None else context
        handle = asyncio.Handle(callback, args, loop, context)
        heapq.heappush(self.stretch, (mixed(self.seed, place[0], place[1]), place[0], handle, callback, args, context))
        return handle, partial(turn, self.stretch)


def turn(stretch: list[Entry]) -> None:
    """Run the next step of a stretch."""
    _, _, handle, callback, args, context = heapq.heappop(stretch)
    if not handle.cancelled():
        context.run(callback, *args)


def mixed(*numbers: int) -> int:
    """Give 64 bits that depend on all bits of some numbers.

    Source: the finalizer of SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
    """
    found = 0
    for number in numbers:
        found = (found + number * 0x9E3779B97F4A7C15 + 0x9E3779B97F4A7C15) & MASK
        found = ((found ^ (found >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        found = ((found ^ (found >> 27)) * 0x94D049BB133111EB) & MASK
        found ^= found >> 31
    return found
