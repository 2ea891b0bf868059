"""What leaves where something ends, and closing what it has open raises too: nothing that is raised is lost.

Read next: `omnitron.runtime.scopes` (resources) and `omnitron.runtime.streams` (generators), which close.
"""

from __future__ import annotations

from omnitron.runtime.stopping import leaves_as

__all__ = ["Leaving", "leaves", "settle"]


def settle(error: BaseException | None, raised: list[BaseException]) -> None:
    """Let what closing raised leave, unless something else leaves already: then it is noted there.

    A cancellation, or the end of the process, that arrived while an ordinary error was leaving leaves in its place. Where a
    generator is closed, nothing else leaves: nobody is told of its `GeneratorExit`.
    """
    if not raised:
        return
    around = None if isinstance(error, GeneratorExit) else error
    stop = next((broken for broken in raised if not isinstance(broken, Exception)), None)
    leaving = around if stop is None or not (around is None or isinstance(around, Exception)) else stop
    if leaving is None:
        if len(raised) == 1:
            raise raised[0]
        raise ExceptionGroup("closing resources failed", [broken for broken in raised if isinstance(broken, Exception)])
    for broken in raised:
        if broken is not leaving:
            note(leaving, f"closing failed too: {type(broken).__name__}: {broken}")
    if leaving is not around:
        raise leaving from around


class Leaving:
    """What leaves when several things are closed because of an error, or at the end.

    `with` it each of them is closed, whatever the others raise; then `leave()`. It holds the error in the place of the
    frames that it passes, in which it would keep itself alive.

    Attributes:
        error: what leaves so far: the error, or what was raised in its place.
    """

    __slots__ = ("because", "error")

    def __init__(self, error: BaseException | None) -> None:
        self.because = self.error = error

    def __enter__(self) -> None:
        """Begin to close something."""

    def __exit__(self, kind: object, broken: BaseException | None, traceback: object) -> bool:
        """Take what it raised."""
        if broken is not None:
            self.add(broken)
        return True

    def add(self, broken: BaseException) -> None:
        """Take what was raised."""
        self.error = leaves(self.error, broken)

    def leave(self) -> None:
        """Raise what leaves, unless it is the error, which leaves already."""
        error, because = self.error, self.because
        self.error = self.because = None
        if error is None or error is because:
            return
        context = error.__context__
        try:
            raise error
        finally:
            error.__context__ = context or error.__context__  # raising it here must not hide what it came from
            del error, because, context


def leaves(error: BaseException | None, broken: BaseException) -> BaseException:
    """Give what leaves when something is closed because of `error`, or at its end (None), and closing it raises too.

    The error stays, with a note. What ends the program, or a task, takes the place of an ordinary error; whatever closing
    raises takes that of a `GeneratorExit`, of which nobody but the generator is told.
    """
    if error is None or isinstance(error, GeneratorExit) or rank(broken) > rank(error):
        return broken
    if isinstance(broken, Exception) and broken is not error:
        note(leaves_as(error), f"closing failed too: {type(broken).__name__}: {broken}")
    return error


def rank(error: BaseException) -> int:
    """Say how hard an error is to hold back: an ordinary one, what ends a task or a run, what ends the program."""
    return 2 if isinstance(error, (KeyboardInterrupt, SystemExit)) else int(not isinstance(error, Exception))


def note(error: BaseException, text: str) -> None:
    """Add a note, unless the exception refuses notes."""
    try:
        error.add_note(text)
    except Exception:
        return
