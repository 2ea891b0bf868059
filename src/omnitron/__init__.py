"""Omnitron: ordinary Python functions that compose and that can be looked into.

    >>> from omnitron import flow
    >>> @flow
    ... def double(x: int) -> int:
    ...     return 2 * x
    >>> (double | str)(21)
    '42'

Start with `flow`; combine by `|`, `parallel`, `gather`, `when`, `try_with`, `.each`; run inside a `context`.
"""

from typing import TYPE_CHECKING, Any

from omnitron.algebra import (
    AsyncFlow,
    Flow,
    flow,
    gather,
    identity,
    parallel,
    rewrite,
    sequence,
    try_with,
    walk,
    when,
)
from omnitron.errors import (
    BatchError,
    BulkheadFull,
    CircuitOpen,
    DeadlineExceeded,
    DefinitionError,
    InvalidValue,
    LimitReached,
    MissingCapability,
    MissingExtra,
    MissingKey,
    MissingNeed,
    NoMatch,
    NoRun,
    NotEnough,
    OmnitronError,
    PolicyWarning,
    RateLimited,
    RemoteError,
    RunCancelled,
    SelfWait,
    TimedOut,
    Unpicklable,
    WorkerLost,
    WorkerStartFailed,
)
from omnitron.model import (
    CacheStorage,
    Call,
    CallAnswered,
    CallFailed,
    CallFinished,
    CallStarted,
    Capability,
    Clock,
    Effect,
    Event,
    Executor,
    Failure,
    FlowExample,
    FlowMeta,
    Guard,
    Inputs,
    ItemYielded,
    LimitStorage,
    Objective,
    Observer,
    Ok,
    Outcome,
    PolicyChanged,
    Random,
    Replace,
    Secret,
    StoredValue,
    StreamEnd,
)
from omnitron.runtime import Context, Key, Resource, context, current_context, current_step, needs, resource

if TYPE_CHECKING:
    from omnitron.algebra import WorstCase, by_type, choose, fallback, keep, loop, race, rebuild, tap, worst_case
    from omnitron.policy import (
        Adaptive,
        Bulkhead,
        Cache,
        CircuitBreaker,
        Hedge,
        RateLimit,
        Retry,
        RetryBudget,
        Schedule,
        Stack,
        Timeout,
    )
    from omnitron.runtime import Config, EventLog, Hooks, Run, RunFilter, Span, Tracing
    from omnitron.store import SQLiteLimits, SQLiteStore

__version__ = "0.1.0"

LATER = {
    "Adaptive": "policy",
    "Bulkhead": "policy",
    "Cache": "policy",
    "CircuitBreaker": "policy",
    "Config": "runtime",
    "EventLog": "runtime",
    "Hedge": "policy",
    "Hooks": "runtime",
    "RateLimit": "policy",
    "Retry": "policy",
    "RetryBudget": "policy",
    "Run": "runtime",
    "RunFilter": "runtime",
    "SQLiteLimits": "store",
    "SQLiteStore": "store",
    "Schedule": "policy",
    "Span": "runtime",
    "Stack": "policy",
    "Timeout": "policy",
    "Tracing": "runtime",
    "WorstCase": "algebra",
    "by_type": "algebra",
    "choose": "algebra",
    "fallback": "algebra",
    "keep": "algebra",
    "loop": "algebra",
    "race": "algebra",
    "rebuild": "algebra",
    "tap": "algebra",
    "worst_case": "algebra",
}
"""What is imported when it is first touched, by its room."""

__all__ = [
    "Adaptive",
    "AsyncFlow",
    "Bulkhead",
    "BulkheadFull",
    "Cache",
    "CacheStorage",
    "Call",
    "CallAnswered",
    "CallFailed",
    "CallFinished",
    "CallStarted",
    "Capability",
    "CircuitBreaker",
    "CircuitOpen",
    "Clock",
    "Config",
    "Context",
    "BatchError",
    "DeadlineExceeded",
    "DefinitionError",
    "Effect",
    "Event",
    "EventLog",
    "Executor",
    "Failure",
    "Flow",
    "FlowExample",
    "FlowMeta",
    "Guard",
    "Hedge",
    "Hooks",
    "Inputs",
    "InvalidValue",
    "ItemYielded",
    "Key",
    "LimitReached",
    "LimitStorage",
    "MissingCapability",
    "MissingExtra",
    "MissingKey",
    "MissingNeed",
    "NoMatch",
    "NoRun",
    "NotEnough",
    "Objective",
    "Observer",
    "Ok",
    "OmnitronError",
    "Outcome",
    "PolicyChanged",
    "PolicyWarning",
    "Random",
    "RateLimit",
    "RateLimited",
    "RemoteError",
    "Replace",
    "Resource",
    "Retry",
    "RetryBudget",
    "Run",
    "RunCancelled",
    "RunFilter",
    "Schedule",
    "Secret",
    "SelfWait",
    "SQLiteLimits",
    "SQLiteStore",
    "Span",
    "Stack",
    "StoredValue",
    "StreamEnd",
    "TimedOut",
    "Timeout",
    "Tracing",
    "Unpicklable",
    "WorkerLost",
    "WorkerStartFailed",
    "WorstCase",
    "__version__",
    "by_type",
    "choose",
    "context",
    "current_context",
    "current_step",
    "fallback",
    "flow",
    "gather",
    "identity",
    "keep",
    "loop",
    "needs",
    "parallel",
    "race",
    "rebuild",
    "resource",
    "rewrite",
    "sequence",
    "tap",
    "try_with",
    "walk",
    "when",
    "worst_case",
]


def __getattr__(name: str) -> Any:
    room = LATER.get(name)
    if room is None:
        raise AttributeError(f"module 'omnitron' has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(f"omnitron.{room}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *LATER})
