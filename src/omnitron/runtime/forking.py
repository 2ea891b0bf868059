"""What a forked child does before anything else: it leaves to its parent what belongs there.

A fork copies the memory and one thread. In the child a lock that another thread held is held for ever, and the threads and
worker processes of the parent are not there. A module that keeps such a thing gives `after_fork` what puts it right.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from threading import Lock

__all__ = ["Mutex", "after_fork"]


def after_fork(*put_right: Callable[[], None]) -> None:
    """Have functions called in every forked child, before the fork returns there; for good, so at import only."""
    for function in put_right if hasattr(os, "register_at_fork") else ():
        os.register_at_fork(after_in_child=function)


class Mutex:
    """A lock of the whole process, free in a forked child whoever held it when the child was forked off."""

    __slots__ = ("lock",)

    def __init__(self) -> None:
        self.renew()
        after_fork(self.renew)

    def renew(self) -> None:
        """Have a lock that nobody holds."""
        self.lock = Lock()

    def __enter__(self) -> None:
        self.lock.acquire()

    def __exit__(self, *error: object) -> None:
        self.lock.release()
