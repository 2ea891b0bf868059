"""What the checkers see of the two colours of `AnyFlow`; in a running program `views.py` stands in its place.

A sync flow stays sync until an async step joins it; whatever joins an async flow, the whole stays async. What runs
stands in `omnitron.algebra.flows`. See Note [Later first] in `omnitron.algebra.callables` for the overlapping overloads.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable, Coroutine, Iterable, Sequence
from typing import Any, Concatenate, Literal, Self, TypeVar, overload

from omnitron.algebra.callables import (
    A,
    A_contra,
    AnyCall,
    AnyStep,
    AsyncCall,
    AsyncStep,
    Caught,
    Collect,
    Items,
    Later,
    Q,
    R_co,
    Raise,
    S,
    SyncCall,
    SyncStep,
    T,
    Ts,
    U,
    Untyped,
    Yielded,
    YieldedLater,
)
from omnitron.algebra.flows import AnyFlow, AsyncFlow, Flow, P, R
from omnitron.model import Outcome
from omnitron.policy import (
    Adaptive,
    AdaptiveSize,
    EitherColour,
    Hedge,
    PolicyValue,
    RetryBudget,
    Seconds,
    Stack,
    Timeout,
)

__all__ = ["AsyncView", "StreamFlow", "SyncView"]

Late = TypeVar("Late", bound=SyncView[..., AsyncIterator[Any]])

class SyncView(AnyFlow[P, R]):
    """A sync flow."""

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run it."""

    # See Note [Takes one] in `omnitron.algebra.callables`.
    @overload
    def _takes_one(self: Callable[[Any], object]) -> None: ...
    @overload
    def _takes_one(self: Callable[[Any], object], other: None) -> None: ...
    @property
    def colour(self) -> Literal["sync"]:
        """The colour."""

    @property
    def fn(self) -> Callable[P, R]:
        """The function behind a single step."""

    @overload
    def timeout(self: Late, seconds: Timeout, /) -> Late: ...
    @overload
    def timeout(self: Late, seconds: Seconds | None = None, *, idle: Seconds | None = None) -> Late: ...
    @overload
    def apply(self: Late, policy: PolicyValue | Stack[PolicyValue]) -> Late: ...
    @overload
    def apply(self, policy: EitherColour | Stack[EitherColour]) -> Self: ...
    def bind(self, /, **fixed: Any) -> Flow[..., R]:
        """Give this flow with some parameters fixed by name; those after them are passed by keyword."""

    @overload
    def __get__(self, owner: None, kind: type | None = None, /) -> Self: ...
    @overload
    def __get__(self: Callable[Concatenate[S, Q], T], owner: S, kind: type | None = None, /) -> Flow[Q, T]: ...
    @overload
    def __get__(self, owner: object, kind: type | None = None, /) -> Self: ...
    @overload
    def pipe(self, next: Callable[[R], Untyped], /) -> Flow[P, Any]: ...
    @overload
    def pipe(self, next: Callable[[R], Later[U]], /) -> AsyncFlow[P, U]: ...  # type: ignore[overload-overlap]
    @overload
    def pipe(self, next: Callable[[R], U], /) -> Flow[P, U]: ...

    __or__ = pipe

    @overload
    def __ror__(self: Callable[[A], T], other: Callable[Q, Untyped], /) -> Flow[Q, T]: ...
    @overload
    def __ror__(self: Callable[[A], T], other: Callable[Q, Later[A]], /) -> AsyncFlow[Q, T]: ...  # type: ignore[overload-overlap]
    @overload
    def __ror__(self: Callable[[A], T], other: Callable[Q, A], /) -> Flow[Q, T]: ...
    @overload
    def undo(self, with_: SyncStep[R, object]) -> Flow[P, R]: ...
    @overload
    def undo(self, with_: AsyncStep[R, object]) -> AsyncFlow[P, R]: ...
    @overload
    def star(self: SyncView[Q, tuple[*Ts]], next: Callable[[*Ts], Untyped], /) -> Flow[Q, Any]: ...
    @overload
    def star(self: SyncView[Q, tuple[*Ts]], next: Callable[[*Ts], Later[U]], /) -> AsyncFlow[Q, U]: ...  # type: ignore[overload-overlap]
    @overload
    def star(self: SyncView[Q, tuple[*Ts]], next: Callable[[*Ts], U], /) -> Flow[Q, U]: ...
    @overload
    def or_else(self, other: SyncCall[P, U], *, on: Caught = Exception) -> Flow[P, R | U]: ...
    @overload
    def or_else(self, other: AsyncCall[P, U], *, on: Caught = Exception) -> AsyncFlow[P, R | U]: ...
    @overload
    def or_else(self: Callable[[A], T], other: SyncStep[A, U], *, on: Caught = Exception) -> Flow[[A], T | U]: ...
    @overload
    def or_else(self: Callable[[A], T], other: AsyncStep[A, U], *, on: Caught = Exception) -> AsyncFlow[[A], T | U]: ...
    @overload  # type: ignore[override] # a sync loop takes threads, an async one a bound
    def each(
        self: Callable[[A], T], *, unordered: bool = False, mode: Raise = "raise", threads: int | None = None
    ) -> Flow[[Iterable[A]], list[T]]: ...
    @overload
    def each(
        self: Callable[[A], T], *, unordered: bool = False, mode: Collect, threads: int | None = None
    ) -> Flow[[Iterable[A]], list[Outcome[T]]]: ...
    @overload
    def each(
        self: Callable[[A], T],
        *,
        fold: Callable[[U, T], U],
        start: Callable[[], U],
        unordered: bool = False,
        mode: Raise = "raise",
        threads: int | None = None,
    ) -> Flow[[Iterable[A]], U]: ...
    @overload
    def each(
        self: Callable[[A], T],
        *,
        fold: Callable[[U, Outcome[T]], U],
        start: Callable[[], U],
        unordered: bool = False,
        mode: Collect,
        threads: int | None = None,
    ) -> Flow[[Iterable[A]], U]: ...
    @overload
    def each(
        self: Callable[[A], T], *, quorum: int, unordered: bool = False, threads: int | None = None
    ) -> Flow[[Iterable[A]], list[Outcome[T]]]: ...
    @overload
    def each(
        self: Callable[[A], T],
        *,
        quorum: int,
        fold: Callable[[U, Outcome[T]], U],
        start: Callable[[], U],
        unordered: bool = False,
        threads: int | None = None,
    ) -> Flow[[Iterable[A]], U]: ...
    @overload  # type: ignore[override] # only sync streams take threads, only async ones a bound
    def stream(self: Callable[[A], T], *, mode: Raise = "raise", threads: None = None) -> StreamFlow[A, T]: ...
    @overload
    def stream(self: Callable[[A], T], *, mode: Collect, threads: None = None) -> StreamFlow[A, Outcome[T]]: ...
    @overload
    def stream(
        self: Callable[[A], T], *, threads: int, unordered: bool = False, mode: Raise = "raise"
    ) -> Flow[[Iterable[A]], Yielded[T]]: ...
    @overload
    def stream(
        self: Callable[[A], T], *, threads: int, unordered: bool = False, mode: Collect
    ) -> Flow[[Iterable[A]], Yielded[Outcome[T]]]: ...
    def batch(  # type: ignore[misc] # the one value is a list
        self: Callable[[list[A]], Sequence[T]],
        size: int | AdaptiveSize = 100,
        max_wait: float = 0.01,
        *,
        by: Callable[[A], object] | None = None,
        key: Callable[[A], object] | None = None,
    ) -> Flow[[A], T]:
        """Give the flow of one item that this flow of a list makes: callers at the same time share one call."""

    @overload
    def chunk(  # type: ignore[misc] # the one value is a list
        self: Callable[[list[A]], Sequence[T]],
        size: int = 100,
        *,
        weigh: Callable[[A], float] | None = None,
        max_weight: float | None = None,
        mode: Raise = "raise",
        threads: int | None = None,
    ) -> Flow[[Iterable[A]], list[T]]: ...
    @overload
    def chunk(  # type: ignore[misc] # the one value is a list
        self: Callable[[list[A]], Sequence[T]],
        size: int = 100,
        *,
        weigh: Callable[[A], float] | None = None,
        max_weight: float | None = None,
        mode: Collect,
        threads: int | None = None,
    ) -> Flow[[Iterable[A]], list[Outcome[T]]]: ...

