"""A result is printed when it is there: a stream as lines of JSON while it flows, of which nothing is kept.

A stream is whatever gives its items lazily: a generator of either kind, or any other iterator. What one item looks like is
decided in `omnitron.cli.results`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

from omnitron.cli.exits import Exit
from omnitron.cli.results import Described, json_bytes
from omnitron.cli.streams import writing

if TYPE_CHECKING:
    from omnitron.cli.running import Interruptions

__all__ = ["Lines"]


class Lines:
    """Takes what a flow gave: prints the items of a stream, and describes any other result.

    In a child that is forked meanwhile it does neither: its parent does.

    Args:
        out: where items go.
        signals: what ends the run; no line is broken by it.
        begins: called before the first line.

    Attributes:
        on_terminal: whether `out` is one, to which no item does anything.
        result: what was no stream, described, to be printed; None of a stream.
        items: how many were printed.
        failures: how many `Failure` outcomes the items contain.
    """

    def __init__(self, out: BinaryIO, signals: Interruptions, begins: Callable[[], object] = bool) -> None:
        self.out = out
        self.signals = signals
        self.begins = begins
        self.on_terminal = out.isatty()
        self.result: Described | None = None
        self.items = self.failures = 0

    @property
    def code(self) -> Exit:
        """The exit code that a stream stands for which was read to its end."""
        return Exit.PARTIAL if self.failures else Exit.OK

    def write(self, item: Any) -> None:
        """Print one item.

        Raises:
            Unwritable: it cannot be written.
            TooDeep: it is nested too deeply to be printed.
        """
        if self.signals.forked:
            return
        described = Described(item, f"item {self.items} of the stream")
        line = json_bytes(described.value, on_terminal=self.on_terminal)
        if not self.items:
            self.begins()
        with self.signals.unbroken(), writing(self.out):
            self.out.write(line)
            self.out.flush()
        self.items += 1
        self.failures += described.failures

    def take(self, value: Any) -> None:
        """Print every item of a sync stream, and close it on every way out; describe any other result."""
        if not isinstance(value, Iterator):
            self.result = None if self.signals.forked else Described(value)
            return
        try:
            for item in value:
                self.write(item)
        finally:
            close = getattr(value, "close", None)
            if callable(close):
                close()

    async def take_async(self, items: AsyncIterator[Any]) -> None:
        """The same for an async stream; one that never waits is interrupted between two items."""
        try:
            async for item in items:
                self.write(item)
                if self.signals.count:
                    await asyncio.sleep(0)  # the cancellation arrives
        finally:
            close = getattr(items, "aclose", None)
            if callable(close):
                await close()
