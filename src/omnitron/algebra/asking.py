"""The step that has something of the context in its parameters, and the check that a context has it."""

from __future__ import annotations

import builtins
from collections.abc import AsyncGenerator, Callable, Set
from contextlib import aclosing
from functools import partial
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

from omnitron import runtime
from omnitron.algebra.node import Node, walk_nodes
from omnitron.algebra.steps import Step
from omnitron.code import parameters_of, stream_colour
from omnitron.errors import DefinitionError, MissingNeed
from omnitron.runtime import Context, Need, Resource

if TYPE_CHECKING:
    from omnitron.algebra.writer import Args, Writer
    from omnitron.model import FlowMeta

__all__ = ["PLACE", "Asking", "asks_place", "check_needs"]

fill = object.__setattr__


class Mark:
    """A word in `Node.needs` that is neither a capability nor a need."""

    __slots__ = ("word",)

    def __init__(self, word: str) -> None:
        self.word = word

    def __repr__(self) -> str:
        return f"<{self.word}>"


PLACE = Mark("a function of the tree asks for its place")


class Asking(Step):
    """One function whose parameters ask for values and resources of the context, or that asks for its place.

    What calls it is a function of the same parameters that fills those which were not passed.
    """

    __slots__ = ("_filler", "asked")
    fields = ("fn",)
    asked: dict[str, Need]
    _filler: Callable[..., Any] | None

    def __init__(
        self, fn: Callable[..., Any], *, is_async: bool = False, label: str | None = None, meta: FlowMeta | None = None
    ) -> None:
        super().__init__(fn, is_async=is_async, label=label, meta=meta)
        asked = runtime.needs_of(fn)
        for parameter, need in asked.items():
            target = need.target
            if not is_async and stream_colour(fn) != "async" and isinstance(target, Resource) and target.is_async:
                raise DefinitionError(
                    f"{self.name!r} is sync and needs the resource {target.name!r} ({parameter}=), which is async: "
                    "nothing could await it. Make the function `async def`, or the resource sync."
                )
        fill(self, "asked", asked)
        fill(self, "_filler", None)
        fill(self, "needs", self.needs | frozenset(asked.values()) | ({PLACE} if asks_place(fn) else frozenset()))

    def needs_beside(self, given: Set[str]) -> frozenset[Any]:
        """Give what the step asks for besides what is passed."""
        passed = {need for name, need in self.asked.items() if name in given}
        return self.needs - (passed - {need for name, need in self.asked.items() if name not in given})

    def emit(self, w: Writer, args: Args, target: str) -> None:
        """Write the call of the filling function."""
        w.step(w.bind(self.function()), args, target, awaits=self.is_async)

    def function(self) -> Callable[..., Any]:
        """Give the function that fills what is needed and was not passed, then calls the user's."""
        found = self._filler
        if found is None:
            late = any(isinstance(need.target, Resource) and need.target.is_async for need in self.asked.values())
            if not self.asked:
                found = self.fn
            elif late and not self.is_async:
                found = stream_filler(self.fn, self.asked)
            else:
                found = make_filler(self.fn, self.asked, is_async=self.is_async)
            fill(self, "_filler", found)
        return found


def asks_place(fn: Any) -> bool:
    """Say whether the code of a function itself, or of functions inside it, names `current_step`."""
    while isinstance(fn, partial):
        fn = fn.func
    fn = getattr(fn, "__func__", fn)
    if not hasattr(fn, "__code__"):
        fn = getattr(type(fn), "__call__", None)  # noqa: B004 - the code behind a call is what is asked for
    codes = [fn.__code__] if type(getattr(fn, "__code__", None)) is CodeType else []
    if type(getattr(fn, "__wrapped__", None)) is FunctionType:
        codes.append(fn.__wrapped__.__code__)
    for code in codes:
        if "current_step" in code.co_names:
            return True
        codes += [const for const in code.co_consts if type(const) is CodeType]
    return False