class AsyncView(AnyFlow[P, R]):
    """An async flow."""

    def timeout(self, seconds: Seconds | Timeout) -> Self:
        """Give this flow with a bound on its time: what takes longer is cancelled, and its clean-up awaited."""

    @overload
    def hedge(self, delay: Hedge, /) -> Self: ...
    @overload
    def hedge(
        self,
        delay: Seconds = 0.1,
        at_most: int = 2,
        *,
        percentile: float | None = None,
        minimum: Seconds = 0.0,
        on: type[Exception] | tuple[type[Exception], ...] | Callable[[Exception], bool] = ...,
        budget: float | RetryBudget | None = 0.1,
        idempotent: bool = False,
    ) -> Self:
        """Give this flow with a second attempt beside a slow first one: the first result is the result."""

    def apply(self, policy: PolicyValue | Stack[PolicyValue]) -> Self:
        """Give this flow under a policy, or under those of a stack, its first innermost."""

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> Later[R]:
        """Give the coroutine that runs it."""

    # See Note [Takes one] in `omnitron.algebra.callables`.
    @overload
    def _takes_one(self: Callable[[Any], object]) -> None: ...
    @overload
    def _takes_one(self: Callable[[Any], object], other: None) -> None: ...
    @property
    def colour(self) -> Literal["async"]:
        """The colour."""

    @property
    def fn(self) -> Callable[P, Later[R]]:
        """The function behind a single step."""

    def bind(self, /, **fixed: Any) -> AsyncFlow[..., R]:
        """Give this flow with some parameters fixed by name; those after them are passed by keyword."""

    @overload
    def __get__(self, owner: None, kind: type | None = None, /) -> Self: ...
    @overload
    def __get__(
        self: Callable[Concatenate[S, Q], Later[T]], owner: S, kind: type | None = None, /
    ) -> AsyncFlow[Q, T]: ...
    @overload
    def __get__(self, owner: object, kind: type | None = None, /) -> Self: ...
    @overload
    def pipe(self, next: Callable[[R], Later[U]], /) -> AsyncFlow[P, U]: ...
    @overload
    def pipe(self, next: Callable[[R], U], /) -> AsyncFlow[P, U]: ...

    __or__ = pipe

    @overload
    def __ror__(self: Callable[[A], Later[T]], other: Callable[Q, Later[A]], /) -> AsyncFlow[Q, T]: ...
    @overload
    def __ror__(self: Callable[[A], Later[T]], other: Callable[Q, A], /) -> AsyncFlow[Q, T]: ...
    def undo(self, with_: AnyStep[R, object]) -> AsyncFlow[P, R]:
        """Give this flow with what undoes it: when something fails after it, `with_` runs with its result."""

    @overload
    def star(self: AsyncView[Q, tuple[*Ts]], next: Callable[[*Ts], Later[U]], /) -> AsyncFlow[Q, U]: ...
    @overload
    def star(self: AsyncView[Q, tuple[*Ts]], next: Callable[[*Ts], U], /) -> AsyncFlow[Q, U]: ...
    @overload
    def or_else(self, other: AnyCall[P, U], *, on: Caught = Exception) -> AsyncFlow[P, R | U]: ...
    @overload
    def or_else(
        self: Callable[[A], Later[T]], other: AnyStep[A, U], *, on: Caught = Exception
    ) -> AsyncFlow[[A], T | U]: ...
    @overload  # type: ignore[override] # a sync loop takes threads, an async one a bound
    def each(
        self: Callable[[A], Later[T]],
        *,
        concurrency: int | Adaptive | None = None,
        unordered: bool = False,
        mode: Raise = "raise",
    ) -> AsyncFlow[[Items[A]], list[T]]: ...
    @overload
    def each(
        self: Callable[[A], Later[T]],
        *,
        concurrency: int | Adaptive | None = None,
        unordered: bool = False,
        mode: Collect,
    ) -> AsyncFlow[[Items[A]], list[Outcome[T]]]: ...
    @overload
    def each(
        self: Callable[[A], Later[T]],
        *,
        fold: Callable[[U, T], U],
        start: Callable[[], U],
        concurrency: int | Adaptive | None = None,
        unordered: bool = False,
        mode: Raise = "raise",
    ) -> AsyncFlow[[Items[A]], U]: ...
    @overload
    def each(
        self: Callable[[A], Later[T]],
        *,
        fold: Callable[[U, Outcome[T]], U],
        start: Callable[[], U],
        concurrency: int | Adaptive | None = None,
        unordered: bool = False,
        mode: Collect,
    ) -> AsyncFlow[[Items[A]], U]: ...
    @overload
    def each(
        self: Callable[[A], Later[T]], *, quorum: int, concurrency: int | None = None, unordered: bool = False
    ) -> AsyncFlow[[Items[A]], list[Outcome[T]]]: ...
    @overload
    def each(
        self: Callable[[A], Later[T]],
        *,
        quorum: int,
        fold: Callable[[U, Outcome[T]], U],
        start: Callable[[], U],
        concurrency: int | None = None,
        unordered: bool = False,
    ) -> AsyncFlow[[Items[A]], U]: ...
    @overload  # type: ignore[override] # only sync streams take threads, only async ones a bound
    def stream(
        self: Callable[[A], Later[T]], *, mode: Raise = "raise", concurrency: int | None = None
    ) -> Flow[[Items[A]], YieldedLater[T]]: ...
    @overload
    def stream(
        self: Callable[[A], Later[T]], *, mode: Collect, concurrency: int | None = None
    ) -> Flow[[Items[A]], YieldedLater[Outcome[T]]]: ...
    @overload
    def stream(
        self: Callable[[A], Later[T]], *, concurrency: int, unordered: bool, mode: Raise = "raise"
    ) -> Flow[[Items[A]], YieldedLater[T]]: ...
    @overload
    def stream(
        self: Callable[[A], Later[T]], *, concurrency: int, unordered: bool, mode: Collect
    ) -> Flow[[Items[A]], YieldedLater[Outcome[T]]]: ...
    def batch(  # type: ignore[misc] # the one value is a list
        self: Callable[[list[A]], Later[Sequence[T]]],
        size: int | AdaptiveSize = 100,
        max_wait: float = 0.01,
        *,
        by: Callable[[A], object] | None = None,
        key: Callable[[A], object] | None = None,
    ) -> AsyncFlow[[A], T]:
        """Give the flow of one item that this flow of a list makes: callers at the same time share one call."""

    @overload
    def chunk(  # type: ignore[misc] # the one value is a list
        self: Callable[[list[A]], Later[Sequence[T]]],
        size: int = 100,
        concurrency: int | None = None,
        *,
        weigh: Callable[[A], float] | None = None,
        max_weight: float | None = None,
        mode: Raise = "raise",
    ) -> AsyncFlow[[Items[A]], list[T]]: ...
    @overload
    def chunk(  # type: ignore[misc] # the one value is a list
        self: Callable[[list[A]], Later[Sequence[T]]],
        size: int = 100,
        concurrency: int | None = None,
        *,
        weigh: Callable[[A], float] | None = None,
        max_weight: float | None = None,
        mode: Collect,
    ) -> AsyncFlow[[Items[A]], list[Outcome[T]]]: ...

