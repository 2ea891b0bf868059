"""Policies: values that say how a flow is called, and the machines behind them. They know no flow.

No machine here waits, reads a clock or draws a random number: time and chance come in as arguments, so that each can be
tested without waiting. What drives them stands in `omnitron.algebra` (sync and async, two thin drivers over one machine).
"""

from omnitron.policy.asked import retry_after
from omnitron.policy.budgets import RetryBudget
from omnitron.policy.retries import ATTEMPTS, MAX_DELAY_S, Backoff, Retry, Tries
from omnitron.policy.schedules import Jitter, Moment, Schedule, Seconds, check_seconds
from omnitron.policy.timeouts import Timeout
from omnitron.policy.windows import MAX_WAIT_S, SIZE, Window, answers_of, check_window, same_key

__all__ = [
    "ATTEMPTS",
    "MAX_DELAY_S",
    "MAX_WAIT_S",
    "SIZE",
    "Backoff",
    "Jitter",
    "Moment",
    "Retry",
    "RetryBudget",
    "Schedule",
    "Seconds",
    "Timeout",
    "Tries",
    "Window",
    "answers_of",
    "check_seconds",
    "check_window",
    "retry_after",
    "same_key",
]
