"""`PolicyValue`, the base of every policy that is a value, and `Stack`: several of them, to be used again as one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from typing import TYPE_CHECKING, Any, Generic, NoReturn, Self, TypeVar, overload

from omnitron.errors import DefinitionError
from omnitron.model import Record

__all__ = ["EitherColour", "PolicyValue", "Stack"]

P_co = TypeVar("P_co", bound="PolicyValue", covariant=True)
S = TypeVar("S", bound="PolicyValue")
Q = TypeVar("Q", bound="PolicyValue")


class PolicyValue(Record):
    """The base of the policies that are values. `a + b` is the stack of both, the first innermost."""

    __slots__ = ()

    @overload
    def __add__(self: S, other: Q) -> Stack[S | Q]: ...
    @overload
    def __add__(self: S, other: Stack[Q]) -> Stack[S | Q]: ...
    def __add__(self, other: Any) -> Any:
        """Give the stack of this policy and what is put over it.

        Raises:
            DefinitionError: the other is no policy and no stack.
        """
        return Stack((self,)) + other

    if not TYPE_CHECKING:  # the checkers refuse it because there is none

        def __radd__(self, other: object) -> NoReturn:
            """Refuse to be put over what is no policy."""
            raise no_policy(other)

    def fresh(self) -> Self:
        """Give an equal policy that shares nothing with this one: its state, where it has one, is new."""
        return self.replace()


class EitherColour(PolicyValue):
    """The base of those that go over sync flows as well as over async ones (the type checkers ask for it)."""

    __slots__ = ()


class Stack(Record, Generic[P_co]):
    """Policies in their order, the first innermost: `f.apply(a + b)` is `f.apply(a).apply(b)`. Made by `+`.

    Flows that are given one share the state of its policies (what a cache keeps, say); `fresh` gives an equal stack with a
    state of its own. `(a + b) + c == a + (b + c)`, and the empty stack changes nothing.

    Args:
        policies: from the innermost to the outermost.

    Raises:
        DefinitionError: one is no policy.

    Example:
        >>> from omnitron import Retry, Timeout
        >>> house = Timeout(5) + Retry(4)
        >>> [type(policy).__name__ for policy in house]
        ['Timeout', 'Retry']
    """

    __slots__ = ("policies",)
    policies: tuple[P_co, ...]

    def __init__(self, policies: Iterable[P_co] = ()) -> None:
        if isinstance(policies, PolicyValue | str | Set) or not isinstance(policies, Iterable):
            raise DefinitionError(
                f"a stack is made of several policies in order, `Stack([a, b])` or `a + b`; got {policies!r}."
            )
        held = tuple(policies)
        for policy in held:
            if not isinstance(policy, PolicyValue):
                raise no_policy(policy)
        self._fill(policies=held)

    @overload
    def __add__(self, other: Q) -> Stack[P_co | Q]: ...
    @overload
    def __add__(self, other: Stack[Q]) -> Stack[P_co | Q]: ...
    def __add__(self, other: Any) -> Any:
        """Give the stack with a policy, or with those of another stack, put over it."""
        if isinstance(other, Stack):
            return Stack((*self.policies, *other.policies))
        if isinstance(other, PolicyValue):
            return Stack((*self.policies, other))
        raise no_policy(other)

    if not TYPE_CHECKING:  # the checkers refuse it because there is none

        def __radd__(self, other: object) -> NoReturn:
            """Refuse to be put over what is no policy."""
            raise no_policy(other)

    def __iter__(self) -> Iterator[P_co]:
        return iter(self.policies)

    def __len__(self) -> int:
        return len(self.policies)

    def __repr__(self) -> str:
        return " + ".join(map(repr, self.policies)) if len(self) > 1 else super().__repr__()

    def fresh(self) -> Self:
        """Give an equal stack that shares nothing with this one; a value that stands in it twice still is one value."""
        made: dict[int, PolicyValue] = {}
        for policy in self.policies:
            if id(policy) not in made:
                made[id(policy)] = policy.fresh()
        return type(self)(made[id(policy)] for policy in self.policies)  # type: ignore[misc]


def no_policy(value: object) -> DefinitionError:
    """Give the error for what is no policy, with the way out where it can be guessed."""
    if isinstance(value, type) and issubclass(value, PolicyValue):
        hint = f"{value.__name__} is the class: write `{value.__name__}(...)`."
    elif hasattr(type(value), "acall"):
        hint = "That is a flow: write `flow.apply(policies)`."
    elif isinstance(value, list | tuple | set):
        hint = "Add its members one by one, or make a stack of it, `Stack([a, b])`."
    else:
        hint = "Policies are values such as `Retry(...)`, `Timeout(...)`, `Cache(...)`."
    return DefinitionError(f"a stack holds policies, got {value!r} ({type(value).__name__}). {hint}")
