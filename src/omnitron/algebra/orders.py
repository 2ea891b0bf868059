"""The rules about the order of policies: a table, one small function each. Who asks them: `omnitron.algebra.ordering`.

A rule is here only if the order defeats one of the two policies whatever the flow does: what is good for some and bad for
others is told in docs/order.md, and not warned of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import inf
from typing import Any

from omnitron.algebra.loops import DEFAULT_CONCURRENCY
from omnitron.algebra.node import Node, walk_nodes
from omnitron.algebra.ordering import findings
from omnitron.algebra.reaching import Inside, Reach, calls, errors, everything, under
from omnitron.algebra.retrying import Retrying
from omnitron.errors import TimedOut
from omnitron.model import Record
from omnitron.policy import HEDGES, SIZE, RetryBudget, last_start, most_attempts, usual_waits

__all__ = ["RULES", "Misorder", "Rule", "broken", "misorders", "tries"]

LONG = 48


class Rule(Record):
    """An order that is wrong.

    Attributes:
        number: its code among those of errors, which never changes and stands last in the text.
        code: its name, which filters of warnings can name.
        outer, inner: the kinds of the two policies.
        reach: how far down the outer one reaches.
        says: takes the outer node and the inner ones, gives what is wrong and what to do, or None.
    """

    __slots__ = ("number", "code", "outer", "inner", "reach", "says")
    number: str
    code: str
    outer: str
    inner: str
    reach: Reach
    says: Callable[[Any, list[Inside]], str | None]

    def __init__(
        self,
        number: str,
        code: str,
        outer: str,
        inner: str,
        reach: Reach,
        says: Callable[[Any, list[Inside]], str | None],
    ) -> None:
        self._fill(number=number, code=code, outer=outer, inner=inner, reach=reach, says=says)


def broken(outer: Node) -> Iterator[tuple[str, str]]:
    """Give the code and the text of each rule that a node breaks with what is beneath it."""
    for rule in RULES:
        if rule.outer == outer.kind:
            found = under(outer, (rule.inner,), rule.reach)
            text = rule.says(outer, found) if found else None
            if text is not None:
                yield rule.code, f"{rule.code}: {text} ({rule.number})"


class Misorder(Record):
    """An order of two policies that defeats one of them.

    Attributes:
        code: the name of the rule that says so, for example "order-retry-in-retry".
        path: of the part that the outer policy is over.
        text: what is wrong, and what to write instead; it begins with the name of the rule and ends with its number.
    """

    __slots__ = ("code", "path", "text")
    code: str
    path: str
    text: str

    def __init__(self, code: str, path: str, text: str) -> None:
        self._fill(code=code, path=path, text=text)


def misorders(root: Node) -> tuple[Misorder, ...]:
    """Give all that is wrong with the order of policies in a tree, from the outside."""
    wrong: dict[int, list[tuple[str, str]]] = {}
    seen: set[int] = set()
    stack = [root]
    while stack:  # each different part once; paths are only looked for where there is something to tell
        node = stack.pop()
        if id(node) not in seen:
            seen.add(id(node))
            told = [*findings(node)]
            if told:
                wrong[id(node)] = told
            stack += [child for child in node.children if child.children]
    found: list[Misorder] = []
    for path, node in walk_nodes(root) if wrong else ():
        found += [Misorder(code, path, text) for code, text in wrong.pop(id(node), ())]
        if not wrong:
            break
    return tuple(found)


# ---- what the rules ask


def name_of(node: Node) -> str:
    """Give the name of a part for a text, shortened where it is long."""
    name = node.name
    return repr(name if len(name) <= LONG else f"{name[: LONG - 1]}…")


def tries(node: Any) -> float:
    """Give how many attempts a retry makes at most."""
    return most_attempts(node._policy) if isinstance(node, Retrying) else 1


def number(value: float) -> str:
    """Give a number as it is read."""
    return "endless" if value == inf else f"{value:g}"


def takes_both(one: Any, other: Any) -> bool:
    """Say whether there surely is an error after which both of two retries go on; not known of two predicates."""
    kinds = [on if isinstance(on, tuple) else (on,) for on in (one.on, other.on)]
    if not all(isinstance(kind, type) for on in kinds for kind in on):
        return one.on is other.on
    return any(issubclass(a, b) or issubclass(b, a) for a in kinds[0] for b in kinds[1])


def takes_timeouts(node: Any) -> bool:
    """Say whether a retry surely goes on after a timeout."""
    kinds = node.on if isinstance(node.on, tuple) else (node.on,)
    return any(isinstance(kind, type) and issubclass(TimedOut, kind) for kind in kinds)


def is_bounded_by(seconds: float, between: tuple[Node, ...]) -> bool:
    """Say whether another timeout in between is over first."""
    bounds = [getattr(node, "seconds", None) for node in between if node.kind == "timeout"]
    return any(bound is not None and bound <= seconds for bound in bounds)


def at_once(node: Any) -> float:
    """Give how many calls of what is beneath a node can be on their way at once, for one call of it."""
    if node.kind in ("each", "stream", "chunk"):
        if node.children[0].is_async:
            most = getattr(node.concurrency, "high", node.concurrency)  # of an Adaptive the most that it ever is
            return float(most or (1 if node.kind == "stream" else DEFAULT_CONCURRENCY))
        return float(node.threads or 1)
    return float(len(node.children)) if node.kind in ("parallel", "gather", "race") else 1.0


def is_kept(inside: Inside) -> bool:
    """Say whether a cache gives what it has kept."""
    return getattr(inside.node, "mode", "default") == "default"


# ---- the rules


def retry_in_retry(outer: Any, found: list[Inside]) -> str | None:
    """Attempts multiply, unless a budget bounds them or the two are for different errors."""
    if tries(outer) <= 1 or outer.budget is not None:
        return None
    worst: tuple[float, str] | None = None
    for inside in found:
        inner: Any = inside.node
        if tries(inner) <= 1 or inner.budget is not None or not takes_both(outer, inner):
            continue
        total = tries(outer) * tries(inner)
        for node in inside.between:
            total *= tries(node)
        if worst is None or total > worst[0]:
            product = " × ".join(number(tries(one)) for one in (outer, *inside.between, inner) if tries(one) > 1)
            count = "without end" if total == inf else f"{product} = {total:g} times"
            worst = total, f"{name_of(inner.body)} is tried {count}"
    return worst and (
        f"a retry inside a retry multiplies attempts: {worst[1]} for one call when it keeps failing. Keep one of them, or "
        "bound them by a budget that callers share: `.retry(..., budget=RetryBudget())`."
    )


def retry_around_hedge(outer: Any, found: list[Inside]) -> str | None:
    """Each attempt is hedged, so that calls multiply, unless a budget that somebody has named bounds them."""
    found = [one for one in found if not isinstance(getattr(one.node, "budget", None), RetryBudget)]
    if tries(outer) <= 1 or outer.budget is not None or not found:
        return None
    most, inner = max(
        ((getattr(one.node, "at_most", None) or HEDGES, one.node) for one in found), key=lambda pair: pair[0]
    )
    total = number(tries(outer) * most)
    return (
        f"a retry around a hedge hedges every attempt: up to {number(tries(outer))} × {most} = {total} calls of "
        f"{name_of(inner.children[0])} for one. Hedge the call as a whole, `f.retry(...).hedge(...)`, or bound the retries "
        "by a budget that callers share: `.retry(..., budget=RetryBudget())`."
    )


def retry_around_kept_errors(outer: Any, found: list[Inside]) -> str | None:
    """The attempts meet the error that the cache has kept."""
    waits = usual_waits(outer._policy) if isinstance(outer, Retrying) else None
    if tries(outer) <= 1 or waits is None:
        return None
    for inside in filter(is_kept, found):
        kept: float | None = getattr(inside.node, "ttl_on_error", None)
        if kept is not None and waits < kept:
            return (
                f"the cache keeps an error of {name_of(inside.node.children[0])} for {kept:g} s, and the retry around "
                f"it makes its last attempt within {waits:g} s: each meets the kept error, and nothing is tried again. "
                f"Write `f.retry(...).cache(..., ttl_on_error={kept:g})`."
            )
    return None


def timeout_around_waits(outer: Any, found: list[Inside]) -> str | None:
    """The timeout is over before the waits of the retry are."""
    bound: float | None = outer.seconds
    for inside in found:
        inner: Any = inside.node
        if bound is None or tries(inner) <= 1 or is_bounded_by(bound, inside.between):
            continue
        waits = usual_waits(inner._policy)
        if waits is not None and bound <= waits < inf and last_start(inner._policy) > bound:
            return (
                f"a timeout of {bound:g} s is around a retry of {name_of(inner.body)} whose waits alone come to "
                f"{waits:g} s (random ones by their mean): its last attempt is hardly ever made. Give it more time, or "
                f"fewer attempts; where time is to end it, say `.retry(..., deadline={bound:g})`. A bound for each attempt "
                f"stands inside: `f.timeout({bound:g}).retry(...)`."
            )
    return None


def timeout_around_attempt(outer: Any, found: list[Inside]) -> str | None:
    """The timeout is over before that of one attempt, so that no attempt follows one that took too long."""
    bound: float | None = outer.seconds
    for inside in found:
        own: float | None = getattr(inside.node, "seconds", None)
        if bound is None or own is None or own < bound or is_bounded_by(bound, inside.between):
            continue
        for node in inside.between:
            if node.kind == "retry" and tries(node) > 1 and takes_timeouts(node):
                return (
                    f"a timeout of {bound:g} s is around a retry whose attempts of {name_of(inside.node.children[0])} "
                    f"have {own:g} s each: after one that takes too long there is no time for another. Let the outer one "
                    "be longer than several attempts, or leave it out."
                )
    return None


def each_below_batch(outer: Any, found: list[Inside]) -> str | None:
    """Fewer items are on their way at once than a window takes."""
    option = "concurrency" if outer.children[0].is_async else "threads"
    given: Any = getattr(outer, option)
    told = DEFAULT_CONCURRENCY if given is None else given
    for inside in found:
        size = getattr(inside.node, "batch_size", 0)
        size = size if isinstance(size, int) else getattr(size, "low", 0)
        if given is None and (outer.kind == "stream" or option == "threads" or size == SIZE):
            continue
        most = at_once(outer)
        for node in inside.between:
            most *= at_once(node)
        if most < size:
            return (
                f"{outer.kind}({option}={told}) has {most:g} items on their way at once, and the "
                f"batch of {name_of(inside.node.children[0])} takes {size}: no call is ever full. Write "
                f"`.{outer.kind}({option}={size})` or `.batch({most:g})`; for the items of a list, `.chunk({size})` on the "
                "flow of a list needs no batch."
            )
    return None


def cache_in_batch(outer: Any, found: list[Inside]) -> str | None:
    """What is kept is a whole list, which hardly ever comes again."""
    for inside in filter(is_kept, found):
        if getattr(inside.node, "key", None) is None:
            return (
                f"the cache of {name_of(inside.node.children[0])} stands inside the batch: it keeps whole lists, and "
                "callers hardly ever make up the same list again. Keep single items: `f.batch(...).cache(...)`."
            )
    return None


def over_cache(what: str, method: str) -> Callable[[Any, list[Inside]], str | None]:
    """Give the rule for a policy that what is kept needs not: it stands inside the cache."""

    def says(outer: Any, found: list[Inside]) -> str | None:
        if getattr(outer, "key", None) is not None:  # a limit of each caller, not of the flow
            return None
        for inside in filter(is_kept, found):
            name = name_of(inside.node.children[0])
            return f"{what.format(name)} Put it inside: `f.{method}(...).cache(...)`."
        return None

    return says


def rate_limit_around_retry(outer: Any, found: list[Inside]) -> str | None:
    """One permit lets several attempts through."""
    if getattr(outer, "key", None) is not None:
        return None
    most, inner = max(((tries(one.node), one.node) for one in found), key=lambda pair: pair[0])
    return None if most <= 1 else (
        f"the rate limit around a retry of {name_of(inner.children[0])} asks for one permit, and lets up to {number(most)} "
        "attempts through. Ask for each: `f.rate_limit(...).retry(...)`."
    )  # fmt: skip


def bulkhead_around_batch(outer: Any, found: list[Inside]) -> str | None:
    """Fewer callers are let in than a window takes."""
    bound: int | None = getattr(outer, "limit", None)
    for inside in found:
        size = getattr(inside.node, "batch_size", 0)
        size = size if isinstance(size, int) else getattr(size, "low", 0)
        if bound is not None and bound < size:
            return (
                f"the bulkhead lets {bound} callers in at once, and the batch of {name_of(inside.node.children[0])} "
                f"inside takes {size}: no call is ever full. Bound the calls, not the callers: "
                f"`f.bulkhead({bound}).batch({size})`."
            )
    return None


PERMITS = "the rate limit is around the cache of {}, so that a call that is answered from the cache costs a permit."
PLACES = "the bulkhead is around the cache of {}, so that what the cache could answer takes a place, or waits for one."
OPEN = (
    "the circuit breaker is around the cache of {}: while it is open it refuses what the cache could answer, and answers "
    "from the cache count as successes."
)
TWICE = (
    "the hedge is around the cache of {}: its second call waits for what the first one computes, and hedges nothing."
)

RULES: tuple[Rule, ...] = (
    Rule("OMN701", "order-retry-in-retry", "retry", "retry", errors, retry_in_retry),
    Rule("OMN702", "order-retry-around-hedge", "retry", "hedge", errors, retry_around_hedge),
    Rule("OMN703", "order-retry-around-kept-errors", "retry", "cache", errors, retry_around_kept_errors),
    Rule("OMN704", "order-timeout-around-waits", "timeout", "retry", everything, timeout_around_waits),
    Rule("OMN705", "order-timeout-around-attempt", "timeout", "timeout", everything, timeout_around_attempt),
    Rule("OMN706", "order-each-below-batch", "each", "batch", everything, each_below_batch),
    Rule("OMN707", "order-stream-below-batch", "stream", "batch", everything, each_below_batch),
    Rule("OMN708", "order-cache-in-batch", "batch", "cache", calls, cache_in_batch),
    Rule("OMN709", "order-rate-limit-around-cache", "rate_limit", "cache", calls, over_cache(PERMITS, "rate_limit")),
    Rule("OMN710", "order-rate-limit-around-retry", "rate_limit", "retry", calls, rate_limit_around_retry),
    Rule("OMN711", "order-bulkhead-around-cache", "bulkhead", "cache", calls, over_cache(PLACES, "bulkhead")),
    Rule("OMN712", "order-bulkhead-around-batch", "bulkhead", "batch", calls, bulkhead_around_batch),
    Rule(
        "OMN713",
        "order-circuit-breaker-around-cache",
        "circuit_breaker",
        "cache",
        calls,
        over_cache(OPEN, "circuit_breaker"),
    ),
    Rule("OMN714", "order-hedge-around-cache", "hedge", "cache", calls, over_cache(TWICE, "hedge")),
)
