"""The node that keeps what a flow gives. What runs when there is nothing to give stands in `omnitron.algebra.sharing`."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import TYPE_CHECKING, Any, ClassVar

from omnitron import runtime
from omnitron.algebra.branching import check_no_stream, check_plain
from omnitron.algebra.keeping import Keeper
from omnitron.algebra.keying import unseen_need
from omnitron.algebra.node import UNDOES, Node, walk_nodes
from omnitron.algebra.policing import Policy
from omnitron.algebra.refining import Receiver
from omnitron.algebra.sharing import Desk
from omnitron.algebra.storing import storage_methods
from omnitron.algebra.timing import inside
from omnitron.errors import DefinitionError
from omnitron.model import Effect
from omnitron.policy import Cache, CacheCell, Entry, Space

if TYPE_CHECKING:
    from omnitron.algebra.writer import Args, Writer

__all__ = ["Cached"]

PASSES = ("disable", "ignore")
ABSENT = Entry(Space("absent"), None, None, -inf, -inf, failed=False)
"""Stands for an entry that is not there."""


class Cached(Policy):
    """Run a flow, or give what it gave. The fields beside `body` and `cell` are those of `omnitron.Cache`.

    Attributes:
        body: the flow.
        cell: what is kept; no part of equality.
    """

    __slots__ = (
        "body", "ttl", "max_entries", "key", "store", "stale_while_revalidate", "ttl_on_error", "mode", "version", "cell",
    )  # fmt: skip
    body: Node
    ttl: float | None
    max_entries: int
    key: Callable[..., Any] | None
    store: Any
    stale_while_revalidate: float
    ttl_on_error: float | None
    mode: str
    version: str | None
    cell: CacheCell
    kind = "cache"
    tunable: ClassVar = {
        "ttl": float, "max_entries": int, "stale_while_revalidate": float, "ttl_on_error": float, "mode": str,
    }  # fmt: skip

    @classmethod
    def of(cls, body: Node, policy: Cache) -> Cached:
        """Give the node of a policy over a flow; all that are made of one policy share its cell."""
        return cls(body, *(getattr(policy, name) for name in Cache.fields), policy.cell)

    def check(self) -> None:
        """Refuse what is no policy, and what must not, or cannot, be kept."""
        Cache(**{name: getattr(self, name) for name in Cache.fields})
        if not isinstance(self.cell, CacheCell):
            raise DefinitionError(f"the cell of a cache is a CacheCell, got {self.cell!r}.")
        body, name = self.body, self.body.name
        if self.key is not None:
            check_plain("`key`", self.key)
        check_no_stream(
            body,
            "there is nothing to keep when it is called",
            "Put `.cache` on the flow of one item: `f.cache(60).stream()`.",
        )
        if UNDOES in body.needs:
            raise DefinitionError(
                f"{name!r} has an `.undo` inside, and a call that is answered from the cache does nothing that could be "
                "undone. Put `.cache` on the part that only reads."
            )
        for path, node in walk_nodes(body):
            declared = None if node.meta is None else node.meta.effects
            for effect in (Effect.WRITE, Effect.RANDOM):
                if declared is not None and effect in declared:
                    what = "not write again" if effect is Effect.WRITE else "give the same number again"
                    raise DefinitionError(
                        f"cache would answer a call of {name!r} without running it, and {path!r} declares Effect."
                        f"{effect.name}: it would {what}. Put `.cache` on the part that only reads."
                    )
            if isinstance(node, Receiver):
                check_owner(node)
        if self.store is not None:
            storage_methods(self.store, is_async=body.is_async)
            if self.version is None:
                raise DefinitionError(
                    f"{name!r} is cached in a store, which outlives the code, and nothing here knows yet when the code "
                    "of a flow has changed. Say its version, and change it with the code: `.cache(..., version='1')`."
                )
        self.check_needs()

    def check_needs(self) -> None:
        """Refuse to keep what depends on what no key can hold, or what ends before it is computed anew."""
        name, need = self.body.name, unseen_need(self.body.needs)
        if need is not None and self.key is None:
            what = (
                "the whole context" if need is runtime.Context else f"the resource {need.name!r}, which is of one run"
            )
            raise DefinitionError(
                f"{name!r} needs {what}, so that nothing tells which calls give the same. Say it: `.cache(ttl, key=...)` "
                "takes a function of the arguments."
            )
        if isinstance(need, runtime.Resource) and need.scope == "run" and self.stale_while_revalidate:
            raise DefinitionError(
                f"{name!r} needs the resource {need.name!r}, which is closed when the run ends, and what is computed "
                'behind a stale result goes on after it. Give it scope="app", or leave `stale_while_revalidate` out.'
            )

    def identity(self) -> Node:
        """Give the body as keys see it: without the caches in it that are to be ignored."""
        return stripped(self.body)

    def emit(self, w: Writer, args: Args, target: str) -> None:
        """Write the look for what is kept, and the call of the machine that finds nothing."""
        if self.mode in PASSES:
            w.pass_on(self.body, args, target)
            return
        place = w.cursor - 1 + inside(self)
        awaits = w.awaits if w.seen else self.body.is_async
        site = w.site(called(self), place, awaits=awaits) if w.seen else None
        desk = Desk(Keeper(self), w.spot(place), site, renew=self.mode == "recompute")
        fn = w.function(self.body, args, awaits=awaits)
        passed = f", {args.call}" if args.call else ""
        wait, later = ("await ", "_async") if awaits else ("", "")
        if w.seen:
            w.mark(f"{target} = {wait}{w.bind(getattr(desk, 'ask' + later))}({fn}{passed})", place)
            return
        key = desk.keeper.keying.write(w, args, place)
        miss = f"{target} = {wait}{w.bind(getattr(desk, 'miss' + later))}({key}, {fn}{passed})"
        if desk.renew:
            w.mark(miss, place)
            return
        entry, absent, clock = w.temp(), w.bind(ABSENT), runtime.SYSTEM_CLOCK.monotonic
        with w.block("try:"):
            w.line(f"{entry} = {w.bind(desk.plain.entries)}[{key}]")
        with w.block("except KeyError:"):
            w.line(f"{entry} = {absent}")
        alive = f"{entry} is not {absent}" if self.ttl is None else f"{w.bind(clock)}() < {entry}.expires"
        with w.block(f"if {alive}:"):
            w.line(f"{entry}.hits += 1")
            w.line(f"{target} = {entry}.value")
        with w.block("else:"):
            w.mark(miss, place)

    def detail(self) -> str:
        """Give the options that are not the default."""
        shown = ["for ever" if self.ttl is None else f"{self.ttl:g} s"]
        default = Cache(None)
        for name in Cache.fields[1:]:
            value = getattr(self, name)
            if value != getattr(default, name):
                shown.append(f"{name}={getattr(value, '__qualname__', None) or repr(value)}")
        return ", ".join(shown)


def called(node: Node) -> Node:
    """Give the part whose call is spared: beneath refinements, which have no boundary of their own."""
    for _ in range(inside(node)):
        node = node.children[0]
    return node


def check_owner(node: Receiver) -> None:
    """Refuse a method of an object that is not hashable: two such may be equal now and differ later."""
    try:
        hash(node.owner)
    except TypeError as error:
        raise DefinitionError(
            f"{node.name!r} is a method of a {type(node.owner).__qualname__}, which is not hashable, so that it makes no "
            "key. Give its class a `__hash__`, or cache a function of the values that it uses."
        ) from error


def stripped(node: Node) -> Node:
    """Give a tree without the caches in it whose mode is "ignore"."""
    if not any(isinstance(one, Cached) and one.mode == "ignore" for _, one in walk_nodes(node)):
        return node
    if isinstance(node, Cached) and node.mode == "ignore":
        return stripped(node.body)
    return node.rebuild(tuple(map(stripped, node.children)))
