"""`Flow` and `AsyncFlow`: what users hold. A flow is its tree, and the function that the tree was compiled to.

Calling a flow reaches that function directly: `__call__` is the descriptor of the slot that holds it, so no frame of
ours stands between. Everything else here refines one flow or reads it. Read next: `omnitron.algebra.combinators`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Self, TypeVar

from omnitron.algebra.asking import PLACE, check_needs
from omnitron.algebra.describing import describe_node
from omnitron.algebra.loops import Each
from omnitron.algebra.making import step_of
from omnitron.algebra.neighbours import check_neighbours, check_star
from omnitron.algebra.node import Node, checked_name, walk_nodes
from omnitron.algebra.notes import path_of
from omnitron.algebra.ordering import ordered
from omnitron.algebra.pickling import is_fixed, reduce_flow
from omnitron.algebra.policed import Policed
from omnitron.algebra.printing import render
from omnitron.algebra.refining import Bound, Receiver, Star
from omnitron.algebra.standing import OwnAnnotations, OwnDoc, OwnModule, Standing, single
from omnitron.algebra.steps import Sequence, Step, join
from omnitron.algebra.streams import Stream
from omnitron.algebra.uncompiled import Uncompiled, node_behind
from omnitron.algebra.undoing import Undo
from omnitron.algebra.walking import check_replaced, derived_meta, missing_capabilities
from omnitron.errors import DefinitionError
from omnitron.model import FlowMeta, capability_names
from omnitron.runtime import Context, Frame, Need, frame_here, passes_on, read_watch, run_inside_async

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Unpack

    from omnitron.algebra.callables import Declared
    from omnitron.policy import Adaptive
    from omnitron.runtime import Config

__all__ = ["AsyncFlow", "AnyFlow", "Flow", "as_step", "flow_node", "from_node"]

MODULE = __name__
P = ParamSpec("P")
R = TypeVar("R", covariant=True)


class AnyFlow(Standing, Policed, Generic[P, R]):  # noqa: D101 - `OwnDoc`
    __slots__ = ("__dict__", "__qualname__", "__weakref__", "_node", "_run", "_tunings")
    __qualname__: str
    _node: Node | None
    _run: Any
    _tunings: Any

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

    def describe(self) -> dict[str, Any]:
        """Give the tree as plain data that JSON can write; `rebuild` gives an equal flow back.

        What no import path leads to, a lambda for example, is marked as opaque: it can be read, not rebuilt.
        """
        return describe_node(self.node)

    def input_schema(self) -> dict[str, Any]:
        """Give the JSON Schema (2020-12) of the arguments: an object with a property for each parameter by name.

        Made anew at each call, from the annotations of what takes the arguments and its docstring. Parameters that the
        context fills are left out; one without annotation allows any value.

        Raises:
            DefinitionError: an annotation has no schema, or names what is not there.
            MissingExtra: the extra `schema` is not installed.
        """
        from omnitron.algebra.annotated import input_schema_of

        return input_schema_of(self.node)

    def output_schema(self) -> dict[str, Any]:
        """Give the JSON Schema (2020-12) of the result as it is written out; what nobody annotated allows any value.

        Raises:
            DefinitionError: an annotation has no schema, or names what is not there.
            MissingExtra: the extra `schema` is not installed.
        """
        from omnitron.algebra.annotated import output_schema_of

        return output_schema_of(self.node)

    # Refining

    def named(self, name: str) -> Self:
        """Give this flow under a name, which stands in its paths. A named pipe is a segment of its own."""
        named: Self = from_node(self.node.labelled(checked_name(name)))
        return named

    def with_meta(self, /, **changes: Unpack[Declared]) -> Self:
        """Give this flow with other metadata: the fields of `FlowMeta` by name. What is not named stays."""
        check_fields(changes)
        node = self.node
        declaring: Self = from_node(node.declaring((node.meta or FlowMeta()).replace(**changes)))
        return declaring

    def bind(self, /, **fixed: Any) -> Any:
        """Give this flow with some parameters fixed by name; those after them are passed by keyword."""
        if not fixed:
            raise DefinitionError("bind takes the parameters to fix by name: `f.bind(region='eu')`.")
        return from_node(Bound(self.node, tuple(fixed.items())))

    def star(self, next: Any) -> Any:
        """Give this flow followed by `next`, called with the members of this flow's tuple as its arguments."""
        left, right = self.node, as_step(next)
        check_star(left, right)
        return from_node(join(left, Star(right)))

    def pipe(self, next: Any) -> Any:
        """Give this flow followed by `next`, which takes its result. The same as `self | next`."""
        right = as_step(next)
        left = self.node
        check_neighbours(left, right)
        return from_node(join(left, right))

    if not TYPE_CHECKING:  # the checkers see those of each colour, in `omnitron.algebra.views`

        def __or__(self, other: Any) -> Any:
            if not callable(other):
                return NotImplemented
            return AnyFlow.pipe(self, other)

        def __ror__(self, other: Any) -> Any:
            if not callable(other):
                return NotImplemented
            left, right = as_step(other), self.node
            check_neighbours(left, right)
            return from_node(join(left, right))

    def each(
        self,
        *,
        concurrency: int | Adaptive | None = None,
        unordered: bool = False,
        mode: str = "raise",
        fold: Callable[[Any, Any], Any] | None = None,
        start: Callable[[], Any] | None = None,
        threads: int | None = None,
        quorum: int | None = None,
    ) -> Any:
        """Give the flow that runs this one for every item of an iterable.

        A sync flow runs the items one after the other, or on `threads` threads. An async one runs at most `concurrency`
        (64) at once, and takes async iterables too; items are read only as workers become free.

        Args:
            concurrency: the bound for an async flow; an `Adaptive` finds it by measured latency.
            unordered: take results as they come instead of in the order of their inputs.
            mode: "raise": the first error ends it. "collect": a list of `Ok(value)` and `Failure(error, input, path)`,
                as many as inputs.
            fold: a reducer `(accumulator, result) -> accumulator`; then no list is made. Under "collect" it is given
                outcomes.
            start: makes the first accumulator, for example `int`; goes with `fold`.
            threads: the number of threads for a sync flow.
            quorum: how many items must succeed. Then it is done, running items of an async flow are cancelled and awaited,
                and the outcomes of those that ended are given, as under "collect". Once so many have failed that the
                quorum is out of reach, the rest is cancelled too and an `ExceptionGroup` of all errors leaves.
        """
        return from_node(ordered(Each(self.node, concurrency, unordered, mode, fold, start, threads, quorum)))

    def stream(
        self,
        *,
        concurrency: int | None = None,
        unordered: bool = False,
        mode: str = "raise",
        threads: int | None = None,
    ) -> Any:
        """Give the flow that maps this one lazily over an iterable: a call gives a generator, each item when it is read.

        A sync flow over a sync iterable gives a sync generator; an async flow, or an async iterable, an async one, which is
        read by `async for` and not awaited. Whoever stops reading closes it (`close`, `aclose`, `contextlib.closing`), and
        with it the generators that it reads.

        Args:
            concurrency: for an async flow, how many items are computed at once, ahead of the reader, in order. Never more
                are on the way: taken from the iterable, and not yet read. Without it one is, when it is asked for.
            unordered: give results as they are ready.
            mode: "raise": an error ends the stream, with a note that tells the item's index. "collect": a stream of
                `Ok(value)` and `Failure(error, input, path)`; an error of the iterable itself ends it all the same.
            threads: the same as `concurrency` for a sync flow, over a sync iterable only.
        """
        return from_node(ordered(Stream(self.node, concurrency, unordered, mode, threads)))

    def on(self, place: str) -> AsyncFlow[P, R]:
        """Give the async flow that runs this one in another place.

        Args:
            place: "local" (here, in the caller's own thread, which a sync flow blocks); "thread"; "process" (a worker
                process of the library: the flow, its arguments and its result are pickled); any other name is given to
                the executor that the context carries.
        """
        from omnitron.algebra.places import On

        moved: AsyncFlow[P, R] = from_node(On(self.node, place))
        return moved

    def or_else(self, other: Any, *, on: Any = Exception) -> Any:
        """Give the flow that runs `other` with the same arguments when this one raises; `fallback` takes more than two.

        Args:
            other: a flow.
            on: after which errors: an exception type, a tuple of them, or a predicate of the exception.
        """
        from omnitron.algebra.recovering import or_else

        return from_node(or_else(self.node, flow_node(other, "or_else"), on))

    def undo(self, with_: Any) -> Any:
        """Give this flow with what undoes it: when something fails after it, `with_` runs with its result.

        What was done is undone in reverse order of completion, before the error is handled or leaves; a cancellation is
        such an error too. What fails as a whole is the flow that was called, and inside of it every part whose errors are
        caught or dropped: the body of a `try_with` that catches, the flows of a fallback, the branches of a race and of a
        quorum, what is collected. Where such a part succeeds, a failure later in the flow still undoes it; once the whole
        flow has succeeded, nothing is undone any more. A flow that is called in a function's body is a whole of its own.

        A failing `with_` is logged, and noted on the error; the rest is still undone. A flow that was cancelled before
        it gave a result is not undone, even when its work goes on in a thread: for that put `.undo` before `.on("thread")`.

        Args:
            with_: a flow of the result.
        """
        return from_node(Undo(self.node, flow_node(with_, "undo")))

    def within(self, values: Mapping[Any, Any] | None = None, /, **named: Any) -> Self:
        """Give this flow run in a context derived from the current one, as `ctx.with_(values, **named)` derives it.

        It stays part of the run around it: values are added, capabilities and time only shrink, observers and guards come
        to those that are there. A `deadline` is seconds from when this part starts.

        Args:
            values: `{key: value}` for keys of any hashable type.
            **named: options of `context`, and values by name.

        Raises:
            DefinitionError: a value not of its key's type, a wrong option, capabilities that leave out what the flow needs.
        """
        if named.get("capabilities") is not None:
            named["capabilities"] = capability_names(named["capabilities"])
        from omnitron.algebra.within import Within

        changed: Self = from_node(Within(self.node, tuple((values or {}).items()), tuple(sorted(named.items()))))
        return changed

    # Standing in for the function

    __doc__ = OwnDoc("What flows of both colours have.")
    __module__ = OwnModule(MODULE)

    __annotations__ = OwnAnnotations()

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

    def _admit(self, ctx: Context, kwargs: dict[str, Any]) -> tuple[bool, bool, str]:
        """Check that `ctx` holds what the tree requires and the call does not pass (asked by `Context.run`).

        Gives whether the flow is async, whether a function of its tree asks for its place, and the colour of its stream.
        """
        node = self._node or self.node
        needs = node.needs
        if ctx._runtime.replaced is not None:
            for fake in check_replaced(node, ctx._runtime.replaced):
                missing_capabilities(fake, ctx)
                check_needs(fake, ctx, {})
        if not needs:
            return node.is_async, False, ""
        missing_capabilities(node, ctx)
        check_needs(node, ctx, kwargs)
        return node.is_async, PLACE in needs, node.streams

    def _tuned(self, config: Config) -> Self:
        """Give this flow as a configuration has it (asked by contexts, and by `Config.apply`)."""
        from omnitron.algebra.tuning import tuned_flow

        return tuned_flow(self, config)

    def _stand_in(self) -> Callable[..., Any] | None:
        """Give the function of a lone step, for a context that puts this flow in the place of another."""
        return self.node.function()

    @property
    def requires(self) -> frozenset[Any]:
        """What the steps of the tree need: keys, resources, and the class `Context` where it is the context itself."""
        return frozenset(need.target for need in self.node.needs if isinstance(need, Need))

    def _fixed(self) -> bool:
        """Say whether the tree holds nothing that can change (asked before worker processes keep it)."""
        return is_fixed(self.node)

    def _has_part(self, name: str) -> bool:
        """Say whether a part of the tree has a name, or a path that ends in it (asked before work leaves this process)."""
        last = name.rpartition("/")[2]
        return any(node.name == last or path.rpartition("/")[2] == last for path, node in walk_nodes(self.node))

    def _where(self, error: BaseException) -> str:
        """Give the path at which an error of this flow was raised (asked by worker processes)."""
        return path_of(error)

    def __eq__(self, other: object) -> bool:
        return self.node == other.node if isinstance(other, AnyFlow) else NotImplemented

    def __hash__(self) -> int:
        return hash((AnyFlow, self.node))

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

