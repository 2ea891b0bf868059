"""What becomes of one call: `Ok`, `Failure`, and `Inputs` where a call had more than one argument."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Generic, Literal, NoReturn, TypeAlias, TypeVar

from omnitron.model.record import Record

__all__ = ["Failure", "Inputs", "Ok", "Outcome", "one_input"]

T = TypeVar("T", covariant=True)


class Ok(Record, Generic[T]):
    """The outcome of a call that gave `value`.

    Example:
        >>> Ok(3).value
        3
    """

    __slots__ = ("value",)
    __match_args__ = ("value",)
    value: T
    ok: ClassVar[Literal[True]] = True

    def __init__(self, value: T) -> None:
        self._fill(value=value)

    def unwrap(self) -> T:
        """Give the value."""
        return self.value


class Failure(Record):
    """The outcome of a call that raised.

    Attributes:
        error: the exception itself, with its traceback.
        input: what the failed part was called with; `Inputs` where that was not exactly one positional value.
        path: where in the tree the error came from, names from the root joined by `/`.

    Example:
        >>> from omnitron import flow
        >>> found = flow(int).each(mode="collect")(["4", "x"])
        >>> [one.input for one in found if isinstance(one, Failure)]
        ['x']
    """

    __slots__ = ("error", "input", "path")
    __match_args__ = ("error", "input", "path")
    error: Exception
    input: Any
    path: str
    ok: ClassVar[Literal[False]] = False

    def __init__(self, error: Exception, input: Any = None, path: str = "") -> None:
        self._fill(error=error, input=input, path=path)

    def unwrap(self) -> NoReturn:
        """Raise the error."""
        raise self.error


Outcome: TypeAlias = Ok[T] | Failure
"""What one of several collected calls gave: `Outcome[int]` is `Ok[int] | Failure`."""


class Inputs(Record):
    """The arguments of a call that had not exactly one positional value."""

    __slots__ = ("args", "kwargs")
    __match_args__ = ("args", "kwargs")
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    def __init__(self, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None) -> None:
        self._fill(args=tuple(args), kwargs=dict(kwargs or {}))

    def __hash__(self) -> int:
        return hash((Inputs, self.args, frozenset(self.kwargs.items())))


def one_input(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """Give the call's input as one value: the only positional argument, else `Inputs`."""
    return args[0] if len(args) == 1 and not kwargs else Inputs(args, kwargs)
