"""`current_step`: what a running step can know of its own place."""

from __future__ import annotations

from typing import Any

from omnitron.errors import NoRun
from omnitron.model import Record, Secret, canonical
from omnitron.runtime.frames import read_watch, static_path

__all__ = ["CurrentStep", "current_step"]


class CurrentStep(Record):
    """The place of a running step.

    Attributes:
        path: names from the root joined by `/`, with loop indexes and call sites.
        attempt: the ordinal of this try, from 1.
        run_id: the run.
        input: what the step was called with; `Inputs` where that was not exactly one positional value.
    """

    __slots__ = ("path", "attempt", "run_id", "input")
    path: str
    attempt: int
    run_id: str
    input: Any

    def __init__(self, path: str, attempt: int, run_id: str, input: Any) -> None:
        self._fill(attempt=attempt, input=input, path=path, run_id=run_id)

    @property
    def flow(self) -> str:
        """The name of the flow that runs."""
        return static_path(self.path).rpartition("/")[2].partition("#")[0]

    @property
    def key(self) -> str:
        """An idempotency key (64 hex digits): the same for the same run id, path and input, in any attempt and process.

        A `Secret` in the input counts as a Secret, whatever it holds: a new token is no new request.

        Raises:
            DefinitionError: the input has no form that is the same in every process.
        """
        from hashlib import sha256

        return sha256(canonical((self.run_id, self.path, self.input), secret=any_secret)).hexdigest()


def any_secret(secret: Secret[Any]) -> bytes:
    """Give what stands for every secret."""
    return b""


def current_step() -> CurrentStep:
    """Give the place of the step that calls this.

    A run keeps places when something watches it: it was started by `ctx.start`, named by `ctx.as_run`, observed, guarded or
    restricted, or a function of its tree itself names `current_step`.

    Raises:
        NoRun: outside of any run, and in a run that keeps no places.

    Example:
        >>> from omnitron import context, flow
        >>> where = flow(lambda x: (current_step().path, current_step().attempt), name="where")
        >>> context().run((flow(int) | where).named("all"), "4")
        ('all/where', 1)
    """
    frame = read_watch()
    if frame is None or frame.call is None:
        raise NoRun(
            "there is no step here whose place is known: run the flow inside a context, by `ctx.start(flow, ...)` or "
            "`ctx.as_run('name').run(flow, ...)`. A plain `ctx.run` keeps places only where a function of the flow "
            "itself calls `current_step`, or something watches."
        )
    call = frame.call
    return CurrentStep(frame.path, call.attempt, call.run_id, call.input)
