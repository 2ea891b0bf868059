"""`Flow` and `AsyncFlow`: what users hold. A flow is its tree, and the function that the tree was compiled to.

Calling a flow reaches that function directly: `__call__` is the descriptor of the slot that holds it, so no frame of
ours stands between. Everything else here refines one flow or reads it. Read next: `omnitron.algebra.combinators`.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType, MethodType
from typing import Any, Generic, ParamSpec, Self, TypeVar
from weakref import ref

from omnitron.algebra.loops import Each
from omnitron.algebra.making import step_of
from omnitron.algebra.node import Node, checked_name
from omnitron.algebra.notes import path_of
from omnitron.algebra.pickling import is_fixed, reduce_flow
from omnitron.algebra.places import On
from omnitron.algebra.printing import render
from omnitron.algebra.program import compile_tree
from omnitron.algebra.steps import Bound, Receiver, Sequence, Star, Step, entry_function, join
from omnitron.algebra.walking import check_names, clash_text, derived_meta, missing_capabilities
from omnitron.code import clash, input_annotation, output_annotation
from omnitron.errors import DefinitionError
from omnitron.model import FlowMeta
from omnitron.runtime import Context, passes_on

__all__ = ["AsyncFlow", "Flow", "as_step", "from_node"]

P = ParamSpec("P")
R = TypeVar("R", covariant=True)


class Uncompiled(ref["BaseFlow[Any, Any]"]):
    """Stands in a flow until its first call, which compiles it: a weak reference, so that it does not keep the flow."""

    __slots__ = ("node", "run")
    node: Node
    run: Callable[..., Any] | None

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        run = self.run
        if run is None:
            check_names(self.node)
            run = self.run = compile_tree(self.node)
            flow = ref.__call__(self)
            if flow is not None:
                flow._run = run
        return run(*args, **kwargs)


class OwnDoc(str):
    """The docstring of a class whose instances show that of their function."""

    __slots__ = ()

    def __get__(self, owner: Any, kind: Any = None) -> Any:
        if owner is None:
            return str(self)
        return getattr(single(owner), "__doc__", None) or owner.meta.description or None


class OwnModule(str):
    """The module of a class whose instances show that of their function."""

    __slots__ = ()

    def __get__(self, owner: Any, kind: Any = None) -> Any:
        return str(self) if owner is None else getattr(entry(owner), "__module__", str(self))


class BaseFlow(Generic[P, R]):
    __slots__ = ("__qualname__", "__weakref__", "_node", "_run")
    _node: Node | None
    _run: Any

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """Refuse to be called: flows are made by `flow(...)` and by combinators."""
        raise DefinitionError(
            f"a {cls.__name__} is made by the decorator `flow` or by a combinator, not by calling {cls.__name__}."
        )

    # Looking in

    @property
    def node(self) -> Node:
        """The tree."""
        node = self._node
        if node is None:
            bound = self._run
            node = self._node = Receiver(node_behind(bound.__func__), bound.__self__)
        return node

    @property
    def name(self) -> str:
        """The name: given by `.named`, the function's, or derived from the parts."""
        return self.node.name

    @property
    def meta(self) -> FlowMeta:
        """What is declared: of a composed flow its own, with the effects and capabilities of its parts in union."""
        return derived_meta(self.node)

    @property
    def fn(self) -> Callable[..., Any]:
        """The function behind a single step.

        Raises:
            AttributeError: the flow is composed; its parts have functions.
        """
        node = self.node
        if isinstance(node, Step):
            return node.fn
        raise AttributeError(
            f"{self.name!r} is composed ({node.kind}) and has no single function; its parts stand in `walk(flow)`."
        )

    @property
    def colour(self) -> str:
        """The colour: "sync", or "async" when calling it gives a coroutine."""
        return "async" if self.node.is_async else "sync"

    # Refining

    def named(self, name: str) -> Any:
        """Give this flow under a name, which stands in its paths. A named pipe is a segment of its own."""
        return from_node(self.node.labelled(checked_name(name)))

    def with_meta(self, /, **changes: Any) -> Any:
        """Give this flow with other metadata: the fields of `FlowMeta` by name. What is not named stays."""
        unknown = changes.keys() - set(FlowMeta.fields)
        if unknown:
            raise DefinitionError(f"FlowMeta has no field {sorted(unknown)[0]!r}; it has {', '.join(FlowMeta.fields)}.")
        node = self.node
        return from_node(node.declaring((node.meta or FlowMeta()).replace(**changes)))

    def bind(self, /, **fixed: Any) -> Any:
        """Give this flow with some parameters fixed by name; those after them are passed by keyword."""
        if not fixed:
            raise DefinitionError("bind takes the parameters to fix by name: `f.bind(region='eu')`.")
        return from_node(Bound(self.node, tuple(fixed.items())))

    def star(self, next: Callable[..., Any]) -> Any:
        """Give this flow followed by `next`, called with the members of this flow's tuple as its arguments."""
        return from_node(join(self.node, Star(as_step(next))))

    def pipe(self, next: Callable[..., Any]) -> Any:
        """Give this flow followed by `next`, which takes its result. The same as `self | next`."""
        right = as_step(next)
        left = self.node
        check_neighbours(left, right)
        return from_node(join(left, right))

    def __or__(self, other: Any) -> Any:
        if not callable(other):
            return NotImplemented
        return BaseFlow.pipe(self, other)

    def __ror__(self, other: Any) -> Any:
        if not callable(other):
            return NotImplemented
        left, right = as_step(other), self.node
        check_neighbours(left, right)
        return from_node(join(left, right))

    def each(
        self,
        *,
        concurrency: int | None = None,
        unordered: bool = False,
        mode: str = "raise",
        fold: Callable[[Any, Any], Any] | None = None,
        start: Callable[[], Any] | None = None,
        threads: int | None = None,
    ) -> Any:
        """Give the flow that runs this one for every item of an iterable.

        A sync flow runs the items one after the other, or on `threads` threads. An async one runs at most `concurrency`
        (64) at once, and takes async iterables too; items are read only as workers become free.

        Args:
            concurrency: the bound for an async flow.
            unordered: take results as they come instead of in the order of their inputs.
            mode: "raise": the first error ends it. "collect": a list of `Ok(value)` and `Failure(error, input, path)`,
                as many as inputs.
            fold: a reducer `(accumulator, result) -> accumulator`; then no list is made.
            start: makes the first accumulator, for example `int`; goes with `fold`.
            threads: the number of threads for a sync flow.
        """
        return from_node(Each(self.node, concurrency, unordered, mode, fold, start, threads))

    def on(self, place: str) -> Any:
        """Give the async flow that runs this one in another place.

        Args:
            place: "thread"; "process" (a worker process of the library: the flow, its arguments and its result are
                pickled); any other name is given to the executor that the context carries.
        """
        return from_node(On(self.node, place))

    # Standing in for the function

    @property
    def __wrapped__(self) -> Callable[..., Any]:
        if not isinstance(self.node, Step):
            raise AttributeError("__wrapped__")
        return self.node.fn

    @property
    def __name__(self) -> str:
        return self.node.name

    __doc__ = OwnDoc("What flows of both colours have.")
    __module__ = OwnModule(__name__)

    @property
    def __code__(self) -> Any:
        code = getattr(entry(self), "__code__", None)
        is_async = self.node.is_async
        if code is None or bool(code.co_flags & 0x80) != is_async:
            return (anything_async if is_async else anything).__code__
        return code

    @property
    def __defaults__(self) -> tuple[Any, ...] | None:
        return getattr(entry(self), "__defaults__", None)

    @property
    def __kwdefaults__(self) -> dict[str, Any] | None:
        return getattr(entry(self), "__kwdefaults__", None)

    @property
    def __annotations__(self) -> dict[str, Any]:
        return getattr(single(self), "__annotations__", None) or {}

    @property
    def __signature__(self) -> Any:
        from omnitron.algebra.signature import signature_of

        return signature_of(self.node)

    def __get__(self, owner: Any, kind: Any = None) -> Any:
        """Bind like a method when the flow was made from a function in a class body; a pipe does not bind."""
        node = self._node
        if owner is None or node is None or not node.binds:
            return self
        bound = new(type(self))
        bound._node = None
        bound._run = MethodType(self._run, owner)
        return bound

    # Being a value

    def _admit(self, ctx: Context) -> bool:
        """Check that `ctx` holds what the tree requires; say whether the flow is async (asked by `Context.run`)."""
        node = self.node
        if node.needs:
            missing_capabilities(node, ctx)
        return node.is_async

    def _fixed(self) -> bool:
        """Say whether the tree holds nothing that can change (asked before worker processes keep it)."""
        return is_fixed(self.node)

    def _where(self, error: BaseException) -> str:
        """Give the path at which an error of this flow was raised (asked by worker processes)."""
        return path_of(error)

    def __eq__(self, other: object) -> bool:
        return self.node == other.node if isinstance(other, BaseFlow) else NotImplemented

    def __hash__(self) -> int:
        return hash((BaseFlow, self.node))

    def __repr__(self) -> str:
        from omnitron.algebra.signature import signature_text

        if not self.node.children:
            return f"<{type(self).__name__} {self.name}{signature_text(self.node)}>"
        return f"<{type(self).__name__} {render(self.node, limit=50)}>"

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return reduce_flow(self)


