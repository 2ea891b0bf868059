"""The shapes that the checkers see: what a combinator asks of the flows it is given.

A combinator never asks for ``Flow[[A], R]``: the parameters would have to agree to the letter. It asks for one of
the protocols below, which a flow of any parameter names meets. `SyncStep` and `AsyncStep` exclude each other by
``colour``, `AnyStep` needs ``acall`` only, which both colours have; none contains another, so overloads over them
neither overlap nor need suppressing.

Nothing is ever made of the classes here: the bodies of their methods are for the checkers.

What a flow is stands in `omnitron.algebra.flows`; which overloads use these shapes, in the combinators.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Coroutine, Generator, Iterable
from typing import (
    TYPE_CHECKING,
    Any,
    Literal,
    ParamSpec,
    Protocol,
    TypeAlias,
    TypedDict,
    TypeVar,
    TypeVarTuple,
    overload,
)

from omnitron.algebra.flows import AsyncFlow, Flow

if TYPE_CHECKING:
    from omnitron.model import (
        Capability,
        Deployment,
        Effect,
        FlowExample,
        Objective,
        PerformanceClaim,
        SemanticDescriptor,
    )

P = ParamSpec("P")
Q = ParamSpec("Q")
A = TypeVar("A")
A_contra = TypeVar("A_contra", contravariant=True)
B = TypeVar("B")
R = TypeVar("R")
R1 = TypeVar("R1")
R2 = TypeVar("R2")
R3 = TypeVar("R3")
R4 = TypeVar("R4")
R5 = TypeVar("R5")
R6 = TypeVar("R6")
R7 = TypeVar("R7")
R8 = TypeVar("R8")
R_co = TypeVar("R_co", covariant=True)
S = TypeVar("S")
T = TypeVar("T")
U = TypeVar("U")
Ts = TypeVarTuple("Ts")

Raise: TypeAlias = Literal["raise"]
Collect: TypeAlias = Literal["collect"]

Items: TypeAlias = Iterable[A] | AsyncIterable[A]
"""What an async loop reads."""

Later: TypeAlias = Coroutine[Any, Any, T]
"""What calling an `async def` gives."""

Yielded: TypeAlias = Generator[T, None, None]
"""What reading a sync stream is."""

YieldedLater: TypeAlias = AsyncGenerator[T, None]
"""What reading an async stream is."""

Caught: TypeAlias = type[Exception] | tuple[type[Exception], ...] | Callable[[Exception], bool]
"""Which errors a `try_with` takes."""


class Declared(TypedDict, total=False):
    """The options of `flow` and `.with_meta` that declare something: the fields of `FlowMeta`."""

    version: str
    description: str
    documentation: str
    effects: Effect | None
    capabilities: Iterable[str | Capability]
    tags: Iterable[str]
    examples: Iterable[FlowExample]
    objectives: Iterable[Objective]
    semantics: SemanticDescriptor | None
    performance: PerformanceClaim | None
    deployment: Deployment | None


class Options(Declared, total=False):
    """The options of `flow` but for the colour, which decides the type."""

    name: str | None


class SyncStep(Protocol[A_contra, R_co]):
    """A sync flow that can be given one value."""

    def _takes_one(self) -> None: ...

    @property
    def colour(self) -> Literal["sync"]:
        """Say that calling gives the value itself."""
        ...

    def __call__(self, value: A_contra, /) -> R_co:
        """Run on the value."""
        ...


class AsyncStep(Protocol[A_contra, R_co]):
    """An async flow that can be given one value."""

    def _takes_one(self) -> None: ...

    @property
    def colour(self) -> Literal["async"]:
        """Say that calling gives a coroutine."""
        ...

    def __call__(self, value: A_contra, /) -> Coroutine[Any, Any, R_co]:
        """Run on the value."""
        ...


class AnyStep(Protocol[A_contra, R_co]):
    """A flow of either colour that can be given one value."""

    def _takes_one(self) -> None: ...

    def acall(self, value: A_contra, /) -> Coroutine[Any, Any, R_co]:
        """Run on the value, awaited."""
        ...


class SyncCall(Protocol[P, R_co]):
    """A sync flow of any parameters."""

    @property
    def colour(self) -> Literal["sync"]:
        """Say that calling gives the value itself."""
        ...

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Run on the arguments."""
        ...


