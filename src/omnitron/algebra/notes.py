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

__all__ = ["Loader", "Spot", "add_path", "forget_attempts", "know_lone", "lone_name", "note_attempts", "path_of"]

PREFIX = "raised in flow "

REMOTE, BRANCH, ITEM, LONE = "o_remote_path", "o_branch", "o_item", "o_loader"
PROGRAM = "omnitron.algebra.program"
MACHINES = (
    "omnitron.runtime.joining",
    "omnitron.runtime.racing",
    "omnitron.runtime.mapping",
    "omnitron.runtime.ahead",
    "omnitron.algebra.attempts",
    "omnitron.algebra.chunks",
    "omnitron.runtime.deadlines",
)
SHARED = "o_shared"
"""The local that tells that an error is shared: who else gets it has it noted."""
SHARERS = ("omnitron.algebra.batches", "omnitron.algebra.crowds", "omnitron.algebra.sharing")
SPOT, NUMBER, GIVEN = "o_spot", "o_number", "o_given"
STREAM = 0x20 | 0x200
"""The flags of generators."""
AWAITING = 0x80 | 0x100 | 0x200
"""The flags of what can await."""


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
    return Trail(program, place).follow(error)


class Trail:
    """Follows a traceback from the outermost flow to the place that raised.

    Attributes:
        program: the program whose code the last frame belongs to.
        place: the number of the node of that program whose code it is.
        items: the numbers of the items that streams were at, outermost first.
        shared: whether it came from a call that others wait for too, who get the same exception.
    """

    __slots__ = (
        "before",
        "best",
        "given",
        "items",
        "parts",
        "place",
        "program",
        "roots",
        "shared",
        "started",
        "streams",
    )

    def __init__(self, program: Program | None = None, place: int | None = None) -> None:
        self.program = program
        self.place = place
        self.parts: list[str] = []
        self.best = None if program is None or place is None else program.known_paths()[place][0]
        self.started = set() if program is None else {id(program)}
        self.roots: set[tuple[int, bool]] = set()
        self.streams: set[tuple[int, int]] = set()
        self.items: list[int] = []
        self.given = self.shared = False
        self.before: int | None = None

    def follow(self, error: BaseException) -> str:
        """Give the static path of the place that raised, "" if no function of a flow was reached."""
        for found, line, number in frames_of(error):
            if isinstance(found, str):
                if found is SHARED:
                    self.shared = True
                    continue
                return "/".join([*self.parts, *([self.best] if self.best else []), found])
            if isinstance(found, tuple):
                self.best = branch_path(self.program, self.place, *found) or self.best
            elif isinstance(found, CodeType):
                self.pass_generator(found)
            elif not self.pass_program(found, line, number):
                break
        return "/".join(self.parts if self.best is None else [*self.parts, self.best])

    def pass_program(self, found: Loader | Spot, line: int, number: int | None) -> bool:
        """Pass a frame that knows its program; say whether it belongs to this raise."""
        here = found.program()
        if here is None:
            return True
        if here is not self.program:
            if id(here) in self.started:
                return False
            if self.best is not None:
                self.parts.append(self.best)
            self.program, self.best, self.place, self.given = here, here.node.name, None, False
            self.started.add(id(here))
        if isinstance(found, Spot):
            return self.pass_stream(here, found.place, line, number)
        if found.piece == 0:
            if (id(here), found.seen) in self.roots:
                return False
            self.roots.add((id(here), found.seen))
        self.place = here.place(found.piece, line, seen=found.seen)
        if self.place is not None:
            self.best, self.before = here.known_paths()[self.place][0], self.place
        return True

    def pass_stream(self, program: Program, place: int, inside: int, number: int | None) -> bool:
        """Pass a frame that reads a stream, with the number of its item; say whether it belongs to this raise.

        That of a row is only how many it gave: the stream of the row that failed knows better.
        """
        if (id(program), place) in self.streams:
            return False
        self.streams.add((id(program), place))
        node = program.known_paths()[place][1]
        row = node.kind == "sequence"
        self.place = place
        self.best = program.known_paths()[place + inside][0]
        self.before = place + node.size if row or node.kind in ("retry", "timeout") else place
        if number is not None:
            if self.given:
                self.items.pop()
            self.items.append(number)
            self.given = not inside
        return True

    def pass_generator(self, code: CodeType) -> None:
        """Pass a frame of a generator, perhaps of a step; where its function stands twice, that which is read from here."""
        places = [] if self.program is None else self.program.generators().get(code, [])
        if places:
            nearest = [place for place in places if self.before is None or place < self.before]
            self.before = place = max(nearest, default=places[0])
            self.best = self.program.known_paths()[place][0]  # type: ignore[union-attr] # it has the places


