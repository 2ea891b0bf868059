"""What a forked child does before anything else: it leaves to its parent what belongs there.

A fork copies the memory and one thread. In the child, a lock that another thread held is held for ever; the threads,
tasks and worker processes of the parent are not there; and what the parent opened is still the parent's. Each module that
keeps such a thing gives `after_fork` a function that puts it right. In the parent a fork waits for one thing: a module of
the library that another thread is importing.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from threading import RLock

__all__ = ["Mutex", "after_fork", "leave_to_parent"]

left: list[tuple[object, ...]] = []
"""What was left to the parent. It lives as long as the modules do, and what `leave_to_parent` could pin for longer."""


def finish_imports() -> None:
    """Before a fork, wait for our modules that another thread is importing: in the child nobody would ever finish them."""
    from importlib import import_module

    done: set[str] = set()
    while begun := {name for name in list(sys.modules) if name.startswith("omnitron.")} - done:
        for name in begun:
            with suppress(Exception):  # it is told to who imports it
                import_module(name)
        done |= begun  # while this waited, another thread may have begun with others


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=finish_imports)


def after_fork(put_right: Callable[[], None]) -> None:
    """Have a function called in every forked child, before the fork returns there; for good, so at import only."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=put_right)


class Mutex:
    """A lock of the whole process, free in a forked child whoever held it when the child was forked off.

    What it guards must make sense wherever a thread is stopped for good. Whoever holds it may take it again: a
    collection of garbage in the middle may end what asks for it too. Made at import only, as `after_fork` is called.
    `with` is given the methods of the lock itself: a signal handler that raises (Ctrl-C) can come at the beginning of a
    method written in Python, and before a release it would leave the lock held for good.
    """

    __slots__ = ("lock",)

    def __init__(self) -> None:
        self.renew()
        after_fork(self.renew)

    def renew(self) -> None:
        """Have a lock that nobody holds."""
        self.lock = RLock()

    @property
    def __enter__(self) -> Callable[[], object]:
        return self.lock.__enter__

    @property
    def __exit__(self) -> Callable[..., None]:  # noqa: PLE0302 - it gives what takes them
        return self.lock.__exit__


def leave_to_parent(*things: object) -> None:
    """Keep things of the parent from being finalized in this process, also when it ends.

    A generator that is thrown away runs its `finally` clauses: here they would say goodbye on the parent's connection,
    write its buffers once more, or remove its temporary folder. No reference from Python outlives the clearing of the
    modules at the end of a process, so one is taken that nobody gives back.
    """
    left.append(things)
    try:
        import ctypes

        ctypes.pythonapi.Py_IncRef(ctypes.py_object(things))
    except (ImportError, AttributeError):  # an interpreter without it
        return
