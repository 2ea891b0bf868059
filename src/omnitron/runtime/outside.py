"""What a loop cannot know by itself: that what a task awaits comes from a thread or process of the library's own.

A loop whose time is virtual jumps to its next timer when nothing is ready; while something outside of it is at work, it
must wait for that. It counts what goes through its own methods, such as `run_in_executor`; the rest is told here.
"""

from __future__ import annotations

import asyncio
from contextlib import AbstractContextManager, nullcontext

__all__ = ["outside"]


def outside(source: asyncio.AbstractEventLoop | None = None) -> AbstractContextManager[object]:
    """Tell the running loop, if it asks for that by a method `outside`, that a task waits for another thread or process.

    Args:
        source: the loop that what is awaited comes from, if it is one; nothing is told if it is the running one.
    """
    loop = asyncio.get_running_loop()
    tell = getattr(loop, "outside", None)
    if tell is None or source is loop:
        return nullcontext()
    told: AbstractContextManager[object] = tell()
    return told
