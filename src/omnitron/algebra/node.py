"""`Node`: what every combinator of the algebra is made of.

A node is a frozen value: its fields are its slots, those that hold nodes (or tuples of nodes) are its children, and
everything that walks over trees (equality, hash, pickling, drawing, rewriting, paths) is derived from that. A new
combinator is one subclass with slots and `emit`. Read next: `omnitron.algebra.writer`, what `emit` writes to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Set
from threading import local
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Self, TypeVar

from omnitron.algebra.likeness import alike, likeness
from omnitron.code import UNKNOWN
from omnitron.errors import DefinitionError, InvalidValue
from omnitron.model import FlowMeta
from omnitron.runtime import Need

if TYPE_CHECKING:
    from omnitron.algebra.looking import Before, Look
    from omnitron.algebra.writer import Args, Writer
    from omnitron.code import Parameters

__all__ = [
    "MAX_DEPTH",
    "MAX_SIZE",
    "NOTHING",
    "STREAMS",
    "UNDOES",
    "WAITS",
    "Node",
    "alike",
    "checked_name",
    "lends_name",
    "likeness",
    "refines",
    "remake",
    "too_large",
    "walk_nodes",
]

MAX_DEPTH = 200
MAX_SIZE = 10_000_000
SHALLOW = 4
NOTHING: frozenset[Any] = frozenset()


class Mark:
    """Something that a tree has in its needs and that no run has to give."""

    __slots__ = ("word",)

    def __init__(self, word: str) -> None:
        self.word = word

    def __repr__(self) -> str:
        return self.word


STREAMS = Mark("STREAMS")
"""Something in the tree gives a stream."""
UNDOES = Mark("UNDOES")
"""Something in the tree can be undone."""
WAITS = Mark("WAITS")
"""Something in the tree may have to wait: in a function that awaits it does not block the thread for that."""

fill = object.__setattr__
N = TypeVar("N", bound="Node")


class Node:
    """One operation of the algebra.

    A subclass names its fields in `__slots__`, in the order in which its children run, and writes `emit`. The
    constructor takes the fields by position or name; a flow in a field counts as its node.

    Attributes:
        kind: the word for this operation in pictures and paths.
        segment: whether it stands in paths even without a label.
        direct: which children are called with the very arguments of the node: "none", the "first", or "all".
        binds: whether a flow of it, made in a class body, binds like a method.
        shares: who uses the value that comes in: "one" flow, "all" children, or a child and then the result ("input").
        looks: the field of a child that is given the value beside whoever uses it, or "".
        tunable: the fields that a configuration may set, each with `int`, `float`, `str`, `bool`, or a function that makes
            the field's value of a text or a TOML value (raising ValueError); `check` has the last word.
        label: the name that a user gave by `.named`, or None.
        meta: what a user declared about this node itself, or None.
        children: the nodes in its fields, in order.
        is_async: whether its code awaits; by default, whether that of any child does.
        depth: levels of nesting beneath and including it (pipes do not count).
        size: nodes of the tree, itself included.
        needs: what the tree asks of a run: the names of capabilities, and marks of other rooms and nodes. One set for all,
            so that a tree that asks nothing pays for one check.

    Raises:
        DefinitionError: nested deeper than 200 levels, or more than ten million nodes.
    """

    __slots__ = ("_hash", "children", "depth", "is_async", "label", "meta", "needs", "size")
    _hash: int | None
    children: tuple[Node, ...]
    depth: int
    is_async: bool
    label: str | None
    meta: FlowMeta | None
    needs: frozenset[Any]
    size: int
    fields: ClassVar[tuple[str, ...]] = ()
    kind: ClassVar[str] = "node"
    segment: ClassVar[bool] = True
    direct: ClassVar[str] = "none"
    shares: ClassVar[str] = "one"
    looks: ClassVar[str] = ""
    tunable: ClassVar[Mapping[str, Callable[[Any], Any]]] = {}
    binds = False

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "fields" not in cls.__dict__:
            slots = cls.__dict__.get("__slots__", ())
            own = (slots,) if isinstance(slots, str) else tuple(slots)
            cls.fields = (*cls.fields, *(name for name in own if name[0] != "_"))

    def __init__(self, *values: Any, label: str | None = None, meta: FlowMeta | None = None, **named: Any) -> None:
        given = dict(zip(self.fields, values, strict=False)) | named
        if len(values) > len(self.fields) or given.keys() != set(self.fields):
            raise DefinitionError(
                f"{type(self).__name__} takes the fields {', '.join(self.fields)}; "
                f"got {len(values)} by position and {', '.join(named) or 'none'} by name."
            )
        self._setup([node_in(given[name]) for name in self.fields], label, meta)

    def _setup(self, values: list[Any], label: str | None, meta: FlowMeta | None) -> None:
        """Fill the node: fields, then what is derived from them."""
        children: list[Node] = []
        for name, value in zip(self.fields, values, strict=True):
            fill(self, name, value)
            if isinstance(value, Node):
                children.append(value)
            elif isinstance(value, tuple) and is_branches(value):
                children += value
        fill(self, "children", tuple(children))
        fill(self, "label", label)
        fill(self, "meta", meta)
        fill(self, "_hash", None)
        self._derive()
        self.check()

    def _derive(self) -> None:
        """Compute depth, size, colour and needs from the children."""
        depth, size, is_async, needs = 0, 1, False, NOTHING if self.meta is None else self.meta.capabilities
        for child in self.children:
            depth = max(depth, child.depth)
            size += child.size
            is_async = is_async or child.is_async
            if child.needs:
                needs = needs | child.needs
        fill(self, "depth", depth + 1)
        fill(self, "size", size)
        fill(self, "is_async", is_async)
        fill(self, "needs", needs)
        if depth >= MAX_DEPTH:
            raise InvalidValue(
                f"flows nest {MAX_DEPTH} levels deep, this {self.kind} would be level {depth + 1}. "
                "Compose flat: pipes do not count, and a flow called in a function's body starts anew."
            )
        if size > MAX_SIZE:
            raise InvalidValue(too_large(self.kind, size))

    def check(self) -> None:
        """Refuse fields that do not fit together (a subclass may extend it; raises DefinitionError)."""

    def emit(self, w: Writer, args: Args, target: str) -> None:
        """Write the code that runs this node with the arguments `args` and leaves its result in `target`.

        A subclass runs its children by `w.call` or `w.function`: each exactly once, in the order of `children`.
        """
        raise TypeError(f"{type(self).__name__} has no `emit`: a node that is to run writes one.")

    def parameters(self) -> Parameters | None:
        """Give the parameters of a flow made of this node; None stands for any."""
        return None

    def takes(self, look: Look) -> Any:
        """Give the annotation of the one value that it takes, as far as it is known; a subclass asks `look` for parts."""
        return UNKNOWN

    def gives(self, look: Look, before: Before) -> Any:
        """Give the annotation of what it gives; `before` tells that of the value that comes in."""
        return UNKNOWN

    def function(self) -> Callable[..., Any] | None:
        """Give the user's function that this node is nothing but a call of, or None."""
        return None

    def detail(self) -> str:
        """Give the options to show beside the kind, for example `concurrency=4`."""
        return ""

    def title(self) -> str:
        """Give the name of a flow made of this node when nobody named it."""
        return self.kind

    def titling(self) -> tuple[Node, ...]:
        """Give the children whose names stand in the title."""
        return () if type(self).title is Node.title else self.children[:1]

    @property
    def name(self) -> str:
        """The label, or the title."""
        if self.label is not None:
            return self.label
        return self.title() if self.depth <= SHALLOW else title_of(self)

    @property
    def capabilities(self) -> frozenset[str]:
        """The names of the capabilities that the tree requires."""
        return frozenset(need for need in self.needs if isinstance(need, str)) if self.needs else NOTHING

    @property
    def streams(self) -> str:
        """The colour of the stream that it gives, "sync" or "async"; "" where, as far as is known, it gives none."""
        return self.streams_after("") if STREAMS in self.needs else ""

    def streams_after(self, before: str) -> str:
        """Give the colour of its stream where what comes in is a stream of the colour `before`, or none ("")."""
        return ""

    def needs_beside(self, given: Set[str]) -> frozenset[Any]:
        """Give what the tree asks of a run when the arguments of the names in `given` are passed."""
        if not given or self.direct == "none" or not self.needs:
            return self.needs
        count = 1 if self.direct == "first" else len(self.children)
        inside = (child.needs_beside(given) if n < count else child.needs for n, child in enumerate(self.children))
        lasting = (need for need in self.needs if not isinstance(need, Need))
        return NOTHING.union(lasting, *inside)

    def own(self) -> tuple[Any, ...]:
        """Give the fields without the children: what must be equal beside them."""
        return tuple(shape(getattr(self, name)) for name in self.fields)

    def rebuild(self, children: tuple[Node, ...]) -> Self:
        """Give this node over other children, as many and in the same order; label and metadata stay."""
        if len(children) != len(self.children):
            raise DefinitionError(f"{self.kind} has {len(self.children)} children, got {len(children)}.")
        rest = iter(children)
        return remake(self, [refill(getattr(self, name), rest) for name in self.fields], self.label, self.meta)

    def labelled(self, label: str | None) -> Self:
        """Give this node under another label."""
        return remake(self, [getattr(self, name) for name in self.fields], label, self.meta)

    def declaring(self, meta: FlowMeta | None) -> Self:
        """Give this node with other metadata of its own."""
        return remake(self, [getattr(self, name) for name in self.fields], self.label, meta)

    def roles(self) -> tuple[str, ...]:
        """Give for each child the name of its field (empty where the field holds several)."""
        found: list[str] = []
        for name in self.fields:
            value = getattr(self, name)
            if isinstance(value, Node):
                found.append(name)
            elif isinstance(value, tuple) and is_branches(value):
                found += [""] * len(value)
        return tuple(found)

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError(f"a node is immutable: {name!r} cannot be set; make another by `rewrite`")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"a node is immutable: {name!r} cannot be deleted")

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Node):
            return NotImplemented
        return hash(self) == hash(other) and equal_trees(self, other)

    def __hash__(self) -> int:
        found = self._hash
        return found if found is not None else hash_tree(self)

    def __repr__(self) -> str:
        from omnitron.algebra.printing import render

        return render(self, limit=50)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        from omnitron.algebra.pickling import reduce_node

        return reduce_node(self)


