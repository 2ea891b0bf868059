"""`Bulkhead`: how many calls of a flow run at once, and how many wait. The machine: `omnitron.policy.turns`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from omnitron.errors import DefinitionError, InvalidValue
from omnitron.model import Record
from omnitron.policy.limits import check_wait, check_whole
from omnitron.policy.stacks import EitherColour
from omnitron.policy.turns import Turns, door

if TYPE_CHECKING:
    from omnitron.policy.schedules import Seconds

__all__ = ["Bulkhead", "BulkheadCell", "BulkheadInfo"]


class BulkheadInfo(Record):
    """What a bulkhead does, over all flows that share it.

    Attributes:
        running: how many calls run now.
        waiting: how many wait now.
        taken: how many it let pass so far.
        refused: how many it refused.
    """

    __slots__ = ("running", "waiting", "taken", "refused")
    running: int
    waiting: int
    taken: int
    refused: int

    def __init__(self, running: int, waiting: int, taken: int, refused: int) -> None:
        self._fill(running=running, waiting=waiting, taken=taken, refused=refused)


class BulkheadCell(Record):
    """The state of a bulkhead: no part of equality, hash and pickling, so that a pickled one arrives with nobody in it."""

    __slots__ = ("_turns",)
    _turns: Turns

    def __init__(self) -> None:
        self._fill(_turns=Turns())

    @property
    def turns(self) -> Turns:
        """Who runs and who waits."""
        return self._turns


class Bulkhead(EitherColour):
    """A policy: run so many calls of a flow at once at most. `f.bulkhead(...)` takes the same arguments, or such a value.

    The places belong to the value: flows that are given the same one share them, so that one slow service cannot take all
    threads and connections. Two made alike are equal and share nothing; a pickled one arrives with nobody in it.

    Args:
        limit: how many calls run at once.
        queue: how many more wait, first come first served; who comes then is refused at once with `BulkheadFull`. None for
            no bound, 0 for nobody.
        max_wait: seconds; who has waited so long is refused then.

    Raises:
        DefinitionError, InvalidValue: an argument of the wrong kind, or out of its range.

    Example:
        >>> from omnitron import flow
        >>> places = Bulkhead(2)
        >>> flow(lambda x: 2 * x).apply(places)(4), places.info().taken
        (8, 1)
    """

    __slots__ = ("limit", "queue", "max_wait", "_cell")
    limit: int
    queue: int | None
    max_wait: float | None
    _cell: BulkheadCell

    def __init__(self, limit: int, queue: int | None = None, *, max_wait: Seconds | None = None) -> None:
        check_whole("limit", limit, "calls")
        if queue is not None:
            if isinstance(queue, bool) or not isinstance(queue, int):
                raise DefinitionError(f"`queue` is a whole number of calls, got {queue!r} ({type(queue).__name__}).")
            if queue < 0:
                raise InvalidValue(f"`queue` is a number of calls from 0 on, got {queue}.")
        self._fill(limit=limit, queue=queue, max_wait=check_wait(True, max_wait), _cell=BulkheadCell())

    @property
    def cell(self) -> BulkheadCell:
        """The state that those who are given this value share."""
        return self._cell

    def info(self) -> BulkheadInfo:
        """Give what happens now, and what was done so far, by all who share this value."""
        turns = self._cell.turns
        with door:
            return BulkheadInfo(turns.running, len(turns.line), turns.taken, turns.refused)
