"""The node that tries several flows until one succeeds.

What users call stands in `omnitron.algebra.selecting`, and `.or_else` on every flow. Read next:
`omnitron.algebra.branching`, which has `try_with`.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from omnitron.algebra.branching import check_no_stream, check_on, common_parameters
from omnitron.algebra.looking import one_of
from omnitron.algebra.node import Node, alike
from omnitron.algebra.notes import path_of
from omnitron.errors import DefinitionError

if TYPE_CHECKING:
    from omnitron.algebra.looking import Before, Look
    from omnitron.algebra.writer import Args, Writer
    from omnitron.code import Parameters

__all__ = ["Fallback", "or_else"]

PREFIX = "raised before it: "


class Fallback(Node):
    """Run flows with the same arguments, one after the other, until one gives a result.

    Attributes:
        branches: the flows in order.
        on: the exception types after which the next one is tried, or a predicate of the exception.
    """

    __slots__ = ("branches", "on")
    branches: tuple[Node, ...]
    on: Any
    kind = "fallback"
    direct = "all"
    shares = "all"

    def check(self) -> None:
        """Refuse no flows, and what would catch cancellation."""
        if not self.branches:
            raise DefinitionError("fallback takes at least one flow.")
        for branch in self.branches[:-1]:
            check_no_stream(
                branch,
                "no other flow could take its place by then",
                "Give the alternatives for one item, `fallback(f, g).stream()`, or end it with a step that reads it.",
            )
        check_on(self.on)

    def emit(self, w: Writer, args: Args, target: str) -> None:
        """Write one `try` a flow, side by side: nested ones would meet CPython's limit of 20 blocks."""
        if len(self.branches) == 1:
            w.call(self.branches[0], args, target)
            return
        errors, result = w.temp(), w.temp()
        falls = w.bind(Falls(self.on, len(self.branches)))
        w.line(f"{errors} = []")
        for number, branch in enumerate(self.branches):
            if number:
                with w.block(f"if len({errors}) == {number}:"):
                    self.emit_branch(w, branch, args, (errors, result, falls))
            else:
                self.emit_branch(w, branch, args, (errors, result, falls))
        w.line(f"{target} = {result}")
        w.line(f"del {errors}, {result}")

    def emit_branch(self, w: Writer, branch: Node, args: Args, names: tuple[str, str, str]) -> None:
        """Write one flow, and what its error leads to."""
        errors, result, falls = names
        with w.block("try:"):
            w.scope(branch, args, result)
        error = w.temp()
        with w.block(f"except Exception as {error}:"):
            w.line(f"if {falls}({errors}, {error}): raise")

    def takes(self, look: Look) -> Any:
        """Give what one of the flows takes."""
        return one_of(map(look.takes, self.branches))

    def gives(self, look: Look, before: Before) -> Any:
        """Give what one of the flows gives."""
        return one_of(look.gives(branch, before) for branch in self.branches)

    def parameters(self) -> Parameters | None:
        """Give those that all flows share."""
        return common_parameters(self.branches)

    def detail(self) -> str:
        """Give the types or the predicate."""
        if self.on is Exception:
            return ""
        shown = self.on if isinstance(self.on, tuple) else (self.on,)
        return f"on={', '.join(getattr(kind, '__name__', repr(kind)) for kind in shown)}"


class Falls:
    """Decides after an error whether the next flow is tried, and joins the errors when it is not."""

    __slots__ = ("count", "is_taken", "types")

    def __init__(self, on: Any, count: int) -> None:
        self.types = on if isinstance(on, (tuple, type)) else None
        self.is_taken = on
        self.count = count

    def __call__(self, errors: list[Exception], error: Exception) -> bool:
        """Say whether the error leaves; else it is put beside the earlier ones."""
        if len(errors) + 1 < self.count:
            taken = isinstance(error, self.types) if self.types is not None else self.is_taken(error)
            if taken:
                errors.append(error)
                return False
        if errors:
            chain(error, errors)
            add_note(error, errors)
            errors.clear()  # the list stands in a frame that the errors' tracebacks keep
        return True


def or_else(first: Node, second: Node, on: Any) -> Fallback:
    """Give the fallback of two; a fallback that nobody named or described, on the same errors, takes one flow more."""
    if type(first) is Fallback and first.label is None and first.meta is None and alike(first.on, on):
        return Fallback((*first.branches, second), on)
    return Fallback((first, second), on)


def chain(error: Exception, earlier: list[Exception]) -> None:
    """Hang on each error the one before it, as if it had been raised while that was handled."""
    for before, after in pairwise((*earlier, error)):
        known = {id(one) for one in contexts(before)}
        for link in contexts(after):
            if id(link) in known:
                break
            if link.__context__ is None or id(link.__context__) in known:
                link.__context__ = before
                break


def contexts(error: BaseException) -> list[BaseException]:
    """Give an exception and the chain of those during whose handling it was raised."""
    found: list[BaseException] = []
    here: BaseException | None = error
    while here is not None and not any(here is one for one in found):
        found.append(here)
        here = here.__context__
    return found


def add_note(error: Exception, earlier: list[Exception]) -> None:
    """Put the one note that lists the earlier errors on the one that leaves; an inner fallback's list is kept behind it."""
    text = PREFIX + "; ".join(f"{shown(one)} in {path_of(one)}" for one in earlier)
    try:
        notes = getattr(error, "__notes__", None) or []
        for place, known in enumerate(notes):
            if isinstance(known, str) and known.startswith(PREFIX):
                notes[place] = f"{text}; {known.removeprefix(PREFIX)}"
                return
        error.add_note(text)
    except Exception:
        return


def shown(error: Exception) -> str:
    """Give an error as one line."""
    try:
        text = " ".join(repr(error).split())
    except Exception:
        text = type(error).__name__
    return text if len(text) <= 120 else f"{text[:119]}…"
