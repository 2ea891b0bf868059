"""What a step that reads a stream leaves unread when it has succeeded. Read next: `omnitron.runtime.streams`."""

from __future__ import annotations

from contextlib import AsyncExitStack, ExitStack
from types import AsyncGeneratorType, GeneratorType
from typing import Any

from omnitron.runtime.streams import end, end_async

__all__ = ["end_read", "end_read_async"]

# Note [What a reader leaves]
# A step that is given a stream may hand it on inside of what it returns, so its success closes nothing. Only when the
# stream itself has ended by then, because the step read it to its end or closed it, nobody reads those before it any more:
# a generator function that stops early, or is closed, leaves what it read.


def end_read(sources: list[Any]) -> None:
    """Close those that stand before the last of `sources`, the last first, if that has ended, and forget all."""
    *before, last = sources
    if has_ended(last):
        sources.clear()
        with ExitStack() as left:
            for source in before:
                left.callback(end, source)


async def end_read_async(sources: list[Any]) -> None:
    """The async twin of `end_read`."""
    *before, last = sources
    if has_ended(last):
        sources.clear()
        async with AsyncExitStack() as left:
            for source in before:
                left.push_async_callback(end_async, source)


def has_ended(stream: Any) -> bool:
    """Say whether a generator has nothing more to give."""
    if type(stream) is GeneratorType:
        return stream.gi_frame is None
    return type(stream) is AsyncGeneratorType and stream.ag_frame is None