class Titles(local):
    """The titles that this thread knows while it makes one of a deep tree."""

    known: dict[int, str] | None = None


titles = Titles()


def title_of(root: Node) -> str:
    """Give the title of a deep tree without recursion, each different node's made once."""
    known = titles.known
    if known is not None:
        found = known.get(id(root))
        return root.title() if found is None else found
    known = titles.known = {}
    stack = [root]
    try:
        while stack:
            node = stack[-1]
            inside = [part for part in node.titling() if part.label is None and part.depth > SHALLOW]
            missing = [part for part in inside if id(part) not in known]
            if missing:
                stack += missing
            else:
                known[id(stack.pop())] = node.title()
    finally:
        titles.known = None
    return known[id(root)]


def too_large(kind: str, size: int) -> str:
    """Say that a tree would have too many nodes, and what to do."""
    return (
        f"a flow has at most {MAX_SIZE:,} nodes, this {kind} would have {size:,}. "
        "Loop with `.each` instead of writing the repetition out."
    )


def checked_name(name: object) -> str:
    """Give a name back if it can stand in a path, else refuse it."""
    if not isinstance(name, str) or not name.strip():
        raise DefinitionError(f"a name is a string that is not empty, got {name!r}.")
    if any(sign in name for sign in "/#[]@\n"):
        raise DefinitionError(
            f"a name has none of / # [ ] @ and no line break, because names make paths; got {name!r}."
        )
    return name