def make_filler(fn: Callable[..., Any], asked: dict[str, Need], *, is_async: bool) -> Callable[..., Any]:
    """Make the function of the same parameters as `fn` that fills those in `asked` which were not passed."""
    known = parameters_of(fn)
    if known is None or any(name[:2] == "o_" for name in known.names) or not asked.keys() <= {*known.names}:
        return loose_filler(fn, asked, is_async=is_async)
    from omnitron.algebra.program import code_of

    space: dict[str, Any] = {"o_fn": fn, "__name__": fn.__module__, "__builtins__": builtins.__dict__}
    lines = []
    for number, (name, need) in enumerate(asked.items()):
        awaits = isinstance(need.target, Resource) and need.target.is_async
        space[f"o_target{number}"] = need.target
        take = "await o_take_async" if awaits else "o_take"
        lines.append(f"    if type({name}) is o_kind: {name} = {take}(o_target{number})\n")
    space |= {"o_kind": Need, "o_take": runtime.take, "o_take_async": runtime.take_async}
    head, back = ("async def", "return await") if is_async else ("def", "return")
    text = f"{head} run({known.declared}):\n{''.join(lines)}    {back} o_fn({known.passed})\n"
    name = getattr(fn, "__name__", "step")
    code = code_of(text).replace(co_filename=f"flow {name} (needs)", co_name=name, co_qualname=name)
    filler = FunctionType(code, space, name, known.defaults)
    filler.__kwdefaults__ = known.kwdefaults
    return filler


def stream_filler(fn: Callable[..., Any], asked: dict[str, Need]) -> Callable[..., Any]:
    """Make the same for an async generator function that needs async resources: they are opened for its first item."""

    async def filled(*args: Any, **kwargs: Any) -> AsyncGenerator[Any]:
        for name, need in asked.items():
            if type(kwargs.get(name, need)) is Need:
                awaits = isinstance(need.target, Resource) and need.target.is_async
                kwargs[name] = await runtime.take_async(need.target) if awaits else runtime.take(need.target)
        async with aclosing(fn(*args, **kwargs)) as stream:
            async for item in stream:
                yield item

    return filled


def loose_filler(fn: Callable[..., Any], asked: dict[str, Need], *, is_async: bool) -> Callable[..., Any]:
    """Make the same for a callable whose parameters cannot be copied."""

    def sync_filler(*args: Any, **kwargs: Any) -> Any:
        for name, need in asked.items():
            if type(kwargs.get(name, need)) is Need:
                kwargs[name] = runtime.take(need.target)
        return fn(*args, **kwargs)

    async def async_filler(*args: Any, **kwargs: Any) -> Any:
        for name, need in asked.items():
            if type(kwargs.get(name, need)) is Need:
                awaits = isinstance(need.target, Resource) and need.target.is_async
                kwargs[name] = await runtime.take_async(need.target) if awaits else runtime.take(need.target)
        return await fn(*args, **kwargs)

    return async_filler if is_async else sync_filler


def needs_in_place(root: Node, replaced: Set[str]) -> set[Need]:
    """Give what the steps of a tree need that are not replaced, by themselves or with what is around them."""
    found: set[Need] = set()
    away: list[str] = []
    for path, node in walk_nodes(root):
        if any(path == one or path.startswith(f"{one}/") for one in away):
            continue
        if path in replaced or ((node.segment or node.label is not None) and node.name in replaced):
            away.append(path)
        elif isinstance(node, Asking):
            found |= {*node.asked.values()}
    return found


def check_needs(root: Node, ctx: Context, passed: dict[str, Any]) -> None:
    """Refuse a run in a context that lacks values that the tree needs and the call does not pass."""
    if runtime.holds_needs(root.needs, ctx):
        return
    needs = {need for need in root.needs_beside(passed.keys()) if isinstance(need, Need)}
    if needs and ctx.runtime.replaced is not None:
        needs &= needs_in_place(root, ctx.runtime.replaced.keys())
    asked = {need.target for need in needs}
    missing = runtime.missing_needs(asked, ctx) if asked else {}
    if not missing:
        return
    who: dict[str, list[str]] = {name: [] for name in missing}
    for path, node in walk_nodes(root):
        if isinstance(node, Asking):
            for need in node.asked.values():
                for name, through in runtime.wanted_keys(need.target, ctx):
                    if name in who:
                        who[name].append(f"{path} → {through}{opened_from(need.target, ctx)}" if through else path)
    raise MissingNeed({name: tuple(dict.fromkeys(paths)) for name, paths in who.items()}, tuple(map(str, ctx)))


def opened_from(target: Any, ctx: Context) -> str:
    """Say of a resource of the app that it is opened from the entered context, where its values are to be given."""
    shared = isinstance(target, Resource) and target.scope == "app" and ctx._scope is not None
    return ", which is opened from the entered context: give it there" if shared else ""
