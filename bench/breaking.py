"""Rows of circuit breakers where nothing fails. The timed objects are then shown to open, and to be tried again.

Read next: `bench.rows`, whose table these rows join.
"""

from collections.abc import Awaitable, Callable
from importlib.util import find_spec
from threading import Lock
from time import monotonic

from bench.measure import Sample, timed, timed_async
from bench.promises import Proof, require
from bench.rows import Row, Settings, Subjects, compared
from bench.work import add, add_soon
from omnitron import CircuitBreaker, CircuitOpen, flow

breaker = CircuitBreaker(5)
guarded, guarded_soon = flow(add).circuit_breaker(breaker), flow(add_soon).circuit_breaker(breaker)
weighed = flow(add).circuit_breaker(share=0.5, window=100)


class Refused(Exception):
    """What a breaker by hand raises."""


class ByHand:
    """A breaker of failures in a row, under a lock.

    Lacks: probes one at a time, cancellation that counts for nothing, results of calls that began before a change,
    several clocks, forks, shares of windows, slow calls, events, control by hand, hooks, notes.
    """

    def __init__(self) -> None:
        self.lock, self.failed, self.until = Lock(), 0, 0.0

    def wrap(self, function: Callable[[int], int]) -> Callable[[int], int]:
        """Guard a function."""

        def call(value: int) -> int:
            if self.until and monotonic() < self.until:
                raise Refused
            try:
                result = function(value)
            except Exception:
                with self.lock:
                    self.failed += 1
                    if self.failed >= 5:
                        self.until = monotonic() + 30
                raise
            with self.lock:
                self.failed, self.until = 0, 0.0
            return result

        return call

    def wrap_soon(self, function: Callable[[int], Awaitable[int]]) -> Callable[[int], Awaitable[int]]:
        """Guard an async function; one loop needs no lock."""

        async def call(value: int) -> int:
            if self.until and monotonic() < self.until:
                raise Refused
            try:
                result = await function(value)
            except Exception:
                self.failed += 1
                if self.failed >= 5:
                    self.until = monotonic() + 30
                raise
            self.failed, self.until = 0, 0.0
            return result

        return call


def peers() -> tuple[dict[str, Sample | None], Callable[[int], Awaitable[int]] | None]:
    """The same by pybreaker, which is sync, and by purgatory, which is async, where they are installed."""
    found: dict[str, Sample | None] = {"pybreaker": None}
    if find_spec("pybreaker") is not None:
        import pybreaker

        found["pybreaker"] = timed("call(1)", call=pybreaker.CircuitBreaker(fail_max=5, reset_timeout=30)(add))
    later = None
    if find_spec("purgatory") is not None:
        from purgatory import AsyncCircuitBreakerFactory

        factory = AsyncCircuitBreakerFactory(default_threshold=5, default_ttl=30)
        later = factory("side")(add_soon)
    return found, later


def breaking(settings: Settings, subjects: Subjects, proof: Proof) -> list[Row]:
    """Measure, then show."""
    hand, runner = ByHand(), settings.runner
    others, later = peers()
    by_hand = ("by hand", timed("call(1)", call=hand.wrap(add)), ByHand)
    table = [
        compared(
            settings,
            "circuit breaker, sync, nothing failing",
            None,
            timed("call(1)", call=guarded),
            by_hand,
            others=others,
        ),
        compared(
            settings,
            "circuit breaker, sync, a window of 100 calls",
            None,
            timed("call(1)", call=weighed),
            by_hand,
        ),
        compared(
            settings,
            "circuit breaker, async, nothing failing",
            None,
            timed_async(runner, "await call(1)", call=guarded_soon),
            ("by hand", timed_async(runner, "await call(1)", call=hand.wrap_soon(add_soon)), ByHand),
            others={"purgatory": None if later is None else timed_async(runner, "await call(1)", call=later)},
        ),
    ]
    proof.show("circuit breaker: opens after five failures, for both colours, and closes again", shows_breaker)
    return table


def shows_breaker(proof: Proof) -> None:
    """The flows that were timed share it."""
    for _ in range(5):
        try:
            guarded("no number")  # type: ignore[arg-type]
        except TypeError:
            continue
    require(breaker.state == "open", f"it is {breaker.state} after five failures")

    async def later() -> None:
        await guarded_soon(1)

    for call in (lambda: guarded(1), lambda: proof.runner.run(later())):
        try:
            call()
        except CircuitOpen as error:
            require((error.retry_after or 0) > 29, f"it says {error.retry_after} s")
        else:
            require(False, "it let a call through")
    breaker.close()
    require(guarded(1) == 2, "it did not close")
