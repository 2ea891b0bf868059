"""`Policed`: the methods of every flow that put a policy over it. Each loads its node when it is first called."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self, TypeVar

from omnitron.algebra.ordering import ordered
from omnitron.errors import DefinitionError
from omnitron.policy import (
    DELAY_S,
    FAILURES,
    HEDGE_BUDGET,
    HEDGES,
    MAX_DELAY_S,
    MAX_ENTRIES,
    MAX_WAIT_S,
    OPEN_FOR_S,
    SIZE,
    WINDOW,
)

if TYPE_CHECKING:
    from omnitron.algebra.kept import Kept
    from omnitron.algebra.node import Node
    from omnitron.model import CacheStorage, LimitStorage
    from omnitron.policy import (
        AdaptiveSize,
        Backoff,
        Bulkhead,
        Cache,
        CircuitBreaker,
        Hedge,
        Jitter,
        PolicyValue,
        RateLimit,
        Retry,
        RetryBudget,
        Schedule,
        Seconds,
        Stack,
        Timeout,
    )

__all__ = ["Policed"]


class Policed:
    """What refines how often, how long and how anew a flow runs. A policy adds no segment to a path."""

    __slots__ = ()

    if TYPE_CHECKING:

        @property
        def node(self) -> Node:
            """The tree."""

    def retry(
        self,
        attempts: int | Retry | None = None,
        delay: Seconds | None = None,
        backoff: Backoff | Schedule = "exponential",
        on: type[Exception] | tuple[type[Exception], ...] | Callable[[Exception], bool] = Exception,
        *,
        jitter: Jitter | None = None,
        max_delay: Seconds = MAX_DELAY_S,
        deadline: Seconds | None = None,
        budget: RetryBudget | None = None,
        idempotent: bool = False,
    ) -> Self:
        """Give this flow tried again when it fails. The last attempt's exception leaves, with a note that counts them.

        Cancellation, `KeyboardInterrupt` and other ends of a program are never caught. An error that asks to wait
        (`retry_after`, or a header Retry-After; see docs/retry.md) is waited for. Nothing is tried again whose next attempt
        would begin after the context's deadline, nor whose input is an iterator, which the first attempt has read.

        Args:
            attempts: how many at most, the first included: 3; or a `Retry`, alone.
            delay: seconds before the second attempt: 0.1.
            backoff: "exponential" (each delay twice the one before), "linear", "fibonacci", "fixed", or a `Schedule`.
            on: after which errors: an exception type, a tuple of them, or a predicate of the exception.
            jitter: "full" (each delay is drawn from 0 to it), "equal" (from half of it), or "none".
            max_delay: no wait is longer, in seconds.
            deadline: seconds from the start of the first attempt after which none starts.
            budget: a `RetryBudget`, shared by callers.
            idempotent: says that doing it twice does no harm; asked for where the flow declares `Effect.WRITE`.

        Raises:
            DefinitionError, InvalidValue: a wrong option, a flow that declares a write, or a stream that reads as it goes.
        """
        from omnitron.algebra.retrying import Retrying
        from omnitron.policy import Retry

        options = {
            "delay": delay, "backoff": backoff, "on": on, "jitter": jitter, "max_delay": max_delay,
            "deadline": deadline, "budget": budget, "idempotent": idempotent,
        }  # fmt: skip
        if not isinstance(attempts, Retry):
            return refined(self, Retrying.of(self.node, Retry(attempts, **options)))  # type: ignore[arg-type]
        check_alone("retry", options, Retry())
        return refined(self, Retrying.of(self.node, attempts))

    def cache(
        self,
        ttl: float | Cache | None,
        max_entries: int = MAX_ENTRIES,
        *,
        key: Callable[..., Any] | None = None,
        store: CacheStorage | None = None,
        stale_while_revalidate: float = 0,
        ttl_on_error: float | None = None,
        mode: str = "default",
        version: str | None = None,
    ) -> Self:
        """Give this flow with its results kept: a call like one before is answered with what that gave.

        Of calls at once, in tasks and threads, one computes and the others wait for it. What is given again is the same
        object: do not change it. Calls are told apart by type and value of their arguments, and by the values of the keys
        that the flow needs; see docs/cache.md for what can stand in a key.

        Args:
            ttl: seconds for which a result is given; None for no end; or a `Cache`, alone.
            max_entries: how many are kept at most; those that were not used lately go.
            key: takes the arguments, gives what tells one call from another.
            store: where results are kept beside this process.
            stale_while_revalidate: seconds after `ttl` in which the old result is given while a new one is computed.
            ttl_on_error: seconds for which an exception is kept and raised again.
            mode: "default", "recompute" (never read, always write), "disable" (pass through), or "ignore" (as if this were
                not written, also for a cache around it).
            version: of the code; results of another one are not given.

        Raises:
            DefinitionError, InvalidValue: a wrong option; a flow that gives a stream, declares a write or randomness, or
                needs what no key can hold.
            SelfWait: (when it runs) the flow asks for the result that it is computing.
        """
        from omnitron.algebra.caching import Cached
        from omnitron.policy import Cache

        options: dict[str, Any] = {
            "max_entries": max_entries, "key": key, "store": store, "stale_while_revalidate": stale_while_revalidate,
            "ttl_on_error": ttl_on_error, "mode": mode, "version": version,
        }  # fmt: skip
        if not isinstance(ttl, Cache):
            return refined(self, Cached.of(self.node, Cache(ttl, **options)))
        check_alone("cache", options, Cache(None))
        return refined(self, Cached.of(self.node, ttl))

    def rate_limit(
        self,
        count: int | RateLimit,
        per: Seconds = 1.0,
        *,
        kind: str = "bucket",
        burst: int | None = None,
        wait: bool = True,
        max_wait: Seconds | None = None,
        key: Callable[..., Any] | None = None,
        store: LimitStorage | None = None,
        name: str | None = None,
    ) -> Self:
        """Give this flow called so often at most: a call waits for its permit, in the order in which they came.

        A call whose permit would come after the context's deadline is refused at once. Who is cancelled while it waits
        takes no permit along. Flows that are given the same `RateLimit` share its permits.

        Args:
            count: how many calls; or a `RateLimit`, alone.
            per: in how many seconds.
            kind: "bucket" (`burst` at once, then one every `per / count` seconds), or "window" (never more than `count` in
                any `per` seconds).
            burst: how many a bucket that was idle lets pass at once; left out, `count`.
            wait: False refuses with `RateLimited` in the place of waiting; its `retry_after` says for how long.
            max_wait: seconds; a call that would have to wait longer is refused at once.
            key: takes the arguments; calls for which it gives different values have limits of their own.
            store: what counts for several processes, for example `SQLiteLimits("limits.db")`.
            name: of the limit in its store.

        Raises:
            DefinitionError, InvalidValue: a wrong option, or a flow that gives a stream.
            RateLimited: (when it runs) the permit would come too late.
        """
        from omnitron.algebra.limiting import Limited
        from omnitron.policy import RateLimit

        options: dict[str, Any] = {
            "per": per, "kind": kind, "burst": burst, "wait": wait, "max_wait": max_wait, "key": key, "store": store,
            "name": name,
        }  # fmt: skip
        if not isinstance(count, RateLimit):
            return refined(self, Limited.of(self.node, RateLimit(count, **options)))
        check_alone("rate_limit", options, RateLimit(1))
        return refined(self, Limited.of(self.node, count))

    def bulkhead(self, limit: int | Bulkhead, queue: int | None = None, *, max_wait: Seconds | None = None) -> Self:
        """Give this flow run so many times at once at most: more calls wait, in the order in which they came.

        A place is given back on every way out. Flows that are given the same `Bulkhead` share its places.

        Args:
            limit: how many calls run at once; or a `Bulkhead`, alone.
            queue: how many more wait; who comes then is refused at once with `BulkheadFull`. None for no bound.
            max_wait: seconds; who has waited so long is refused then.

        Raises:
            DefinitionError, InvalidValue: a wrong option, or a flow that gives a stream.
            BulkheadFull: (when it runs) there is no room.
            SelfWait: (when it runs) all calls that run wait, in the course of it, for one more place.
        """
        from omnitron.algebra.bulkheading import Bulkheaded
        from omnitron.policy import Bulkhead

        if not isinstance(limit, Bulkhead):
            return refined(self, Bulkheaded.of(self.node, Bulkhead(limit, queue, max_wait=max_wait)))
        check_alone("bulkhead", {"queue": queue, "max_wait": max_wait}, Bulkhead(1))
        return refined(self, Bulkheaded.of(self.node, limit))

    def circuit_breaker(
        self,
        failures: int | CircuitBreaker = FAILURES,
        *,
        share: float | None = None,
        window: int = WINDOW,
        within: Seconds | None = None,
        minimum: int = 10,
        slow: Seconds | None = None,
        on: type[Exception] | tuple[type[Exception], ...] | Callable[[Exception], bool] = Exception,
        open_for: Seconds = OPEN_FOR_S,
        probes: int = 1,
    ) -> Self:
        """Give this flow refused for a while when it keeps failing: a call raises `CircuitOpen`, and nothing runs.

        After `open_for` seconds it lets `probes` calls through, and closes if all of them succeed. What is cancelled
        counts for nothing. Flows that are given the same `CircuitBreaker` are refused together.

        Args:
            failures: it opens when so many calls in a row have failed; or a `CircuitBreaker`, alone.
            share: it opens when this share of the calls in the window has failed, from above 0 to 1.
            window: the last so many calls.
            within: or those of the last so many seconds.
            minimum: how many calls have to be in the window before it opens.
            slow: seconds; a call that takes longer counts as failed.
            on: which exceptions count: a type, a tuple of them, or a predicate. Others count as successes.
            open_for: for how many seconds it refuses.
            probes: how many calls it lets through then.

        Raises:
            DefinitionError, InvalidValue: a wrong option, or a flow that gives a stream.
            CircuitOpen: (when it runs) it is open. Its `retry_after` says for how long.
        """
        from omnitron.algebra.breaking import Breaking
        from omnitron.policy import CircuitBreaker

        options: dict[str, Any] = {
            "share": share, "window": window, "within": within, "minimum": minimum, "slow": slow, "on": on,
            "open_for": open_for, "probes": probes,
        }  # fmt: skip
        if not isinstance(failures, CircuitBreaker):
            return refined(self, Breaking.of(self.node, CircuitBreaker(failures, **options)))
        check_alone("circuit_breaker", options, CircuitBreaker())
        return refined(self, Breaking.of(self.node, failures))

    @property
    def breaker(self) -> CircuitBreaker:
        """The circuit breaker of this flow: to open, close and isolate it, for its `state` and `info()`.

        Raises:
            MissingPart: it has none.
        """
        from omnitron.algebra.breaking import breaker_in

        return breaker_in(self.node).policy()

    @property
    def cached(self) -> Kept:
        """What the cache of this flow has kept: to invalidate, refresh, clear and explain.

        Raises:
            MissingPart: nothing that takes this flow's arguments is cached.
        """
        from omnitron.algebra.kept import Kept, cached_in

        return Kept(cached_in(self.node))

    if not TYPE_CHECKING:  # the checkers see those of each colour, in `omnitron.algebra.views`

        def timeout(self, seconds: Seconds | Timeout | None = None, *, idle: Seconds | None = None) -> Self:
            """Give this async flow with a bound on its time: what takes longer is cancelled, and its clean-up awaited.

            A sync flow is refused: put it elsewhere first, by `.on("process")`, which ends the work, or `.on("thread")`,
            which abandons it. The context's deadline holds beside it, whichever is over first.

            Args:
                seconds: for a whole call; of an async stream from when its first item is asked for to its end. Or a
                    `Timeout`, alone.
                idle: for each item of an async stream, from when it is asked for.

            Raises:
                DefinitionError, InvalidValue: the flow is sync, or a bound is no positive number of seconds.
                TimedOut: (when it runs) its time is over. It is a `TimeoutError`.
            """
            from omnitron.policy import Timeout

            if not isinstance(seconds, Timeout):
                return self.apply(Timeout(seconds, idle=idle))
            if idle is not None:
                raise DefinitionError("timeout takes a `Timeout` alone, got `idle` beside it.")
            return self.apply(seconds)

        def hedge(
            self,
            delay: Seconds | Hedge = DELAY_S,
            at_most: int = HEDGES,
            *,
            percentile: float | None = None,
            minimum: Seconds = 0.0,
            on: type[Exception] | tuple[type[Exception], ...] | Callable[[Exception], bool] = Exception,
            budget: float | RetryBudget | None = HEDGE_BUDGET,
            idempotent: bool = False,
        ) -> Self:
            """Give this async flow with a second attempt beside a slow first one: the first result is the result.

            The other attempts are cancelled and awaited before it leaves. An attempt that fails is followed by another at
            once, if one is left; where all fail, the error of the last to fail leaves, with a note that counts them and one
            that lists the others. An input that is an iterator is read once, so that there is no second attempt.

            Args:
                delay: seconds without a result after which another attempt starts; with `percentile`, until enough calls
                    were measured. Or a `Hedge`, alone.
                at_most: how many attempts a call has at most, the first included.
                percentile: take for the delay what this share of the last 128 calls did not exceed, 0.95 for example.
                minimum: with `percentile`, the shortest delay.
                on: after which errors another attempt starts at once; any other error leaves, and ends those beside it.
                budget: how many hedges a call earns, over all calls, beside ten in reserve; or a `RetryBudget` that others
                    share; None for no bound.
                idempotent: says that doing it twice does no harm; asked for where the flow declares `Effect.WRITE`.

            Raises:
                DefinitionError, InvalidValue: a wrong option, a sync flow, a stream, or a flow that declares a write.
            """
            from omnitron.policy import Hedge

            options: dict[str, Any] = {
                "at_most": at_most, "percentile": percentile, "minimum": minimum, "on": on, "budget": budget,
                "idempotent": idempotent,
            }  # fmt: skip
            if not isinstance(delay, Hedge):
                return self.apply(Hedge(delay, **options))
            check_alone("hedge", options, Hedge())
            return self.apply(delay)

        def batch(
            self,
            size: int | AdaptiveSize = SIZE,
            max_wait: float = MAX_WAIT_S,
            *,
            by: Callable[[Any], Any] | None = None,
            key: Callable[[Any], Any] | None = None,
        ) -> Any:
            """Give the flow of one item that this flow of a list makes: callers at the same time share one call.

            The list has the items in the order in which they came, the same item once; the result has one member for each,
            in that order. An exception instance among them is raised for that item alone; a result of another length fails
            all who wait, as does an exception of the call, which they share. A caller who is cancelled leaves, and a call
            for which nobody waits is not made, or cancelled and awaited. Callers whose contexts differ in what the flow
            could see never share a call. See docs/batching.md.

            Args:
                size: a call is made once so many items wait; or an `AdaptiveSize`, which follows the time of calls.
                max_wait: or once the first of them has waited so many seconds; or, of an async flow, after two turns of the
                    loop in which nobody joined, of a sync one when all threads of the library around it wait.
                by: what it gives of an item tells calls apart: only items for which it gives the same share one.
                key: of two items for which it gives the same only one is asked for; without it, of two equal items of one
                    type, and those without a hash are never the same.

            Raises:
                DefinitionError, InvalidValue: a wrong option, a flow that is not of one list, or one that needs what is of
                    one run alone and neither `by` nor `key` is given.
                BatchError: (when it runs) the result is no list of the right length, or what ran the call was ended.
            """
            from omnitron.algebra.batching import Batched, Windows

            return flow_of(ordered(Batched(self.node, size, max_wait, by, key, Windows())))

        def chunk(
            self,
            size: int = SIZE,
            concurrency: int | None = None,
            *,
            weigh: Callable[[Any], float] | None = None,
            max_weight: float | None = None,
            mode: str = "raise",
            threads: int | None = None,
        ) -> Any:
            """Give the flow that runs this flow of a list over any iterable, so many items at a time: `each`, in chunks.

            It gives the list of all results in the order of the items. A sync flow runs one chunk after the other, or on
            `threads` threads; an async one at most `concurrency` at once, and takes async iterables too. Items are read
            only as chunks are due. An exception instance in the place of an item is an error of that item, and its note
            tells the index; an error of the call fails its chunk.

            Args:
                size: how many items a chunk has at most.
                concurrency: how many calls of an async flow are on the way at most; 64.
                weigh: gives the weight of an item; goes with `max_weight`.
                max_weight: what the items of a chunk weigh at most. An item that weighs more is alone in its chunk.
                mode: "raise": the first error ends it. "collect": a list of `Ok(value)` and `Failure(error, input, path)`.
                threads: the number of threads for a sync flow.

            Raises:
                DefinitionError, InvalidValue: a wrong option, or a flow that is not of one list.
                BatchError: (when it runs) a result is no list of the right length.
            """
            from omnitron.algebra.chunking import Chunked

            return flow_of(Chunked(self.node, size, concurrency, weigh, max_weight, mode, threads))

        def apply(self, policy: PolicyValue | Stack[Any]) -> Self:
            """Give this flow under a policy, or under those of a stack, its first innermost.

            `f.apply(Retry(...))` is `f.retry(Retry(...))`, and `f.apply(a + b)` is `f.apply(a).apply(b)`. What is given
            to several flows shares its state among them; `policy.fresh()` and `stack.fresh()` share none.

            Raises:
                DefinitionError, InvalidValue: no policy, or one that does not go over this flow.
            """
            from omnitron.algebra.applying import node_of
            from omnitron.policy import Stack

            if not isinstance(policy, Stack):
                return refined(self, node_of(self.node, policy))
            made = self
            for one in policy:
                made = refined(made, node_of(made.node, one))
            return made


F = TypeVar("F")


def refined(flow: F, node: Node) -> F:
    """Give the flow of a node, which is one of the same colour."""
    made: F = flow_of(ordered(node))
    return made


def check_alone(method: str, options: dict[str, Any], default: Any) -> None:
    """Refuse options beside a policy that has them all."""
    for name, value in options.items():
        if value is not getattr(default, name) and value != getattr(default, name):
            kind = type(default).__name__
            raise DefinitionError(
                f"{method} takes a `{kind}` alone, got {name!r} beside it: use `.replace({name}=...)` on it."
            )


def flow_of(node: Node) -> Any:
    """Give the flow of a node."""
    from omnitron.algebra.flows import from_node

    return from_node(node)
