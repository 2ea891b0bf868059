"""`Shore`: what a scope has opened on an event loop other than its own; it ends with that loop, or with the scope.

Read next: `omnitron.runtime.scopes`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from concurrent import futures

from omnitron.errors import DefinitionError
from omnitron.runtime.leaving import settle
from omnitron.runtime.reporting import log
from omnitron.runtime.scopes import SHORE, UNOPENED, Closer, Scope, close_all, making, running_loop

__all__ = ["Shore", "shore_of"]

LOOK_S = 0.5
"""How often who waits for a loop looks whether it still runs, in seconds."""


class Shore:
    """What a scope has opened on one event loop, and who sees to it that it is closed there."""

    __slots__ = ("closers", "keeper", "loop", "one_closes", "scope")

    def __init__(self, scope: Scope, loop: asyncio.AbstractEventLoop) -> None:
        self.scope = scope
        self.loop = loop
        self.closers: list[Closer] = []
        self.one_closes = asyncio.Lock()
        self.keeper = keep_with_loop(self)

    def keep(self, closer: Closer) -> bool:
        """Take what closes a resource; say whether there is still somebody who will."""
        with making:
            if not self.scope.closed:
                self.closers.append(closer)
            return not self.scope.closed

    async def aclose(self) -> None:
        """Close what was opened here; the next who asks opens anew. Who comes second waits for the first."""
        raised: list[BaseException] = []
        async with self.one_closes:
            self.forget(itself=False)
            await close_all(self.closers, None, raised)
            self.forget(itself=True)  # only now: who leaves the block meanwhile finds this, and waits
        settle(None, raised)

    def forget(self, *, itself: bool) -> None:
        """Take the places of this loop out of the scope, all that was opened here or `itself` too."""
        with making:
            entries = self.scope.entries or {}
            for key in [key for key in entries if type(key) is tuple and key[1] is self.loop]:
                if itself or key[0] is not SHORE:
                    del entries[key]

    def end(self) -> None:
        """Have it closed by its own loop, and wait; from another thread.

        Raises:
            DefinitionError: this thread runs that loop, and would wait for itself.
        """
        is_own = running_loop() is self.loop
        if not self.closers and (is_own or not self.one_closes.locked()):
            return
        if is_own:
            raise DefinitionError(
                f"{self.names()} cannot be closed here: the context was entered by `with` outside of this event loop, and "
                "is left on it, which cannot await in sync code. It closes when the loop ends. Leave the block where it "
                "was entered, or write `async with context(...) as app:`."
            )
        if self.loop.is_running():
            self.end_there()
        if self.closers and self.loop.is_closed():
            names = self.names()
            log("error", "never closed, because their event loop was closed without ending its generators: %s", names)
        # else it is closed when that loop shuts its generators down

    def end_there(self) -> None:
        """Have it closed by a loop that runs in another thread; wait as long as that loop runs."""
        closing = self.aclose()
        try:
            asked = asyncio.run_coroutine_threadsafe(closing, self.loop)
        except RuntimeError:  # that loop was closed meanwhile
            closing.close()
            return
        while not futures.wait([asked], LOOK_S).done and self.loop.is_running():
            continue
        if asked.done() and not asked.cancelled():
            asked.result()

    def names(self) -> str:
        """Give the names of what is open."""
        return ", ".join(closer.resource.name for closer in self.closers)


async def keep_with_loop(shore: Shore) -> AsyncGenerator[None, None]:
    """Close what was opened on a loop when that loop shuts its asynchronous generators down."""
    try:
        yield
    finally:
        await shore.aclose()


async def shore_of(scope: Scope, loop: asyncio.AbstractEventLoop) -> Scope | Shore:
    """Give who keeps what is opened on `loop`: the scope, where that is its own."""
    if scope.loop is loop:
        return scope
    entry = scope.entry((SHORE, loop))
    if entry.value is UNOPENED:
        shore = entry.value = Shore(scope, loop)
        await anext(shore.keeper)
    kept: Shore = entry.value
    return kept
