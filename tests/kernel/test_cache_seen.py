"""What observers see where a cache answers in the place of a flow."""

import asyncio
import pickle

import pytest

from omnitron import Cache, CallAnswered, EventLog, Hooks, SQLiteStore, Tracing, context, flow, parallel
from omnitron.testing import ManualClock


@flow
def price(item):
    return f"price of {item}"


@flow
async def later(item):
    await asyncio.sleep(0)
    return f"price of {item}"


def answers(log):
    """What caches gave: path, outcome, output, input, attempt."""
    return [
        (one.path, one.outcome, one.output, one.input, one.attempt)
        for one in log.events
        if isinstance(one, CallAnswered)
    ]


def test_a_hit_is_an_answer_at_the_place_of_the_flow():
    """What was computed is a call; what was kept is none, but is told with what was asked and given."""
    log = EventLog()
    tree = (flow(str) | price.cache(60)).named("tree")
    for _ in range(2):
        context(observers=log).run(tree, 5)

    assert answers(log) == [("tree/price", "hit", "price of 5", "5", 1)]
    assert sum(one.path == "tree/price" for one in log.events) == 3


def test_who_waited_for_another_is_told_so():
    """Each at its own place."""
    log = EventLog()
    cached = later.cache(60)

    asyncio.run(context(observers=log).run(parallel(cached, cached, cached), "tea"))

    places = [(path, outcome) for path, outcome, *_ in answers(log)]
    assert places == [("parallel/later#2", "shared"), ("parallel/later#3", "shared")]


def test_a_stale_answer():
    """It is past its time."""
    log, clock = EventLog(), ManualClock()
    cached = later.cache(10, stale_while_revalidate=10)

    async def main():
        ctx = context(observers=log, clock=clock)
        await ctx.run(cached, "tea")
        clock.move(15)
        await ctx.run(cached, "tea")
        await asyncio.sleep(0.0)

    asyncio.run(main())
    assert [outcome for _, outcome, *_ in answers(log)] == ["stale"]


@pytest.mark.parametrize("fn", [price, later])
def test_what_comes_from_a_store_is_a_hit(tmp_path, fn):
    """Also for who computes for others."""
    log, store = EventLog(), SQLiteStore(tmp_path / "cache.db")
    ctx = context(observers=log)
    for _ in range(2):
        cached = fn.cache(Cache(60, store=store, version="1"))
        given = ctx.run(cached, "tea")
        if fn is later:
            asyncio.run(asyncio.wait_for(given, 5))
    store.close()

    assert [(path, outcome) for path, outcome, *_ in answers(log)] == [(fn.name, "hit")]


def test_an_answer_within_a_retry_has_its_attempt():
    """As a call there would."""
    log, failures = EventLog(), [ValueError]

    @flow
    def fails_once(value):
        if failures:
            raise failures.pop()
        return value

    cached = price.cache(60)
    cached("tea")
    context(observers=log).run((cached | fails_once).retry(2, 0), "tea")

    assert [attempt for *_, attempt in answers(log)] == [1, 2]


def test_hooks_are_called_with_it():
    """And with no other kind of event."""
    told = []
    hooks = Hooks(on_answer=told.append, on_error=told.append)
    cached = price.cache(60)
    for _ in range(3):
        context(hooks=hooks).run(cached, "tea")

    assert [type(one) for one in told] == [CallAnswered] * 2


def test_an_async_hook_is_awaited():
    """Before the answer is given."""
    told = []

    async def tell(event):
        await asyncio.sleep(0)
        told.append(event.outcome)

    async def main():
        cached = later.cache(60)
        for _ in range(2):
            await context(hooks=Hooks(on_answer=tell)).run(cached, "tea")
            told.append("given")

    asyncio.run(main())
    assert told == ["given", "hit", "given"]


def test_a_tracer_has_a_span_for_it():
    """It took no time, and says why."""
    tracer = Tracing()
    cached = price.cache(60)
    for _ in range(2):
        context(tracer=tracer).run(cached, "tea")

    assert [(span.path, span.status, span.cache) for span in tracer.spans] == [
        ("price", "ok", None),
        ("price", "ok", "hit"),
    ]
    assert tracer.spans[1].duration_s == 0


def test_an_answer_pickles_and_keeps_no_iterator():
    """As other events do."""
    log = EventLog()
    cached = price.cache(60)
    for _ in range(2):
        context(observers=log).run(cached, "tea")
    event = log.events[-1]

    again = pickle.loads(pickle.dumps(event))
    assert (again.path, again.outcome, again.output) == (event.path, event.outcome, event.output)


def test_an_answer_in_a_worker_process_comes_back():
    """With its path here."""
    log = EventLog()

    async def main():
        return await context(observers=log).run(price.cache(60).each().on("process"), ["tea", "tea"])

    assert asyncio.run(main()) == ["price of tea"] * 2
    assert [(path, outcome) for path, outcome, *_ in answers(log)] == [("each[1]/price", "hit")]
