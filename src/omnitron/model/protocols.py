"""What upper rooms implement and a context carries: one protocol a concern, each as small as it can be."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from datetime import datetime

    from omnitron.model.events import Call, Event, Replace

__all__ = ["Clock", "Executor", "Guard", "Observer", "Random"]


class Clock(Protocol):
    """The time of a run. The default one reads the machine; those of `omnitron.testing` are the test's.

    A clock without `wait` is taken too, as long as no sync flow has to wait.
    """

    def monotonic(self) -> float:
        """Give seconds from an arbitrary start; never goes back."""
        ...

    def now(self) -> datetime:
        """Give the wall time, aware of its zone."""
        ...

    async def sleep(self, delay: float) -> None:
        """Suspend the task for `delay` seconds of this clock."""
        ...

    def wait(self, seconds: float) -> None:
        """Block the thread for `seconds` of this clock."""
        ...


class Random(Protocol):
    """The randomness of a run; `random.Random` satisfies it."""

    def random(self) -> float:
        """Give a float in [0, 1)."""
        ...

    def getrandbits(self, k: int, /) -> int:
        """Give an int of `k` random bits."""
        ...


class Observer(Protocol):
    """Who watches a run. It never changes a result: what it raises is logged and dropped."""

    def observe(self, event: Event, /) -> Awaitable[None] | None:
        """Take one event. An awaitable is awaited around async flows; over sync flows it is refused."""
        ...


class Guard(Protocol):
    """Who may refuse or replace a call, before it runs and before observers see it start."""

    def check(self, call: Call, /) -> Replace | None:
        """Give None to let the call run or `Replace(value)` to stand in for it; raise to refuse."""
        ...


class Executor(Protocol):
    """Who runs flows in other places; found in the context for `.on(place)`."""

    async def execute(self, place: str, flow: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run `flow(*args, **kwargs)` at `place` and give its result."""
        ...
