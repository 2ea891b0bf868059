"""What to do about each error and warning of the library, by its code. docs/errors.md is made of it.

Plain text, and nothing is imported for it but the errors. A code that was given once stays; one whose error is gone
stays as well, and says so. When an error is raised stands in the docstring of its class.
"""

from __future__ import annotations

import inspect
from typing import NamedTuple

from omnitron import errors, testing

__all__ = ["EXPLANATIONS", "TOPICS", "Explanation", "explanation_of"]


class Explanation(NamedTuple):
    """One code: whose it is, when it comes, what to do, and where more stands."""

    code: str
    name: str
    when: str
    advice: str
    page: str


TOPICS = {
    "OMN0": "All errors",
    "OMN1": "What was written",
    "OMN2": "Contexts and runs",
    "OMN3": "Policies",
    "OMN4": "Combinators",
    "OMN5": "Worker processes",
    "OMN6": "Tests",
    "OMN7": "Orders of policies",
}
"""The topic of each hundred of codes. 8 and 9 are free."""


def error(name: str, page: str, advice: str) -> Explanation:
    """Explain a class of errors; when it is raised stands in its docstring."""
    kind = getattr(errors, name, None) or getattr(testing, name)
    when = (inspect.getdoc(kind) or "").partition("\n\n")[0].replace("\n", " ")
    return Explanation(kind.code, name, when, advice, page)


def rule(code: str, name: str, when: str, advice: str) -> Explanation:
    """Explain a rule of order."""
    return Explanation(code, name, when, advice, "order.md")


