"""Where in which flows the running code stands: read off the Python stack, for log records in runs that nothing watches.

The frames of generated code are known by their `__loader__`, as in tracebacks (`omnitron.algebra.notes`). A task or thread
that a machine of `omnitron.runtime` has started has a stack of its own; its first frame tells in the local `o_caller` who
waits for it. One that a user has started tells nothing, and the path begins there; so it does with the items of a stream
that are computed ahead, for which nobody waits in particular.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial
from gc import get_referents
from types import AsyncGeneratorType, CodeType, CoroutineType, FrameType, GeneratorType
from typing import TYPE_CHECKING, Any

from omnitron.algebra.notes import (
    BRANCH,
    ITEM,
    MACHINES,
    SHARERS,
    SPOT,
    STREAM,
    Loader,
    Spot,
    branch_place,
    lone_name,
)

if TYPE_CHECKING:
    from omnitron.algebra.program import Program

__all__ = ["path_here"]

FILLED = "o_fn"
CALLER = "o_caller"
OURS = "omnitron."
UNDOING, READING = "omnitron.runtime.undoing", "omnitron.runtime.reading"
CONTEXTS, SCOPES, PLACES = "omnitron.runtime.contexts", "omnitron.runtime.scopes", "omnitron.runtime.places"
STARTERS = frozenset({*MACHINES, *SHARERS, PLACES, "omnitron.algebra.hedges", "omnitron.runtime.quorums"})
TELLING = STARTERS | {CONTEXTS, SCOPES, UNDOING, READING}
RUNS = ("run_sync", "run_async")
COROUTINE = 0x80
KINDS: dict[type, str] = {CoroutineType: "cr", GeneratorType: "gi", AsyncGeneratorType: "ag"}
AWAITED = {"cr": "cr_await", "gi": "gi_yieldfrom", "ag": "ag_await"}
STEPPERS = {("omnitron.runtime.joining", "in_copy"): "work", ("omnitron.runtime.streams", "go_on_in"): "steps"}

Sign = Loader | Spot | CodeType | str | tuple[str, int]
"""What a frame tells: generated code its loader, a machine its spot or the branch that it runs, a generator its code, the
function of a lone async flow the name."""


# Note [Lone async flows]
# Calling an async flow of one step gives the coroutine of its function itself, so that nothing of ours is on the stack
# while it runs. Its frame is known by its code. It is a call of its own only where no generated code and no machine called
# it directly: those know the name by its place in the tree, and what is ours in between tells nothing.


def path_here() -> tuple[str, bool]:
    """Give the static path of the code that calls this, and whether it begins with the flow of the run."""
    found: list[tuple[Sign, int]] = []
    lone, root, closes = "", None, False  # see Note [Lone async flows]
    inner: CodeType | None = None
    for frame, module in frames_from(sys._getframe(1)):
        space, code = frame.f_globals, frame.f_code
        loader = space.get("__loader__")
        if type(loader) is Loader:
            lone = ""
            found.append((loader, frame.f_lineno))
        elif not (lone or module in TELLING or code.co_flags & (COROUTINE | STREAM)):
            pass  # most frames
        elif FILLED in space:
            continue
        elif isinstance(module, str) and module[: len(OURS)] == OURS:
            if begins_run(frame, module):
                root = frame
                break
            closes = closes or module == SCOPES
            signs = list(signs_of(frame, module, inner))
            found += signs
            lone = "" if signs or module == PLACES else lone
        else:
            if lone:
                found.append((lone, 0))
            lone = lone_name(code) if code.co_flags & COROUTINE else ""
            if code.co_flags & STREAM:
                found.append((code, 0))
        inner = code
    if lone:
        found.append((lone, 0))
    path = joined(reversed(found))
    if root is not None and not path and not closes:
        path = getattr(root.f_locals.get("flow"), "name", "")
    return path, root is not None


def begins_run(frame: FrameType, module: str) -> bool:
    """Say whether a frame of ours is the first of a run, or of a run's stream that is read."""
    if module == READING:
        return getattr(frame.f_locals.get("o_reading"), "scope", None) is not None
    return module == CONTEXTS and frame.f_code.co_name in RUNS


def signs_of(frame: FrameType, module: str, inner: CodeType | None) -> Iterator[tuple[Sign, int]]:
    """Give what a frame of ours tells, the inner sign first; `inner` is the code of what it called."""
    if module == UNDOING:
        spot = getattr(frame.f_locals.get("self"), "spot", None)
        if type(spot) is Spot:
            yield spot, 0
    elif module in MACHINES:
        branch = branch_of(frame)
        if branch is not None:
            yield branch, 0
        code, told = frame.f_code, frame.f_locals
        if SPOT in code.co_varnames or SPOT in code.co_freevars:
            spot = told.get(SPOT)
        else:
            spot = getattr(told.get("self"), "spot", None)
        if type(spot) is Spot:
            yield spot, int(inner is not None and branch is None and inner is code_behind(told.get("call")))


def code_behind(call: Any) -> CodeType | None:
    """Give the code that calling something runs first, as far as it is to be seen."""
    while isinstance(call, partial):
        call = call.func
    found = getattr(call, "__code__", None) or getattr(type(call).__call__, "__code__", None)
    return found if type(found) is CodeType else None