class StreamFlow(Flow[[Iterable[A_contra]], Yielded[R_co]]):
    """What `.stream()` of a sync flow gives: over an async iterable, its stream is async.

    See Note [Two colours] in `omnitron.algebra.callables`.
    """

    @overload
    def __call__(self, items: Iterable[A_contra], /) -> Yielded[R_co]: ...
    @overload
    def __call__(self, items: AsyncIterable[A_contra], /) -> YieldedLater[R_co]: ...
    @overload
    def acall(self, items: Iterable[A_contra], /) -> Coroutine[Any, Any, Yielded[R_co]]: ...
    @overload
    def acall(self, items: AsyncIterable[A_contra], /) -> Coroutine[Any, Any, YieldedLater[R_co]]: ...
    @overload  # type: ignore[override] # a row of two streams stands first
    def pipe(self, next: StreamFlow[R_co, U], /) -> StreamFlow[A_contra, U]: ...  # type: ignore[overload-overlap]
    @overload
    def pipe(self, next: Flow[[Items[R_co]], U], /) -> Flow[[Items[A_contra]], U]: ...  # type: ignore[overload-overlap]
    @overload
    def pipe(self, next: AsyncFlow[[Items[R_co]], U], /) -> AsyncFlow[[Items[A_contra]], U]: ...  # type: ignore[overload-overlap]
    @overload
    def pipe(self, next: Callable[[Yielded[R_co]], Untyped], /) -> Flow[[Iterable[A_contra]], Any]: ...
    @overload
    def pipe(self, next: Callable[[Yielded[R_co]], Later[U]], /) -> AsyncFlow[[Iterable[A_contra]], U]: ...  # type: ignore[overload-overlap]
    @overload
    def pipe(self, next: Callable[[Yielded[R_co]], U], /) -> Flow[[Iterable[A_contra]], U]: ...
    @overload
    def pipe(self, next: Callable[[YieldedLater[R_co]], Later[U]], /) -> AsyncFlow[[AsyncIterable[A_contra]], U]: ...  # type: ignore[overload-overlap]
    @overload
    def pipe(self, next: Callable[[YieldedLater[R_co]], U], /) -> Flow[[AsyncIterable[A_contra]], U]: ...
    @overload  # type: ignore[override] # a row of two streams stands first
    def __or__(self, next: StreamFlow[R_co, U], /) -> StreamFlow[A_contra, U]: ...  # type: ignore[overload-overlap]
    @overload
    def __or__(self, next: Flow[[Items[R_co]], U], /) -> Flow[[Items[A_contra]], U]: ...  # type: ignore[overload-overlap]
    @overload
    def __or__(self, next: AsyncFlow[[Items[R_co]], U], /) -> AsyncFlow[[Items[A_contra]], U]: ...  # type: ignore[overload-overlap]
    @overload
    def __or__(self, next: Callable[[Yielded[R_co]], Untyped], /) -> Flow[[Iterable[A_contra]], Any]: ...
    @overload
    def __or__(self, next: Callable[[Yielded[R_co]], Later[U]], /) -> AsyncFlow[[Iterable[A_contra]], U]: ...  # type: ignore[overload-overlap]
    @overload
    def __or__(self, next: Callable[[Yielded[R_co]], U], /) -> Flow[[Iterable[A_contra]], U]: ...
    @overload
    def __or__(self, next: Callable[[YieldedLater[R_co]], Later[U]], /) -> AsyncFlow[[AsyncIterable[A_contra]], U]: ...  # type: ignore[overload-overlap]
    @overload
    def __or__(self, next: Callable[[YieldedLater[R_co]], U], /) -> Flow[[AsyncIterable[A_contra]], U]: ...
    @overload
    def __ror__(self, other: Callable[Q, Untyped], /) -> Flow[Q, Any]: ...
    @overload
    def __ror__(self, other: Callable[Q, Later[Iterable[A_contra]]], /) -> AsyncFlow[Q, Yielded[R_co]]: ...
    @overload
    def __ror__(self, other: Callable[Q, Later[AsyncIterable[A_contra]]], /) -> AsyncFlow[Q, YieldedLater[R_co]]: ...
    @overload
    def __ror__(self, other: Callable[Q, Iterable[A_contra]], /) -> Flow[Q, Yielded[R_co]]: ...
    @overload
    def __ror__(self, other: Callable[Q, AsyncIterable[A_contra]], /) -> Flow[Q, YieldedLater[R_co]]: ...
