"""`Program`: a tree compiled to Python functions, and what its tracebacks show.

The text of a function depends on the tree's *shape* only; its code object is compiled once for a shape and bound to this
flow's own objects as the globals of its own namespace. Each function bears a file name of its own, whose text is made
from the tree again when a traceback asks for it. Read next: `omnitron.algebra.writer`, `omnitron.algebra.notes`.
"""

from __future__ import annotations

import builtins
import os
import sys
from collections.abc import Callable, Mapping
from functools import partial
from itertools import count
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any, NoReturn
from weakref import ref

from omnitron import runtime
from omnitron.algebra.node import STREAMS, Node, lends_name, refines, walk_nodes
from omnitron.algebra.notes import Loader, add_path, know_lone, path_of
from omnitron.algebra.pieces import Piece
from omnitron.algebra.steps import Step
from omnitron.algebra.walking import missing_capabilities
from omnitron.algebra.writer import GIVEN, Args, Build, Given, inputs
from omnitron.errors import MissingCapability
from omnitron.model import Failure, Ok

if TYPE_CHECKING:
    from omnitron.code import Parameters

__all__ = ["Program", "clear_shapes", "compile_tree"]

MAX_SHAPES = 1024
shapes: dict[str, CodeType] = {}
shapes_lock = runtime.Mutex()
next_number = count(1).__next__
TAKEN = frozenset({"v"})


def clear_shapes() -> None:
    """Forget the compiled shapes, which the flows of a process share. Flows that are compiled stay so."""
    with shapes_lock:
        shapes.clear()


def code_of(text: str) -> CodeType:
    """Give the code object of the one function in `text`, compiled at most once while it is remembered."""
    code = shapes.get(text)
    if code is None:
        module = compile(text, "omnitron flow", "exec", dont_inherit=True)
        code = next(item for item in module.co_consts if isinstance(item, CodeType))
        with shapes_lock:
            while len(shapes) >= MAX_SHAPES:
                shapes.pop(next(iter(shapes)), None)
            shapes[text] = code
    return code


