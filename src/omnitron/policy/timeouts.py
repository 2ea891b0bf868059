"""`Timeout`: how long a flow may take."""

from __future__ import annotations

from omnitron.errors import DefinitionError, InvalidValue
from omnitron.policy.schedules import Seconds, check_seconds
from omnitron.policy.stacks import PolicyValue

__all__ = ["Timeout"]


class Timeout(PolicyValue):
    """A policy: end an async flow that takes too long. `f.timeout(...)` takes the same arguments, or such a value.

    Args:
        seconds: for the whole of a call; of a stream, from when its first item is asked for to its end.
        idle: for each item of an async stream, from when it is asked for.

    Raises:
        DefinitionError, InvalidValue: neither is given, or one is no positive number of seconds.

    Example:
        >>> from omnitron import flow
        >>> async def load(id: int) -> int:
        ...     return id
        >>> flow(load).apply(Timeout(2))
        <AsyncFlow load: timeout(2 s)
        └── load>
    """

    __slots__ = ("seconds", "idle")
    seconds: float | None
    idle: float | None

    def __init__(self, seconds: Seconds | None = None, *, idle: Seconds | None = None) -> None:
        if seconds is None and idle is None:
            raise DefinitionError(
                "a timeout takes seconds: `timeout(5)`, or `timeout(idle=5)` for the items of a stream."
            )
        self._fill(seconds=positive("seconds", seconds), idle=positive("idle", idle))


def positive(name: str, value: Seconds | None) -> float | None:
    """Give a bound in seconds; refuse none at all."""
    if value is None:
        return None
    seconds = check_seconds(name, value)
    if not seconds:
        raise InvalidValue(f"`{name}` is a positive number of seconds, got {value!r}: nothing ends in no time.")
    return seconds
