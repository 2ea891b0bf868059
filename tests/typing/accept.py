"""What well-typed users write; both checkers must read every line without an error.

Nothing here runs. Each ``assert_type`` states the type that a reader would expect; `refuse` holds the lines that
must not pass, and ``test_typing`` runs the checkers over both.
"""

from __future__ import annotations

import functools
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Generator,
    Iterable,
    Iterator,
    Sequence,
)
from contextlib import aclosing, closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeAlias, TypedDict, TypeVar, assert_type

from omnitron import (
    Adaptive,
    AdaptiveSize,
    AsyncFlow,
    Bulkhead,
    Cache,
    CacheStorage,
    CircuitBreaker,
    Config,
    Context,
    Effect,
    Event,
    Failure,
    Flow,
    FlowExample,
    FlowMeta,
    Hedge,
    Inputs,
    Key,
    LimitStorage,
    Objective,
    Ok,
    PolicyWarning,
    RateLimit,
    Resource,
    Retry,
    RetryBudget,
    Run,
    Schedule,
    Secret,
    SQLiteLimits,
    SQLiteStore,
    Stack,
    StoredValue,
    TimedOut,
    Timeout,
    by_type,
    choose,
    context,
    current_context,
    current_step,
    fallback,
    flow,
    gather,
    identity,
    keep,
    loop,
    needs,
    parallel,
    race,
    rebuild,
    resource,
    sequence,
    tap,
    try_with,
    when,
    worst_case,
)
from omnitron.model import Deployment, PerformanceClaim, ResourceRequirements, ScalingPolicy, SemanticDescriptor
from omnitron.policy import PolicyValue

R = TypeVar("R")
TENANT = Key("tenant", str)
LIMIT = Key("limit", int)


@dataclass
class Order:
    """An order."""

    sku: str
    amount: int


@dataclass
class BigOrder(Order):
    """An order of many."""


@dataclass
class Quote:
    """A price and a stock."""

    price: float
    stock: int


class QuoteDict(TypedDict):
    """The same as a dictionary."""

    price: float
    stock: int


# ---- flows -----------------------------------------------------------------------------------------------------


@flow
def parse(line: str, *, sep: str = ",") -> Order:
    """Read a line."""
    sku, amount = line.split(sep)
    return Order(sku, int(amount))


@flow
async def fetch(key: str) -> str:
    """Read a line from far away."""
    return key


@flow
def price(order: Order) -> float:
    """Give the price."""
    return float(order.amount)


@flow
async def stock(item: Order) -> int:
    """Give the stock."""
    return item.amount


@flow
def count(thing: Order) -> int:
    """Give the amount."""
    return thing.amount


@flow(name="add", version="1.2.0", effects=Effect.NONE, capabilities={"net:*"}, tags={"maths"})
def add(a: int, b: int = 1) -> int:
    """Add."""
    return a + b


@flow(version="1.0.0", effects=Effect.NETWORK | Effect.READ)
async def send(text: str, *, retries: int = 3) -> bool:
    """Send."""
    return bool(text) and retries > 0


@flow
def pair(order: Order) -> tuple[str, int]:
    """Split."""
    return order.sku, order.amount


@flow
async def apair(order: Order) -> tuple[str, int]:
    """Split, later."""
    return order.sku, order.amount


@flow
def untyped(value: int) -> Any:
    """Give anything."""
    return value


def join(sku: str, amount: int) -> str:
    """A plain function of two."""
    return sku * amount


def plain(order: Order) -> str:
    """A plain function."""
    return order.sku


async def aplain(order: Order) -> bytes:
    """A plain coroutine function."""
    return order.sku.encode()


def plain_any(order: Order) -> Any:
    """A plain function without a useful type."""
    return order


async def aplain_any(order: Order) -> Any:
    """A plain coroutine function without a useful type."""
    return order


@flow
def area(width: float, height: float) -> float:
    """Give the area."""
    return width * height


@flow
def label(width: float, height: float) -> str:
    """Give the text."""
    return f"{width} by {height}"


# The first comparison that a checker makes must not decide those that follow.
FIRST = parallel(area, label)


async def calls() -> None:
    """Calling keeps the signature."""
    assert_type(parse("a,1"), Order)
    assert_type(parse("a;1", sep=";"), Order)
    assert_type(parse(line="a,1"), Order)
    assert_type(await fetch("k"), str)
    assert_type(await fetch(key="k"), str)
    assert_type(add(1), int)
    assert_type(add(1, b=2), int)
    assert_type(await send("x", retries=2), bool)
    assert_type(await parse.acall("a,1", sep=";"), Order)
    assert_type(await fetch.acall("k"), str)
    assert_type(untyped(1), Any)
    coroutine: Coroutine[Any, Any, str] = fetch("k")
    await coroutine


def surface() -> None:
    """What a flow shows."""
    assert_type(parse.name, str)
    assert_type(parse.meta, FlowMeta)
    assert_type(parse.__name__, str)
    assert_type(price.named("cost")(Order("a", 1)), float)
    assert_type(price.with_meta(version="2", tags=["x"])(Order("a", 1)), float)
    assert_type(parse.fn("a,1", sep=";"), Order)
    assert_type(add.bind(b=2)(1), int)


@flow(
    documentation="By the list of the region.",
    examples=[FlowExample("a,1", 1)],
    objectives=(Objective("p99_latency_s", 0.25), Objective("accuracy", 0.9, bound="at least")),
    semantics=SemanticDescriptor("billing", "find a price", ["order"]),
    performance=PerformanceClaim("O(n)", latency_s=0.01),
    deployment=Deployment("edge", resources=ResourceRequirements(cpus=0.5), scaling=ScalingPolicy(max_instances=3)),
)
def declared(line: str) -> int:
    """A flow with all of its metadata."""
    return len(line)


def metadata() -> None:
    """What was declared is read back with its types."""
    assert_type(declared("a"), int)
    assert_type(declared.meta.objectives, tuple[Objective, ...])
    assert_type(declared.meta.performance, PerformanceClaim | None)
    assert_type(declared.input_schema(), dict[str, Any])
    assert_type((declared | str).output_schema(), dict[str, Any])
    assert_type(declared.with_meta(semantics=None, objectives=[])("a"), int)


async def surface_async() -> None:
    """What an async flow shows."""
    assert_type(await stock.named("s")(Order("a", 1)), int)
    assert_type(await stock.fn(Order("a", 1)), int)
    assert_type(await send.bind(retries=2)("x"), bool)
    assert_type(await parse.on("thread")("a,1", sep=";"), Order)
    assert_type(await fetch.on("process")("k"), str)


def make(f: Callable[[int], str], g: Callable[[int], Awaitable[str]]) -> None:
    """The factory over functions, callables, classes, partials and flows."""
    assert_type(flow(f)(1), str)
    assert_type(flow(plain)(Order("a", 1)), str)
    assert_type(flow(len)("abc"), int)
    assert_type(flow(Order)("a", 1), Order)
    assert_type(flow(functools.partial(join, "a"))(1), str)
    assert_type(flow(g, colour="async"), AsyncFlow[[int], str])
    assert_type(flow(f, name="f", version="1"), Flow[[int], str])
    assert_type(flow(price)(Order("a", 1)), float)


