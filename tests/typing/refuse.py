"""What no checker may let pass: each line marked ``refused`` is an error under both, and no other line is.

Nothing here runs. ``test_typing`` compares the lines that the checkers report with the marked ones.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterator
from dataclasses import dataclass

from omnitron import (
    Adaptive,
    AsyncFlow,
    Cache,
    Config,
    Context,
    Failure,
    Flow,
    Hedge,
    Key,
    Ok,
    Retry,
    Schedule,
    Secret,
    Timeout,
    by_type,
    choose,
    fallback,
    flow,
    gather,
    identity,
    keep,
    loop,
    needs,
    parallel,
    race,
    resource,
    sequence,
    tap,
    try_with,
    when,
    worst_case,
)

TENANT = Key("tenant", str)


@dataclass
class Order:
    """An order."""

    sku: str
    amount: int


@dataclass
class Quote:
    """A price and a stock."""

    price: float
    stock: int


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
def pair(order: Order) -> tuple[str, int]:
    """Split."""
    return order.sku, order.amount


@flow
def length(text: str) -> int:
    """Count."""
    return len(text)


@flow
def area(width: float, height: float) -> float:
    """Give the area."""
    return width * height


@flow
def explain(failure: Failure) -> str:
    """Say what happened."""
    return failure.path


def is_large(order: Order) -> bool:
    """Test an order."""
    return order.amount > 100


def is_long(text: str) -> bool:
    """Test a text."""
    return len(text) > 100


def plain(order: Order) -> str:
    """A plain function."""
    return order.sku


def swap(amount: int, sku: str) -> str:
    """Take the parts the other way round."""
    return sku * amount


def total(so_far: float, value: float) -> float:
    """Add one."""
    return so_far + value


async def calls() -> None:
    """A flow refuses what its function refuses."""
    parse(3)  # refused: not a text
    parse()  # refused: nothing given
    parse("a", ",")  # refused: keyword only
    parse("a", separator=",")  # refused: no such parameter
    await fetch(3)  # refused: not a text
    await parse("a,1")  # refused: a sync flow gives the value
    await parse.acall(3)  # refused: not a text
    await fetch.acall(name="k")  # refused: no such parameter
    parse.fn(3)  # refused: not a text
    await parse.on("thread")(3)  # refused: not a text
    fetch("k").upper()  # refused: an async flow gives a coroutine
    parse.on("thread")("a,1").amount  # refused: elsewhere is awaited
    parse.nmae  # refused: no such attribute
    parse.named(3)  # refused: a name is text
    price.with_meta(verison="1")  # refused: no such option
    price.with_meta(objectives="fast")  # refused: a list of objectives
    price.with_meta(deployment="edge")  # refused: a record of its own


def make() -> None:
    """The factory refuses what is no function, and options that it does not know."""
    flow(3)  # refused: not callable
    flow("text")  # refused: not callable
    flow(plain, nmae="x")  # refused: no such option
    flow(plain, colour="async")  # refused: not awaitable
    flow(plain, colour="blue")  # refused: no such colour
    flow(colour="async")(plain)  # refused: not awaitable


def pipes() -> None:
    """A wrong neighbour is refused, flow or function, either colour, either side."""
    price | parse  # refused: a float into a text
    parse.pipe(parse)  # refused: an order into a text
    parse | length  # refused: an order into a text
    parse | len  # refused: an order has no length
    parse | fetch  # refused: an order into a text
    fetch | price  # refused: a text into an order
    fetch.pipe(price)  # refused: a text into an order
    stock | fetch  # refused: a number into a text
    stock | parse  # refused: a number into a text
    plain | price  # refused: a text into an order
    plain | stock  # refused: a text into an order
    parse | area  # refused: the next takes two
    parse | 3  # refused: not a function
    parse | "text"  # refused: not a function
    parse.pipe(lambda order: order.nmae)  # refused: no such attribute
    (parse | stock)("a,1").bit_length()  # refused: one async step makes the pipe async
    (parse | price)(3)  # refused: the first one's parameter
    (parse | price)("a", ",")  # refused: keyword only
    (parse | price)("a").upper()  # refused: a float


def stars() -> None:
    """The tuple must fit the parameters."""
    pair.star(swap)  # refused: the other way round
    pair.star(plain)  # refused: one parameter
    price.star(swap)  # refused: not a tuple


def sequences() -> None:
    """A sequence is a pipe."""
    sequence(parse, parse)  # refused: an order into a text
    sequence(fetch, price)  # refused: a text into an order
    sequence(parse, stock, fetch)  # refused: a number into a text
    sequence(parse, plain)  # refused: a combinator takes flows
    sequence(parse, price)(3)  # refused: the first one's parameter


async def parallels(order: Order) -> None:
    """All branches take the same value."""
    parallel(price, length)(order)  # refused: an order or a text
    parallel(price, stock, fetch)(order)  # refused: an order or a text
    parallel(price, plain)  # refused: a combinator takes flows
    parallel(price, area)  # refused: one parameter or two
    parallel(price, pair)(3)  # refused: not an order
    parallel(price, pair, mode="quorum")  # refused: no such mode
    await parallel(price, pair)(order)  # refused: all sync is sync
    parallel(price, stock)(order)[0]  # refused: one async makes it async
    parallel(price, pair)(order)[2]  # refused: there are two
    parallel(price, pair)(order)[0].upper()  # refused: a float
    parallel(price, pair, mode="collect")(order)[0].value  # refused: perhaps a failure


async def races(order: Order) -> None:
    """All take the same value, and one at least is async."""
    race(price, pair)  # refused: all are sync
    race(stock, fetch)(order)  # refused: an order or a text
    race(stock, plain)  # refused: a combinator takes flows
    race(stock, price)(3)  # refused: not an order
    race(stock, price)(order).hex()  # refused: a race is async
    (await race(stock, pair)(order)).bit_length()  # refused: perhaps a tuple
    race(stock, price, idempotent="yes")  # refused: a truth value


async def quorums(orders: list[Order], order: Order) -> None:
    """A quorum is a number, and gives outcomes."""
    parallel(price, pair, quorum="2")  # refused: a number
    parallel(price, pair, quorum=1, mode="collect")  # refused: one or the other
    parallel(price, stock, quorum=1, threads=2)  # refused: threads are for sync flows
    parallel(price, pair, quorum=1)(order)[0].ok  # refused: perhaps None
    parallel(price, stock, quorum=1)(order)[0]  # refused: one async makes it async
    price.each(quorum=1, mode="collect")  # refused: one or the other
    price.each(quorum=1)(orders)[0].value  # refused: perhaps a failure
    price.each(quorum=1, fold=total, start=float)  # refused: the fold gets outcomes


def gathers(order: Order) -> None:
    """All branches take the same value."""
    gather(Quote, price=price, stock=length)(order)  # refused: an order or a text
    gather(Quote, price=price, stock=plain)  # refused: a combinator takes flows
    gather(Quote, price=price, stock=stock)(order).price  # refused: one async makes it async
    gather(Quote, price=price)(3)  # refused: not an order
    gather(3, price=price)  # refused: not a record


def branches(order: Order) -> None:
    """Test and arms take the same value."""
    when(is_long, price, pair)  # refused: a text or an order
    when(is_large, length, pair)(order)  # refused: a text or an order
    when(is_large, price, plain)  # refused: a combinator takes flows
    when(is_large, price)  # refused: without an else the types must meet
    when(price, price, pair)  # refused: a test says yes or no
    when(is_large, stock, price)(order).bit_length()  # refused: one async makes it async
    when(is_large, price, pair)(order).hex()  # refused: perhaps a tuple


def tries(order: Order) -> None:
    """A catch takes the failure, a finally the input."""
    try_with(price, length)  # refused: a failure is not a text
    try_with(price, price)  # refused: a failure is not an order
    try_with(price, finally_=length)(order)  # refused: the input is not a text
    try_with(price, explain, on=ValueError("x"))  # refused: a type or a test
    try_with(price, explain, on=int)  # refused: not an exception type
    try_with(plain, explain)  # refused: a combinator takes flows
    try_with(price, explain)(order).hex()  # refused: perhaps a text
    try_with(parse, explain)(3)  # refused: the body's parameter


async def undone(order: Order) -> None:
    """A compensation is a flow of the result."""
    price.undo(length)  # refused: a price is not a text
    price.undo(parse)  # refused: a price is not a text
    price.undo(plain)  # refused: a compensation is a flow
    stock.undo(length)  # refused: a number is not a text
    price.undo(area)  # refused: one value
    price.undo(fetch)  # refused: a price is not a text
    await price.undo(price)(order)  # refused: a price is not an order
    price.undo(note)("a")  # refused: not an order
    parse.undo(unparse)("a").amount.upper()  # refused: the result is the step's


@flow
def note(amount: float) -> None:
    """Undo a price."""
    del amount


@flow
def unparse(order: Order) -> None:
    """Undo an order."""
    del order


@flow
def size(order: Order) -> str:
    """Give a key."""
    return order.sku


@flow
def maybe(line: str) -> str | int | None:
    """Give one of several."""
    return line or None


@flow
def number(value: int) -> int:
    """Take a number."""
    return value


async def choices(order: Order) -> None:
    """Key and arms take the same value."""
    choose(size, {"a": length})(order)  # refused: a text or an order
    choose(size, {"a": price})(3)  # refused: not an order
    choose(size, {"a": plain})  # refused: a combinator takes flows
    choose(size, {"a": price}, plain)  # refused: a combinator takes flows
    choose(size, [price])  # refused: arms have keys
    choose(size, {"a": price}, pair)(order).hex()  # refused: perhaps a tuple
    choose(size, {"a": stock})(order).bit_length()  # refused: one async makes it async
    by_type(length, price)(3)  # refused: a text or an order
    by_type(length, plain)  # refused: a combinator takes flows
    by_type(length, area)  # refused: one value each
    maybe | by_type(length, number)  # refused: perhaps None
    by_type(length, price)("a").bit_length()  # refused: perhaps a float


async def fallbacks(order: Order) -> None:
    """A stand-in takes the same."""
    fallback(price, length)(order)  # refused: a text or an order
    fallback(price, plain)  # refused: a combinator takes flows
    fallback(price, pair, on=int)  # refused: not an exception type
    fallback(price, pair)(order).hex()  # refused: perhaps a tuple
    fallback(price, stock)(order).hex()  # refused: one async makes it async
    price.or_else(length)(order)  # refused: a text or an order
    price.or_else(plain)  # refused: a combinator takes flows
    price.or_else(pair)(order).hex()  # refused: perhaps a tuple
    price.or_else(stock)(order).hex()  # refused: one async makes it async


async def keeps(order: Order) -> None:
    """The input stands first, or alone."""
    keep(price)("a")  # refused: not an order
    keep(price)(order)[1].upper()  # refused: a float
    keep(3)  # refused: not a function
    parse | keep(length)  # refused: an order into a text
    tap(price)("a")  # refused: not an order
    tap(price)(order).hex()  # refused: the order itself
    parse | tap(length)  # refused: an order into a text
    parse | tap(price) | length  # refused: the order itself


async def repeats(order: Order) -> None:
    """A loop has an end, and a body that can be repeated."""
    loop(number)  # refused: no end
    loop(price, at_most=3)  # refused: a float into an order
    loop(plain, at_most=3)  # refused: a combinator takes flows
    loop(number, until=is_large)  # refused: a number or an order
    loop(number, at_most="3")  # refused: not a number
    loop(number, at_most=3)("a")  # refused: not a number


def derived(order: Order) -> None:
    """A part in a context of its own keeps its type."""
    price.within(tenant="acme")("a")  # refused: not an order
    price.within(3)  # refused: a mapping of values
    stock.within(tenant="acme")(order).hex()  # refused: still async
    price.within(tenant="acme") | length  # refused: a price is not a text


async def loops(orders: list[Order], feed: AsyncIterable[Order]) -> None:
    """A loop takes many of what the flow takes."""
    price.each()(["a"])  # refused: not orders
    price.each()(feed)  # refused: a sync loop over an async feed
    price.each()(3)  # refused: not many
    await stock.each()(["a"])  # refused: not orders
    area.each()  # refused: one value each
    price.each(mode="quorum")  # refused: no such mode
    price.each(fold=total)  # refused: a fold needs a start
    price.each(start=float)  # refused: a start needs a fold
    price.each(fold=swap, start=int)  # refused: not a reducer of prices
    price.each(fold=total, start=float, mode="collect")  # refused: the fold gets outcomes
    price.each(mode="collect")(orders)[0].value  # refused: perhaps a failure
    stock.each()(orders)[0]  # refused: an async loop


@flow
def read(count: int) -> Iterator[Order]:
    """Give orders, one after the other."""
    yield Order("a", count)


@flow
async def listen(count: int) -> AsyncIterator[Order]:
    """Give orders as they come."""
    yield Order("a", count)


async def streams(orders: list[Order], feed: AsyncIterable[Order]) -> None:
    """A stream maps many of what the flow takes, and has one colour."""
    price.stream()(["a"])  # refused: not orders
    price.stream()(3)  # refused: not many
    stock.stream()(["a"])  # refused: not orders
    area.stream()  # refused: one value each
    price.stream(mode="quorum")  # refused: no such mode
    price.stream(quorum=2)  # refused: that is for each
    price.stream(concurrency=2)  # refused: a sync flow has threads
    stock.stream(threads=2)  # refused: an async flow has a bound
    price.stream(threads="2")  # refused: a number
    price.stream(unordered=True)  # refused: of one at a time
    stock.stream(unordered=True)  # refused: of one at a time
    price.stream(threads=2)(feed)  # refused: threads read a sync iterable
    next(price.stream()(orders)).upper()  # refused: a float
    next(price.stream(mode="collect")(orders)).value  # refused: perhaps a failure
    next(stock.stream()(orders))  # refused: an async stream
    list(stock.stream()(orders))  # refused: an async stream
    list(price.stream()(feed))  # refused: an async stream
    [cost async for cost in price.stream()(orders)]  # refused: a sync stream
    await stock.stream()(orders)  # refused: a stream is not awaited
    await price.stream()(orders)  # refused: a stream is not awaited
    price.stream()(orders)[0]  # refused: a stream is not a list


async def stream_pipes(ctx: Context) -> None:
    """Items and colour must fit."""
    read("3")  # refused: a number
    await listen(3)  # refused: a stream is not awaited
    list(listen(3))  # refused: an async stream
    [order async for order in read(3)]  # refused: a sync stream
    [order async for order in ctx.run(read, 3)]  # refused: a sync stream
    list(ctx.run(listen, 3))  # refused: an async stream
    read | price  # refused: many orders into one
    read | length.stream()  # refused: an order into a text
    listen | length.stream()  # refused: an order into a text
    read | price.stream() | length.stream()  # refused: a price into a text
    price.stream() | length.stream()  # refused: a price into a text
    price.stream(mode="collect") | number.stream()  # refused: an outcome into a number
    price | length.stream()  # refused: a price is not many
    listen.pipe(list)  # refused: an async stream into a list
    listen | price.each()  # refused: an async stream into a sync loop
    listen | price.stream() | max  # refused: an async stream into a maximum
    read | stock.stream() | sorted  # refused: an async stream into a list
    listen | price.stream(threads=2)  # refused: threads read a sync iterable
    read | joined  # refused: an iterator is no list
    (read | price.stream() | list)(3)[0].upper()  # refused: a float
    (read | price.stream())("3")  # refused: the first one's parameter


@flow
def joined(orders: list[Order]) -> int:
    """Take a list."""
    return len(orders)


class Shop:
    """Flows in a class body bind like methods."""

    @flow
    def price(self, order: Order) -> float:
        """Give the price."""
        return float(order.amount)

    @flow
    async def stock(self, order: Order) -> int:
        """Give the stock."""
        return order.amount


async def methods(shop: Shop, order: Order) -> None:
    """A bound flow has no self, an unbound one needs it."""
    shop.price(shop, order)  # refused: already bound
    shop.price("a")  # refused: not an order
    Shop.price(order)  # refused: self is missing
    await shop.stock("a")  # refused: not an order
    length | shop.price  # refused: a number into an order


async def runs(ctx: Context, order: Order) -> None:
    """Running refuses what calling refuses."""
    ctx.run(parse, 3)  # refused: not a text
    ctx.run(parse, "a", ",")  # refused: keyword only
    ctx.run(price)  # refused: nothing given
    ctx.run(stock, order).bit_length()  # refused: an async flow gives a coroutine
    await ctx.run(price, order)  # refused: a sync flow gives the value
    ctx.run(3)  # refused: not a function
    ctx.get(TENANT).bit_length()  # refused: a text
    ctx.get(TENANT, None).upper()  # refused: perhaps None
    ctx[TENANT].bit_length()  # refused: a text


@resource
def opened() -> Iterator[int]:
    """Open a number."""
    yield 1


@flow
def asks(order: Order, *, number: int = needs(opened)) -> str:
    """Ask for a number."""
    return order.sku * number


async def asked(ctx: Context, order: Order) -> None:
    """A need has the type of what is opened, and a run that of the result."""
    wrong: str = needs(opened)  # refused: a number
    other: int = needs(TENANT)  # refused: a text
    needs(3)  # refused: neither key nor resource
    asks(order, number="a")  # refused: not a number
    asks(order, 3)  # refused: keyword only
    ctx.run(asks, order, number="a")  # refused: not a number
    ctx.start(asks, "a")  # refused: not an order
    ctx.start(asks, order).result().bit_length()  # refused: a text
    (await ctx.start(stock, order)).upper()  # refused: a number
    ctx.as_run(3)  # refused: not a text
    del wrong, other


def outcomes(failure: Failure, ok: Ok[int]) -> None:
    """Outcomes are frozen and typed."""
    ok.value = 3  # refused: frozen
    failure.path = "x"  # refused: frozen
    ok.value.upper()  # refused: a number
    failure.value  # refused: no such attribute


def configured(order: Order) -> None:
    """A configuration is of tables, and is applied to flows."""
    config = Config({"price": 3})  # refused: not a table
    Config.read(3)  # refused: not a path
    Config().apply(len)  # refused: not a flow
    Config().apply(price)("a")  # refused: not an order
    config + {}  # refused: not a configuration
    config.flows = frozenset()  # refused: frozen


async def retried(order: Order) -> None:
    """A policy's arguments are typed, and the flow stays what it is."""
    price.retry("3")  # refused: not a number
    price.retry(backoff="exponentiel")  # refused: no such growth
    price.retry(jitter="some")  # refused: no such jitter
    price.retry(on=ConnectionError())  # refused: an instance
    price.retry(on=is_large)  # refused: takes an order
    price.retry(on=KeyboardInterrupt)  # refused: never caught
    price.retry()("a")  # refused: not an order
    price.retry()(order).upper()  # refused: a number
    price.retry(budget=3)  # refused: not a budget
    price.retry(Timeout(3))  # refused: not a Retry
    price.apply(3)  # refused: not a policy
    Schedule.fixed(1) & 3  # refused: not a schedule
    Retry().attempts = 3  # refused: frozen