def is_branches(value: tuple[Any, ...]) -> bool:
    """Say whether a tuple in a field holds nodes."""
    return bool(value) and all(isinstance(item, Node) for item in value)


def node_in(value: Any) -> Any:
    """Give the node behind a flow, a tuple of nodes for a tuple of flows, and any other value as it is."""
    if type(value) is tuple and value and all(is_flow(item) or isinstance(item, Node) for item in value):
        return tuple(node_in(item) for item in value)
    return value.node if is_flow(value) else value


def is_flow(value: Any) -> bool:
    """Say whether a value is a flow (this room's lower half does not know the class)."""
    return hasattr(type(value), "acall") and hasattr(type(value), "node")


def shape(value: Any) -> Any:
    """Give a field without its nodes."""
    if isinstance(value, Node):
        return Node
    return (Node, len(value)) if isinstance(value, tuple) and is_branches(value) else value


def refill(value: Any, children: Iterator[Node]) -> Any:
    """Give a field with its nodes taken from `children`."""
    if isinstance(value, Node):
        return next(children)
    return tuple(next(children) for _ in value) if isinstance(value, tuple) and is_branches(value) else value


def remake(node: N, values: list[Any], label: str | None, meta: FlowMeta | None) -> N:
    """Make a node of the same class of field values in order."""
    made = type(node).__new__(type(node))
    made._setup(values, label, meta)
    return made


