"""The nodes of one function and of one line of flow: step, identity, sequence. Read next: `omnitron.algebra.refining`."""

from __future__ import annotations

from types import FunctionType
from typing import TYPE_CHECKING, Any

from omnitron.algebra.node import MAX_SIZE, NOTHING, STREAMS, Node, remake, too_large
from omnitron.algebra.writer import Args
from omnitron.code import (
    COROUTINE,
    UNKNOWN,
    Parameters,
    input_annotation,
    output_annotation,
    parameters_of,
    stream_colour,
)
from omnitron.errors import DefinitionError, InvalidValue

if TYPE_CHECKING:
    from collections.abc import Callable

    from omnitron.algebra.looking import Before, Look
    from omnitron.algebra.writer import Writer
    from omnitron.model import FlowMeta

__all__ = ["Identity", "Sequence", "Step", "first_part", "last_part"]

fill = object.__setattr__
new = object.__new__
CHUNK, WARM = 256, 64
LONGEST = 200


class Step(Node):
    """One function, called with the arguments of the flow.

    Attributes:
        fn: the function.
    """

    __slots__ = ("binds", "fn")
    fields = ("fn",)
    fn: Callable[..., Any]
    binds: bool
    kind = "step"
    children = ()
    depth = 1
    size = 1

    def __init__(
        self, fn: Callable[..., Any], *, is_async: bool = False, label: str | None = None, meta: FlowMeta | None = None
    ) -> None:
        fill(self, "fn", fn)
        fill(self, "is_async", is_async)
        fill(self, "label", label)
        fill(self, "meta", meta)
        fill(self, "binds", type(fn) is FunctionType)
        needs: frozenset[Any] = NOTHING if meta is None else meta.capabilities
        fill(self, "needs", needs | {STREAMS} if stream_colour(fn) else needs)
        fill(self, "_hash", None)

    def _setup(self, values: list[Any], label: str | None, meta: FlowMeta | None) -> None:
        self.__init__(values[0], is_async=self.is_async, label=label, meta=meta)  # type: ignore[misc]

    def labelled(self, label: str | None) -> Step:
        """Give this step under another label."""
        return type(self)(self.fn, is_async=self.is_async, label=label, meta=self.meta)

    def declaring(self, meta: FlowMeta | None) -> Step:
        """Give this step with other metadata."""
        return type(self)(self.fn, is_async=self.is_async, label=self.label, meta=meta)

    def rebuild(self, children: tuple[Node, ...]) -> Step:
        """Give this step: it has no children."""
        if children:
            raise DefinitionError(f"a step has no children, got {len(children)}.")
        return self

    def own(self) -> tuple[Any, ...]:
        """Give the function and its colour."""
        return (self.fn, self.is_async)

    def emit(self, w: Writer, args: Args, target: str) -> None:
        """Write the call of the function."""
        w.step(w.bind(self.fn), args, target, awaits=self.is_async)

    def streams_after(self, before: str) -> str:
        """Give the colour of a generator function."""
        return stream_colour(self.fn)

    def function(self) -> Callable[..., Any]:
        """Give the function."""
        return self.fn

    def takes(self, look: Look) -> Any:
        """Give the annotation of the first parameter."""
        return input_annotation(self.fn, names=look.names)

    def gives(self, look: Look, before: Before) -> Any:
        """Give the annotated result; of a sync function that gives an awaitable it is not known."""
        fn = self.fn
        if self.is_async and not (type(fn) is FunctionType and fn.__code__.co_flags & COROUTINE):
            return UNKNOWN
        return output_annotation(fn, names=look.names)

    def parameters(self) -> Parameters | None:
        """Give the function's parameters, if it is a plain function."""
        return parameters_of(self.fn)

    def title(self) -> str:
        """Give the function's name."""
        fn = self.fn
        name = getattr(fn, "__name__", None)
        if isinstance(name, str):
            return name
        inner = getattr(fn, "func", None)
        return str(getattr(inner, "__name__", type(fn).__name__))


class OpenStep(Step):
    """A step that is being made. See Note [Open nodes]."""

    __slots__ = ()
    __setattr__ = object.__setattr__  # type: ignore[assignment]
    __delattr__ = object.__delattr__  # type: ignore[assignment]