class Program:
    """A compiled tree: the function that a call reaches, and the watched twin that is made when something watches."""

    __slots__ = (
        "__weakref__",
        "file",
        "loader",
        "module",
        "name",
        "node",
        "noted",
        "parts",
        "paths",
        "seen_run",
        "site",
        "takes",
        "twins",
    )

    loader: Loader
    site: runtime.Site

    def __init__(self, node: Node) -> None:
        self.node = node
        self.noted: dict[bool, list[Piece]] = {}
        self.paths: list[tuple[str, Node]] | None = None
        self.seen_run: Callable[..., Any] | None = None
        self.twins: dict[tuple[tuple[str, int], ...], Callable[..., Any]] = {}
        self.parts: dict[tuple[int, bool], Callable[..., Any]] = {}
        self.module = getattr(getattr(node, "fn", None), "__module__", None) or "omnitron.flow"
        self.name = node.name
        self.takes = node.parameters()
        self.file = f"flow {short(self.name)} #{next_number()}"

    def compile(self) -> Callable[..., Any]:
        """Give the function that a call of the flow reaches."""
        root = root_piece(self.node, self.takes)
        if isinstance(root, tuple):
            if self.node.is_async or STREAMS in self.node.needs:
                know_lone(getattr(self.node, "fn", None), self.name)
            return self.lone(*root)
        build = Build(ref(self))
        root.lines.append("")
        build.add(root)
        known = copied(self.takes)
        run = self.link(build.write(), seen=False, parameters=known)
        # an async flow is asked who watches when it is called, not when it is awaited: its place is where it was called
        return self.lone(run, known) if self.node.is_async else run

    def lone(self, fn: Callable[..., Any], known: Parameters | None) -> Callable[..., Any]:
        """Compile a single step: no note is ever added, so nothing but the read stands before the call."""
        declared, passed = ("*args, **kwargs", "*args, **kwargs") if known is None else (known.declared, known.passed)
        text = LONE.format(declared=declared, passed=passed)
        space = {"f0": fn, "o_watch": runtime.read_watch, "o_rest": self.watched}
        return self.function(text, space, 0, known, seen=False)

    def link(self, pieces: list[Piece], *, seen: bool, parameters: Parameters | None = None) -> Callable[..., Any]:
        """Make the functions of all pieces and give each the names of the others."""
        made: list[Callable[..., Any]] = []
        given = Given(self.takes)
        for number, piece in enumerate(pieces):
            text = text_of(piece)
            space = piece.namespace
            space.update(PRELUDE)
            space[GIVEN] = given
            space["o_see"] = runtime.see_async if piece.awaits else runtime.see
            if number == 0 and not seen and not piece.awaits:
                space["o_watch"] = runtime.read_watch
                space["o_rest"] = self.watched
            elif number == 0 and not seen:
                space["o_program"] = self  # outlives the flow while a coroutine of it runs
            made.append(self.function(text, space, number, parameters if number == 0 else None, seen=seen))
        for piece in pieces:
            for name, number, wrap in piece.links:
                piece.namespace[name] = made[number] if wrap is None else wrap(made[number])
        return made[0]

    def function(
        self, text: str, space: dict[str, Any], number: int, parameters: Parameters | None, *, seen: bool
    ) -> Callable[..., Any]:
        """Bind the code of a text to its namespace under a file name of its own."""
        name = self.name
        code = code_of(text).replace(co_filename=self.file_name(number, seen=seen), co_name=name, co_qualname=name)
        space["__name__"] = self.module
        space["__builtins__"] = BUILTINS  # for C code that imports: it takes the globals of the nearest Python frame
        space["__loader__"] = Loader(ref(self), number, seen=seen)
        fn = FunctionType(code, space, name, parameters.defaults if parameters is not None else None)
        if parameters is not None and parameters.kwdefaults:
            fn.__kwdefaults__ = parameters.kwdefaults
        return fn

    def file_name(self, number: int, *, seen: bool) -> str:
        """Give the file name of a piece: unique in the process, and not of the form that nobody asks the text of."""
        return f"{self.file}{' (watched)' if seen else ''}{f', part {number}' if number else ''}"

    # What happens when something watches

    def watched(self, /, *args: Any, **kwargs: Any) -> Any:
        """Run the flow as a call that is seen; for an async flow give the coroutine."""
        node = self.node
        seen_run = self.seen_run or self.prepare()
        part = runtime.read_watch().part  # type: ignore[union-attr] # something watches
        if part is not None and part[0] == node:
            return self.inside(self.numbered(part[1]) if part[1] else seen_run, args, kwargs)
        parent, path = runtime.frame_here(2, self.site.segment)
        if node.needs:
            try:
                missing_capabilities(node, runtime.current_context(), path)
            except MissingCapability as error:
                if not node.is_async:
                    raise
                return raise_later(error)  # calling an async flow never raises, awaiting it does
        if lends_name(node):
            frame = runtime.Frame(parent.run, path, parent.call, body=False, named=True, attempt=parent.attempt)
            inside = runtime.run_inside_async if node.is_async else runtime.run_inside
            return (noting_async if node.is_async else noting)(inside, frame, seen_run, args, kwargs)
        frame = runtime.child_frame(parent, path, self.site, args, kwargs)
        run = runtime.run_seen_async if node.is_async else runtime.run_seen
        if not node.children:
            if node.is_async:
                run = partial(run_lone_async, self.loader, run)
            return run(frame, seen_run, args, kwargs)
        return (noting_async if node.is_async else noting)(run, frame, seen_run, args, kwargs)

    def inside(self, seen_run: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run the flow as a part of another, handed over by what made its boundary; an async flow gives the coroutine."""
        node, parent = self.node, runtime.read_watch()
        assert parent is not None
        frame = runtime.Frame(
            parent.run, parent.path, parent.call, body=not node.children, named=parent.named, attempt=parent.attempt
        )
        run = runtime.run_inside_async if node.is_async else runtime.run_inside
        if not node.children:
            return run(frame, seen_run, args, kwargs)
        return (noting_async if node.is_async else noting)(run, frame, seen_run, args, kwargs)

    def numbered(self, used: Mapping[str, int]) -> Callable[..., Any]:
        """Give the watched twin in which the names of the parts are numbered after siblings that stand before them."""
        key = tuple(sorted(used.items()))
        found = self.twins.get(key)
        if found is None:
            build = Build(ref(self), seen=True, paths=list(walk_nodes(self.node, used)))
            build.add(seen_root(self.node))
            found = self.twins[key] = self.link(build.write(), seen=True)
        return found

    def prepare(self) -> Callable[..., Any]:
        """Make what a watched run needs; the function last, because other threads ask for it first."""
        name, node = self.node.name, self.node
        self.site = runtime.Site(name, name, node, body=not node.children, awaits=node.is_async)
        self.loader = Loader(ref(self), 0, seen=False)
        self.seen_run = seen_run = self.compile_seen()
        return seen_run

    def part(self, index: int, *, awaits: bool) -> Callable[..., Any]:
        """Give the watched twin of a part at which a run may begin to be watched: the child of the node of a number."""
        if self.seen_run is None:
            self.prepare()
        return self.parts[index, awaits]

    def around(self, index: int) -> tuple[str, bool]:
        """Give the path around the child of the node of a number, and whether the next boundary has that very path."""
        paths = self.known_paths()
        path, inside = paths[index][0], index + 1
        while refines(paths[inside][1]):
            inside += 1
        node = paths[inside][1]
        return path, paths[inside][0] == path and (node.segment or node.label is not None)

    def compile_seen(self) -> Callable[..., Any]:
        """Compile the twin in which every boundary is observed."""
        node = self.node
        if isinstance(node, Step):
            return node.function()
        build = Build(ref(self), seen=True, paths=self.known_paths())
        build.add(seen_root(node))
        seen_run = self.link(build.write(), seen=True)
        self.parts = {place: piece.namespace[name] for place, (piece, name) in build.entries.items()}
        return seen_run

    # What tracebacks and notes ask

    def known_paths(self) -> list[tuple[str, Node]]:
        """Give the path and node of every place of the tree, in order of walking."""
        if self.paths is None:
            self.paths = list(walk_nodes(self.node))
        return self.paths

    def generators(self) -> dict[CodeType, list[int]]:
        """Give the numbers of the generator functions of the tree by their code."""
        found: dict[CodeType, list[int]] = {}
        for place, (_, node) in enumerate(self.known_paths()) if STREAMS in self.node.needs else ():
            if isinstance(node, Step) and node.streams:
                fn: Any = node.fn
                while isinstance(fn, partial):
                    fn = fn.func
                code = getattr(getattr(fn, "__func__", fn), "__code__", None)
                if code is not None:
                    found.setdefault(code, []).append(place)
        return found

    def with_notes(self, *, seen: bool) -> list[Piece]:
        """Write the pieces again, with names and marks on the lines; kept after the first error."""
        pieces = self.noted.get(seen)
        if pieces is None:
            build = Build(ref(self), seen=seen, notes=True, paths=self.known_paths())
            if seen:
                build.add(seen_root(self.node))
            else:
                root = root_piece(self.node, self.takes)
                assert isinstance(root, Piece)
                root.lines.append("")
                build.add(root)
            pieces = self.noted[seen] = build.write()
        return pieces

    def source(self, number: int, *, seen: bool) -> str:
        """Give the text of a piece as a reader should see it; the columns are those of the compiled text."""
        root = root_piece(self.node, self.takes)
        if isinstance(root, tuple):
            known = root[1]
            declared, passed = (
                ("*args, **kwargs", "*args, **kwargs") if known is None else (known.declared, known.passed)
            )
            return LONE.format(declared=declared, passed=passed) + f"  # {self.node.name}\n"
        # the names of steps do not tell flows apart: who knows functions by their source must not take one for another
        mark = "" if number or seen else f"    # compiled {self.file.rpartition(' ')[2]} of {process_mark()}\n"
        return text_of(self.with_notes(seen=seen)[number]) + mark

    def place(self, number: int, line: int, *, seen: bool) -> int | None:
        """Give the number of the node (in order of walking) whose call stands on a line of a piece."""
        if isinstance(root_piece(self.node, self.takes), tuple):
            return 0
        return self.with_notes(seen=seen)[number].marks.get(line)

    def __del__(self) -> None:
        known = sys.modules.get("linecache") if sys is not None else None
        if known is None or not hasattr(self, "file"):  # it was never finished
            return
        for seen, pieces in self.noted.items():
            for number in range(len(pieces)):
                known.cache.pop(self.file_name(number, seen=seen), None)
        known.cache.pop(self.file_name(0, seen=False), None)


BUILTINS = builtins.__dict__
LONE = "def run({declared}):\n    if o_watch() is not None: return o_rest({passed})\n    return f0({passed})"
PRELUDE: dict[str, Any] = {
    "o_error": None,
    "o_failure": Failure,
    "o_inputs": inputs,
    "o_note": add_path,
    "o_ok": Ok,
    "o_path": path_of,
    "o_stopped": runtime.Stopped,
}


def text_of(piece: Piece) -> str:
    """Give the text of one piece."""
    head = "async def" if piece.awaits else "def"
    lines = "\n".join(piece.lines)
    return f"{head} run({piece.declared}):\n{lines}\n"


START = os.urandom(8).hex()


def process_mark() -> str:
    """Give what no other process has, nor the same one after a fork."""
    return f"{START}-{os.getpid()}"


def short(name: str) -> str:
    """Give a name that reads well inside a file name."""
    flat = " ".join(name.split())
    return flat if len(flat) <= 60 else f"{flat[:59]}…"


def reserved(name: str) -> bool:
    """Say whether generated code uses this name itself, so that a parameter so called cannot be copied literally."""
    return name in TAKEN or name[:2] == "o_" or (name[0] in "ftpgsk" and name[1:].isdigit())


def copied(known: Parameters | None) -> Parameters | None:
    """Give the parameters to copy literally, or None for any."""
    return None if known is None or any(reserved(name) for name in known.names) else known


def root_piece(node: Node, takes: Parameters | None) -> Piece | tuple[Callable[..., Any], Parameters | None]:
    """Give the piece of the whole tree, or the function and parameters of a lone step."""
    known = copied(takes)
    if isinstance(node, Step):
        return node.function(), known
    args = Args("*args, **kwargs", maker=GIVEN) if known is None else Args(known.passed, known.value, GIVEN)
    declared = "*args, **kwargs" if known is None else known.declared
    return Piece(node, node.emit, args, declared, awaits=node.is_async, cursor=1)


def seen_root(node: Node) -> Piece:
    """Give the piece of the whole tree in the watched program, where `Program.watched` is what a call reaches."""
    return Piece(
        node, node.emit, Args("*args, **kwargs", maker=GIVEN), "*args, **kwargs", awaits=node.is_async, cursor=1
    )


def noting(run: Callable[..., Any], *rest: Any) -> Any:
    """Run a composed flow that is watched; an error leaves with its note."""
    try:
        return run(*rest)
    except Exception as error:
        add_path(error)
        raise


async def raise_later(error: BaseException) -> NoReturn:
    """Raise an error once this is awaited."""
    raise error


async def run_lone_async(o_loader: Loader, run: Callable[..., Any], *rest: Any) -> Any:
    """Await a lone step that is watched, in a frame that tells tracebacks which flow was called here."""
    return await run(*rest)


async def noting_async(run: Callable[..., Any], *rest: Any) -> Any:
    """The async twin of `noting`."""
    try:
        return await run(*rest)
    except Exception as error:
        add_path(error)
        raise


def compile_tree(node: Node) -> Callable[..., Any]:
    """Compile a tree; the function keeps what it needs alive and nothing else does."""
    return Program(node).compile()
