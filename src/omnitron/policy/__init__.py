"""Policies: values that say how a flow is called, and the machines behind them. They know no flow.

No machine here waits, reads a clock or draws a random number: time and chance come in as arguments, so that each can be
tested without waiting. What drives them stands in `omnitron.algebra` (sync and async, two thin drivers over one machine).
"""

from typing import TYPE_CHECKING, Any

from omnitron.policy.defaults import (
    ATTEMPTS,
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
    from omnitron.policy.adapting import Adaptive, AdaptiveInfo, Shift
    from omnitron.policy.asked import retry_after
    from omnitron.policy.bounds import last_start, most_attempts, usual_waits
    from omnitron.policy.breakers import (
        CLOSED,
        HALF_OPEN,
        OPEN,
        Breaker,
        BreakerCell,
        BreakerInfo,
        CircuitBreaker,
        valve,
    )
    from omnitron.policy.budgets import RetryBudget
    from omnitron.policy.bulkheads import Bulkhead, BulkheadCell, BulkheadInfo
    from omnitron.policy.caches import Cache, CacheCell
    from omnitron.policy.coding import Coding
    from omnitron.policy.entries import Book, CacheInfo, Entry, Space
    from omnitron.policy.explaining import CacheExplanation, explain
    from omnitron.policy.flights import BROKEN, FAILED, FLYING, LANDED, Flight, chain_of, gate
    from omnitron.policy.hedges import Hedge, HedgeCell, HedgeInfo, Starts
    from omnitron.policy.keys import PLAIN, Former, Same
    from omnitron.policy.limits import Lane, RateCell, RateInfo, RateLimit
    from omnitron.policy.permits import Bucket, Sliding, until
    from omnitron.policy.retries import Backoff, Retry, Tries
    from omnitron.policy.schedules import LONGEST_S, Jitter, Moment, Schedule, Seconds, check_seconds
    from omnitron.policy.sizing import AdaptiveSize, Sizer
    from omnitron.policy.stacks import EitherColour, PolicyValue, Stack
    from omnitron.policy.timeouts import Timeout
    from omnitron.policy.turns import Turns, Waiter, door
    from omnitron.policy.windows import Window, answers_of, check_window, same_key

LAZY = {
    "Adaptive": "adapting",
    "AdaptiveInfo": "adapting",
    "AdaptiveSize": "sizing",
    "Sizer": "sizing",
    "BROKEN": "flights",
    "Backoff": "retries",
    "Book": "entries",
    "Breaker": "breakers",
    "BreakerCell": "breakers",
    "BreakerInfo": "breakers",
    "Bucket": "permits",
    "Bulkhead": "bulkheads",
    "BulkheadCell": "bulkheads",
    "BulkheadInfo": "bulkheads",
    "CLOSED": "breakers",
    "Cache": "caches",
    "CacheCell": "caches",
    "CacheExplanation": "explaining",
    "CacheInfo": "entries",
    "CircuitBreaker": "breakers",
    "Coding": "coding",
    "EitherColour": "stacks",
    "Entry": "entries",
    "FAILED": "flights",
    "FLYING": "flights",
    "Flight": "flights",
    "Former": "keys",
    "Hedge": "hedges",
    "HedgeCell": "hedges",
    "HedgeInfo": "hedges",
    "Jitter": "schedules",
    "LANDED": "flights",
    "LONGEST_S": "schedules",
    "Lane": "limits",
    "Moment": "schedules",
    "HALF_OPEN": "breakers",
    "OPEN": "breakers",
    "PLAIN": "keys",
    "PolicyValue": "stacks",
    "RateCell": "limits",
    "RateInfo": "limits",
    "RateLimit": "limits",
    "Retry": "retries",
    "RetryBudget": "budgets",
    "Same": "keys",
    "Schedule": "schedules",
    "Seconds": "schedules",
    "Shift": "adapting",
    "Sliding": "permits",
    "Space": "entries",
    "Stack": "stacks",
    "Starts": "hedges",
    "Timeout": "timeouts",
    "Tries": "retries",
    "Turns": "turns",
    "Waiter": "turns",
    "Window": "windows",
    "answers_of": "windows",
    "chain_of": "flights",
    "check_seconds": "schedules",
    "check_window": "windows",
    "door": "turns",
    "explain": "explaining",
    "gate": "flights",
    "last_start": "bounds",
    "most_attempts": "bounds",
    "retry_after": "asked",
    "same_key": "windows",
    "until": "permits",
    "usual_waits": "bounds",
    "valve": "breakers",
}
"""What is imported when it is first touched, by the module that holds it."""

__all__ = [
    "WINDOW",
    "OPEN_FOR_S",
    "FAILURES",
    "valve",
    "CircuitBreaker",
    "BreakerInfo",
    "BreakerCell",
    "Breaker",
    "OPEN",
    "HALF_OPEN",
    "CLOSED",
    "ATTEMPTS",
    "BROKEN",
    "DELAY_S",
    "EitherColour",
    "FAILED",
    "FLYING",
    "HEDGES",
    "HEDGE_BUDGET",
    "LANDED",
    "LONGEST_S",
    "MAX_DELAY_S",
    "MAX_ENTRIES",
    "MAX_WAIT_S",
    "PLAIN",
    "PolicyValue",
    "SIZE",
    "Adaptive",
    "AdaptiveInfo",
    "AdaptiveSize",
    "Sizer",
    "Backoff",
    "Book",
    "Bucket",
    "Bulkhead",
    "BulkheadCell",
    "BulkheadInfo",
    "Cache",
    "CacheCell",
    "CacheExplanation",
    "CacheInfo",
    "Coding",
    "Entry",
    "Flight",
    "Former",
    "Hedge",
    "HedgeCell",
    "HedgeInfo",
    "Jitter",
    "Lane",
    "Moment",
    "RateCell",
    "RateInfo",
    "RateLimit",
    "Retry",
    "RetryBudget",
    "Same",
    "Schedule",
    "Seconds",
    "Shift",
    "Sliding",
    "Space",
    "Stack",
    "Starts",
    "Timeout",
    "Tries",
    "Turns",
    "Waiter",
    "Window",
    "answers_of",
    "chain_of",
    "check_seconds",
    "check_window",
    "door",
    "explain",
    "gate",
    "last_start",
    "most_attempts",
    "retry_after",
    "same_key",
    "usual_waits",
    "until",
]


def __getattr__(name: str) -> Any:
    module = LAZY.get(name)
    if module is None:
        raise AttributeError(f"module 'omnitron.policy' has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(f"omnitron.policy.{module}"), name)
    return value