def plain_step(fn: FunctionType, *, is_async: bool) -> Step:
    """Give the step of a plain function, quicker than the constructor."""
    made = new(OpenStep)
    made.fn = fn
    made.is_async = is_async
    made.label = made.meta = made._hash = None
    made.binds = True
    made.needs = NOTHING
    made.__class__ = Step  # type: ignore[assignment] # see Note [Open nodes]
    return made


class Identity(Node):
    """Give the one value that comes in."""

    __slots__ = ()
    kind = "identity"

    def emit(self, w: Writer, args: Args, target: str) -> None:
        """Write an assignment."""
        w.line("pass" if args.value == target else f"{target} = {args.value}")

    def streams_after(self, before: str) -> str:
        """Give what comes in."""
        return before

    def gives(self, look: Look, before: Before) -> Any:
        """Give what comes in."""
        return before()

    def parameters(self) -> Parameters:
        """One value."""
        return ONE_VALUE


ONE_VALUE = Parameters(("value",))
ITEMS = Parameters(("items",))


class Sequence(Node):
    """Run parts one after the other, each with the value of the one before it.

    Made by `join` it is a rope: building a pipe of n steps costs n small nodes, flattened once when somebody looks.

    Attributes:
        parts: the nodes in order; a pipe without name and metadata never stands inside another.
    """

    __slots__ = ("_left", "_parts", "_right")
    fields = ("parts",)
    kind = "sequence"
    segment = False
    direct = "first"

    _left: Node | None
    _right: Node | None
    _parts: tuple[Node, ...] | None

    def __init__(self, parts: tuple[Any, ...] = (), *, label: str | None = None, meta: FlowMeta | None = None) -> None:
        if not parts:
            raise DefinitionError(
                "a sequence has at least one part; for a flow that changes nothing there is `identity`."
            )
        super().__init__(tuple(parts), label=label, meta=meta)

    def _setup(self, values: list[Any], label: str | None, meta: FlowMeta | None) -> None:
        flat: list[Node] = []
        for part in values[0]:
            flat += part.parts if melts(part) else (part,)
        fill(self, "_parts", tuple(flat))
        fill(self, "_left", None)
        fill(self, "_right", None)
        fill(self, "label", label)
        fill(self, "meta", meta)
        fill(self, "_hash", None)
        self._derive()
        if label is None and meta is None:
            fill(self, "depth", self.depth - 1)

    @property
    def parts(self) -> tuple[Node, ...]:
        """The nodes in order, flattened at the first look."""
        parts = self._parts
        if parts is None:
            parts = flatten(self)
            fill(self, "_parts", parts)
            fill(self, "_left", None)
            fill(self, "_right", None)
        return parts

    @property
    def children(self) -> tuple[Node, ...]:  # type: ignore[override]
        """The parts."""
        return self.parts

    def rebuild(self, children: tuple[Node, ...]) -> Sequence:
        """Give this pipe over other parts, as many; label and metadata stay."""
        if len(children) != len(self.parts):
            raise DefinitionError(f"sequence has {len(self.parts)} parts, got {len(children)}.")
        return remake(self, [children], self.label, self.meta)

    def emit(self, w: Writer, args: Args, target: str) -> None:
        """Write one line a part; a long pipe becomes functions of 256 lines."""
        if STREAMS in self.needs:
            from omnitron.algebra.streams import emit_row

            emit_row(self, w, args, target)
        else:
            emit_parts(w, self.parts, args, target)

    def streams_after(self, before: str) -> str:
        """Give the colour of the last part's."""
        for part in self.parts:
            before = part.streams_after(before) if STREAMS in part.needs or part.kind == "identity" else ""
        return before

    def takes(self, look: Look) -> Any:
        """Give what the first part takes; a rope is not flattened for that."""
        node: Node = self
        while isinstance(node, Sequence):
            node = node._left if node._left is not None else node.parts[0]
        return look.takes(node)

    def gives(self, look: Look, before: Before) -> Any:
        """Give what the last part gives; a rope is not flattened for that."""
        left, right = self._left, self._right
        if left is not None and right is not None:
            return look.gives(right, lambda: look.gives(left, before))
        return parts_give(look, self.parts, len(self.parts), before)

    def parameters(self) -> Parameters | None:
        """Give those of the first part."""
        return self.parts[0].parameters()

    def title(self) -> str:
        """Give the parts' names with arrows, the middle left out when there are many."""
        shown = [part.name for part in self.titling()]
        if len(self.parts) > 4:
            shown.insert(2, "…")
        text = " → ".join(shown)
        return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"

    def titling(self) -> tuple[Node, ...]:
        """Give the parts whose names are shown."""
        parts = self.parts
        return parts if len(parts) <= 4 else (*parts[:2], parts[-1])