def frames_from(innermost: FrameType, starters: frozenset[str] = STARTERS) -> Iterator[tuple[FrameType, Any]]:
    """Give a frame and those that wait for it, on the stacks of its callers in other tasks and threads too.

    Each comes with the name of its module. Beneath the last of those tasks stands what runs the event loop.

    Args:
        innermost: the frame.
        starters: the modules whose tasks and threads are known to have a caller.
    """
    frame: FrameType | None = innermost
    waiting: list[FrameType] = []
    beneath: FrameType | None = None
    while frame is not None:
        module = frame.f_globals.get("__name__")
        yield frame, module
        task, thread = caller_of(frame) if module in starters else (None, None)
        if task is not None and (chain := frames_of(task)):
            beneath = frame.f_back or beneath
            frame, waiting = chain.pop(), chain
        elif thread is not None:
            frame, waiting, beneath = frame_in(*thread), [], None
        elif waiting:
            frame = waiting.pop()
        else:
            frame, beneath = (frame.f_back, beneath) if frame.f_back is not None else (beneath, None)


def frame_in(thread: int, number: int) -> FrameType | None:
    """Give the frame of a number on the stack of a thread: the one that waits may have called others meanwhile."""
    frame = sys._current_frames().get(thread)
    while frame is not None and id(frame) != number:
        frame = frame.f_back
    return frame


def caller_of(frame: FrameType) -> tuple[Any, tuple[int, int] | None]:
    """Give the task, and the thread with the frame in it, that wait for the task or thread which begins with a frame.

    The thread is asked where there is no task, or where the task has not come to waiting yet and is on the thread's stack.
    """
    if CALLER not in frame.f_code.co_varnames:
        return None, None
    found = frame.f_locals.get(CALLER)
    if isinstance(found, tuple):
        return None, found
    task, thread = (found or (None, None)) if isinstance(found, list) else (found, None)
    return (None if task is None else task()), thread


def frames_of(task: Any) -> list[FrameType]:
    """Give the frames of a task that waits, outermost first; none of one that runs, and is on a stack."""
    found: list[FrameType] = []
    waits = task.get_coro()
    if getattr(waits, "cr_running", False):
        return found
    while waits is not None:
        kind = KINDS.get(type(waits))
        if kind is None:
            waits = next((one for one in get_referents(waits) if type(one) in KINDS), None) if wraps(waits) else None
            continue
        frame, inside = getattr(waits, f"{kind}_frame"), getattr(waits, AWAITED[kind])
        if frame is None:
            break
        found.append(frame)
        if inside is None:
            inside = stepped_by(frame)
        waits = inside
    return found


def wraps(waits: Any) -> bool:
    """Say whether this is what an async generator, or `__await__`, gives: only the collector knows what is behind it."""
    return type(waits).__name__ in ("async_generator_asend", "async_generator_athrow", "coroutine_wrapper")


def stepped_by(frame: FrameType) -> Any:
    """Give what a function of ours steps by hand, or None."""
    name = STEPPERS.get((str(frame.f_globals.get("__name__")), frame.f_code.co_name))
    return None if name is None else frame.f_locals.get(name)


def branch_of(frame: FrameType) -> tuple[str, int] | None:
    """Give which branch or item of its node a machine's frame runs."""
    for name in (BRANCH, ITEM):
        if name in frame.f_code.co_varnames:
            branch = frame.f_locals.get(name)
            if branch is not None:
                return name, branch
    return None


class Trail:
    """The path so far, as signs are followed from the outermost to the innermost.

    Attributes:
        before: the parts of the path that calls further out have.
        best: the part of the innermost call.
        program: the innermost call's, or None.
        place: the number of the node that runs in it, or None.
    """

    __slots__ = ("around", "before", "best", "place", "program")

    def __init__(self) -> None:
        self.before: list[str] = []
        self.best = ""
        self.program: Program | None = None
        self.place: int | None = None
        self.around: dict[int, list[str]] = {}

    def parts(self) -> list[str]:
        """Give the parts up to here."""
        return [*self.before, self.best] if self.best else self.before

    def enter(self, program: Program | None, name: str) -> None:
        """Begin a call."""
        self.before, self.best, self.program, self.place = self.parts(), name, program, None
        if program is not None:
            self.around[id(program)] = self.before

    def go_on(self, program: Program) -> None:
        """Be in a call that has begun further out; one of which that is not on the stack begins here."""
        if program is not self.program:
            before = self.around.get(id(program))
            self.enter(program, program.node.name)
            self.before = self.around[id(program)] = self.before if before is None else before

    def stand(self, place: int | None) -> None:
        """Be at a node of the program, or at one that is not known."""
        self.place = place
        if place is not None and self.program is not None:
            self.best = self.program.known_paths()[place][0]

    def stream(self, code: CodeType) -> None:
        """Be in a generator: that of a step of the program, or of a lone flow."""
        places = None if self.program is None else self.program.generators().get(code)
        if places and self.program is not None:
            self.place, self.best = None, self.program.known_paths()[places[0]][0]
        elif name := lone_name(code):
            self.enter(None, name)


def joined(signs: Iterator[tuple[Sign, int]]) -> str:
    """Give the path that signs make, outermost first.

    The first function of a program begins a call, any other goes on with one; the watched twin goes on too.
    """
    trail, was_root = Trail(), False
    for sign, line in signs:
        if isinstance(sign, tuple):
            inside = branch_place(trail.program, trail.place, *sign)
            if inside is not None:
                trail.stand(inside)
        elif isinstance(sign, str):
            trail.enter(None, sign)
        elif isinstance(sign, CodeType):
            trail.stream(sign)
        elif (here := sign.program()) is None:
            continue
        elif isinstance(sign, Spot):
            trail.go_on(here)
            trail.stand(sign.place + line)
        else:
            if sign.piece == 0 and not (sign.seen and was_root and here is trail.program):
                trail.enter(here, here.node.name)
            else:
                trail.go_on(here)
            was_root = sign.piece == 0 and not sign.seen
            trail.stand(sign.place(here, line))
    return "/".join(trail.parts())