async def make_async() -> None:
    """The factory over coroutine functions."""
    assert_type(await flow(aplain)(Order("a", 1)), bytes)
    assert_type(await flow(aplain, name="x")(Order("a", 1)), bytes)
    assert_type(await flow(stock)(Order("a", 1)), int)
    assert_type(await flow(colour="async")(aplain)(Order("a", 1)), bytes)
    assert_type(flow(colour="sync")(plain)(Order("a", 1)), str)
    assert_type(flow(plain_any)(Order("a", 1)), Any)


# ---- pipes -----------------------------------------------------------------------------------------------------


async def pipes() -> None:
    """Types flow through the pipe, and the colour with them."""
    assert_type((parse | price)("a,1"), float)
    assert_type((parse | price)("a,1", sep=";"), float)
    assert_type(parse.pipe(price)("a,1", sep=";"), float)
    assert_type(await (parse | stock)("a,1", sep=";"), int)
    assert_type(await parse.pipe(stock)("a,1"), int)
    assert_type(await (fetch | parse)("k"), Order)
    assert_type(await (fetch | parse | stock | add)(key="k"), int)
    assert_type(await fetch.pipe(parse).pipe(stock)("k"), int)


async def pipes_plain() -> None:
    """Plain functions stand on either side."""
    assert_type((parse | plain)("a,1"), str)
    assert_type(await (parse | aplain)("a,1", sep=";"), bytes)
    assert_type((parse | plain | len)("a,1"), int)
    assert_type((str.strip | parse)(" a,1 "), Order)
    assert_type((plain | parse)(Order("a", 1)), Order)
    assert_type(await (plain | fetch)(Order("a", 1)), str)
    assert_type(await (fetch | len)("k"), int)
    assert_type(parse.pipe(lambda order: order.amount)("a,1"), int)
    assert_type(parse.pipe(lambda order: [order.sku]).pipe(len)("a,1"), int)
    assert_type((price | str)(Order("a", 1)), str)
    assert_type((price | round)(Order("a", 1)), int)
    assert_type((price | repr | list)(Order("a", 1)), list[str])
    assert_type((parse | plain | sorted)("a,1"), list[str])


async def apipes_plain() -> None:
    """A plain coroutine function on the left."""

    async def line(number: int) -> str:
        return str(number)

    assert_type(await (line | parse)(3), Order)
    assert_type(await (line | fetch)(3), str)


async def pipes_untyped() -> None:
    """After a step that returns Any nothing is refused; partly untyped values keep what they say."""
    assert_type((json | keys)(Order("a", 1)), list[str])
    assert_type(await (ajson | keys)(Order("a", 1)), list[str])
    assert_type((parse | plain_any)("a,1"), Any)
    (parse | plain_any | price)("a,1")
    await (parse | plain_any | stock)("a,1")
    assert_type(await (parse | aplain_any)("a,1"), Any)
    assert_type(await (parse | aplain_any | price)("a,1"), float)
    assert_type(await (fetch | parse | plain_any)("a"), Any)
    assert_type((add | untyped)(1), Any)
    (plain_any | price)(Order("a", 1))
    await (plain_any | stock)(Order("a", 1))
    assert_type(await (aplain_any | price)(Order("a", 1)), float)


def pipes_variance(big: Flow[[str], BigOrder], loose: Flow[[str], object]) -> None:
    """A narrower value goes into a wider step."""
    assert_type(big | price, Flow[[str], float])
    wide: list[Flow[[str], Order]] = [big]
    assert_type(wide[0]("a"), Order)
    assert_type(loose | repr, Flow[[str], str])


async def stars() -> None:
    """A tuple spreads over the parameters of the next."""

    async def ajoin(sku: str, amount: int) -> bytes:
        return sku.encode() * amount

    def join_any(sku: str, amount: int) -> Any:
        return sku * amount

    assert_type(pair.star(join)(Order("a", 1)), str)
    assert_type(pair.star(flow(join))(Order("a", 1)), str)
    assert_type(pair.star(Order)(Order("a", 1)), Order)
    assert_type(await pair.star(ajoin)(Order("a", 1)), bytes)
    assert_type(await apair.star(join)(Order("a", 1)), str)
    assert_type(await apair.star(flow(ajoin))(Order("a", 1)), bytes)
    assert_type(pair.star(join_any)(Order("a", 1)), Any)
    assert_type(await parallel(price, stock).star(lambda cost, left: cost * left)(Order("a", 1)), float)


# ---- combinators -----------------------------------------------------------------------------------------------


async def sequences() -> None:
    """A sequence keeps the first one's parameters."""
    assert_type(sequence(parse)("a,1", sep=";"), Order)
    assert_type(sequence(parse, price)("a,1", sep=";"), float)
    assert_type(await sequence(parse, stock)("a,1"), int)
    assert_type(await sequence(fetch, parse, price)("k"), float)
    assert_type(await sequence(fetch, parse, stock, add, add, add, add, untyped)("k"), Any)
    assert_type(await sequence(fetch, parse, stock, add, add, add, add, add)("k"), int)
    assert_type(sequence(add, add, add, add, add, add, add, add, add)(1, 2), Any)
    assert_type(await sequence(fetch, parse, stock, add, add, add, add, add, add)("k"), Any)


async def parallels() -> None:
    """All sync is sync; one async makes it async; each keeps its own type."""
    order = Order("a", 1)
    assert_type(parallel(price, count), Flow[[Order], tuple[float, int]])
    assert_type(parallel(price, count)(order), tuple[float, int])
    assert_type(await parallel(price, stock)(order), tuple[float, int])
    assert_type(parallel(stock, stock), AsyncFlow[[Order], tuple[int, int]])
    assert_type(parallel(price, count, threads=2)(order), tuple[float, int])
    assert_type(
        await parallel(price, stock, count, price, stock, count, price, pair)(order),
        tuple[float, int, int, float, int, int, float, tuple[str, int]],
    )
    assert_type(parallel(count, count, count, count, count, count, count, count, count)(order), tuple[int, ...])
    assert_type(parallel(*[count, count])(order), tuple[int, ...])
    assert_type(await parallel(*[stock, stock])(order), tuple[int, ...])
    assert_type(parallel(area, label)(1.0, 2.0), tuple[float, str])
    assert_type(parallel(add, add)(1), tuple[int, int])
    assert_type(parallel(json, price), Flow[[Order], tuple[dict[str, Any], float]])
    assert_type(await parallel(json, stock, ajson)(order), tuple[dict[str, Any], int, dict[str, Any]])


@flow
def json(order: Order) -> dict[str, Any]:
    """Give a dictionary of anything."""
    return {"sku": order.sku}


@flow
async def ajson(order: Order) -> dict[str, Any]:
    """Give a dictionary of anything, later."""
    return {"sku": order.sku}


def keys(document: dict[str, Any]) -> list[str]:
    """Give the keys."""
    return list(document)


async def parallels_collected() -> None:
    """Collected outcomes."""
    order = Order("a", 1)
    both = parallel(price, count, mode="collect")(order)
    assert_type(both, tuple[Ok[float] | Failure, Ok[int] | Failure])
    assert_type(await parallel(price, stock, mode="collect")(order), tuple[Ok[float] | Failure, Ok[int] | Failure])
    first = both[0]
    if isinstance(first, Ok):
        assert_type(first.value, float)
    else:
        assert_type(first.error, Exception)
        assert_type(first.path, str)
    match both[1]:
        case Ok(value):
            assert_type(value, int)
        case Failure(error, _, path):
            assert_type(error, Exception)
            assert_type(path, str)


