"""What to say of a loop on which every task waits and nothing will wake one: who waits, and where."""

from __future__ import annotations

import asyncio
import linecache
import os
from inspect import CORO_SUSPENDED, getcoroutinestate
from types import CoroutineType, FrameType
from typing import Any

from omnitron.testing.failures import Deadlock

__all__ = ["deadlock"]

OWN = os.path.join(os.path.dirname(os.path.dirname(__file__)), "")
NOT_USERS = (os.path.join(os.path.dirname(asyncio.__file__), ""), OWN)


def deadlock(loop: asyncio.AbstractEventLoop, threads: tuple[str, ...]) -> Deadlock:
    """Give the error for a loop."""
    tasks = sorted(asyncio.all_tasks(loop), key=lambda task: natural(task.get_name()))
    waiting = tuple((task.get_name(), place_of(task.get_coro())) for task in tasks)
    return Deadlock(waiting, loop.time(), threads)


def natural(name: str) -> tuple[str, int, str]:
    """Give what sorts `Task-2` before `Task-10`."""
    head = name.rstrip("0123456789")
    digits = name[len(head) :]
    return head, int(digits or 0), name


def place_of(coroutine: Any) -> str:
    """Give the place where a suspended coroutine waits: the innermost that is the user's own, if there is one."""
    frames: list[FrameType] = []
    seen: set[int] = set()
    while coroutine is not None and id(coroutine) not in seen:
        seen.add(id(coroutine))
        frame = next(
            filter(None, (getattr(coroutine, name, None) for name in ("cr_frame", "gi_frame", "ag_frame"))), None
        )
        if frame is not None:
            frames.append(frame)
        found = (getattr(coroutine, name, None) for name in ("cr_await", "gi_yieldfrom", "ag_await"))
        coroutine = next((one for one in found if one is not None), None)
        if coroutine is None and frame is not None and frame.f_code.co_filename.startswith(OWN):
            coroutine = stepped_by(frame, seen)
    mine = [frame for frame in frames if is_users(frame)] or frames
    return "code that cannot be seen into" if not mine else shown(mine[-1])


def stepped_by(frame: FrameType, seen: set[int]) -> Any:
    """Give the suspended coroutine that a function of the library steps by hand, or None."""
    return next(
        (
            one
            for one in frame.f_locals.values()
            if isinstance(one, CoroutineType) and id(one) not in seen and getcoroutinestate(one) == CORO_SUSPENDED
        ),
        None,
    )


def is_users(frame: FrameType) -> bool:
    """Say whether a frame is neither asyncio's nor the library's, nor of generated code."""
    name = frame.f_code.co_filename
    return not name.startswith(NOT_USERS) and (name.startswith("<") or os.path.exists(name))


def shown(frame: FrameType) -> str:
    """Give function, file and line, and the line's text."""
    code, line = frame.f_code, frame.f_lineno
    text = linecache.getline(code.co_filename, line, frame.f_globals).strip()
    place = f'{code.co_qualname}, File "{code.co_filename}", line {line}'
    return f"{place}: {text}" if text else place
