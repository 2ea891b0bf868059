"""What counts calls for several processes: the protocol of the storage of rate limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["LimitStorage"]


class LimitStorage(Protocol):
    """Where `.rate_limit(store=...)` counts beside the process. Its method is sync, or async. Several threads call it."""

    def take(
        self, key: str, kind: str, count: int, per: float, burst: int, now: Callable[[], float], /
    ) -> Awaitable[float] | float:
        """Take a permit if there is one, in one step that no other process comes between.

        Args:
            key: a short printable text that tells one limit from another; it is another one for other numbers.
            kind: "bucket" or "window".
            count, per, burst: the numbers of the limit.
            now: gives the wall time in seconds; to be asked once nobody else can come between.

        Returns:
            0.0 when a permit was taken; else after how many seconds there may be one.
        """
        ...
