"""The exceptions of the library, one tree for every room.

What a user's own function raises leaves a flow unchanged; only what the library itself has to say stands here:

    OmnitronError
    ├── DefinitionError      wrong use, refused while a flow or a context is built (also a TypeError)
    │   ├── InvalidValue     … by a value outside its range (also a ValueError)
    │   └── MissingPart      … by asking a flow for a part that it does not have (also an AttributeError)
    ├── MissingKey           a value that the context does not hold (also a KeyError)
    │   └── MissingNeed      … and that a flow needs
    ├── MissingCapability    an authority that the context does not hold (also a PermissionError)
    ├── DeadlineExceeded     the context's time is over (also a TimeoutError)
    ├── NoRun                something that only a run has was asked for outside of any (also a RuntimeError)
    ├── RunCancelled         the result of a run that was cancelled was asked for
    ├── NoMatch              a value for which `choose` or `by_type` has no arm (also a LookupError)
    ├── BatchError           a batch that has no answer for each of its items, or whose run was ended
    ├── LimitReached         a `loop` took all its turns and its test never said to stop
    ├── SelfWait             a flow that would wait for itself: its own result, its own place (also a RuntimeError)
    ├── RateLimited          a call that a rate limit refused
    ├── CircuitOpen          a call that a circuit breaker refused
    ├── BulkheadFull         a call for which a bulkhead had no room
    ├── NotEnough            a quorum of more items than there were (also a ValueError)
    ├── MissingExtra         an optional dependency is not installed (also an ImportError)
    ├── Unpicklable          a flow that cannot travel, and why (also a TypeError)
    ├── RemoteError          an error in a worker process that could not travel back itself
    ├── WorkerLost           a worker process ended in the middle of its work
    └── WorkerStartFailed    a worker process ended before it could take any work

What is no error, but surely not meant, is a warning: `PolicyWarning`, a UserWarning.

Every error pickles, and carries what it knows as attributes besides its text. Each class has a `code` of its own, which
never changes and is never given to another one. The hundreds tell the topic: 1 what was written, 2 contexts and runs,
3 policies, 4 combinators, 5 worker processes, 6 tests, 7 orders of policies. Read next: `omnitron.model`.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, ClassVar

__all__ = [
    "BatchError",
    "BulkheadFull",
    "CircuitOpen",
    "DeadlineExceeded",
    "DefinitionError",
    "InvalidValue",
    "LimitReached",
    "MissingCapability",
    "MissingExtra",
    "MissingKey",
    "MissingNeed",
    "MissingPart",
    "NoRun",
    "NoMatch",
    "NotEnough",
    "OmnitronError",
    "PolicyWarning",
    "RateLimited",
    "RemoteError",
    "RunCancelled",
    "SelfWait",
    "TimedOut",
    "Unpicklable",
    "WorkerLost",
    "WorkerStartFailed",
]


class OmnitronError(Exception):
    """The root of every error that the library raises on its own account.

    Attributes:
        code: a short name of the class that never changes, such as "OMN302": for alarms and for searching. What to do
            about each stands in docs/errors.md, and is printed by `omnitron explain OMN302`.
    """

    code: ClassVar[str] = "OMN000"

    def __init_subclass__(cls, *, code: str | None = None, **rest: Any) -> None:
        """Give a class its code; one that names none has that of its base."""
        super().__init_subclass__(**rest)
        if code is not None:
            cls.code = code


class DefinitionError(OmnitronError, TypeError, code="OMN100"):
    """A flow, a policy or a context was written wrongly; raised where it is written, before anything runs."""


class InvalidValue(DefinitionError, ValueError, code="OMN101"):
    """A value of the right type stands outside the range that its option allows."""


class MissingPart(DefinitionError, AttributeError, code="OMN103"):
    """A flow was asked for a part that it does not have: its cache, its circuit breaker.

    Whoever looks through all attributes of an object takes it for an attribute that is not there.
    """


class PolicyWarning(UserWarning):
    """Policies stand over a flow in an order that defeats one of them; told where the outer one is written.

    The text begins with the code of the rule, so that a filter can name it:
    `warnings.filterwarnings("ignore", "order-retry-in-retry")`. It ends with the number of the rule, which
    `omnitron explain` takes. See docs/order.md.
    """

    code: ClassVar[str] = "OMN700"


class MissingKey(OmnitronError, KeyError, code="OMN201"):
    """The context holds no value under the key that was asked for.

    Attributes:
        key: the name of the key.
    """

    def __init__(self, key: Hashable, held: tuple[str, ...] = ()) -> None:
        """Make the error for `key`; `held` names what the context does hold."""
        super().__init__(key, held)
        self.key = key
        self.held = held

    def __str__(self) -> str:
        """Say what is missing, what is there, and how to give it."""
        there = f"It holds {', '.join(self.held)}." if self.held else "It holds no value."
        return (
            f"the context has no value for {self.key!r}. {there} "
            f"Give one by `ctx.with_({{{self.key!r}: ...}})`, or ask with `get({self.key!r}, default)`."
        )


class MissingNeed(MissingKey, code="OMN202"):
    """A flow needs a value that the context does not hold.

    Attributes:
        missing: the name of each missing value, with who needs it: paths of the tree, and names of resources.
    """

    def __init__(self, missing: Mapping[str, tuple[str, ...]], held: tuple[str, ...] = ()) -> None:
        """Make the error for `missing` (name → who needs it); `held` names what the context does hold."""
        Exception.__init__(self, dict(missing), held)
        self.missing = dict(missing)
        self.key = next(iter(self.missing), "")
        self.held = held

    def __str__(self) -> str:
        """Say who needs what, and how to give it."""
        parts = [f"{name!r} (needed by {', '.join(who)})" for name, who in sorted(self.missing.items())]
        there = f"It holds {', '.join(self.held)}." if self.held else "It holds no value."
        first = sorted(self.missing)[0]
        return (
            f"the context has no value for {'; '.join(parts)}. {there} Give it by `context({first}=...)` or "
            f"`ctx.with_({first}=...)`, or pass the argument when you call the flow."
        )


class MissingCapability(OmnitronError, PermissionError, code="OMN203"):
    """A run needs, or a derived context names, a capability that is not held.

    Attributes:
        missing: each missing capability with the paths of the flows that need it.
    """

    def __init__(self, missing: Mapping[str, tuple[str, ...]], held: tuple[str, ...] = ()) -> None:
        """Make the error for `missing` (capability → paths that need it); `held` is what there is."""
        super().__init__(dict(missing), held)
        self.missing = dict(missing)
        self.held = held

    def __str__(self) -> str:
        """Name the missing capabilities and who needs them."""
        parts = [
            f"{name!r} (needed by {', '.join(paths)})" if paths else repr(name)
            for name, paths in sorted(self.missing.items())
        ]
        held = ", ".join(repr(name) for name in self.held) or "none"
        return (
            f"the context does not hold the capability {'; '.join(parts)}. It holds {held}. "
            "Name it where the outermost context is made: `context(capabilities={...})`; "
            "a derived context can only give up capabilities."
        )


class DeadlineExceeded(OmnitronError, TimeoutError, code="OMN206"):
    """The deadline of the context has passed."""


class TimedOut(OmnitronError, TimeoutError, code="OMN301"):
    """A flow did not end within the time that a `.timeout` gives it, or a stream did not give its next item."""


class NoRun(OmnitronError, RuntimeError, code="OMN204"):
    """Something that only a run has was asked for where no run is."""


class RunCancelled(OmnitronError, code="OMN205"):
    """The run was cancelled, so it has no result.

    Attributes:
        run_id: which run.
        reason: what was said when it was cancelled.
    """

    def __init__(self, run_id: str, reason: str = "") -> None:
        """Make the error for the run `run_id`."""
        super().__init__(run_id, reason)
        self.run_id = run_id
        self.reason = reason

    def __str__(self) -> str:
        """Name the run and the reason."""
        return f"the run {self.run_id!r} was cancelled{f': {self.reason}' if self.reason else ''}."


class SelfWait(OmnitronError, RuntimeError, code="OMN306"):
    """A flow would have waited for itself: for the result that it computes, or for the place under a limit that it has.

    Attributes:
        flow, text: the name of the flow, and what to do; None for a cached flow that asked for its own result.
    """

    def __init__(self, flow: str, text: str | None = None) -> None:
        """Make the error of the flow `flow`."""
        super().__init__(flow, text)
        self.flow, self.text = flow, text

    def __str__(self) -> str:
        """Say what happened, and what to do."""
        return self.text or (
            f"the cached flow {self.flow!r} was asked, in the course of a computation, for the result of that very "
            "computation, which would wait for itself. Call it with other arguments there, or without its cache."
        )


class RateLimited(OmnitronError, code="OMN302"):
    """A rate limit refused a call, which has not begun.

    Attributes:
        retry_after: after how many seconds there is a permit for this call, if nobody else takes it; `.retry` waits for it.
        flow, limit, why: the name of the flow, the limit ("500 times in 60 s"), and why the call does not wait so long.
    """

    def __init__(self, flow: str, limit: str, retry_after: float, why: str) -> None:
        """Describe the limit."""
        super().__init__(flow, limit, retry_after, why)
        self.flow, self.limit, self.retry_after, self.why = flow, limit, retry_after, why

    def __str__(self) -> str:
        """Say what happened, for how long it holds, and what to do."""
        return (
            f"{self.flow!r} may be called {self.limit}, and the permit for this call comes in {self.retry_after:.6g} s: "
            f"{self.why}. Call it later, or put `.retry(...)` around it, which waits for so long."
        )


class BulkheadFull(OmnitronError, code="OMN303"):
    """A bulkhead had no room for a call, which has not begun.

    Attributes:
        flow, limit, waiting: the name of the flow, how many calls run at once, and how many waited.
        waited: how many seconds this one waited; 0.0 for one that was refused at once.
    """

    retry_after: float | None = None  # nobody knows when there will be room

    def __init__(self, flow: str, limit: int, waiting: int, waited: float = 0.0) -> None:
        """Describe who is before it."""
        super().__init__(flow, limit, waiting, waited)
        self.flow, self.limit, self.waiting, self.waited = flow, limit, waiting, waited

    def __str__(self) -> str:
        """Say what happened, and what to do."""
        how = f"{self.waiting} more wait, which is the length of its `queue`"
        if self.waited:
            how = f"this call has waited {self.waited:.6g} s for room, which is `max_wait`"
        return (
            f"at most {self.limit} calls of {self.flow!r} run at once, all places are taken, and {how}. Call it later, or "
            "make room: a larger `limit`, or a longer `queue` if what it guards can bear it."
        )


class CircuitOpen(OmnitronError, code="OMN304"):
    """A circuit breaker refused a call, which has not begun.

    Attributes:
        flow, state: the name of the flow, and the state: "open", "half-open" or "isolated".
        why: the reason of that state.
        retry_after: in how many seconds a call may be let through; None where nobody knows.
    """

    def __init__(self, flow: str, state: str, why: str, retry_after: float | None = None) -> None:
        """Describe the state."""
        super().__init__(flow, state, why, retry_after)
        self.flow, self.state, self.why, self.retry_after = flow, state, why, retry_after

    def __str__(self) -> str:
        """Say what happened, and what to do."""
        then = {
            "open": f"It lets a call through in {self.retry_after or 0.0:.6g} s.",
            "half-open": "It has let through all the calls that try whether it works again: wait for what comes of them.",
        }.get(self.state, "It stays so until `close()` is called on it.")
        return (
            f"the circuit breaker of {self.flow!r} is {self.state}, because {self.why}. {then} Give another answer by "
            "`.or_else(...)`, or wait by `.retry(...)` around it."
        )


class NoMatch(OmnitronError, LookupError, code="OMN401"):
    """A choice has no arm for what it was given, and none for the rest.

    Attributes:
        key: what no arm is for: the key of a `choose`, the class of the value in a `by_type`.
        arms: what the arms are for, as text.
        flow: the name of the choice.
    """

    def __init__(self, key: Any, arms: tuple[str, ...], flow: str = "choose") -> None:
        """Make the error of the choice `flow` for `key`."""
        super().__init__(key, arms, flow)
        self.key = key
        self.arms = arms
        self.flow = flow

    def __str__(self) -> str:
        """Say what no arm is for, what the arms are for, and the way out."""
        what = self.key.__qualname__ if isinstance(self.key, type) else repr(self.key)
        return (
            f"{self.flow!r} has no arm for {what}; its arms are for {', '.join(self.arms)}. Add an arm for it, or one for "
            "the rest: a `default` of `choose`, or a flow of `by_type` whose parameter is annotated `object`."
        )


class BatchError(OmnitronError, code="OMN305"):
    """A batch has no answer for each of its items, or what ran it was ended; all who wait for it share the error."""


class LimitReached(OmnitronError, code="OMN402"):
    """A loop took as many turns as it may, and its test was true after none of them.

    Attributes:
        value: what the last turn gave.
        at_most: how many turns it took.
        flow: the name of the loop.
    """

    def __init__(self, value: Any, at_most: int, flow: str = "loop") -> None:
        """Make the error of the loop `flow`, whose last turn gave `value`."""
        super().__init__(value, at_most, flow)
        self.value = value
        self.at_most = at_most
        self.flow = flow

    def __str__(self) -> str:
        """Say how many turns there were, and the ways out."""
        shown = repr(self.value)
        shown = shown if len(shown) <= 200 else f"{shown[:199]}…"
        return (
            f"{self.flow!r} took {self.at_most} turns and `until` was true after none of them; the last gave {shown}. "
            "Raise `at_most`, mend the test, or take the last value from `error.value`."
        )


class NotEnough(OmnitronError, ValueError, code="OMN403"):
    """A quorum needs more items than there were, and none of them failed.

    Attributes:
        needed: how many had to succeed.
        there: how many items there were.
    """

    def __init__(self, needed: int, there: int) -> None:
        """Make the error for a quorum of `needed` out of `there` items."""
        super().__init__(needed, there)
        self.needed = needed
        self.there = there

    def __str__(self) -> str:
        """Say what was missing."""
        return (
            f"a quorum of {self.needed} cannot be reached with {self.there} item{'' if self.there == 1 else 's'}. "
            "Give more items, or ask for fewer: `.each(quorum=...)`."
        )


class MissingExtra(OmnitronError, ImportError, code="OMN102"):
    """A part of the library needs a package that is not installed.

    Attributes:
        extra: the extra of `omnitron` that brings it.
    """

    def __init__(self, extra: str, needs: str) -> None:
        """Make the error for the extra `extra`, which brings the package `needs`."""
        super().__init__(extra, needs)
        self.extra = extra
        self.needs = needs

    def __str__(self) -> str:
        """Name the command that installs what is missing."""
        return f"this needs the package {self.needs!r}. Install it with: pip install 'omnitron[{self.extra}]'"


class Unpicklable(OmnitronError, TypeError, code="OMN501"):
    """A flow, an argument or a result cannot be pickled; the text says which part and why."""


class RemoteError(OmnitronError, code="OMN502"):
    """A worker process raised an error that cannot be pickled; this stands in its place.

    Attributes:
        type_name: the qualified name of the original type.
        text: the original message.
        traceback: the original traceback, formatted in the worker.
    """

    def __init__(self, type_name: str, text: str, traceback: str = "") -> None:
        """Describe the original error."""
        super().__init__(type_name, text, traceback)
        self.type_name = type_name
        self.text = text
        self.traceback = traceback

    def __str__(self) -> str:
        """Give the original type and message."""
        said = f"{self.type_name}: {self.text}" if self.text else self.type_name
        return f"{said}\n\nIn the worker process:\n{self.traceback}" if self.traceback else said


class WorkerLost(OmnitronError, code="OMN503"):
    """A worker process ended before it gave an answer (killed, out of memory, or `os._exit`).

    Attributes:
        exit_code: what the process left with; negative is the number of a signal.
    """

    def __init__(self, exit_code: int | None, flow: str = "") -> None:
        """Describe the end of the process that ran `flow`."""
        super().__init__(exit_code, flow)
        self.exit_code = exit_code
        self.flow = flow

    def __str__(self) -> str:
        """Say how the process ended and what to look for."""
        how = (
            f"with exit code {self.exit_code}" if (self.exit_code or 0) >= 0 else f"by signal {-(self.exit_code or 0)}"
        )
        return (
            f"the worker process that ran {self.flow or 'a flow'} ended {how} before it gave an answer. "
            "The work may have been done in part. Look for a crash or for the system's out-of-memory log."
        )


class WorkerStartFailed(OmnitronError, RuntimeError, code="OMN504"):
    """A worker process ended before it could take any work, so that none would; or none may be started here.

    Attributes:
        exit_code: what the process left with; None where this process may have no children.
    """

    def __init__(self, exit_code: int | None) -> None:
        """Describe the end of the process."""
        super().__init__(exit_code)
        self.exit_code = exit_code

    def __str__(self) -> str:
        """Say what the usual reasons are."""
        if self.exit_code is None:
            return (
                "no worker process can start here, because this is a daemonic process of `multiprocessing`, which may have "
                "no children. Use `.on('thread')`, or run this in a process that is not daemonic: "
                "`concurrent.futures.ProcessPoolExecutor` has such."
            )
        return (
            f"a worker process ended with exit code {self.exit_code} while it started. It imports the main module of the "
            'program anew: put what runs there under `if __name__ == "__main__":`, and start the program from a file.'
        )