class AsyncCall(Protocol[P, R_co]):
    """An async flow of any parameters."""

    @property
    def colour(self) -> Literal["async"]:
        """Say that calling gives a coroutine."""
        ...

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R_co]:
        """Run on the arguments."""
        ...


class AnyCall(Protocol[P, R_co]):
    """A flow of either colour, of any parameters."""

    def acall(self, /, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R_co]:
        """Run on the arguments, awaited."""
        ...


class Untyped:
    """What no function returns: only ``Any`` (and ``Never``) fits, so an overload over it catches untyped steps."""


class Decorator(Protocol):
    """What `flow(name=...)` gives: takes the function. See Note [Later first]."""

    @overload
    def __call__(self, fn: Callable[P, Untyped], /) -> Flow[P, Any]: ...
    @overload
    def __call__(self, fn: Callable[P, Later[R]], /) -> AsyncFlow[P, R]: ...  # type: ignore[overload-overlap]
    @overload
    def __call__(self, fn: Callable[P, R], /) -> Flow[P, R]: ...


class SyncDecorator(Protocol):
    """What `flow(colour="sync")` gives."""

    def __call__(self, fn: Callable[P, R], /) -> Flow[P, R]:
        """Make the flow."""
        ...


class AsyncDecorator(Protocol):
    """What `flow(colour="async")` gives."""

    def __call__(self, fn: Callable[P, Awaitable[R]], /) -> AsyncFlow[P, R]:
        """Make the flow."""
        ...


class IdentityFlow(Flow[[Any], Any]):
    """The type of `identity`: what it gives is of the type that it was given."""

    def __call__(self, value: T, /) -> T:
        """Give the value."""
        return value

    async def acall(self, value: T, /) -> T:
        """Give the value, awaited."""
        return value


class AsyncIdentityFlow(AsyncFlow[[Any], Any]):
    """The async twin of `IdentityFlow`: the type of `tap` over an async function of anything."""

    def __call__(self, value: T, /) -> Coroutine[Any, Any, T]:
        """Give the value, awaited."""
        return self.acall(value)

    async def acall(self, value: T, /) -> T:
        """Give the value, awaited."""
        return value


class KeepFlow(Flow[[Any], tuple[Any, R]]):
    """The type of `keep` over a function of anything: what stands first in the pair is of the type that was given."""

    def __call__(self, value: T, /) -> tuple[T, R]:
        """Give the pair."""
        raise NotImplementedError

    async def acall(self, value: T, /) -> tuple[T, R]:
        """Give the pair, awaited."""
        raise NotImplementedError


class AsyncKeepFlow(AsyncFlow[[Any], tuple[Any, R]]):
    """The async twin of `KeepFlow`."""

    def __call__(self, value: T, /) -> Coroutine[Any, Any, tuple[T, R]]:
        """Give the pair, awaited."""
        raise NotImplementedError

    def acall(self, value: T, /) -> Coroutine[Any, Any, tuple[T, R]]:
        """Give the pair, awaited."""
        raise NotImplementedError


# Note [Later first]
# A function that gives a coroutine fits an overload over any result too, so mypy calls the pair overlapping. The
# checkers take the first that fits, and the async one stands first; hence each `type: ignore[overload-overlap]`.

# Note [Takes one]
# When the first flow that it compares with a protocol does not fit, pyright asks whether any flow would, finds that a
# flow of unknown parameters does not, and from then on refuses every flow in every overload. It refrains from that where
# an overloaded method cannot be bound. So the protocols of one value begin with a method that only flows of one value
# can bind, and that is overloaded for no other reason. It exists for the checkers alone.

# Note [Two colours]
# To the checkers the stream of a sync flow has two ways to be called, for what it reads decides its colour; and a pipe from
# it into another one has both. A step that takes one kind of iterable decides; the flows that take either stand first.
# The overloads of `pipe` stand under `__or__` once more, and `__ror__` beside them: mypy gives an alias the type that the
# class above gives it, and asks the right side first where two classes define the two.
# What is given is a generator and not a mere iterator, because `contextlib.closing` takes nothing less.