async def timed(order: Order, feed: AsyncIterable[Order]) -> None:
    """Nothing ends a sync flow."""
    price.timeout(5)  # refused: sync
    price.apply(Timeout(5))  # refused: sync
    price.apply(Timeout(5) + Retry())  # refused: sync
    price.apply((Cache(60) + Retry()) + Timeout(5))  # refused: sync
    Timeout(5) + 3  # refused: not a policy
    worst_case(len)  # refused: not a flow
    Retry() + Cache  # refused: a class
    3 + Retry()  # refused: not a policy
    price.each().timeout(5)  # refused: sync
    read.timeout(5)  # refused: a sync stream
    price.stream().timeout(idle=5)  # refused: perhaps a sync stream
    stock.timeout()  # refused: no bound
    stock.timeout(idle=5)  # refused: no stream
    stock.timeout("5")  # refused: no number
    (await stock.timeout(5)(order)).upper()  # refused: a number
    Timeout("5")  # refused: no number


async def hedged(order: Order) -> None:
    """Nothing starts beside a sync flow."""
    price.hedge(1)  # refused: sync
    price.apply(Hedge(1))  # refused: sync
    stock.hedge("1")  # refused: no number
    stock.hedge(Timeout(1))  # refused: not a Hedge
    stock.hedge(Hedge(1), 3)  # refused: options beside a value
    stock.hedge(budget="all")  # refused: no budget
    (await stock.hedge(1)(order)).upper()  # refused: a number
    Hedge(at_most="2")  # refused: no number
    price.each(concurrency=Adaptive())  # refused: sync
    stock.each(concurrency=Adaptive(), quorum=2)  # refused: a quorum measures nothing
    Adaptive("2")  # refused: no number