# Where the checkers see the methods of each colour; it needs `AnyFlow`.
from omnitron.algebra.views import AsyncView, SyncView  # noqa: E402


class Flow(SyncView[P, R]):  # noqa: D101 - `OwnDoc`
    __doc__ = OwnDoc("A flow whose functions are all sync: calling it gives the result.")
    __module__ = OwnModule(MODULE)
    __annotations__ = OwnAnnotations()  # a class without would be given its own when it is asked

    __slots__ = ()

    def acall(self, /, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R]:
        """Give a coroutine that calls it, for callers that take either colour. It runs in their own task and blocks it."""
        parent = read_watch()
        if parent is None:
            return called(self._run, args, kwargs)
        # its place is where it was called, not where it is awaited
        parent, path = frame_here(1, self.node.name)
        frame = Frame(parent.run, path, parent.call, body=False, named=True, attempt=parent.attempt)
        return run_inside_async(frame, called, (self._run, args, kwargs), {})

    if not TYPE_CHECKING:
        __call__ = AnyFlow.__dict__["_run"]


async def called(run: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a sync flow once this is awaited."""
    return run(*args, **kwargs)


class AsyncFlow(AsyncView[P, R]):  # noqa: D101 - `OwnDoc`
    __doc__ = OwnDoc("A flow with an async part: calling it gives a coroutine.")
    __module__ = OwnModule(MODULE)
    __annotations__ = OwnAnnotations()  # a class without would be given its own when it is asked

    __slots__ = ()

    def acall(self, /, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R]:
        """Call it: the same as calling the flow."""
        return self._run(*args, **kwargs)  # type: ignore[no-any-return] # the slot is of either colour

    if not TYPE_CHECKING:
        __call__ = AnyFlow.__dict__["_run"]


passes_on(AsyncFlow.acall.__code__)


for kind in (AnyFlow, Policed):
    for name, method in vars(kind).items():
        if type(method) is FunctionType and name[0] != "_":
            method.__qualname__ = f"Flow.{name}"  # errors of Python name it, and nobody knows these two


def from_node(node: Node) -> Any:
    """Make the flow of a tree, of the colour that the tree has.

    Raises:
        DefinitionError: it is no node.

    Example:
        >>> from omnitron.algebra import Step, from_node
        >>> from_node(Step(len))([1, 2])
        2
    """
    if not isinstance(node, Node):
        raise DefinitionError(f"from_node takes a node of the algebra, got {node!r} ({type(node).__name__}).")
    made = new(AsyncFlow if node.is_async else Flow)
    made._node = node
    made._run = uncompiled = Uncompiled(made)
    uncompiled.node = node
    uncompiled.run = None
    if type(node) is Step:
        made.__qualname__ = getattr(node.fn, "__qualname__", node.name)
    elif type(node) is not Sequence:  # a pipe has none: naming each of a long row would cost more than making it
        made.__qualname__ = getattr(single(made), "__qualname__", None) or node.name
    return made


def check_fields(named: Mapping[str, Any], *others: str) -> None:
    """Refuse what is no field of `FlowMeta`; `others` are names that stand beside them."""
    unknown = named.keys() - set(FlowMeta.fields)
    if unknown:
        from difflib import get_close_matches

        wrong = sorted(unknown)[0]
        near = "".join(f" Near is {each}." for each in get_close_matches(wrong, (*others, *FlowMeta.fields), 1))
        raise DefinitionError(f"FlowMeta has no field {wrong!r}; it has {', '.join(FlowMeta.fields)}.{near}")


def as_step(value: Any) -> Node:
    """Give the node of a flow, or the step of a plain function."""
    if type(value) is not FunctionType and isinstance(value, AnyFlow):
        return value.node
    return step_of(value)


def flow_node(value: Any, where: str) -> Node:
    """Give the node of a flow; refuse anything else."""
    if isinstance(value, AnyFlow):
        return value.node
    shown = getattr(value, "__name__", None) or repr(value)
    written = shown if shown.isidentifier() else "lambda ...: ..."
    hint = f"Write `flow({written})`." if callable(value) else "Make one by `flow`, and do not call it."
    if isinstance(value, (list, tuple)):
        hint = "Unpack it: `*flows`."
    raise DefinitionError(f"{where} takes flows, got {shown} ({type(value).__name__}). {hint}")
