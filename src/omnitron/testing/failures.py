"""The errors of tests of flows: what was to hold does not, an example is wrong, every task waits."""

from __future__ import annotations

from typing import Any

from omnitron.errors import OmnitronError

__all__ = ["Deadlock", "ExamplesFailed", "InvariantBroken"]


class ExamplesFailed(OmnitronError, AssertionError, code="OMN601"):
    """Examples of a flow do not hold; raised by `omnitron.testing.check_examples`.

    Attributes:
        flow: the flow's name.
        count: how many examples ran.
        mismatches: what does not hold, one record of texts an example.
    """

    def __init__(self, flow: str, count: int, mismatches: tuple[Any, ...]) -> None:
        """Describe what does not hold."""
        super().__init__(flow, count, mismatches)
        self.flow = flow
        self.count = count
        self.mismatches = mismatches

    def __str__(self) -> str:
        """Say how many of them, and of each what was expected and what came."""
        wrong = len(self.mismatches)
        which = f"{wrong} of {self.count} examples" if self.count > 1 else "the example"
        verb, them = ("does", "it") if wrong == 1 else ("do", "them")
        lines = [f"{which} of {self.flow!r} {verb} not hold. Mend {them}, or the flow:"]
        return "\n".join([*lines, *(f"  {line}" for one in self.mismatches for line in str(one).splitlines())])


class InvariantBroken(OmnitronError, AssertionError, code="OMN602"):
    """What must hold whatever fails does not; raised by `omnitron.testing.check_faults`.

    Attributes:
        flow: the flow's name.
        count: how many runs with a fault there were.
        broken: what broke it, one record of texts a fault.
    """

    def __init__(self, flow: str, count: int, broken: tuple[Any, ...]) -> None:
        """Describe what broke the invariant."""
        super().__init__(flow, count, broken)
        self.flow = flow
        self.count = count
        self.broken = broken

    def __str__(self) -> str:
        """Say how many faults broke it, and of each where it was and what came of it."""
        if not self.count:
            return f"what must hold of {self.flow!r} does not hold without any fault. Mend the flow, or what must hold."
        head = f"{len(self.broken)} of {self.count} faults break what must hold of {self.flow!r}:"
        return "\n".join([head, *(f"  {line}" for one in self.broken for line in str(one).splitlines())])


class Deadlock(OmnitronError, RuntimeError, code="OMN603"):
    """In virtual time: every task waits, and nothing will wake one; raised by `omnitron.testing.VirtualClock.run`.

    Attributes:
        waiting: each task that waits: its name, and where.
        time_s: what the clock showed.
        threads: the names of threads that still ran, which were given some seconds to wake a task.
    """

    def __init__(self, waiting: tuple[tuple[str, str], ...], time_s: float, threads: tuple[str, ...] = ()) -> None:
        """Describe who waits."""
        super().__init__(waiting, time_s, threads)
        self.waiting = waiting
        self.time_s = time_s
        self.threads = threads

    def __str__(self) -> str:
        """Say who waits where, and what to do."""
        shown = [f"  {name} waits in {where}" for name, where in self.waiting[:20]]
        if len(self.waiting) > 20:
            shown.append(f"  and {len(self.waiting) - 20:,} more")
        who = "no task is left, and the loop" if not shown else "every task"
        head = f"at {self.time_s:.3f} s of virtual time {who} waits for something, and nothing will bring it."
        way = "Let something wake them, or put a timeout around what waits."
        if self.threads:
            way += (
                f" Threads still run, and woke nobody for some seconds: {', '.join(self.threads)}. Where a task waits for "
                "one of them, await that inside `with clock.outside():`."
            )
        return "\n".join([head, *shown, way])
