"""The same work by hand: what an expert would write without any library, as fast as it goes.

Signatures are exact. Each docstring says under `Lacks:` which promises of Omnitron the code does not keep;
the table prints them. The functions that the work consists of are in `bench.work`; a baseline is never
changed to meet a bar.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator, Sequence
from contextvars import ContextVar
from itertools import count
from time import perf_counter
from typing import Any

from bench.work import LOADERS, STEPS, STEPS_LATER, STEPS_SOON, add, add_soon, flaky

Step = Callable[[int], int]
SoonStep = Callable[[int], Coroutine[Any, Any, int]]

first, second, third, fourth, fifth, sixth, seventh, eighth, ninth, tenth = STEPS
(
    first_soon,
    second_soon,
    third_soon,
    fourth_soon,
    fifth_soon,
    sixth_soon,
    seventh_soon,
    eighth_soon,
    ninth_soon,
    tenth_soon,
) = STEPS_SOON
(
    first_later,
    second_later,
    third_later,
    fourth_later,
    fifth_later,
    sixth_later,
    seventh_later,
    eighth_later,
    ninth_later,
    tenth_later,
) = STEPS_LATER


# ---------------------------------------------------------------- calls


def call(value: int) -> int:
    """The bare function.

    Lacks: composes with nothing, cannot be observed or guarded without being wrapped, has no metadata.
    """
    return value + 1


def call_amount(value: int, amount: int = 1) -> int:
    """The bare function with a default.

    Lacks: composes with nothing, cannot be observed or guarded without being wrapped, has no metadata.
    """
    return value + amount


class Tally:
    """A class with a plain method."""

    def add(self, value: int) -> int:
        """The bare method.

        Lacks: composes with nothing, cannot be observed or guarded without being wrapped, has no metadata.
        """
        return value + 1


# ---------------------------------------------------------------- chains


def chain(value: int) -> int:
    """Ten calls, nested.

    Lacks: cannot be taken apart, drawn or rewritten; no hook sees a step; an error does not say where.
    """
    return tenth(ninth(eighth(seventh(sixth(fifth(fourth(third(second(first(value))))))))))  # type: ignore[no-any-return]


async def chain_soon(value: int) -> int:
    """Ten awaits, nested.

    Lacks: cannot be taken apart, drawn or rewritten; no hook sees a step; an error does not say where.
    """
    return await tenth_soon(  # type: ignore[no-any-return]
        await ninth_soon(
            await eighth_soon(
                await seventh_soon(
                    await sixth_soon(
                        await fifth_soon(
                            await fourth_soon(await third_soon(await second_soon(await first_soon(value))))
                        )
                    )
                )
            )
        )
    )


async def chain_later(value: int) -> int:
    """Ten awaits, nested, of functions that each suspend once.

    Lacks: cannot be taken apart, drawn or rewritten; no hook sees a step; an error does not say where.
    """
    return await tenth_later(  # type: ignore[no-any-return]
        await ninth_later(
            await eighth_later(
                await seventh_later(
                    await sixth_later(
                        await fifth_later(
                            await fourth_later(await third_later(await second_later(await first_later(value))))
                        )
                    )
                )
            )
        )
    )


# ---------------------------------------------------------------- parallel


async def parallel_gather(value: int) -> list[int]:
    """`asyncio.gather` over a hundred coroutines.

    Lacks: after an error the siblings run on unwatched, and their errors are lost; no hook sees a branch;
    an error does not say which branch.
    """
    return await asyncio.gather(*[load(value) for load in LOADERS])


async def parallel_group(value: int) -> tuple[int, ...]:
    """`asyncio.TaskGroup` over a hundred coroutines; siblings are cancelled and awaited.

    Lacks: the user's exception arrives inside an `ExceptionGroup`; no hook sees a branch; an error does not
    say which branch.
    """
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(load(value)) for load in LOADERS]
    return tuple([task.result() for task in tasks])


async def parallel_anyio(value: int) -> tuple[int, ...]:
    """A task group of anyio, each branch filling its place."""
    import anyio

    results = [0] * len(LOADERS)

    async def fill(place: int) -> None:
        results[place] = await LOADERS[place](value)

    async with anyio.create_task_group() as group:
        for place in range(len(LOADERS)):
            group.start_soon(fill, place)
    return tuple(results)


# ---------------------------------------------------------------- scale


class Slotted:
    """One step of a long list: the function and its name."""

    __slots__ = ("name", "run")

    def __init__(self, name: str, run: Step) -> None:
        self.name = name
        self.run = run


def build_list(functions: Iterable[Step]) -> list[Slotted]:
    """A list of slotted objects, one a step.

    Lacks: annotations are not checked; a list is no step of another list; it is not immutable.
    """
    return [Slotted(function.__name__, function) for function in functions]


def run_list(steps: Sequence[Slotted], value: int) -> int:
    """A loop over the list.

    Lacks: no hook sees a step; an error does not say where; sync only.
    """
    for step in steps:
        value = step.run(value)
    return value


# ---------------------------------------------------------------- first call


def compile_chain(functions: Sequence[Step]) -> Step:
    """The same three calls from text, by `exec`: what generating code costs when nothing is remembered.

    Lacks: any signature but one value, any tree but a chain, source in a traceback.
    """
    opening, middle, closing = functions
    namespace: dict[str, Any] = {"opening": opening, "middle": middle, "closing": closing}
    exec("def chain(value):\n    return closing(middle(opening(value)))\n", namespace)
    return namespace["chain"]  # type: ignore[no-any-return]


def close_over(functions: Sequence[Step]) -> Step:
    """The same three calls as a closure.

    Lacks: any signature but one value, a tree, hooks, notes.
    """
    opening, middle, closing = functions

    def chain(value: int) -> int:
        return closing(middle(opening(value)))

    return chain


# ---------------------------------------------------------------- each


def each_comprehension(items: Iterable[int]) -> list[int]:
    """A list comprehension.

    Lacks: an error does not say at which item; no hook sees an item; nothing says it could run elsewhere.
    """
    return [add(item) for item in items]


class HandFailure:
    """What became of an item that failed."""

    __slots__ = ("error", "input")

    def __init__(self, error: Exception, input: int) -> None:
        self.error = error
        self.input = input


class HandOk:
    """What became of an item that went well."""

    __slots__ = ("value",)

    def __init__(self, value: int) -> None:
        self.value = value


def each_outcomes(items: Iterable[int]) -> list[HandOk | HandFailure]:
    """A loop that keeps each item's outcome.

    Lacks: the place of a failure, immutable outcomes that compare and print; no hook sees an item.
    """
    outcomes: list[HandOk | HandFailure] = []
    append = outcomes.append
    for item in items:
        try:
            append(HandOk(add(item)))
        except Exception as error:
            append(HandFailure(error, item))
    return outcomes


async def each_workers(items: Sequence[int], step: SoonStep, concurrency: int) -> list[int]:
    """As many workers as may run at once, fed from one iterator; the first error cancels the others.

    Lacks: async iterables; the user's exception arrives inside an `ExceptionGroup` and does not say at which
    item; no hook sees an item.
    """
    results: list[int] = [0] * len(items)
    feed = enumerate(items)

    async def worker() -> None:
        for place, item in feed:
            results[place] = await step(item)

    async with asyncio.TaskGroup() as group:
        for _ in range(concurrency):
            group.create_task(worker())
    return results


async def each_semaphore(items: Sequence[int], step: SoonStep, concurrency: int) -> list[int]:
    """A semaphore and `asyncio.gather`: what most people write.

    Lacks: one task an item at once; after an error the siblings run on; no hook sees an item.
    """
    semaphore = asyncio.Semaphore(concurrency)

    async def limited(item: int) -> int:
        async with semaphore:
            return await step(item)

    return await asyncio.gather(*[limited(item) for item in items])


# ---------------------------------------------------------------- observed


class HandSpan:
    """One span, with the facts that `Span` has."""

    __slots__ = (
        "duration_s",
        "error",
        "name",
        "parent_id",
        "path",
        "run_id",
        "span_id",
        "started_s",
        "status",
    )

    def __init__(
        self, name: str, path: str, run_id: int, parent_id: int | None, span_id: int, started_s: float
    ) -> None:
        self.name = name
        self.path = path
        self.run_id = run_id
        self.parent_id = parent_id
        self.span_id = span_id
        self.started_s = started_s
        self.duration_s: float | None = None
        self.status = "running"
        self.error: BaseException | None = None

    def end(self, error: BaseException) -> None:
        self.duration_s = perf_counter() - self.started_s
        self.status = "cancelled" if isinstance(error, asyncio.CancelledError) else "error"
        self.error = error


SPAN_IDS: Iterator[int] = count(1)
RUN_IDS: Iterator[int] = count(1)


def spanned_call(spans: list[HandSpan], value: int) -> int:
    """One call with its span.

    Lacks: works for this function only, always records, and knows no guard, deadline or second observer.
    """
    span = HandSpan("call", "call", next(RUN_IDS), None, next(SPAN_IDS), perf_counter())
    spans.append(span)
    try:
        result = call(value)
    except BaseException as error:
        span.end(error)
        raise
    span.duration_s = perf_counter() - span.started_s
    span.status = "ok"
    return result


STEP_PATHS = tuple((step.__name__, f"chain/{step.__name__}", step) for step in STEPS)
SOON_PATHS = tuple((step.__name__, f"chain_soon/{step.__name__}", step) for step in STEPS_SOON)


def spanned_chain(spans: list[HandSpan], value: int) -> int:
    """Ten steps and their chain, eleven spans, in order of starting.

    Lacks: works for this chain only, always records, knows no guard, deadline or second observer; an error
    carries no note.
    """
    root = HandSpan("chain", "chain", next(RUN_IDS), None, next(SPAN_IDS), perf_counter())
    spans.append(root)
    try:
        for name, path, step in STEP_PATHS:
            span = HandSpan(name, path, root.run_id, root.span_id, next(SPAN_IDS), perf_counter())
            spans.append(span)
            try:
                value = step(value)
            except BaseException as error:
                span.end(error)
                raise
            span.duration_s = perf_counter() - span.started_s
            span.status = "ok"
    except BaseException as error:
        root.end(error)
        raise
    root.duration_s = perf_counter() - root.started_s
    root.status = "ok"
    return value


async def spanned_chain_soon(spans: list[HandSpan], value: int) -> int:
    """Ten async steps and their chain, eleven spans, in order of starting.

    Lacks: works for this chain only, always records, knows no guard, deadline or second observer; an error
    carries no note.
    """
    root = HandSpan("chain_soon", "chain_soon", next(RUN_IDS), None, next(SPAN_IDS), perf_counter())
    spans.append(root)
    try:
        for name, path, step in SOON_PATHS:
            span = HandSpan(name, path, root.run_id, root.span_id, next(SPAN_IDS), perf_counter())
            spans.append(span)
            try:
                value = await step(value)
            except BaseException as error:
                span.end(error)
                raise
            span.duration_s = perf_counter() - span.started_s
            span.status = "ok"
    except BaseException as error:
        root.end(error)
        raise
    root.duration_s = perf_counter() - root.started_s
    root.status = "ok"
    return value


# ---------------------------------------------------------------- runs, needs, bodies


HERE: ContextVar[object] = ContextVar("here", default=None)


def run_in_variable(call: Callable[[int], int], value: int) -> int:
    """A call while a context variable is set.

    Lacks: closes nothing, checks no capability and no need, has no deadline, cannot be observed.
    """
    token = HERE.set(call)
    try:
        return call(value)
    finally:
        HERE.reset(token)


def priced(item: int, prices: dict[int, int], rate: int) -> int:
    """The price of an item, with what it needs passed by hand.

    Lacks: who calls must have what it needs, open it, close it, and pass it through every function in between.
    """
    return prices[item] * rate


def nested(value: int) -> int:
    """A function that calls a function.

    Lacks: neither can be observed, guarded or replaced.
    """
    return call(value) + 1


def spanned_nested(spans: list[HandSpan], value: int) -> int:
    """A function that calls a function, two spans.

    Lacks: works for these functions only, always records, and knows no guard, deadline or second observer.
    """
    run_id = next(RUN_IDS)
    whole = HandSpan("nested", "nested", run_id, None, next(SPAN_IDS), perf_counter())
    spans.append(whole)
    try:
        part = HandSpan("call", "nested/call", run_id, whole.span_id, next(SPAN_IDS), perf_counter())
        spans.append(part)
        try:
            result = call(value)
        except BaseException as error:
            part.end(error)
            raise
        part.duration_s = perf_counter() - part.started_s
        part.status = "ok"
        result += 1
    except BaseException as error:
        whole.end(error)
        raise
    whole.duration_s = perf_counter() - whole.started_s
    whole.status = "ok"
    return result


async def in_task(value: int) -> int:
    """A coroutine in a task of its own, awaited.

    Lacks: has no name of its own, no status and events, no reason of its cancellation; may outlive whoever started it.
    """
    return await asyncio.create_task(first_soon(value))


# ---------------------------------------------------------------- streams


def five_generators(items: Iterable[int]) -> Iterator[int]:
    """Five generators, each reading the one before it.

    Lacks: a run's context for each item, notes that tell step and item, hooks, closing of the sources in order.
    """

    def once(values: Iterable[int]) -> Iterator[int]:
        for value in values:
            yield first(value)

    def twice(values: Iterable[int]) -> Iterator[int]:
        for value in values:
            yield second(value)

    def thrice(values: Iterable[int]) -> Iterator[int]:
        for value in values:
            yield third(value)

    def again(values: Iterable[int]) -> Iterator[int]:
        for value in values:
            yield fourth(value)

    def last(values: Iterable[int]) -> Iterator[int]:
        for value in values:
            yield fifth(value)

    return last(again(thrice(twice(once(items)))))


def five_maps(items: Iterable[int]) -> Iterator[int]:
    """The same by `map`, which runs no Python of its own.

    Lacks: what five generators lack.
    """
    return map(fifth, map(fourth, map(third, map(second, map(first, items)))))


def five_generators_soon(items: Iterable[int]) -> AsyncIterator[int]:
    """Five async generators, each reading the one before it.

    Lacks: a run's context for each item, notes that tell step and item, hooks, closing of the sources when a reader leaves
    early.
    """

    async def once(values: Iterable[int]) -> AsyncIterator[int]:
        for value in values:
            yield await first_soon(value)

    async def twice(values: AsyncIterator[int]) -> AsyncIterator[int]:
        async for value in values:
            yield await second_soon(value)

    async def thrice(values: AsyncIterator[int]) -> AsyncIterator[int]:
        async for value in values:
            yield await third_soon(value)

    async def again(values: AsyncIterator[int]) -> AsyncIterator[int]:
        async for value in values:
            yield await fourth_soon(value)

    async def last(values: AsyncIterator[int]) -> AsyncIterator[int]:
        async for value in values:
            yield await fifth_soon(value)

    return last(again(thrice(twice(once(items)))))


def within_generators(rows: Iterable[Iterable[int]]) -> Iterator[int]:
    """A generator whose items are sums over five generators."""
    for items in rows:
        yield sum(five_generators(items))


# ---------------------------------------------------------------- again, and in time


def again(value: int) -> int:
    """A loop around the step.

    Lacks: waits for nothing and draws no jitter, knows no deadline and no Retry-After, tries again after every error,
    repeats a write, gives an iterator twice, says nothing of attempts, is invisible to hooks, cannot be tuned from outside.
    """
    for attempt in range(3):
        try:
            return add(value)
        except Exception:
            if attempt == 2:
                raise
    raise AssertionError


async def again_soon(value: int) -> int:
    """The same around an async step.

    Lacks: what the sync loop lacks, and a turn for others between two attempts.
    """
    for attempt in range(3):
        try:
            return await add_soon(value)
        except Exception:
            if attempt == 2:
                raise
    raise AssertionError


def again_flaky(value: int) -> int:
    """A loop around a step that fails twice.

    Lacks: what the loop around one that does not fail lacks.
    """
    for attempt in range(3):
        try:
            return flaky(value)
        except Exception:
            if attempt == 2:
                raise
    raise AssertionError


async def in_time(value: int) -> int:
    """The timeout of the standard library.

    Lacks: does not say what took too long, runs on no other clock than the loop's, cannot be tuned from outside.
    """
    async with asyncio.timeout(60):
        return await add_soon(value)
