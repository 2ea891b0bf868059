"""`Kept`: what a cached flow has kept, for who wants to forget it, compute it anew, or know why it was not there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from omnitron.algebra.caching import Cached
from omnitron.algebra.keeping import Keeper
from omnitron.algebra.storing import storage_methods
from omnitron.errors import MissingPart
from omnitron.model import Ok
from omnitron.policy import CacheExplanation, explain, gate
from omnitron.runtime import current_context

if TYPE_CHECKING:
    from omnitron.algebra.node import Node
    from omnitron.policy import CacheInfo, Space

__all__ = ["Kept", "cached_in"]


def cached_in(root: Node) -> Cached:
    """Give the cache that takes the very arguments of a flow.

    Raises:
        MissingPart: there is none.
    """
    node = root
    while not isinstance(node, Cached):
        if node.direct != "first" or not node.children or node.kind in ("bind", "method", "on"):
            raise MissingPart(
                f"{root.name!r} has no cache over what takes its arguments. Ask the flow that has it: "
                "`f = price.cache(60)`, then `f.cached`."
            )
        node = node.children[0]
    return node


class Kept:
    """What the cache of one flow has kept: `f.cached`. Keys are made as a call in the current context would make them."""

    __slots__ = ("_keeper", "_node")

    def __init__(self, node: Cached) -> None:
        self._node = node
        self._keeper = Keeper(node)

    def __repr__(self) -> str:
        return f"<what {self._node.name!r} keeps: {self._node.detail()}>"

    def spaces(self) -> list[Space]:
        """Give where its results stand: in whatever contexts, under whatever version and tuned policy."""
        return self._keeper.book.spaces_of(*self._keeper.who[:2])

    def info(self) -> CacheInfo:
        """Give what was done so far, by all flows that share the `Cache`."""
        with gate:
            return self._keeper.book.info()

    def invalidate(self, /, *args: Any, **kwargs: Any) -> Any:
        """Forget what a call gave; what is being computed for it is given to those who wait, and not kept.

        A storage forgets what it has for contexts of the capabilities of the current one; an async one when what this gives
        is awaited.
        """
        keeper = self._keeper
        key = keeper.keying.key_of(*args, **kwargs)
        with gate:
            dropped = [keeper.book.invalidate(space, key) for space in self.spaces()]
        del dropped
        shelf = keeper.shelf_in(keeper.space_in(current_context()), key)
        return None if shelf is None else shelf.storage.delete(shelf.text(key))

    def clear(self) -> Any:
        """Forget all that this flow gave, of this version in a storage; with an async one it gives an awaitable."""
        keeper = self._keeper
        with gate:
            dropped = keeper.book.clear(self.spaces())
        del dropped
        return None if keeper.shelf is None else keeper.shelf.storage.clear(keeper.shelf.prefix)

    def peek(self, /, *args: Any, **kwargs: Any) -> Ok[Any] | None:
        """Give what is kept for a call, in its time, as `Ok(value)`; None where a call would compute, wait or raise.

        It is no hit: nothing is counted, and nothing is kept longer for it.

        Raises:
            DefinitionError: the storage is asynchronous, or what was passed makes no key.
        """
        keeper, ctx = self._keeper, current_context()
        key, space, clock = keeper.keying.key_of(*args, **kwargs), keeper.space_in(ctx), ctx.runtime.clock
        shelf = keeper.shelf_in(space, key)
        if shelf is not None:
            storage_methods(shelf.storage, is_async=False)
            found = shelf.load(key, clock)
            return None if found is None or found[1] else Ok(found[0])
        entry = space.entries.get(key)
        return None if entry is None or clock.monotonic() >= entry.expires else Ok(entry.value)

    def explain(self, /, *args: Any, **kwargs: Any) -> CacheExplanation:
        """Say whether a call would be a hit, and which part of its key is another if not; nothing is computed."""
        keeper, ctx = self._keeper, current_context()
        key, space, now = keeper.keying.key_of(*args, **kwargs), keeper.space_in(ctx), ctx.runtime.clock.monotonic()
        shelf = keeper.shelf_in(space, key)
        if shelf is not None:
            outcome = shelf.outcome(key, ctx.runtime.clock)
            if outcome != "miss":
                return CacheExplanation(outcome)
        dropped: list[Any] = []  # let go of where the lock is free again
        with gate:
            return explain(keeper.book, space, key, tuple(part.name for part in keeper.keying.parts), now, dropped)

    def refresh(self, /, *args: Any, **kwargs: Any) -> Any:
        """Call the flow whatever is kept, and keep what it gives; of an async flow, give the awaitable."""
        from omnitron.algebra.flows import from_node

        values = [getattr(self._node, name) if name != "mode" else "recompute" for name in self._node.fields]
        return from_node(type(self._node)(*values))(*args, **kwargs)