async def races() -> None:
    """A race gives what any of its flows gives, and is async."""
    order = Order("a", 1)
    assert_type(race(stock), AsyncFlow[[Order], int])
    assert_type(race(stock, price), AsyncFlow[[Order], int | float])
    assert_type(await race(stock, stock)(order), int)
    assert_type(await race(price, stock, json)(order), float | int | dict[str, Any])
    assert_type(await race(price, price, stock, pair, idempotent=True)(order), float | int | tuple[str, int])
    assert_type(await race(*[stock, stock])(order), int)
    assert_type(await race(area.on("thread"), label)(1.0, 2.0), float | str)
    assert_type(await (fetch | parse | race(stock, ajson))("k"), int | dict[str, Any])


async def quorums(orders: list[Order], feed: AsyncIterable[Order]) -> None:
    """A quorum gives outcomes, and None for what did not end."""
    order = Order("a", 1)
    both = parallel(price, count, quorum=1)(order)
    assert_type(both, tuple[Ok[float] | Failure | None, Ok[int] | Failure | None])
    assert_type(
        await parallel(price, stock, count, quorum=2)(order),
        tuple[Ok[float] | Failure | None, Ok[int] | Failure | None, Ok[int] | Failure | None],
    )
    assert_type(parallel(count, count, quorum=1, threads=2)(order)[0], Ok[int] | Failure | None)
    assert_type(await parallel(*[stock, stock], quorum=1)(order), tuple[Ok[int] | Failure | None, ...])
    assert_type(parallel(area, label, quorum=1)(1.0, 2.0)[1], Ok[str] | Failure | None)
    assert_type(price.each(quorum=2)(orders), list[Ok[float] | Failure])
    assert_type(price.each(quorum=2, threads=2, unordered=True)(orders), list[Ok[float] | Failure])
    assert_type(price.each(quorum=2, fold=total_outcome, start=Totals)(orders), Totals)
    assert_type(await stock.each(quorum=2, concurrency=3)(feed), list[Ok[int] | Failure])
    assert_type(await stock.each(quorum=2, fold=atotal_outcome, start=int)(feed), int)


async def gathers() -> None:
    """Records are filled by name."""
    order = Order("a", 1)
    assert_type(gather(Quote, price=price, stock=count), Flow[[Order], Quote])
    assert_type(gather(Quote, price=price, stock=count)(order), Quote)
    assert_type(await gather(Quote, price=price, stock=stock)(order), Quote)
    assert_type(gather(QuoteDict, price=price, stock=count)(order), QuoteDict)
    assert_type(gather(dict[str, float], price=price, stock=count)(order), dict[str, float])
    assert_type(await (fetch | parse | gather(Quote, price=price, stock=stock))("k"), Quote)


def is_large(order: Order) -> bool:
    """Test an order."""
    return order.amount > 100


async def ais_large(order: Order) -> bool:
    """Test an order, later."""
    return order.amount > 100


