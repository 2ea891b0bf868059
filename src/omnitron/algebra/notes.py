"""Where in which flow an error came from: read off the traceback, written as one note on the exception.

The frames of generated code are known by their `__loader__`; the last one of each program tells the step. Nothing is
recorded while a flow runs, so a call that does not fail pays nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from types import CodeType, FrameType, TracebackType
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, ref

if TYPE_CHECKING:
    from omnitron.algebra.program import Program

__all__ = ["Loader", "Spot", "add_path", "know_lone", "lone_name", "path_of"]

PREFIX = "raised in flow "

REMOTE, BRANCH, ITEM, LONE = "o_remote_path", "o_branch", "o_item", "o_loader"
PROGRAM = "omnitron.algebra.program"
MACHINES = ("omnitron.runtime.joining", "omnitron.runtime.racing", "omnitron.runtime.mapping", "omnitron.runtime.ahead")
SPOT, NUMBER, GIVEN = "o_spot", "o_number", "o_given"
STREAM = 0x20 | 0x200
"""The flags of generators."""


lone_names: WeakKeyDictionary[CodeType, str] = WeakKeyDictionary()


def know_lone(fn: Any, name: str) -> None:
    """Keep the name of a flow of one step, async or a stream: only the code of its function is on the stack."""
    while isinstance(fn, partial):
        fn = fn.func
    code = getattr(fn, "__code__", None)
    if type(code) is CodeType and lone_names.setdefault(code, name) != name:
        lone_names[code] = ""  # flows of several names have the same function


def lone_name(code: CodeType) -> str:
    """Give the name of the lone flow, async or a stream, whose function has this code, or ""."""
    return lone_names.get(code, "")


class Loader:
    """What a namespace tells `linecache`: where the text of its function comes from. It does not keep the program."""

    __slots__ = ("known", "piece", "program", "seen")

    def __init__(self, program: ref[Program], piece: int, *, seen: bool) -> None:
        self.program = program
        self.piece = piece
        self.seen = seen
        self.known: dict[int, int | None] | None = None

    def place(self, program: Program, line: int) -> int | None:
        """Give the number of the node whose call stands on a line; kept, because log records ask again and again."""
        if self.known is None:
            self.known = {}
        if line not in self.known:
            self.known[line] = program.place(self.piece, line, seen=self.seen)
        return self.known[line]

    def get_source(self, fullname: str) -> str | None:
        """Give the text of the function with the names of its steps (PEP 302)."""
        program = self.program()
        return None if program is None else program.source(self.piece, seen=self.seen)


class Spot:
    """Tells the path of an error that is caught outside of generated code, by a machine that was called from it."""

    __slots__ = ("place", "program")

    def __init__(self, program: ref[Program], place: int) -> None:
        self.program = program
        self.place = place

    def __call__(self, error: BaseException) -> str:
        """Give the path of an error beneath this place of the tree."""
        return path_of(error, self.program(), self.place)

    def here(self) -> tuple[str, bool]:
        """Give the path around this place, and whether it is that of the boundary beneath, as over a whole flow."""
        program = self.program()
        assert program is not None  # it runs
        return program.around(self.place)

    def part(self, *, awaits: bool) -> Callable[..., Any]:
        """Give what runs the child of this place where every boundary is observed."""
        program = self.program()
        assert program is not None  # it runs
        return program.part(self.place, awaits=awaits)

    def held(self) -> object:
        """Give the program, for a stream that outlives the flow."""
        return self.program()

    def note(self, error: BaseException) -> None:
        """Note on an error of a stream where it came from."""
        add_path(error)

    def mark(self, error: BaseException, path: str) -> None:
        """Put the path on an error that leaves inside of a group, where no flow that it passes notes it."""
        put_note(error, path)


def path_of(error: BaseException, program: Program | None = None, place: int | None = None) -> str:
    """Give the static path of the place that raised, names from the outermost flow of the traceback joined by `/`.

    Args:
        error: the exception, with its traceback.
        program: the program from whose code the traceback starts, where its own frames are not part of it.
        place: the number of the node there.
    """
    parts: list[str] = []
    best = None if program is None or place is None else program.known_paths()[place][0]
    started = set() if program is None else {id(program)}
    roots: set[tuple[int, bool]] = set()
    for loader, line in own_frames(error.__traceback__):
        if isinstance(loader, str):
            return "/".join([*parts, *([best] if best else []), loader])
        if isinstance(loader, tuple):
            best = branch_path(program, place, *loader) or best
            continue
        if isinstance(loader, CodeType):
            best = (program.generators().get(loader) if program is not None else None) or best
            continue
        here = loader.program()
        if here is None:
            continue
        if here is not program:
            if id(here) in started:
                break
            if best is not None:
                parts.append(best)
            program, best = here, here.node.name
            started.add(id(here))
        if isinstance(loader, Spot):
            best = here.known_paths()[loader.place + line][0]
            continue
        if loader.piece == 0:
            if (id(here), loader.seen) in roots:
                break
            roots.add((id(here), loader.seen))
        place = here.place(loader.piece, line, seen=loader.seen)
        best = best if place is None else here.known_paths()[place][0]
    if best is not None:
        parts.append(best)
    return "/".join(parts)


def branch_path(program: Program | None, place: int | None, name: str, branch: int) -> str | None:
    """Give the path of a branch of the parallel node, or of the item of the loop, at a place of the tree."""
    inside = branch_place(program, place, name, branch)
    return None if program is None or inside is None else program.known_paths()[inside][0]


def branch_place(program: Program | None, place: int | None, name: str, branch: int) -> int | None:
    """Give the number of its node."""
    if program is None or place is None:
        return None
    node = program.known_paths()[place][1]
    if (node.kind in ("each", "stream")) is not (name == ITEM) or not node.children:
        return None
    return place + 1 + sum(child.size for child in node.children[:branch])


def own_frames(
    traceback: TracebackType | None,
) -> Iterator[tuple[Loader | Spot | CodeType | str | tuple[str, int], int]]:
    """Give the loader and line of every frame of generated code, outermost first.

    A frame that reads a stream has its spot in a local of a fixed name, and whether it was in an item; of any other
    generator the code is given. A frame that brings an error back from another process has the path that it had there in a
    local, one that runs a branch of a parallel the number of the branch, one that awaits a lone step that is watched its
    loader.
    An exception object that was raised before has the frames of that raise at the end: see Note [Raised again].
    """
    if traceback is None:
        return
    head = last = traceback.tb_frame
    around = frames_around(head)
    while traceback is not None:
        frame = traceback.tb_frame
        if frame is not last and (frame is head or frame in around or frame.f_back in around):
            return
        last = frame
        loader = frame.f_globals.get("__loader__")
        if type(loader) is Loader:
            yield loader, traceback.tb_lineno
        elif LONE in frame.f_code.co_varnames and frame.f_globals.get("__name__") == PROGRAM:
            yield frame.f_locals[LONE], 0
        elif REMOTE in frame.f_code.co_varnames and frame.f_locals.get(REMOTE):
            yield frame.f_locals[REMOTE], 0
        elif frame.f_globals.get("__name__") in MACHINES:
            spot = frame.f_locals.get(SPOT) if SPOT in frame.f_code.co_varnames else None
            if type(spot) is Spot:
                yield spot, int(frame.f_locals.get(NUMBER) is not None)
                traceback = traceback.tb_next
                continue
            for name in (BRANCH, ITEM):
                branch = frame.f_locals.get(name) if name in frame.f_code.co_varnames else None
                if branch is not None:
                    yield (name, branch), 0
        elif frame.f_code.co_flags & STREAM:
            yield frame.f_code, 0
        traceback = traceback.tb_next


# Note [Raised again]
# Python puts the frames of a raise before those that the exception has already, so one that is kept and raised again (by
# a future that several wait for, or by a global) shows all its raises in a row. What is called from a frame that stands
# around the first frame was not called beneath it, and belongs to a raise that is over. A frame that ran in another task or
# thread tells nothing of the kind, and is taken for a part of this raise.


def frames_around(frame: FrameType) -> set[FrameType]:
    """Give the frames that wait for a frame to end."""
    found: set[FrameType] = set()
    outer = frame.f_back
    while outer is not None:
        found.add(outer)
        outer = outer.f_back
    return found


def add_path(error: BaseException) -> None:
    """Put the one note on an exception that leaves a composed flow, or bring the note that is there up to date."""
    try:
        path = path_of(error)
        if path:  # else no function of a flow was reached
            put_note(error, path, items_of(error.__traceback__))
    except Exception:
        return


def items_of(traceback: TracebackType | None) -> list[int]:
    """Give the numbers of the items that streams were at, outermost first; of a row that of the stream which failed."""
    numbers: dict[int, int] = {}
    while traceback is not None:
        frame = traceback.tb_frame
        if SPOT in frame.f_code.co_varnames and frame.f_globals.get("__name__") in MACHINES:
            spot, found = frame.f_locals.get(SPOT), frame.f_locals
            number = found.get(NUMBER, found.get(GIVEN))
            if number is not None and isinstance(spot, Spot):
                numbers[id(spot.program())] = number
        traceback = traceback.tb_next
    return [*numbers.values()]


def put_note(error: BaseException, path: str, items: Sequence[int] = ()) -> None:
    """Put the one note on an exception, or bring the one that is there up to date; some exceptions refuse notes."""
    try:
        note = f"{PREFIX}{path.partition('/')[0]!r}, at {path}{''.join(f', item {number}' for number in items)}"
        notes = getattr(error, "__notes__", None)
        if notes:
            for place, known in enumerate(notes):
                if isinstance(known, str) and known.startswith(PREFIX):
                    notes[place] = note
                    return
        error.add_note(note)
    except Exception:
        return