new = object.__new__


class Flow(BaseFlow[P, R]):
    __doc__ = OwnDoc("A flow whose functions are all sync: calling it gives the result.")
    __module__ = OwnModule(__name__)

    __slots__ = ()

    async def acall(self, /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call it in a coroutine, for callers that take either colour. It runs in the caller's own task and blocks it."""
        return self._run(*args, **kwargs)  # type: ignore[no-any-return]


class AsyncFlow(BaseFlow[P, R]):
    __doc__ = OwnDoc("A flow with an async part: calling it gives a coroutine.")
    __module__ = OwnModule(__name__)

    __slots__ = ()

    def acall(self, /, *args: P.args, **kwargs: P.kwargs) -> Any:
        """Call it: the same as calling the flow."""
        return self._run(*args, **kwargs)


for kind in (Flow, AsyncFlow):
    kind.__call__ = BaseFlow.__dict__["_run"]  # type: ignore[attr-defined]


def node_behind(run: Any) -> Node:
    """Give the tree that a flow's function was, or will be, compiled from."""
    if isinstance(run, Uncompiled):
        return run.node
    if isinstance(run, MethodType):
        return Receiver(node_behind(run.__func__), run.__self__)
    program = run.__globals__["__loader__"].program()
    return program.node  # type: ignore[no-any-return]


def anything(*args: Any, **kwargs: Any) -> Any:
    """Stand for the code of a flow whose function has none."""


async def anything_async(*args: Any, **kwargs: Any) -> Any:
    """Stand for the code of an async flow whose function has none or is sync."""


for passing in (Uncompiled.__call__, Flow.acall):
    passes_on(passing)


def entry(flow: BaseFlow[Any, Any]) -> Any:
    """Give the function that takes the arguments as they come, or None."""
    node = flow.node
    return None if isinstance(node, (Bound, Receiver)) else entry_function(node)


def single(flow: BaseFlow[Any, Any]) -> Any:
    """Give the function of a single step, also behind refinements, or None."""
    node = flow.node
    while isinstance(node, (Bound, Receiver, On)):
        node = node.body
    return node.fn if isinstance(node, Step) else None


def from_node(node: Node) -> Any:
    """Make the flow of a tree, of the colour that the tree has.

    Example:
        >>> from omnitron.algebra import Step, from_node
        >>> from_node(Step(len))([1, 2])
        2
    """
    made = new(AsyncFlow if node.is_async else Flow)
    made._node = node
    made._run = uncompiled = Uncompiled(made)
    uncompiled.node = node
    uncompiled.run = None
    if type(node) is Step:
        made.__qualname__ = getattr(node.fn, "__qualname__", node.name)
    return made


def as_step(value: Any) -> Node:
    """Give the node of a flow, or the step of a plain function."""
    if isinstance(value, BaseFlow):
        return value.node
    return step_of(value)


def last_function(node: Node) -> Any:
    """Give the function whose result leaves the tree, as far as that is one."""
    while isinstance(node, Sequence):
        right = node._right
        node = right if right is not None else node.parts[-1]
    return node.fn if isinstance(node, Step) else None


def first_function(node: Node) -> Any:
    """Give the function that takes the value that enters the tree, as far as that is one."""
    while isinstance(node, Sequence):
        left = node._left
        node = left if left is not None else node.parts[0]
    return node.fn if isinstance(node, Step) else None


def takes_one(fn: FunctionType) -> bool:
    """Say whether a function can be called with one positional value."""
    code = fn.__code__
    required = code.co_argcount - len(fn.__defaults__ or ())
    if required > 1 or (code.co_argcount == 0 and not code.co_flags & 0x04):
        return False
    return not code.co_kwonlyargcount or code.co_kwonlyargcount == len(fn.__kwdefaults__ or ())


def check_neighbours(left: Node, right: Node) -> None:
    """Refuse a pipe whose annotations say that it cannot work."""
    taker = right.fn if type(right) is Step else first_function(right)
    if type(taker) is not FunctionType:
        return
    code = taker.__code__
    if (code.co_argcount != 1 or code.co_kwonlyargcount) and not takes_one(taker):
        known = ", ".join(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])
        raise DefinitionError(
            f"a step in a pipe takes the one value before it; {taker.__name__!r} takes ({known}). "
            "Fix the others by `.bind(...)`, spread a tuple by `.star(...)`, or give them defaults."
        )
    if taker.__annotations__:
        giver = last_function(left)
        if type(giver) is FunctionType:
            given, wanted = output_annotation(giver), input_annotation(taker)
            if given is not wanted and clash(given, wanted):
                raise DefinitionError(clash_text(giver, taker, given, wanted))