def branch_path(program: Program | None, place: int | None, name: str, branch: int) -> str | None:
    """Give the path of a branch of the parallel node, or of the item of the loop, at a place of the tree."""
    inside = branch_place(program, place, name, branch)
    return None if program is None or inside is None else program.known_paths()[inside][0]


def branch_place(program: Program | None, place: int | None, name: str, branch: int) -> int | None:
    """Give the number of its node."""
    if program is None or place is None:
        return None
    node = program.known_paths()[place][1]
    if (node.kind in ("each", "stream", "chunk")) is not (name == ITEM) or not node.children:
        return None
    return place + 1 + sum(child.size for child in node.children[:branch])


def frames_of(
    error: BaseException,
) -> Iterator[tuple[Loader | Spot | CodeType | str | tuple[str, int], int, int | None]]:
    """Give the frames of an error; behind those of the `RuntimeError` that a stop became (PEP 479), those of the stop."""
    yield from own_frames(error.__traceback__)
    cause = error.__cause__
    if type(error) is RuntimeError and isinstance(cause, (StopIteration, StopAsyncIteration)):
        yield from own_frames(cause.__traceback__)


def own_frames(
    traceback: TracebackType | None,
) -> Iterator[tuple[Loader | Spot | CodeType | str | tuple[str, int], int, int | None]]:
    """Give the loader and line of every frame of generated code, outermost first, and what is known of items.

    A frame that reads a stream has its spot in a local of a fixed name, whether it was in an item, and the number of the
    item; of any other generator the code is given. A frame that brings an error back from another process has the path that
    it had there in a local, one that runs a branch of a parallel the number of the branch, one that awaits a lone step that
    is watched its loader.
    """
    head = None if traceback is None else traceback.tb_frame
    for frame, line, again in present_frames(traceback):
        loader = frame.f_globals.get("__loader__")
        if type(loader) is Loader:
            yield loader, line, None
        elif SHARED in frame.f_code.co_varnames and frame.f_globals.get("__name__") in SHARERS:
            if frame is not head:
                yield SHARED, 0, None
        elif LONE in frame.f_code.co_varnames and frame.f_globals.get("__name__") == PROGRAM:
            yield local_of(frame, LONE), 0, None
        elif REMOTE in frame.f_code.co_varnames and (remote := local_of(frame, REMOTE)):
            yield remote, 0, None
        elif frame.f_globals.get("__name__") in MACHINES:
            if not again:
                yield from machine_frame(frame)
        elif frame.f_code.co_flags & STREAM:
            yield frame.f_code, 0, None


def present_frames(traceback: TracebackType | None) -> Iterator[tuple[FrameType, int, bool]]:
    """Give the frames of the present raise, outermost first, each with its line and whether it stands there once more.

    An exception object that was raised before has the frames of that raise at the end: see Note [Raised again].
    """
    if traceback is None:
        return
    head = last = traceback.tb_frame
    around, inside = frames_around(head), {head}
    while traceback is not None:
        frame = traceback.tb_frame
        if frame is not last and (frame is head or is_older(frame, around, inside)):
            return
        yield frame, traceback.tb_lineno, frame is last and frame is not head
        last = frame
        traceback = traceback.tb_next


# Note [Raised again]
# Python puts the frames of a raise before those that the exception has already, so one that is kept and raised again (by
# a future that several wait for, or by a global) shows all its raises in a row. What was called from a frame that stands
# around the first frame, and not beneath that, belongs to a raise that is over; so does a stream that was passed already. A
# frame that ran in another task or thread tells nothing of the kind, and is taken for a part of this raise.


def is_older(frame: FrameType, around: set[FrameType], inside: set[FrameType]) -> bool:
    """Say whether a frame belongs to an earlier raise. See Note [Raised again]."""
    outer: FrameType | None = frame
    while outer is not None and outer not in inside and outer not in around:
        outer = None if begins_task(outer) else outer.f_back
    if outer is not None and outer not in inside:
        return True
    inside.add(frame)
    return False


def begins_task(frame: FrameType) -> bool:
    """Say whether an event loop calls a frame, which stands around all of its tasks: it tells nothing of a raise.

    From 3.12 on a coroutine that has ended still shows who called it last.
    """
    back = frame.f_back
    return bool(frame.f_code.co_flags & AWAITING) and not (back is not None and back.f_code.co_flags & AWAITING)