ALL = (
    error(
        "OmnitronError",
        "errors.md",
        "Catch it where all that the library itself refuses is handled alike; what your functions raise is none of it.",
    ),
    error(
        "DefinitionError",
        "tutorial.md",
        "Mend the line that the traceback points at: the text says which value is wrong, what the rule is, and what "
        "to write. Do not catch it: it tells of a mistake in the code.",
    ),
    error(
        "InvalidValue",
        "configuration.md",
        "Give a value in the range that the text names. Where it comes from a configuration, the text names the file "
        "or the variable.",
    ),
    error(
        "MissingExtra",
        "tutorial.md",
        "Install what the text names, for example: pip install 'omnitron[cli]'.",
    ),
    error(
        "MissingPart",
        "interop.md",
        "Ask the flow that has the part: `f = price.circuit_breaker()`, then `f.breaker`. "
        "`hasattr` tells whether it is there.",
    ),
    error(
        "MissingKey",
        "needs.md",
        "Give the value by `context(name=...)` or `ctx.with_(name=...)`, or ask with `ctx.get(key, default)`.",
    ),
    error(
        "MissingNeed",
        "needs.md",
        "Give each value that the text names: by `context(name=...)`, by `--context name=VALUE` on the command line, "
        "or as an argument of the call. Nothing has run yet.",
    ),
    error(
        "MissingCapability",
        "reference/contexts.md",
        "Name the capability where the outermost context is made: a derived context can only give up some.",
    ),
    error(
        "NoRun",
        "runs.md",
        "Ask for it inside of a flow that a context runs (`ctx.run`, `ctx.start`), not beside of one.",
    ),
    error(
        "RunCancelled",
        "runs.md",
        "Whoever cancelled the run gave `error.reason`. Look at `run.status` first if cancelling is usual.",
    ),
    error(
        "DeadlineExceeded",
        "runs.md",
        "Give the run more time (`context(deadline=...)`, `--deadline`), or look with `--trace` where it went. It "
        "bounds the run as a whole, so a retry inside does not help.",
    ),
    error(
        "TimedOut",
        "timeouts.md",
        "Raise the seconds, or put a `.retry(...)` around it if a second attempt may be faster. `worst_case(flow)` "
        "tells how long a call may take.",
    ),
    error(
        "RateLimited",
        "limits.md",
        "Wait for `error.retry_after` seconds, as `.retry(...)` around it does; let calls wait longer (`wait`, "
        "`max_wait`); or raise the limit.",
    ),
    error(
        "BulkheadFull",
        "limits.md",
        "Give a longer `queue` or a larger `limit` if what it guards can bear it; else call less, or answer by "
        "`.or_else(...)`.",
    ),
    error(
        "CircuitOpen",
        "circuit-breaker.md",
        "Mend what fails behind it: `error.why` says what was seen. Until then answer by `.or_else(...)`, or wait "
        "for `error.retry_after` seconds.",
    ),
    error(
        "BatchError",
        "batching.md",
        "Let the function of the batch give one answer for each item, in their order; an exception in the place of "
        "an item fails that item alone.",
    ),
    error(
        "SelfWait",
        "cache.md",
        "Take the inner call out of the flow that waits for it, or call the flow there without its cache or its limit.",
    ),
    error(
        "NoMatch",
        "choosing.md",
        "Add an arm for what came, or one for the rest: a `default` of `choose`, a parameter annotated `object` in "
        "`by_type`.",
    ),
    error(
        "LimitReached",
        "choosing.md",
        "Raise `at_most`, mend the test of the loop, or take what there is from `error.value`.",
    ),
    error(
        "NotEnough",
        "sagas.md",
        "Give more items, or ask for fewer: `.each(quorum=...)`.",
    ),
    error(
        "Unpicklable",
        "descriptions.md",
        "Make what the text names importable: a function at the top of a module instead of a lambda or a local one; "
        "or stay in this process by `.on('thread')`.",
    ),
    error(
        "RemoteError",
        "runs.md",
        "Read `error.traceback`, which is that of the worker. Let the error's class pickle (all arguments of "
        "`__init__` to `super().__init__`), and it comes as itself.",
    ),
    error(
        "WorkerLost",
        "runs.md",
        "Look for a crash of an extension, or for the out-of-memory log of the system. The work may have been done "
        "in part: only what is idempotent may be tried again.",
    ),
    error(
        "WorkerStartFailed",
        "runs.md",
        'Put what the main module runs under `if __name__ == "__main__":`, and start the program from a file: a '
        "worker imports it anew.",
    ),
    error(
        "ExamplesFailed",
        "metadata.md",
        "Mend the function, or the example: the text shows what was given and what was wanted.",
    ),
    error(
        "InvariantBroken",
        "testing.md",
        "Each line of the text injects one fault again: run it under the debugger, and see what does not hold.",
    ),
    error(
        "Deadlock",
        "testing.md",
        "Nothing was left that could go on: the text names who waits for what. Look for a lock or a place that is "
        "never given back.",
    ),
    error(
        "PolicyWarning",
        "order.md",
        'Write what the text says, or turn off the rule by its name: `warnings.filterwarnings("ignore", '
        '"order-retry-in-retry")`.',
    ),
    rule(
        "OMN701",
        "order-retry-in-retry",
        "A retry inside a retry: their attempts multiply, most of all when everything is down.",
        "Keep one of them, or give both a budget that callers share: `budget=RetryBudget()`.",
    ),
    rule(
        "OMN702",
        "order-retry-around-hedge",
        "A retry around a hedge: every attempt is hedged.",
        "Write `f.retry(...).hedge(...)`, or give the retry a budget.",
    ),
    rule(
        "OMN703",
        "order-retry-around-kept-errors",
        "A retry around a cache that keeps errors: each attempt meets the error that `ttl_on_error` keeps.",
        "Write `f.retry(...).cache(...)`.",
    ),
    rule(
        "OMN704",
        "order-timeout-around-waits",
        "A timeout that is over before the waits of the retry inside are.",
        "Give more time or fewer attempts, or bound the retry itself: `.retry(deadline=...)`.",
    ),
    rule(
        "OMN705",
        "order-timeout-around-attempt",
        "A timeout around a retry, in which one attempt may take as long as all of them.",
        "Give the outer timeout more time than the inner one.",
    ),
    rule(
        "OMN706",
        "order-each-below-batch",
        "An `each` that runs fewer items at once than the batch inside takes: no call is ever full.",
        "Raise `concurrency`, make the batch smaller, or use `.chunk`.",
    ),
    rule(
        "OMN707",
        "order-stream-below-batch",
        "A `stream` that runs fewer items at once than the batch inside takes: no call is ever full.",
        "Raise `concurrency`, make the batch smaller, or use `.chunk`.",
    ),
    rule(
        "OMN708",
        "order-cache-in-batch",
        "A cache inside a batch: it keeps whole lists, which hardly come again.",
        "Write `f.batch(...).cache(...)`.",
    ),
    rule(
        "OMN709",
        "order-rate-limit-around-cache",
        "A rate limit around a cache: answers from the cache cost permits.",
        "Write `f.rate_limit(...).cache(...)`.",
    ),
    rule(
        "OMN710",
        "order-rate-limit-around-retry",
        "A rate limit around a retry: one permit lets several attempts through.",
        "Write `f.rate_limit(...).retry(...)`.",
    ),
    rule(
        "OMN711",
        "order-bulkhead-around-cache",
        "A bulkhead around a cache: answers from the cache wait for a place.",
        "Write `f.bulkhead(...).cache(...)`.",
    ),
    rule(
        "OMN712",
        "order-bulkhead-around-batch",
        "A bulkhead around a batch lets fewer callers in than a call takes.",
        "Write `f.bulkhead(...).batch(...)`.",
    ),
    rule(
        "OMN713",
        "order-circuit-breaker-around-cache",
        "A circuit breaker around a cache: while it is open it refuses what is kept.",
        "Write `f.circuit_breaker(...).cache(...)`.",
    ),
    rule(
        "OMN714",
        "order-hedge-around-cache",
        "A hedge around a cache: its second call waits for the computation of the first.",
        "Write `f.hedge(...).cache(...)`.",
    ),
)

EXPLANATIONS: dict[str, Explanation] = {one.code: one for one in sorted(ALL)}
"""All of them by code, in order."""


def explanation_of(word: str) -> Explanation | None:
    """Give what is meant by a code (`OMN302`, `omn302`), a class (`RateLimited`), or the name of a rule."""
    wanted = word.strip().rpartition(".")[2].lower()
    for one in EXPLANATIONS.values():
        if wanted in {one.code.lower(), one.name.lower()}:
            return one
    return None
