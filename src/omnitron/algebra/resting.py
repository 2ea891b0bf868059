"""How a store that does not work is treated, by caches and by limits: told now and then, and left alone for a while."""

from __future__ import annotations

__all__ = ["SILENT_S", "rest_s"]

SILENT_S = 60.0
"""What a store does wrong is logged once in so many seconds."""
REST = 10
"""How many times as long as a slow failure took a store is left alone."""
SLOW_S = 0.01
"""What fails faster than this is asked again at once."""


def rest_s(took: float) -> float:
    """Give for how long a store is not asked that has just taken so many seconds to fail.

    On an event loop everything stands still while a sync store waits for a lock, say, and where callers stand in a line
    each would wait as long; so at most a tenth of the time is spent on it.
    """
    return 0.0 if took < SLOW_S else min(REST * took, SILENT_S)