def machine_frame(frame: FrameType) -> Iterator[tuple[Spot | tuple[str, int], int, int | None]]:
    """Give what a frame of a machine tells: the stream that it reads, or the branch or item that it runs."""
    names = frame.f_code.co_varnames
    spot = local_of(frame, SPOT) if SPOT in names else None
    if type(spot) is Spot:
        number = local_of(frame, NUMBER)
        yield spot, int(number is not None), local_of(frame, GIVEN) if number is None else number
        return
    for name in (BRANCH, ITEM):
        branch = local_of(frame, name) if name in names else None
        if branch is not None:
            yield (name, branch), 0, None


def local_of(frame: FrameType, name: str) -> Any:
    """Read a local of a frame.

    Until 3.12 CPython keeps in the frame what it shows of its locals; in there the error that is being handled would keep
    itself alive.
    """
    shown = frame.f_locals
    value = shown.get(name)
    if type(shown) is dict:
        shown.clear()
    return value


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
        trail = Trail()
        path = trail.follow(error)
        if path and not trail.shared:  # else no function of a flow was reached, or its own flow has noted it
            put_note(error, path, trail.items)
    except Exception:
        return


def is_shared(error: BaseException) -> bool:
    """Say whether others who waited for the same call get this very exception."""
    return any(found is SHARED for found, _, _ in own_frames(error.__traceback__))


def put_note(error: BaseException, path: str, items: Sequence[int] = ()) -> None:
    """Put the one note on an exception, or bring the one that is there up to date; some exceptions refuse notes."""
    try:
        note = f"{PREFIX}{path.partition('/')[0]!r}, at {path}{''.join(f', item {number}' for number in items)}"
        place, known = own_note(error)
        if place is None:
            error.add_note(note)
        else:
            error.__notes__[place] = told(note, known, tries_in(error, known))
    except Exception:
        return


def own_note(error: BaseException) -> tuple[int | None, str]:
    """Give the one note of ours on an exception and its number among the notes; None and "" where there is none."""
    for place, known in enumerate(getattr(error, "__notes__", None) or ()):
        if isinstance(known, str) and known.startswith(PREFIX):
            return place, known
    return None, ""


# ------------------------------------------------------------------ attempts

# Note [What was tried]
# Where an error left a retry, its note tells at the end how many attempts there were. An exception object may be raised
# more than once: by each attempt, or by several calls that share it. So what it tells of attempts holds only as long as the
# frame that made them is one that the present raise has passed, and a retry that goes on takes it away.

AFTER = ", after "


class Tried(str):
    """A note that tells of attempts.

    Attributes:
        frame: the identity of the frame that made them.
    """

    __slots__ = ("frame",)
    frame: int

    def __reduce__(self) -> tuple[Any, ...]:
        return str, (str(self),)


def told(note: str, known: str, tries: str) -> str:
    """Give a note with what the one before it told of attempts."""
    if not tries:
        return note
    made = Tried(note + tries)
    made.frame = getattr(known, "frame", 0)
    return made


def tries_in(error: BaseException, note: str) -> str:
    """Give the end of a note that tells of attempts, if these belong to the present raise, or ""."""
    _, sign, rest = note.rpartition(AFTER)
    if not sign or not rest[:1].isdigit():
        return ""
    frame = getattr(note, "frame", 0)  # one that came from another process has none
    passed = not frame or any(id(one) == frame for one, _, _ in present_frames(error.__traceback__))
    return sign + rest if passed else ""


def note_attempts(error: BaseException, made: int, stopped: str) -> None:
    """Note on an exception that leaves a retry how often it was tried, and why not once more, if that needs saying.

    Of retries one inside the other each tells how often it tried what the inner one did. See Note [What was tried].
    """
    try:
        add_path(error)
        place, known = own_note(error)
        if place is None or is_shared(error):
            return
        inner = tries_in(error, known)
        tries = f"{made} attempt{'s' if made > 1 else ''}{f' ({stopped})' if stopped else ''}"
        within = f"{inner.removeprefix(AFTER)} in each of " if inner else ""
        noted = error.__notes__[place] = Tried(f"{known.removesuffix(inner)}{AFTER}{within}{tries}")
        assert error.__traceback__ is not None
        noted.frame = id(error.__traceback__.tb_frame)
    except Exception:
        return


def forget_attempts(error: BaseException) -> None:
    """Take away what an exception tells of attempts, because a retry around them goes on."""
    place, known = own_note(error)
    if place is not None and type(known) is Tried:
        error.__notes__[place] = known.rpartition(AFTER)[0]