def equal_trees(one: Node, other: Node) -> bool:
    """Compare two trees without recursion; what both share is compared once."""
    stack: list[tuple[Node, Node]] = [(one, other)]
    seen: set[tuple[int, int]] = set()
    while stack:
        a, b = stack.pop()
        if a is b or (id(a), id(b)) in seen:
            continue
        seen.add((id(a), id(b)))
        if type(a) is not type(b) or a.label != b.label or a.meta != b.meta:
            return False
        if len(a.children) != len(b.children) or not alike(a.own(), b.own()):
            return False
        stack.extend(zip(a.children, b.children, strict=True))
    return True


def hash_tree(root: Node) -> int:
    """Hash a tree without recursion; every node keeps its hash."""
    stack, found = [root], 0
    while stack:
        node = stack[-1]
        missing = [child for child in node.children if child._hash is None]
        if missing:
            stack.extend(missing)
            continue
        stack.pop()
        inside = tuple(child._hash for child in node.children)
        found = hash((type(node), node.label, likeness(node.own()), inside))
        fill(node, "_hash", found)
    return found


class Scope:
    """The part of a path that siblings share, and how often each name was used in it."""

    __slots__ = ("path", "used")

    def __init__(self, path: str) -> None:
        self.path = path
        self.used: dict[str, int] = {}

    def beneath(self, name: str) -> str:
        """Give the path of the next sibling called `name`: the second one is `name#2`."""
        number = self.used[name] = self.used.get(name, 0) + 1
        return f"{self.path}/{name}" if number == 1 else f"{self.path}/{name}#{number}"


def refines(node: Node) -> bool:
    """Say whether a node changes how its one child is called, and has its name: it adds nothing to a path."""
    return not node.segment and node.label is None and len(node.children) == 1 and node.kind != "sequence"


def lends_name(node: Node) -> bool:
    """Say whether a node, as the root of a flow, is nothing but a refinement of one part, whose place it then has."""
    if not refines(node):
        return False
    while refines(node):
        node = node.children[0]
    return node.segment or node.label is not None


def walk_nodes(root: Node, used: Mapping[str, int] | None = None) -> Iterator[tuple[str, Node]]:
    """Give every node with its path, each before its children, in the order in which they run.

    Args:
        root: the tree.
        used: for a part of another tree how many siblings of each name stand before it there; its paths are those
            beneath the empty one.
    """
    scope: Scope | None = None
    if used is not None:
        scope = Scope("")
        scope.used.update(used)
    stack: list[tuple[Node, Scope | None]] = [(root, scope)]
    while stack:
        node, scope = stack.pop()
        if scope is None:
            if refines(node):
                yield node.name, node
                stack.append((node.children[0], None))
                continue
            scope = Scope(node.name)
        elif node.segment or node.label is not None:
            scope = Scope(scope.beneath(node.name))
        yield scope.path, node
        stack.extend((child, scope) for child in reversed(node.children))
