"""`Writer`: what a node writes its code to.

A program is one or more Python functions, its *pieces*; each piece has a writer. A node's `emit` writes lines, runs its
children by `call` (inline) or takes them as callables by `function`, and names objects by `bind`. Whether the program is
the plain one or the one that is watched is the writer's business, not the node's. Read next: `omnitron.algebra.program`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from omnitron import runtime
from omnitron.algebra.node import UNDOES, WAITS
from omnitron.algebra.notes import Spot
from omnitron.algebra.pieces import Piece
from omnitron.errors import DefinitionError
from omnitron.model import one_input

if TYPE_CHECKING:
    from weakref import ref

    from omnitron.algebra.node import Node
    from omnitron.algebra.program import Program
    from omnitron.code import Parameters

__all__ = ["GIVEN", "Args", "Build", "Given", "Writer", "inputs"]

MAX_NESTING = 12
MAX_LINES = 256


GIVEN = "o_given"


class Args:
    """The arguments at one place of the generated code.

    Attributes:
        call: the text between the parentheses of a call that passes them.
        value: the text of an expression for the input as one value.
        maker: what makes one value of several arguments there.
    """

    __slots__ = ("call", "maker", "value")

    def __init__(self, call: str, value: str | None = None, maker: str = "o_inputs") -> None:
        self.call = call
        self.maker = maker
        self.value = value if value is not None else f"{maker}({call})"

    @property
    def single(self) -> bool:
        """Whether there is exactly one positional value."""
        return self.call == self.value


class Given:
    """Makes one value of the arguments of the whole flow, leaving out those that are their defaults."""

    __slots__ = ("known",)

    def __init__(self, known: Parameters | None) -> None:
        self.known = known

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """Give the only positional argument that was given, else `Inputs`."""
        if self.known is not None:
            args, kwargs = self.known.given(args, kwargs)
        return one_input(args, kwargs)


def inputs(*args: Any, **kwargs: Any) -> Any:
    """Give the arguments of a call as one value."""
    return one_input(args, kwargs)


class Build:
    """The pieces of one program in one variant, written one after the other.

    Args:
        program: the program, weakly.
        seen: whether boundaries are observed.
        notes: whether lines carry the name of the step that they run (for a reader; never in compiled text).
        paths: the path of every node in order of walking; needed when `seen` or `notes`.
    """

    __slots__ = ("entries", "notes", "paths", "pieces", "program", "seen", "texts")

    def __init__(
        self,
        program: ref[Program],
        *,
        seen: bool = False,
        notes: bool = False,
        paths: list[tuple[str, Any]] | None = None,
    ) -> None:
        self.program = program
        self.seen = seen
        self.notes = notes
        self.paths = paths or []
        self.pieces: list[Piece] = []
        self.entries: dict[tuple[int, bool], tuple[Piece, str]] = {}
        self.texts: dict[tuple[str, int, int], tuple[list[str], list[str]]] = {}

    def add(self, piece: Piece) -> int:
        """Take one more piece to write; give its number."""
        self.pieces.append(piece)
        return len(self.pieces) - 1

    def write(self) -> list[Piece]:
        """Write every piece, also those that turn up on the way."""
        done = 0
        while done < len(self.pieces):
            piece = self.pieces[done]
            writer = Writer(self, piece)
            if piece.lines:
                writer.root()
            else:
                writer.whole()
            done += 1
        return self.pieces


class Writer:
    """The text of one function while it is written.

    Attributes:
        seen: whether this program is the watched one.
        awaits: whether this function is a coroutine function.
    """

    __slots__ = (
        "awaits",
        "build",
        "cursor",
        "keep",
        "lines",
        "namespace",
        "nesting",
        "pad",
        "piece",
        "seen",
        "temps",
        "urgent",
    )

    def __init__(self, build: Build, piece: Piece) -> None:
        self.build = build
        self.piece = piece
        self.seen = build.seen
        self.awaits = piece.awaits
        self.cursor = piece.cursor
        self.lines = piece.lines
        self.namespace = piece.namespace
        self.nesting = 0
        self.pad = "    "
        self.temps = 0
        self.keep: str | None = None
        self.urgent = piece.urgent

    # What a node's `emit` uses

    def line(self, text: str) -> None:
        """Write one line."""
        self.lines.append(self.pad + text)

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        """Write `head` (with its colon) and indent what is written inside."""
        self.lines.append(self.pad + head)
        self.pad += "    "
        self.nesting += 1
        try:
            yield
        finally:
            self.pad = self.pad[:-4]
            self.nesting -= 1

    @contextmanager
    def always(self) -> Iterator[None]:
        """Mark what is written inside as part of a `finally`: being watched never keeps it from running."""
        before, self.urgent = self.urgent, True
        try:
            yield
        finally:
            self.urgent = before

    @contextmanager
    def undoing(self, node: Node, *, root: bool = False) -> Iterator[None]:
        """Write what is written inside, which runs `node`, as a scope; nothing more if there is nothing to undo.

        `root` says that what was done inside can no longer be undone once it has succeeded.
        """
        if UNDOES not in node.needs:
            yield
            return
        scope, error = self.temp(), self.temp()
        wait, later = ("await ", "_async") if self.awaits else ("", "")
        self.line(f"{scope} = {self.bind(runtime.Saga)}({'root=True' if root else ''})")
        with self.block("try:"):
            yield
        with self.block(f"except BaseException as {error}:"):
            self.line(f"{wait}{scope}.fail{later}({error})")
            self.line("raise")
        self.line(f"{wait}{scope}.keep{later}()")

    def scope(self, child: Node, args: Args, target: str) -> None:
        """Run a child whose errors are caught or dropped here: as `call`, but what was done in it is undone before."""
        with self.undoing(child):
            self.call(child, args, target)

    def temp(self) -> str:
        """Give the name of a variable that nothing else uses."""
        self.temps += 1
        return f"t{self.temps}"

    def bind(self, value: object, prefix: str = "f") -> str:
        """Give a name under which the generated code finds `value`."""
        name = f"{prefix}{len(self.namespace)}"
        self.namespace[name] = value
        return name

    def call(self, child: Node, args: Args, target: str, keep: str | None = None) -> bool:
        """Run a child here and leave its result in the variable `target`.

        Args:
            child: the child.
            args: what it is called with.
            target: a variable.
            keep: the text of what is told the result of an async boundary before any observer is; say whether it was.
        """
        index = self.cursor
        if not (self.seen or child.children or self.build.notes):
            child.emit(self, args, target)
            self.cursor = index + child.size
            return False
        self.cursor = index + child.size
        if self.seen and (child.segment or child.label is not None):
            fn, awaits = self.callable_of(child, index, args, awaits=self.awaits)
            return self.boundary(self.site(child, index, awaits=awaits), fn, args, target, keep, index)
        if self.nesting >= MAX_NESTING or (len(self.lines) > MAX_LINES and child.children):
            fn, awaits = self.callable_of(child, index, args, awaits=self.late(child))
            text = f"{target} = {'await ' if awaits else ''}{self.attach(fn)}({args.call})"
            if child.children:
                self.line(text)
            else:  # what it calls is the user's function, and no code of ours that tells more
                self.mark(text, index)
            self.go_on_stopping(target, index, stops=awaits and not child.is_async)
        else:
            self.cursor = index + 1
            self.nesting += 1
            before, self.keep = self.keep, keep  # a node that hands it on to its own boundary takes it
            child.emit(self, args, target)
            kept, self.keep = keep is not None and self.keep is None, before
            self.nesting -= 1
            self.complete(child, index)
            return kept
        return False

    def hand_over(self, child: Node, carry: Callable[..., Any], args: Args, target: str) -> None:
        """Run a child by a coroutine function that takes it to another place; its boundary is here."""
        index = self.cursor
        self.cursor = index + child.size
        if not (self.seen and (child.segment or child.label is not None)):
            self.mark(f"{target} = await {self.bind(carry)}({args.call})", index)
        elif self.boundary(self.site(child, index, awaits=True), carry, args, target, self.keep, index):
            self.keep = None

    def pass_on(self, child: Node, args: Args, target: str) -> None:
        """Run the child whose result is that of the node itself: who keeps the one keeps the other."""
        if self.call(child, args, target, keep=self.keep):
            self.keep = None

    def function(self, child: Node, args: Args | None = None, *, awaits: bool | None = None) -> str:
        """Give the name of a callable that runs a child.

        Args:
            child: the child.
            args: what it will be called with, when that is known; else it takes whatever comes.
            awaits: whether the callable is a coroutine function; by default as the child is.
        """
        index = self.cursor
        self.cursor = index + child.size
        wanted = child.is_async if awaits is None else awaits
        boundary = self.seen and (child.segment or child.label is not None)
        if wanted and not child.is_async:
            return self.attach(
                Piece(child, whole_body(child, index), *taking(args), awaits=wanted, cursor=index, urgent=self.urgent)
            )
        fn, callee_awaits = self.callable_of(child, index, args, awaits=wanted)
        if not boundary:
            return self.attach(fn)
        see = runtime.see_async if wanted else runtime.see
        return self.attach(fn, partial(partial, see, self.site(child, index, awaits=callee_awaits)))

    def chunk(
        self,
        parts: tuple[Node, ...],
        args: Args,
        target: str,
        body: Callable[[Writer, tuple[Node, ...], Args, str], None],
    ) -> None:
        """Run some consecutive children in a function of their own."""
        index = self.cursor
        self.cursor = index + sum(part.size for part in parts)
        is_async = any(part.is_async for part in parts)
        awaits = self.awaits if self.seen else any(map(self.late, parts))
        stops = awaits and not is_async

        def write(w: Writer, inner: Args, into: str) -> None:
            body(w, parts, inner, into)

        given, declared = taking(args)
        piece = Piece(parts[0], write, given, declared, awaits=awaits, cursor=index, stops=stops, urgent=self.urgent)
        self.line(f"{target} = {'await ' if awaits else ''}{self.attach(piece)}({args.call})")
        self.go_on_stopping(target, index, stops=stops)

    def spot(self, index: int) -> Spot:
        """Give what tells the path of an error that a machine catches while it runs the node of a number."""
        return Spot(self.build.program, index)

    @property
    def quick(self) -> bool:
        """Whether nothing but its call is to be written of a sync step here, so that `row` may write it."""
        return not (self.seen or self.build.notes or self.nesting >= MAX_NESTING)

    def row(self, functions: list[Callable[..., Any]], target: str) -> None:
        """Write the calls of sync steps that each take and leave `target`, all at once; needs `quick`."""
        space, lines = self.namespace, self.lines
        first, many, head = len(space), len(functions), f"{self.pad}{target} = f"
        known = self.build.texts.get((head, first, many))
        if known is None:
            for number, fn in enumerate(functions, first):
                space[f"f{number}"] = fn
                lines.append(f"{head}{number}({target})")
            self.build.texts[head, first, many] = [*space][first:], lines[-many:]
        else:
            space.update(zip(known[0], functions, strict=True))
            lines += known[1]
        self.cursor += many

    def enter_at(self, index: int, name: str, *, awaits: bool) -> None:
        """Say that a run which was not watched so far may go on at the node of a number, by the callable of this name."""
        self.build.entries[index, awaits] = (self.piece, name)

    def leave_out(self, child: Node) -> None:
        """Pass by a child that does not run here, because another place gets it as a whole."""
        self.cursor += child.size

    def warm_up(self) -> None:
        """Write a loop that does nothing, which makes the interpreter specialise a long function at its first run.

        CPython 3.11 and later specialise a function's bytecode after eight calls or backward jumps. Measured: the second
        run of a pipe of 100,000 steps takes 1.5 times the time of a loop over their functions without it, 1.0 with it.
        """
        self.line(f"for {self.temp()} in (1, 2, 3, 4, 5, 6, 7, 8): pass")

    # How it works

    def late(self, child: Node) -> bool:
        """Say whether a function that runs a child from here awaits: where it can, also one that may have to wait."""
        if self.seen:
            return self.awaits
        return child.is_async or (self.awaits and WAITS in child.needs)

    def site(self, child: Node, index: int, *, awaits: bool) -> runtime.Site:
        """Give the boundary of a child."""
        path: str = self.build.paths[index][0]
        return runtime.Site(
            path.rpartition("/")[2], child.name, child, body=not child.children, awaits=awaits, urgent=self.urgent
        )

    def boundary(self, site: runtime.Site, fn: Any, args: Args, target: str, keep: str | None, index: int) -> bool:
        """Write an observed call; say whether it tells `keep` the result."""
        shown = self.bind(site, "s")
        see = "await o_see" if self.awaits else "o_see"
        if kept := keep is not None and self.awaits:
            see, shown = f"await {self.bind(runtime.see_keeping)}", f"{keep}, {shown}"
        self.mark(f"{target} = {see}({shown}, {self.attach(fn)}, {args.call})", index)
        self.go_on_stopping(target, index, stops=self.awaits and not site.node.is_async)
        return kept

    def go_on_stopping(self, target: str, index: int, *, stops: bool) -> None:
        """Raise the `StopIteration` that a watched part gave as a value."""
        if stops:
            self.mark(f"if type({target}) is o_stopped: raise {target}.error", index)

    def callable_of(self, child: Node, index: int, args: Args | None, *, awaits: bool) -> tuple[Any, bool]:
        """Give what runs a child unobserved (its function, or a piece to be written) and whether it is awaited."""
        fn = child.function()
        if fn is not None:
            return fn, child.is_async
        awaits = awaits if self.seen or WAITS in child.needs else child.is_async
        given, declared = taking(args)
        stops = awaits and not child.is_async
        return Piece(
            child, child.emit, given, declared, awaits=awaits, cursor=index + 1, stops=stops, urgent=self.urgent
        ), awaits

    def complete(self, node: Node, index: int) -> None:
        """Refuse an `emit` that left children out or ran one twice: every path in the tree would be wrong."""
        if self.cursor != index + node.size:
            raise DefinitionError(
                f"{type(node).__name__}.emit does not run each of its {len(node.children)} children exactly once; "
                "it calls `w.call` or `w.function` once for each, in the order of the slots."
            )

    def attach(self, target: Any, wrap: Callable[[Any], Any] | None = None) -> str:
        """Give a name for a callable, which may be a piece that is yet to be written; `wrap` goes around it."""
        if isinstance(target, Piece):
            name = self.bind(None, "p")
            self.piece.links.append((name, self.build.add(target), wrap))
            return name
        return self.bind(target if wrap is None else wrap(target))

    def mark(self, text: str, index: int) -> None:
        """Write the line that runs the step number `index` of the tree."""
        if self.build.notes:
            text = f"{text}  # {one_line(self.build.paths[index][1].name)}"
            self.piece.marks[len(self.lines) + 2] = index
        self.lines.append(self.pad + text)

    def step(self, fn: str, args: Args, target: str, *, awaits: bool) -> None:
        """Write the call of a step's own function (the node whose `emit` runs)."""
        text = f"{target} = await {fn}({args.call})" if awaits else f"{target} = {fn}({args.call})"
        if self.build.notes:
            self.mark(text, self.cursor - 1)
        else:
            self.lines.append(self.pad + text)

    def whole(self) -> None:
        """Write a function that runs its node and returns the result."""
        piece = self.piece
        if piece is self.build.pieces[0]:
            with self.undoing(piece.node, root=True):
                piece.body(self, piece.args, "v")
        elif piece.stops:
            with self.block("try:"):
                piece.body(self, piece.args, "v")
            self.line("except StopIteration as o_error: return o_stopped(o_error)")
        else:
            piece.body(self, piece.args, "v")
        if piece.body == piece.node.emit:
            self.complete(piece.node, piece.cursor - 1)
        self.line("return v")

    def root(self) -> None:
        """Write the function of the whole flow: straight on unless something watches (an async one was asked before)."""
        piece = self.piece
        self.lines[:] = ["    try:"]
        if not piece.awaits:
            self.lines.insert(0, f"    if o_watch() is not None: return o_rest({piece.args.call})")
        self.pad = "        "
        with self.undoing(piece.node, root=True):
            piece.body(self, piece.args, "v")
        self.complete(piece.node, piece.cursor - 1)
        self.line("return v")
        self.lines += ["    except Exception as o_error:", "        o_note(o_error)", "        raise"]


def taking(args: Args | None) -> tuple[Args, str]:
    """Give the arguments inside, and the declaration, of a function that will be called with `args`."""
    if args is not None and args.single:
        return Args("v", "v"), "v"
    return Args("*args, **kwargs", maker="o_inputs" if args is None else args.maker), "*args, **kwargs"


def whole_body(child: Node, index: int) -> Callable[[Writer, Args, str], None]:
    """Give the body of a function that runs a child with its boundary."""

    def body(w: Writer, args: Args, target: str) -> None:
        w.cursor = index
        w.call(child, args, target)

    return body


def one_line(text: str) -> str:
    """Give text that fits on one line of a comment."""
    return " ".join(text.split())[:120]