@flow
def halve(order: Order) -> Order:
    """Make it smaller."""
    return Order(order.sku, order.amount // 2)


@flow
async def ahalve(item: Order) -> Order:
    """Make it smaller, later."""
    return Order(item.sku, item.amount // 2)


async def branches() -> None:
    """A branch gives what its arms give."""
    order = Order("a", 1)
    assert_type(when(is_large, price, count), Flow[[Order], float | int])
    assert_type(when(is_large, price, price)(order), float)
    assert_type(when(flow(is_large), price, pair)(order), float | tuple[str, int])
    assert_type(await when(is_large, price, stock)(order), float | int)
    assert_type(await when(ais_large, price, pair)(order), float | tuple[str, int])
    assert_type(await when(flow(ais_large), price, pair)(order), float | tuple[str, int])
    assert_type(when(is_large, halve)(order), Order)
    assert_type(await when(is_large, ahalve)(order), Order)
    assert_type(await when(ais_large, halve)(order), Order)
    assert_type(when(lambda order: order.amount > 3, halve)(order), Order)
    assert_type((parse | when(is_large, price, pair))("a,1"), float | tuple[str, int])
    assert_type(await (parse | when(is_large, ahalve) | stock)("a,1"), int)


@flow
def explain(failure: Failure) -> str:
    """Say what happened."""
    return f"{failure.path}: {failure.error}"


@flow
async def aexplain(failure: Failure) -> bytes:
    """Say what happened, later."""
    return failure.path.encode()


@flow
def note(order: Order) -> None:
    """Write it down."""
    del order


@flow
async def anote(order: Order) -> None:
    """Write it down, later."""
    del order


async def tries() -> None:
    """A catch adds its type; a finally adds none; each may be async."""
    order = Order("a", 1)
    assert_type(try_with(price, explain)(order), float | str)
    assert_type(try_with(price, catch=explain)(order), float | str)
    assert_type(try_with(parse, explain)("a,1", sep=";"), Order | str)
    assert_type(try_with(add, explain, on=ValueError)(1, b=2), int | str)
    assert_type(try_with(price, explain, on=(ValueError, KeyError))(order), float | str)
    assert_type(try_with(price, explain, on=lambda error: "busy" in str(error))(order), float | str)
    assert_type(await try_with(price, aexplain)(order), float | bytes)
    assert_type(await try_with(stock, explain)(order), int | str)
    assert_type(try_with(price, finally_=note)(order), float)
    assert_type(await try_with(price, finally_=anote)(order), float)
    assert_type(try_with(price, explain, note)(order), float | str)
    assert_type(try_with(price, catch=explain, finally_=note)(order), float | str)
    assert_type(await try_with(stock, aexplain, note)(order), int | bytes)


def size(order: Order) -> str:
    """Give a key."""
    return "large" if order.amount > 100 else "small"


async def asize(order: Order) -> str:
    """Give a key, later."""
    return size(order)


async def choices() -> None:
    """A choice gives what its arms give."""
    order = Order("a", 1)
    assert_type(choose(size, {"large": halve, "small": halve}), Flow[[Order], Order])
    assert_type(choose(size, {"large": price, "small": price})(order), float)
    assert_type(choose(size, {"large": price}, pair)(order), float | tuple[str, int])
    assert_type(choose(size, {"large": price}, default=price)(order), float)
    assert_type(await choose(size, {"large": stock, "small": stock})(order), int)
    assert_type(await choose(size, {"large": price}, stock)(order), float | int)
    assert_type(await choose(asize, {"large": price, "small": price})(order), float)
    assert_type(await choose(flow(asize), {"large": price}, pair)(order), float | tuple[str, int])
    various: Flow[[Order], Any] = choose(size, {"large": price, "small": pair})
    assert_type(various(order), Any)
    later: AsyncFlow[[Order], Any] = choose(asize, {"large": price, "small": stock, "none": pair})
    await later(order)
    numbered: Flow[[Order], float] = choose(lambda order: order.amount, {1: price, 2: price})
    numbered(order)
    assert_type((parse | choose(size, {"large": price}, pair))("a,1"), float | tuple[str, int])
    assert_type(choose(area, {1.0: area, 2.0: area})(1.0, 2.0), float)


@flow
def of_text(value: str) -> int:
    """Take a text."""
    return len(value)


@flow
def of_number(value: int | None) -> bytes:
    """Take a number or nothing."""
    return str(value).encode()


@flow
async def of_order(value: Order) -> float:
    """Take an order, later."""
    return float(value.amount)


@flow
def mixed(line: str) -> str | int | None:
    """Give one of several."""
    return line or None


async def types() -> None:
    """A choice by type takes and gives what its arms do."""
    assert_type(by_type(of_text), Flow[[str], int])
    assert_type(by_type(of_text, of_number), Flow[[str | int | None], int | bytes])
    assert_type(by_type(of_text, of_number)(3), int | bytes)
    assert_type(await by_type(of_text, of_order)("a"), int | float)
    assert_type(await by_type(of_order, of_text, of_number)(None), float | int | bytes)
    assert_type((mixed | by_type(of_text, of_number))("a"), int | bytes)
    assert_type(await (mixed | by_type(of_text, of_number, of_order))("a"), int | bytes | float)


async def fallbacks() -> None:
    """A stand-in adds its type."""
    order = Order("a", 1)
    assert_type(fallback(price, count), Flow[[Order], float | int])
    assert_type(fallback(price, count, pair)(order), float | int | tuple[str, int])
    assert_type(fallback(price, price, price, price, price, price)(order), float)
    assert_type(fallback(price, count, on=(KeyError, ValueError))(order), float | int)
    assert_type(await fallback(price, stock)(order), float | int)
    assert_type(await fallback(stock, price, on=ValueError)(order), int | float)
    assert_type(fallback(area, label)(1.0, 2.0), float | str)
    assert_type(price.or_else(count)(order), float | int)
    assert_type(parse.or_else(parse)("a,1", sep=";"), Order)
    assert_type(await price.or_else(stock)(order), float | int)
    assert_type(await stock.or_else(price, on=lambda error: "busy" in str(error))(order), int | float)
    assert_type(await stock.or_else(ahalve).or_else(price)(order), int | Order | float)
    assert_type((parse | price.or_else(count))("a,1"), float | int)


async def keeps() -> None:
    """A pair of input and result, or the input alone."""
    order = Order("a", 1)
    assert_type(keep(price), Flow[[Order], tuple[Order, float]])
    assert_type(keep(plain)(order), tuple[Order, str])
    assert_type(await keep(stock)(order), tuple[Order, int])
    assert_type(await keep(aplain)(order), tuple[Order, bytes])
    assert_type(keep(area)(1.0, 2.0), tuple[Inputs, float])
    assert_type((parse | keep(price))("a,1"), tuple[Order, float])
    assert_type(await (parse | keep(stock))("a,1"), tuple[Order, int])
    assert_type((parse | keep(repr))("a,1"), tuple[Order, str])
    assert_type(keep(price).star(lambda order, cost: order.amount * cost)(order), float)
    assert_type(tap(note), Flow[[Order], Order])
    assert_type((parse | tap(note) | price)("a,1"), float)
    assert_type(await (parse | tap(anote) | price)("a,1"), float)
    assert_type((parse | tap(print) | price)("a,1"), float)
    assert_type(await tap(anote)(order), Order)
    (parse | tap(plain_any) | price)("a,1")
    (parse | keep(plain_any))("a,1")
    assert_type(tap(identity)(3), int)


def is_tiny(order: Order) -> bool:
    """Test an order."""
    return order.amount < 2


async def repeats() -> None:
    """A loop gives what its body takes."""
    order = Order("a", 1)
    assert_type(loop(halve, until=is_tiny), Flow[[Order], Order])
    assert_type(loop(halve, at_most=3)(order), Order)
    assert_type(loop(halve, until=is_tiny, at_most=3)(order), Order)
    assert_type(loop(halve, until=lambda order: order.amount < 2)(order), Order)
    assert_type(await loop(ahalve, until=is_tiny)(order), Order)
    assert_type(await loop(halve, until=ais_large)(order), Order)
    assert_type(await loop(ahalve, until=ais_large, at_most=3)(order), Order)
    assert_type(await loop(ahalve, at_most=3)(order), Order)
    assert_type((parse | loop(halve, at_most=3) | price)("a,1"), float)


async def identities() -> None:
    """Identity takes the type of its place."""
    assert_type(identity(3), int)
    assert_type(await identity.acall("x"), str)
    assert_type((parse | identity)("a,1"), Order)
    assert_type((parse | identity | price)("a,1"), float)
    assert_type((identity | price)(Order("a", 1)), float)
    assert_type(parallel(price, identity)(Order("a", 1)), tuple[float, Order])
    assert_type(parallel(identity, price)(Order("a", 1)), tuple[Order, float])
    assert_type(when(is_large, price, identity)(Order("a", 1)), float | Order)
    assert_type(await when(is_large, stock, identity)(Order("a", 1)), int | Order)


@flow
def give_back(amount: float) -> None:
    """Undo a price."""
    del amount


@flow
async def agive_back(amount: float) -> bool:
    """Undo a price, later."""
    return amount > 0


async def undone() -> None:
    """A compensation takes the result; an async one makes the flow async."""
    order = Order("a", 1)
    assert_type(price.undo(give_back)(order), float)
    assert_type(await price.undo(agive_back)(order), float)
    assert_type(await stock.undo(give_back)(order), int)
    assert_type(await stock.undo(agive_back)(order), int)
    assert_type((parse | price.undo(give_back) | str)("a,1", sep=";"), str)
    assert_type(parse.undo(note)("a,1", sep=";"), Order)
    assert_type(area.undo(give_back)(1.0, height=2.0), float)
    assert_type(parallel(price.undo(give_back), count)(order), tuple[float, int])


async def derived() -> None:
    """A part in a context of its own keeps its type."""
    order = Order("a", 1)
    assert_type(parse.within(tenant="acme", deadline=3.0)("a,1", sep=";"), Order)
    assert_type(await stock.within({TENANT: "acme"}, capabilities={"net:*"})(order), int)
    assert_type((parse | price.within(tenant="acme"))("a,1"), float)


# ---- each ------------------------------------------------------------------------------------------------------


@dataclass
class Totals:
    """A running sum."""

    value: float = 0.0


def total(so_far: Totals, value: float) -> Totals:
    """Add one."""
    return Totals(so_far.value + value)


def total_outcome(so_far: Totals, outcome: Ok[float] | Failure) -> Totals:
    """Add one, if it went well."""
    return Totals(so_far.value + outcome.value) if isinstance(outcome, Ok) else so_far


def atotal_outcome(so_far: int, outcome: Ok[int] | Failure) -> int:
    """Add one, if it went well."""
    return so_far + outcome.value if isinstance(outcome, Ok) else so_far


async def loops(orders: list[Order], feed: AsyncIterable[Order]) -> None:
    """A flow over many."""
    assert_type(price.each(), Flow[[Iterable[Order]], list[float]])
    assert_type(price.each()(orders), list[float])
    assert_type(price.each(threads=4)(orders), list[float])
    assert_type(price.each(threads=4, unordered=True)(o for o in orders), list[float])
    assert_type(price.each(mode="collect")(orders), list[Ok[float] | Failure])
    assert_type(price.each(fold=total, start=Totals)(orders), Totals)
    assert_type(count.each(fold=lambda so_far, value: so_far + value, start=int)(orders), int)
    assert_type(price.each(fold=total_outcome, start=Totals, mode="collect")(orders), Totals)
    assert_type(await stock.each()(orders), list[int])
    assert_type(await stock.each()(feed), list[int])
    assert_type(await stock.each(concurrency=8, unordered=True)(feed), list[int])
    assert_type(await stock.each(mode="collect")(feed), list[Ok[int] | Failure])
    assert_type(await stock.each(fold=lambda acc, item: acc + item, start=int)(feed), int)
    assert_type(await stock.each(fold=atotal_outcome, start=int, mode="collect")(feed), int)
    assert_type((parse.each() | price.each() | len)(["a,1"]), int)
    assert_type(await (fetch.each() | parse.each())(["k"]), list[Order])
    assert_type(await parallel(price, stock).each()(orders), list[tuple[float, int]])
    assert_type(add.each()([1, 2]), list[int])


# ---- streams ---------------------------------------------------------------------------------------------------


Floats: TypeAlias = Generator[float, None, None]
AsyncFloats: TypeAlias = AsyncGenerator[float, None]
AsyncInts: TypeAlias = AsyncGenerator[int, None]
Outcomes: TypeAlias = Ok[float] | Failure


@flow
def read(count: int, *, sku: str = "a") -> Iterator[Order]:
    """Give orders, one after the other."""
    yield from (Order(sku, number) for number in range(count))


@flow(name="lines", version="1")
def lines(count: int) -> Generator[str, None, bool]:
    """Give lines, and something at the end."""
    yield from map(str, range(count))
    return True


@flow(effects=Effect.READ)
def some(count: int) -> Iterable[Order]:
    """Give orders, and say little."""
    yield Order("a", count)


@flow
async def listen(count: int, *, sku: str = "a") -> AsyncIterator[Order]:
    """Give orders as they come."""
    for number in range(count):
        yield Order(sku, number)


@flow(name="hear")
async def hear(count: int) -> AsyncGenerator[str, None]:
    """Give lines as they come."""
    yield str(count)


def plain_read(count: int) -> Iterator[Order]:
    """A plain generator function."""
    yield Order("a", count)


async def plain_listen(count: int) -> AsyncIterator[Order]:
    """A plain async generator function."""
    yield Order("a", count)


@flow
def paired(orders: Iterable[Order]) -> Iterator[tuple[Order, int]]:
    """Read one stream and give another."""
    for order in orders:
        yield order, order.amount


@flow
async def apaired(orders: AsyncIterable[Order]) -> AsyncIterator[tuple[Order, int]]:
    """The same, async."""
    async for order in orders:
        yield order, order.amount


async def asum(prices: AsyncIterable[float]) -> float:
    """Read an async stream to its end."""
    return sum([price async for price in prices])


async def generators() -> None:
    """A generator function makes a sync flow, whose value is the generator."""
    assert_type(read(3, sku="b"), Iterator[Order])
    assert_type(read(count=3), Iterator[Order])
    assert_type(lines(3), Generator[str, None, bool])
    assert_type(some(3), Iterable[Order])
    assert_type(listen(3, sku="b"), AsyncIterator[Order])
    assert_type(hear(3), AsyncGenerator[str, None])
    assert_type(flow(plain_read)(3), Iterator[Order])
    assert_type(flow(plain_listen, name="x")(3), AsyncIterator[Order])
    assert_type([order.amount for order in read(3)], list[int])
    assert_type([order.amount async for order in listen(3)], list[int])
    assert_type(await read.acall(3), Iterator[Order])
    assert_type(await listen.acall(3), AsyncIterator[Order])
    assert_type((read | list)(3, sku="b"), list[Order])
    assert_type((read | paired | dict)(3).popitem(), tuple[Order, int])
    assert_type((listen | apaired)(3), AsyncIterator[tuple[Order, int]])
    assert_type((read | price.each())(3), list[float])
    assert_type(await (listen | stock.each())(3), list[int])
    assert_type(parallel(read, listen)(3), tuple[Iterator[Order], AsyncIterator[Order]])
    assert_type(read.bind(sku="b")(3), Iterator[Order])
    assert_type(read.named("r").within(tenant="acme")(3, sku="b"), Iterator[Order])


async def streams(orders: list[Order], feed: AsyncIterable[Order]) -> None:
    """A stream of a sync flow has the colour of what it reads; that of an async flow is async."""
    assert_type(price.stream()(orders), Floats)
    assert_type(price.stream()(feed), AsyncFloats)
    assert_type(price.stream(threads=2)(orders), Floats)
    assert_type(price.stream(threads=2, unordered=True)(orders), Floats)
    assert_type(price.stream(mode="collect")(orders), Generator[Outcomes, None, None])
    assert_type(price.stream(mode="collect")(feed), AsyncGenerator[Outcomes, None])
    assert_type(price.stream(mode="collect", threads=2, unordered=True)(orders), Generator[Outcomes, None, None])
    assert_type(stock.stream()(orders), AsyncInts)
    assert_type(stock.stream()(feed), AsyncInts)
    assert_type(stock.stream(concurrency=2)(feed), AsyncInts)
    assert_type(stock.stream(concurrency=2, unordered=True)(feed), AsyncInts)
    assert_type(stock.stream(mode="collect")(feed), AsyncGenerator[Ok[int] | Failure, None])
    assert_type(
        stock.stream(mode="collect", concurrency=2, unordered=True)(orders), AsyncGenerator[Ok[int] | Failure, None]
    )
    assert_type([cost.hex() for cost in price.stream()(orders)], list[str])
    assert_type([cost.hex() async for cost in price.stream()(feed)], list[str])
    assert_type(add.stream()([1, 2]), Generator[int, None, None])
    assert_type(await price.stream().acall(orders), Floats)
    assert_type(await price.stream().acall(feed), AsyncFloats)
    with closing(price.stream()(orders)) as open_prices:
        assert_type(open_prices, Floats)
    async with aclosing(price.stream()(feed)) as coming:
        assert_type(coming, AsyncFloats)
    taken: list[Flow[[Iterable[Order]], Iterator[float]]] = [price.stream()]
    assert_type(taken[0](orders), Iterator[float])


async def stream_pipes(orders: list[Order], feed: AsyncIterable[Order]) -> None:
    """Items and colour go through a pipe of streams."""
    assert_type((read | price.stream())(3, sku="b"), Floats)
    assert_type((listen | price.stream())(3, sku="b"), AsyncFloats)
    assert_type((lines | parse.stream() | price.stream() | list)(3), list[float])
    assert_type((hear | parse.stream() | price.stream())(3), AsyncFloats)
    assert_type((read | price.stream() | max)(3), float)
    assert_type((some | price.stream() | sorted)(3), list[float])
    assert_type((lines | parse.stream() | price.each())(3), list[float])
    assert_type(await (lines | parse.stream() | stock.each())(3), list[int])
    assert_type(await (hear | parse.stream() | stock.each())(3), list[int])
    assert_type((read | stock.stream())(3), AsyncInts)
    assert_type((listen | stock.stream() | add.stream())(3), AsyncInts)
    assert_type(await (listen | price.stream() | asum)(3), float)
    assert_type((read | price.stream(mode="collect"))(3), Generator[Outcomes, None, None])
    assert_type((plain_read | price.stream())(3), Floats)
    assert_type((plain_listen | price.stream())(3), AsyncFloats)
    assert_type(sequence(lines, parse.stream(), price.stream())(3), Floats)


async def stream_parts(texts: list[str], feed: AsyncIterable[str]) -> None:
    """A pipe that begins with a stream reads what that reads."""
    both = parse.stream() | price.stream()
    assert_type(both(texts), Floats)
    assert_type(both(feed), AsyncFloats)
    assert_type(both.named("both")(feed), AsyncFloats)
    assert_type((both | repr)(texts), str)
    assert_type((both | list)(texts), list[float])
    assert_type((parse.stream() | paired)(texts), Iterator[tuple[Order, int]])
    assert_type((parse.stream() | apaired)(feed), AsyncIterator[tuple[Order, int]])
    assert_type(await (both | asum)(feed), float)
    assert_type((parse.stream() | price.each())(texts), list[float])
    assert_type((parse.stream() | stock.stream())(texts), AsyncInts)
    assert_type((parse.stream() | stock.stream())(feed), AsyncInts)
    assert_type((parse.stream() | stock.stream() | add.stream())(feed), AsyncInts)
    assert_type(await (parse.stream() | stock.each())(texts), list[int])
    assert_type(await (parse.stream() | stock.each())(feed), list[int])
    assert_type((hear | both)(3), AsyncFloats)
    assert_type((lines | both | list)(3), list[float])
    assert_type(parse.stream().pipe(lambda orders: [order.amount for order in orders])(texts), list[int])


async def stream_joins(orders: list[Order], feed: AsyncIterable[Order]) -> None:
    """A stream stands where any flow does."""
    assert_type(parallel(price.stream(), count.stream())(orders), tuple[Floats, Generator[int, None, None]])
    assert_type(parallel(price.stream(), stock.stream())(orders), tuple[Floats, AsyncInts])
    assert_type(when(bool, price.stream(), price.stream())(orders), Floats)
    assert_type(price.stream().named("prices")(feed), AsyncFloats)
    assert_type(price.stream().within(tenant="acme")(feed), AsyncFloats)
    assert_type(price.stream().with_meta(tags={"a"})(orders), Floats)
    assert_type(stock.stream().named("stocks")(orders), AsyncInts)
    assert_type(keep(price.stream())(orders), tuple[Iterable[Order], Floats])


class Depot:
    """Generator methods, and a stream that binds to nothing."""

    @flow
    def rows(self, count: int) -> Iterator[Order]:
        """Give orders."""
        yield Order("a", count)

    @flow
    async def arows(self, count: int) -> AsyncIterator[Order]:
        """Give orders, later."""
        yield Order("a", count)

    @flow
    def price(self, order: Order) -> float:
        """Give the price."""
        return float(order.amount)

    all_prices = flow(plain_read) | flow(plain).stream()


async def stream_methods(depot: Depot) -> None:
    """A generator method binds; so does a flow before it is made a stream."""
    assert_type(depot.rows(3), Iterator[Order])
    assert_type(depot.arows(3), AsyncIterator[Order])
    assert_type((depot.rows | depot.price.stream())(3), Floats)
    assert_type((depot.arows | depot.price.stream())(3), AsyncFloats)
    assert_type(depot.all_prices(3), Generator[str, None, None])


async def stream_runs(ctx: Context, orders: list[Order], feed: AsyncIterable[Order]) -> None:
    """A run of a stream is read like the stream."""
    assert_type([order.amount for order in ctx.run(read, 3, sku="b")], list[int])
    assert_type([order.amount async for order in ctx.run(listen, 3)], list[int])
    assert_type(ctx.run(price.stream(), orders), Floats)
    assert_type(ctx.run(price.stream(), feed), AsyncFloats)
    assert_type(ctx.run(stock.stream(concurrency=2), feed), AsyncInts)
    assert_type(ctx.run(listen | price.stream(), 3), AsyncFloats)
    assert_type(ctx.start(read | list, 3), Run[list[Order]])


# ---- methods ---------------------------------------------------------------------------------------------------


class Shop:
    """Flows in a class body bind like methods."""

    rate: float = 1.0

    @flow
    def price(self, order: Order, *, tax: float = 0.0) -> float:
        """Give the price."""
        return order.amount * self.rate + tax

    @flow(version="1")
    async def stock(self, order: Order) -> int:
        """Give the stock."""
        return order.amount

    cheap = price.named("cheap")
    far = price.on("thread")


async def methods(shop: Shop) -> None:
    """A bound flow has no self, composes, and is unbound on the class."""
    order = Order("a", 1)
    assert_type(shop.price(order), float)
    assert_type(shop.price(order, tax=0.2), float)
    assert_type(await shop.stock(order), int)
    assert_type(Shop.price(shop, order), float)
    assert_type(await Shop.stock(shop, order), int)
    assert_type(shop.cheap(order, tax=0.2), float)
    assert_type(await shop.far(order), float)
    assert_type((parse | shop.price)("a,1"), float)
    assert_type(await (parse | shop.stock | add)("a,1"), int)
    assert_type(await parallel(shop.price, shop.stock)(order), tuple[float, int])
    assert_type(shop.price.each()([order]), list[float])


@dataclass
class Service:
    """A flow held in a field is not bound."""

    step: Flow[[str], Order]
    astep: AsyncFlow[[str], str]

    async def go(self, line: str) -> Order:
        """Run both."""
        assert_type(self.step(line), Order)
        assert_type(await self.astep(line), str)
        return self.step(line)


class Holder:
    """A flow held in an attribute is not bound, nor is a pipe in the class body."""

    chain = parse | price

    def __init__(self, step: Flow[[str], Order]) -> None:
        self.step = step

    def go(self, line: str) -> float:
        """Run it."""
        assert_type(self.step(line), Order)
        assert_type(self.chain(line), float)
        return self.chain(line)


# ---- context ---------------------------------------------------------------------------------------------------


async def runs(ctx: Context) -> None:
    """Running keeps signature, result and colour."""
    order = Order("a", 1)
    assert_type(ctx.run(parse, "a,1", sep=";"), Order)
    assert_type(ctx.run(plain, order), str)
    assert_type(await ctx.run(stock, order), int)
    assert_type(await ctx.run(stock, item=order), int)
    assert_type(await ctx.run(aplain, order), bytes)
    assert_type(await ctx.run(parse | stock, "a,1", sep=";"), int)
    assert_type(ctx.run(parallel(price, count), order), tuple[float, int])
    assert_type(ctx.run(price.each(), [order]), list[float])
    assert_type(ctx.run(Shop().price, order, tax=0.1), float)


def values() -> None:
    """Typed keys give typed values."""
    ctx = context({LIMIT: 3}, tenant="acme", capabilities={"net:*"}, deadline=3.0)
    assert_type(ctx, Context)
    assert_type(ctx.get(TENANT), str)
    assert_type(ctx.get(TENANT, None), str | None)
    assert_type(ctx[LIMIT], int)
    assert_type(ctx.get("anything"), Any)
    assert_type(ctx["anything"], Any)
    assert_type(ctx.tenant, Any)
    assert_type(ctx.with_({LIMIT: 4}, capabilities=set()), Context)
    assert_type(ctx.isolate("tenant"), Context)
    assert_type(ctx.has_capability("net:x"), bool)
    assert_type("tenant" in ctx, bool)
    assert_type(current_context().get(TENANT), str)


# ---- needs, resources, runs ------------------------------------------------------------------------------------


class Client:
    """Something that is opened."""


@resource
async def http() -> AsyncIterator[Client]:
    """Open a client, and close it."""
    yield Client()


@resource(scope="run")
async def transaction(*, client: Client = needs(http)) -> AsyncIterator[Order]:
    """Open something that needs something."""
    del client
    yield Order("a", 1)


@resource(scope="run")
async def later() -> int:
    """Give a value."""
    return 1


@resource
def soon() -> Iterator[str]:
    """Open a value."""
    yield ""


@flow
async def charged(
    order: Order,
    *,
    client: Client = needs(http),
    tx: Order = needs(transaction),
    number: int = needs(later),
    text: str = needs(soon),
    who: str = needs(TENANT),
    ctx: Context = needs(Context),
) -> float:
    """Ask for everything."""
    del client, tx, number, text, who, ctx
    return order.amount


@flow
def greeted(name: str, *, who: str = needs(TENANT)) -> str:
    """Ask for a value."""
    return f"{who} {name}"


async def needed(ctx: Context, order: Order) -> None:
    """Needs are parameters that may be left out; the flow is piped like any other."""
    assert_type(http, Resource[Client])
    assert_type(transaction, Resource[Order])
    assert_type(later, Resource[int])
    assert_type(soon, Resource[str])
    assert_type(greeted("a"), str)
    assert_type(greeted("a", who="me"), str)
    assert_type(await ctx.run(charged, order), float)
    assert_type(await ctx.run(charged, order, client=Client()), float)
    assert_type(await (parse | charged)("a"), float)
    assert_type(ctx.with_({http: Client(), TENANT: "a"}), Context)


async def started(ctx: Context, order: Order) -> None:
    """A run has the type of the result, whatever the colour."""
    assert_type(ctx.start(price, order), Run[float])
    assert_type(ctx.start(stock, order), Run[int])
    assert_type(await ctx.start(stock, order), int)
    assert_type(ctx.as_run("a", detached=True).start(price, order).result(1.0), float)
    assert_type([event async for event in ctx.start(stock, order).events()], list[Event])
    assert_type(list(ctx.start(price, order).events()), list[Event])
    assert_type(current_step().key, str)
    assert_type(ctx.with_(replace={"price": price, "stock": stock.acall}), Context)
    with context() as app:
        assert_type(app, Context)
    async with context() as app:
        assert_type(app, Context)


async def described() -> None:
    """A description is plain data; what is rebuilt is of a colour that only running tells."""
    data = flow(plain).describe()
    assert_type(data, dict[str, Any])
    assert_type(rebuild(data), Flow[..., Any] | AsyncFlow[..., Any])
    assert_type(rebuild(data, find={"shop:plain": plain}.get), Flow[..., Any] | AsyncFlow[..., Any])
    assert_type(await rebuild(data).acall(1), Any)


# ---- secrets ---------------------------------------------------------------------------------------------------


TOKEN = Key("token", Secret[str])


@flow
def login(name: str, pin: Secret[int], *, token: Secret[str] = needs(TOKEN)) -> Secret[bytes]:
    """Give something that is secret too."""
    assert_type(pin.reveal(), int)
    return Secret(token.reveal().encode())


def secrets(ctx: Context) -> None:
    """A Secret has the type of what it holds."""
    assert_type(Secret("a"), Secret[str])
    assert_type(ctx.get(TOKEN), Secret[str])
    assert_type(ctx.with_({TOKEN: Secret("a")}).run(login, "me", Secret(5)).reveal(), bytes)
    wider: Secret[object] = Secret("a")
    assert_type(wider.reveal(), object)


async def configured(order: Order) -> None:
    """A configuration is made of a mapping, a file and the environment, and keeps the type of the flow."""
    config = Config({"price": {"replace": "fakes:price"}}) + Config.read("pyproject.toml", environ={"A": "1"})
    assert_type(config, Config)
    assert_type(Config.read(Path("pyproject.toml")), Config)
    assert_type(config.apply(price)(order), float)
    assert_type(await config.apply(stock)(order), int)
    assert_type(config.apply(parse.each()), Flow[[Iterable[str]], list[Order]])
    assert_type(context(config=config).with_(config="tuning.toml"), Context)
    assert_type(context(config={"price": {"replace": "fakes:price"}}).run(price, order), float)


def is_down(error: Exception) -> bool:
    """Choose errors."""
    return isinstance(error, ConnectionError)


async def retries(order: Order, orders: list[Order], feed: AsyncIterable[Order]) -> None:
    """A retried flow keeps its type and colour."""
    assert_type(price.retry()(order), float)
    assert_type(await stock.retry(4, 0.5, "linear", ConnectionError, jitter="equal")(order), int)
    assert_type(price.retry(delay=timedelta(seconds=1), max_delay=3, deadline=60.0)(order), float)
    assert_type(price.retry(on=is_down)(order), float)
    assert_type(price.retry(on=(OSError, ValueError), idempotent=True)(order), float)
    assert_type(price.retry(budget=RetryBudget(ratio=0.2, burst=5))(order), float)
    assert_type(price.retry(Retry(attempts=3))(order), float)
    assert_type(price.apply(Retry())(order), float)
    assert_type(await stock.apply(Retry())(order), int)
    assert_type((parse.retry() | price.retry())("a"), float)
    assert_type((parse | price).retry()("a"), float)
    assert_type(price.retry().stream()(orders), Floats)
    assert_type(price.retry().stream()(feed), AsyncFloats)
    assert_type(read.retry()(3, sku="b"), Iterator[Order])
    assert_type(listen.retry()(3, sku="b"), AsyncIterator[Order])
    assert_type(identity.retry()(3), int)
    schedule = Schedule.exponential(0.1, max_delay=5).jittered().up_to(attempts=5, elapsed=timedelta(minutes=1))
    assert_type((schedule & Schedule.fixed(1)) | Schedule.linear(1, 2).then(schedule).while_(bool), Schedule)
    assert_type(list(schedule.delays()), list[float])
    assert_type(price.retry(backoff=schedule)(order), float)
    assert_type(Retry().replace(attempts=4).schedule, Schedule)
    assert_type(RetryBudget().fresh().left, float)


async def timeouts(order: Order, orders: list[Order]) -> None:
    """A bound on time is for what is async: a call, or a stream."""
    assert_type(await stock.timeout(5)(order), int)
    assert_type(await stock.timeout(timedelta(seconds=5))(order), int)
    assert_type(await stock.timeout(Timeout(5))(order), int)
    assert_type(await stock.apply(Timeout(5))(order), int)
    assert_type(await stock.timeout(1).retry().timeout(5)(order), int)
    assert_type(await price.on("process").timeout(5)(order), float)
    assert_type(listen.timeout(5, idle=1)(3, sku="b"), AsyncIterator[Order])
    assert_type(listen.timeout(idle=1)(3), AsyncIterator[Order])
    assert_type(hear.timeout(idle=timedelta(seconds=1))(3), AsyncGenerator[str, None])
    assert_type(listen.apply(Timeout(idle=1))(3), AsyncIterator[Order])
    assert_type(stock.stream().timeout(idle=1)(orders), AsyncInts)
    late: TimeoutError = TimedOut("")
    del late


async def stacked(order: Order) -> None:
    """Policies in a stack go over what each of them goes over."""
    for_sync = Retry(4) + Cache(60)
    house = Timeout(5) + Retry(4)
    assert_type(price.apply(for_sync)(order), float)
    assert_type(price.apply(Retry(4) + for_sync)(order), float)
    assert_type(price.apply(for_sync + (Cache(60) + Retry(2)))(order), float)
    assert_type(price.apply(for_sync.fresh())(order), float)
    assert_type(await stock.apply(house)(order), int)
    assert_type(await stock.apply(for_sync + house)(order), int)
    assert_type(await stock.apply(Cache(60) + house + Retry())(order), int)
    assert_type(await price.on("thread").apply(house.fresh())(order), float)
    assert_type(listen.apply(Timeout(idle=1) + Timeout(60))(3), AsyncIterator[Order])
    assert_type(Timeout(5).fresh(), Timeout)
    named: Stack[Retry | Cache] = for_sync
    anything: Stack[PolicyValue] = house
    for policy in anything + named:
        assert_type(await stock.apply(policy)(order), int)
    worst = worst_case(stock.apply(house))
    assert_type(worst.attempts, int | None)
    assert_type((worst.seconds, worst.counted), tuple[float | None, float | None])
    assert_type([(step.path, step.attempts) for step in worst.steps], list[tuple[str, int | None]])
    quiet: type[UserWarning] = PolicyWarning
    del quiet


async def hedges(order: Order) -> None:
    """A second attempt is for what is async, and changes no type."""
    assert_type(await stock.hedge()(order), int)
    assert_type(await stock.hedge(timedelta(seconds=1), 3, percentile=0.95, minimum=0.1)(order), int)
    assert_type(await stock.hedge(Hedge(0.1, on=ConnectionError, budget=RetryBudget()))(order), int)
    assert_type(await stock.apply(Hedge(budget=None))(order), int)
    assert_type(await price.on("thread").hedge(0.1, on=lambda error: "busy" in str(error))(order), float)
    assert_type(Hedge().fresh().info().hedges, int)
    assert_type(await stock.each(concurrency=Adaptive(2, 64))([order]), list[int])
    assert_type(await stock.each(concurrency=Adaptive(high=8), mode="collect")([order]), list[Ok[int] | Failure])
    assert_type(Adaptive().fresh().info().limit, int)


async def cached(order: Order) -> None:
    """A cache keeps the type of the flow, and any object with four methods is a storage."""
    assert_type(price.cache(60)(order), float)
    assert_type(await stock.cache(None, 10, ttl_on_error=1.5)(order), int)
    assert_type(price.cache(60, key=str, mode="recompute")(order), float)
    assert_type(price.cache(Cache(60, max_entries=5)).apply(Cache(1, stale_while_revalidate=5))(order), float)
    assert_type(price.cache(60).cached.info().hits, int)
    assert_type(price.cache(60).cached.explain(order).moved, tuple[str, ...])
    storage: CacheStorage = SQLiteStore("cache.db")
    own: CacheStorage = Shelf()
    del storage, own


async def breakers(order: Order) -> None:
    """A circuit breaker keeps type and colour."""
    assert_type(price.circuit_breaker(3, open_for=timedelta(seconds=10), slow=1)(order), float)
    assert_type(await stock.circuit_breaker(share=0.5, within=60, on=(OSError, ValueError))(order), int)
    assert_type(price.circuit_breaker(CircuitBreaker(probes=2)).breaker.state, str)
    assert_type(price.apply(CircuitBreaker() + Retry())(order), float)
    assert_type(CircuitBreaker().fresh().info().failures, int)


async def limited(order: Order) -> None:
    """A limit keeps the type of the flow, and any object with the one method is a storage."""
    assert_type(price.rate_limit(500, per=60)(order), float)
    assert_type(await stock.rate_limit(RateLimit(5, kind="window"))(order), int)
    assert_type(price.rate_limit(5, timedelta(seconds=1), key=str, max_wait=1.5)(order), float)
    assert_type(price.bulkhead(10, queue=100)(order), float)
    assert_type(await stock.bulkhead(Bulkhead(10, max_wait=1)).apply(RateLimit(1))(order), int)
    assert_type(price.apply(Bulkhead(1))(order), float)
    assert_type(Bulkhead(1).info().running, int)
    assert_type(RateLimit(1).fresh().info().keys, int)
    counted: LimitStorage = SQLiteLimits("limits.db")
    remote: LimitStorage = Counter()
    del counted, remote


class Counter:
    """A storage of limits of one's own."""

    async def take(self, key: str, kind: str, count: int, per: float, burst: int, now: Callable[[], float], /) -> float:
        return 0.0


class Shelf:
    """A storage of a user."""

    async def get(self, key: str) -> StoredValue | None:
        """Give a value."""
        return None

    async def set(self, key: str, value: StoredValue) -> None:
        """Keep a value."""

    async def delete(self, key: str) -> None:
        """Forget a key."""

    async def clear(self, prefix: str) -> None:
        """Forget keys."""


# ---- generic code ----------------------------------------------------------------------------------------------


async def either(f: Flow[[Order], R] | AsyncFlow[[Order], R], order: Order) -> R:
    """Code over flows of either colour goes by ``acall``."""
    return await f.acall(order)


async def generic() -> None:
    """Either colour by one spelling."""
    assert_type(await either(flow(plain), Order("a", 1)), str)
    assert_type(await either(price, Order("a", 1)), float)
    assert_type(await either(stock, Order("a", 1)), int)


# ---- batches ---------------------------------------------------------------------------------------------------


@flow
def loaded(names: list[str]) -> list[Order]:
    """Load many at once."""
    return [Order(name, 1) for name in names]


@flow
async def fetched(names: Sequence[str]) -> tuple[Order, ...]:
    """Load many at once, later."""
    return tuple(Order(name, 1) for name in names)


async def batches(names: list[str], feed: AsyncIterable[str]) -> None:
    """A batch takes a member of the list and gives a member of the result; chunks take all and give all."""
    assert_type(loaded.batch(50, 0.1), Flow[[str], Order])
    assert_type(loaded.batch(AdaptiveSize(high=500, within=0.2)), Flow[[str], Order])
    assert_type(loaded.batch(by=str.lower, key=len)("a"), Order)
    assert_type(await fetched.batch(max_wait=0.5)("a"), Order)
    assert_type(await fetched.batch(8).retry(3).each(concurrency=8)(feed), list[Order])
    assert_type(loaded.chunk(50, threads=2)(names), list[Order])
    assert_type(loaded.chunk(weigh=len, max_weight=100.0, mode="collect")(names), list[Ok[Order] | Failure])
    assert_type(await fetched.chunk(50, 4)(names), list[Order])
    assert_type(await fetched.chunk(mode="collect")(feed), list[Ok[Order] | Failure])
