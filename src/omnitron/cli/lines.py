"""A stream as JSON lines: each item is printed when it is there, and nothing is kept.

A stream is whatever gives its items lazily: a generator of either kind, or any other iterator. What one item looks like is
decided in `omnitron.cli.results`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, BinaryIO

from omnitron.cli.exits import Exit
from omnitron.cli.results import Described, json_bytes
from omnitron.cli.streams import writing

__all__ = ["Lines"]


class Lines:
    """Prints the items of a stream, if a flow gives one.

    Args:
        out: where they go.
        begins: called before the first line.

    Attributes:
        begun: whether there was a stream.
        failures: how many `Failure` outcomes its items contain.
    """

    def __init__(self, out: BinaryIO, begins: Callable[[], object]) -> None:
        self.out = out
        self.begins = begins
        self.begun = False
        self.failures = 0

    @property
    def code(self) -> Exit:
        """The exit code that a stream stands for which was read to its end."""
        return Exit.PARTIAL if self.failures else Exit.OK

    def begin(self) -> None:
        """Note that there is a stream."""
        self.begun = True
        self.begins()

    def write(self, item: Any) -> None:
        """Print one item.

        Raises:
            Unwritable: it cannot be written.
            TooDeep: it is nested too deeply to be printed.
        """
        described = Described(item)
        self.failures += described.failures
        with writing():
            self.out.write(json_bytes(described.value))
            self.out.flush()

    def read(self, items: Iterator[Any]) -> None:
        """Print every item of a sync stream; close it on every way out."""
        self.begin()
        try:
            for item in items:
                self.write(item)
        finally:
            close = getattr(items, "close", None)
            if close is not None:
                close()

    async def read_async(self, items: AsyncIterator[Any], is_interrupted: Callable[[], bool]) -> None:
        """The async twin of `read`; a stream that never waits is interrupted between two items."""
        self.begin()
        try:
            async for item in items:
                self.write(item)
                if is_interrupted():
                    await asyncio.sleep(0)  # the cancellation arrives
        finally:
            close = getattr(items, "aclose", None)
            if close is not None:
                await close()