def declarations() -> None:
    """A flow is not a flow of other types, nor of the other colour."""
    narrow: Flow[[str], str] = parse  # refused: gives an order
    other: Flow[[int], Order] = parse  # refused: takes a text
    sync: Flow[[str], str] = fetch  # refused: async
    later: AsyncFlow[[str], Order] = parse  # refused: sync
    number: str = identity(3)  # refused: a number
    del narrow, other, sync, later, number


@flow
def login(token: Secret[str]) -> None:
    """Take a secret text."""


def secrets(secret: Secret[str]) -> None:
    """A Secret is not its value, and cannot be changed or subclassed."""
    login("hunter2")  # refused: plain
    login(Secret(5))  # refused: no text
    secret.reveal().bit_length()  # refused: a text
    len(secret)  # refused: no length
    secret.value  # refused: no such attribute


def caches() -> None:
    """A cache takes seconds, and a storage with its methods."""
    login.cache("60")  # refused: a text
    login.cache()  # refused: no time
    login.cache(60, max_entries="many")  # refused: a text
    login.cache(60, mode=1)  # refused: no mode


def limits() -> None:
    """Limits take numbers, and a storage with its method."""
    login.rate_limit("5")  # refused: a text
    login.rate_limit()  # refused: no number
    login.rate_limit(5, wait="yes")  # refused: a text
    login.rate_limit(5, store="limits.db", name="x")  # refused: a text is no storage
    login.bulkhead("5")  # refused: a text
    login.bulkhead(5, queue=1.5)  # refused: no whole number
    login.circuit_breaker("5")  # refused: a text
    login.circuit_breaker(5, on=KeyboardInterrupt)  # refused: no Exception


class Mine(Secret[str]):  # refused: final
    """A secret of one's own."""


@flow
def loaded(names: list[str]) -> list[Order]:
    """Load many at once."""
    return [Order(name, 1) for name in names]


@flow
async def fetched(names: list[str]) -> list[Order]:
    """Load many at once, later."""
    return [Order(name, 1) for name in names]


def batches(names: list[str]) -> None:
    """A batch is of a flow of one list, and takes one item."""
    loaded.batch()(3)  # refused: not a text
    loaded.batch()(names)  # refused: many
    parse.batch()  # refused: gives no list
    area.batch()  # refused: two values
    loaded.batch(by=abs)  # refused: not of a text
    loaded.chunk()(3)  # refused: not many
    loaded.chunk(8, 2)  # refused: a sync flow has threads
    fetched.chunk(threads=2)  # refused: an async flow has a bound
    loaded.chunk(weigh=abs, max_weight=3)  # refused: not of a text
    loaded.chunk(mode="quorum")  # refused: no such mode