def last_part(node: Node) -> Node:
    """Give the node whose result leaves the tree."""
    while isinstance(node, Sequence):
        right = node._right
        node = right if right is not None else node.parts[-1]
    return node


def first_part(node: Node) -> Node:
    """Give the node that takes the value that enters the tree."""
    while isinstance(node, Sequence):
        left = node._left
        node = left if left is not None else node.parts[0]
    return node


def parts_give(look: Look, parts: tuple[Node, ...], count: int, before: Before) -> Any:
    """Give what the first `count` parts of a pipe give."""
    return look.gives(parts[count - 1], (lambda: parts_give(look, parts, count - 1, before)) if count > 1 else before)


class OpenSequence(Sequence):
    """A pipe that is being made. See Note [Open nodes]."""

    __slots__ = ()
    __setattr__ = object.__setattr__  # type: ignore[assignment]
    __delattr__ = object.__delattr__  # type: ignore[assignment]


# Note [Open nodes]
# A node guards its attributes by `__setattr__`, which makes even its own filling slow. The two nodes that are made for
# each step of a long pipe are filled as instances of a subclass without the guard, and become frozen by their class.
# The subclass takes back both halves of the guard: CPython keeps them in one slot of the type, and fills attributes
# directly only when neither is written in Python. Measured: 0.35 µs for a step, 1.3 with `__setattr__` alone.


def join(left: Node, right: Node) -> Sequence:
    """Give the pipe of two nodes in constant time."""
    made = new(OpenSequence)
    made._left = left
    made._right = right
    made._parts = made.label = made.meta = made._hash = None
    made.is_async = left.is_async or right.is_async
    needs, more = left.needs, right.needs
    made.needs = needs | more if needs or more else NOTHING
    depth, deep = left.depth, right.depth
    made.depth = depth if depth >= deep else deep
    made.size = left.size + right.size + 1 - melts(left) - (type(right) is not Step and melts(right))
    made.__class__ = Sequence  # type: ignore[assignment] # see Note [Open nodes]
    if made.size > MAX_SIZE:
        raise InvalidValue(too_large("pipe", made.size))
    return made


def melts(node: Node) -> bool:
    """Say whether a node dissolves inside a pipe: a pipe that nobody named or described."""
    return type(node) is Sequence and node.label is None and node.meta is None


def flatten(root: Sequence) -> tuple[Node, ...]:
    """Give the parts of a rope from left to right, without recursion."""
    backwards: list[Node] = []
    stack: list[Node] = [root]
    pop, push, take = stack.pop, stack.append, backwards.append
    while stack:
        node = pop()
        if type(node) is Step:
            take(node)
        elif node is root or melts(node):
            assert isinstance(node, Sequence)
            left, right = node._left, node._right
            if left is None or right is None:
                backwards += reversed(node.parts)
                continue
            push(left)
            if type(right) is Step:
                take(right)
            else:
                push(right)
        else:
            take(node)
    backwards.reverse()
    return tuple(backwards)


def emit_parts(w: Writer, parts: tuple[Node, ...], args: Args, target: str) -> None:
    """Write a run of parts, in functions of their own when there are many."""
    if len(parts) <= CHUNK:
        if len(parts) >= WARM and not w.seen:
            w.warm_up()
        quick = w.quick
        plain: list[Callable[..., Any]] = []
        for part in parts:
            if quick and type(part) is Step and not part.is_async and args.call == target:
                plain.append(part.fn)
                continue
            if plain:
                w.row(plain, target)
                plain = []
            w.call(part, args, target)
            args = Args(target, target)
        if plain:
            w.row(plain, target)
        return
    size = CHUNK
    while size * CHUNK < len(parts):
        size *= CHUNK
    for start in range(0, len(parts), size):
        w.chunk(parts[start : start + size], args, target, emit_parts)
        args = Args(target, target)
