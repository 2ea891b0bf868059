"""One flow over many items: `each`."""

import asyncio
import contextvars
import threading

import pytest

from omnitron import AsyncFlow, DefinitionError, Failure, Flow, InvalidValue, Ok, flow, gather, try_with


class Broken(Exception):
    """An error of these tests."""


@flow
def up(x):
    if x < 0:
        raise Broken(x)
    return x + 1


@flow
async def late_up(x):
    await asyncio.sleep(0)
    if x < 0:
        raise Broken(x)
    return x + 1


class Crowd:
    """An async step that knows how many of it run at once."""

    def __init__(self, turns=3):
        self.now = self.most = self.started = 0
        self.turns = turns

    async def __call__(self, x):
        self.started += 1
        self.now += 1
        self.most = max(self.most, self.now)
        for _ in range(self.turns):
            await asyncio.sleep(0)
        self.now -= 1
        return x


async def counted(n, log):
    """Yield n numbers, and log when each is taken and when the source is closed."""
    try:
        for number in range(n):
            log.append(number)
            yield number
    finally:
        log.append("closed")


def test_a_sync_flow_maps_in_order():
    """The results are a list in the order of the items."""
    mapped = up.each()

    assert type(mapped) is Flow
    assert mapped([3, 1, 2]) == [4, 2, 3]


def test_any_iterable_is_taken():
    """Generators, ranges and dictionaries are iterables."""
    assert up.each()(x for x in (1, 2)) == [2, 3]
    assert up.each()(range(3)) == [1, 2, 3]


def test_nothing_gives_nothing():
    """No items, no results, no calls."""
    assert up.each()([]) == []
    assert asyncio.run(late_up.each()([])) == []


def test_a_sync_each_is_inline():
    """Items are called one after another in the caller's thread, each taken when it is its turn."""
    log = []

    def source():
        for x in range(3):
            log.append(("take", x))
            yield x

    flow(lambda x: log.append(("call", x, threading.get_ident()))).each()(source())
    me = threading.get_ident()
    assert log == [entry for x in range(3) for entry in (("take", x), ("call", x, me))]


def test_an_async_flow_maps_in_order():
    """Results stand in the order of the items, whoever finishes first."""
    mapped = late_up.each()

    assert type(mapped) is AsyncFlow
    assert asyncio.run(mapped([3, 1, 2])) == [4, 2, 3]


def test_an_async_flow_takes_async_iterables():
    """An async generator is a source like any."""
    assert asyncio.run(late_up.each()(counted(3, []))) == [1, 2, 3]


def test_concurrency_is_bounded():
    """Never more than `concurrency` items run at once, and that many do."""
    crowd = Crowd()
    asyncio.run(flow(crowd).each(concurrency=3)(range(50)))

    assert (crowd.most, crowd.started) == (3, 50)


def test_concurrency_is_64_when_not_given():
    """The default bound is 64."""
    crowd = Crowd()
    asyncio.run(flow(crowd).each()(range(200)))

    assert crowd.most == 64


def test_concurrency_of_one_is_one_after_another():
    """With a bound of one, items do not overlap."""
    crowd = Crowd()
    asyncio.run(flow(crowd).each(concurrency=1)(range(5)))

    assert crowd.most == 1


@pytest.mark.parametrize("concurrency", [0, -1, True, 2.5, "3"])
def test_concurrency_must_be_a_positive_whole_number(concurrency):
    """A bound that cannot be is refused at composition."""
    with pytest.raises(DefinitionError):
        late_up.each(concurrency=concurrency)


def test_the_source_is_not_read_ahead_of_the_bound():
    """A slow consumer holds the source back."""
    taken = []

    async def main():
        gate = asyncio.Event()
        task = asyncio.ensure_future(
            flow(lambda x: gate.wait(), colour="async").each(concurrency=2)(counted(100, taken))
        )
        for _ in range(50):
            await asyncio.sleep(0)
        seen = len(taken)
        gate.set()
        await task
        return seen

    assert asyncio.run(main()) <= 3


def test_unordered_gives_results_as_they_finish():
    """`unordered=True` lists what finishes first first."""

    async def main():
        gates = [asyncio.Event() for _ in range(3)]

        async def wait(x):
            await gates[x].wait()
            gates[x - 1].set()
            return x

        gates[2].set()
        return await flow(wait).each(unordered=True)(range(3))

    assert asyncio.run(main()) == [2, 1, 0]


def test_an_error_leaves_as_it_is():
    """The first failing item's own exception leaves."""
    for mapped in (lambda: up.each()([1, -2, 3]), lambda: asyncio.run(late_up.each()([1, -2, 3]))):
        with pytest.raises(Broken) as caught:
            mapped()
        assert caught.value.args == (-2,)


def test_an_error_ends_the_rest():
    """Running items are cancelled and awaited, waiting ones never start."""
    ended, started = [], []

    @flow
    async def step(x):
        started.append(x)
        if x == 1:
            await asyncio.sleep(0)
            raise Broken(x)
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append(x)

    async def main():
        with pytest.raises(Broken):
            await step.each(concurrency=3)(range(10))
        return asyncio.all_tasks() - {asyncio.current_task()}

    assert asyncio.run(main()) == set()
    assert (sorted(started), sorted(ended)) == ([0, 1, 2], [0, 2])


def test_an_error_closes_an_async_source():
    """An async generator is closed before the error leaves."""
    log = []

    async def main():
        with pytest.raises(Broken):
            await flow(late_fail).each(concurrency=1)(counted(5, log))
        return log[-1]

    async def late_fail(x):
        raise Broken(x)

    assert asyncio.run(main()) == "closed"


def test_cancellation_ends_every_item():
    """Cancelling the whole cancels and awaits what runs."""
    ended = []

    @flow
    async def wait(x):
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(x)

    async def main():
        task = asyncio.ensure_future(wait.each(concurrency=3)(range(10)))
        for _ in range(5):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return asyncio.all_tasks() - {asyncio.current_task()}

    assert asyncio.run(main()) == set()
    assert sorted(ended) == [0, 1, 2]


def test_collect_gives_one_outcome_an_item():
    """`mode="collect"` loses nothing and stops for nothing."""
    for outcomes in (
        up.each(mode="collect")([1, -2, 3]),
        asyncio.run(late_up.each(mode="collect")([1, -2, 3])),
    ):
        assert [type(outcome) for outcome in outcomes] == [Ok, Failure, Ok]
        assert (outcomes[0].value, outcomes[1].error.args, outcomes[1].input, outcomes[2].value) == (2, (-2,), -2, 4)


def test_a_collected_failure_says_where():
    """The path is the static place of the failing step."""
    outcomes = (up | up).each(mode="collect").named("loop")([-1])

    assert outcomes[0].path.startswith("loop/")
    assert outcomes[0].path.endswith("up")


def test_an_error_of_the_source_is_not_collected():
    """What the iterable raises is nobody's outcome, so it leaves."""

    def source():
        yield 1
        raise OSError("source")

    with pytest.raises(OSError, match="source"):
        up.each(mode="collect")(source())
    with pytest.raises(OSError, match="source"):
        asyncio.run(late_up.each(mode="collect")(source()))


def test_fold_gives_the_reduced_value():
    """A fold with a start needs no list."""
    summed = up.each(fold=lambda total, x: total + x, start=int)

    assert summed([1, 2, 3]) == 9
    assert summed([]) == 0


def test_fold_of_an_async_flow():
    """An async flow folds too."""
    joined = late_up.each(fold=lambda total, x: [*total, x], start=list)

    assert asyncio.run(joined([1, 2, 3])) == [2, 3, 4]


def test_fold_starts_anew_for_every_call():
    """The first accumulator is made for each call."""

    def push(into, x):
        into.append(x)
        return into

    pushed = up.each(fold=push, start=list)
    assert (pushed([1]), pushed([2])) == ([2], [3])


def test_fold_with_collect_gets_outcomes():
    """Folding outcomes counts successes and failures."""
    counted_ = up.each(mode="collect", fold=lambda n, outcome: n + outcome.ok, start=int)

    assert counted_([1, -1, 2]) == 2


def test_fold_keeps_the_order():
    """An ordered async fold sees the results in the order of the items."""

    async def wait(x):
        for _ in range(5 - x):
            await asyncio.sleep(0)
        return x

    joined = flow(wait).each(fold=lambda seen, x: [*seen, x], start=list)
    assert asyncio.run(joined(range(5))) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("options", [{"fold": 1, "start": int}, {"start": int}, {"fold": max, "start": 0}])
def test_a_fold_that_cannot_be_is_refused(options):
    """Fold and start are callables, and start needs a fold."""
    with pytest.raises(DefinitionError):
        up.each(**options)


def test_an_unknown_mode_is_refused():
    """The modes have names."""
    with pytest.raises(InvalidValue, match="quorum"):
        up.each(mode="quorum")


def test_threads_let_items_meet():
    """With threads, items of a sync flow run at the same time, results in order."""
    barrier = threading.Barrier(3, timeout=10)

    @flow
    def meet(x):
        barrier.wait()
        return x

    assert meet.each(threads=3)([1, 2, 3]) == [1, 2, 3]


def test_threads_await_what_runs_before_an_error_leaves():
    """A running item is awaited, a waiting one never starts."""
    ready, done = threading.Event(), []

    @flow
    def step(x):
        if x == 0:
            ready.wait(10)
            raise Broken(x)
        ready.set()
        done.append(x)

    with pytest.raises(Broken):
        step.each(threads=2)([0, 1])
    assert done == [1]


def test_threads_over_an_async_flow_are_refused():
    """An async flow overlaps by itself."""
    with pytest.raises(DefinitionError):
        late_up.each(threads=2)


def test_each_in_each():
    """A loop in a loop maps lists of lists."""
    assert up.each().each()([[1], [2, 3]]) == [[2], [3, 4]]
    assert asyncio.run(late_up.each(concurrency=2).each(concurrency=2)([[1], [2, 3]])) == [[2], [3, 4]]


def test_each_in_a_pipe():
    """A loop is a step like any."""
    assert (flow(str.split) | flow(int).each() | flow(sum))("1 2 3") == 6


def test_what_is_not_iterable_is_a_type_error():
    """A lone value is no iterable."""
    with pytest.raises(TypeError):
        up.each()(3)
    with pytest.raises(TypeError):
        asyncio.run(late_up.each()(3))


def test_many_items_leave_no_stack():
    """A long source takes no depth."""
    assert sum(asyncio.run(late_up.each()(range(10_000)))) == sum(range(1, 10_001))


async def late_add(a, b):
    return a + b


REFUSED = {
    "fold": lambda g: flow(abs).each(fold=g, start=int),
    "start": lambda g: flow(abs).each(fold=max, start=g),
    "record": lambda g: gather(g, a=flow(abs), b=flow(abs)),
    "on": lambda g: try_with(flow(abs), catch=flow(str), on=g),
    "or_else": lambda g: flow(abs).or_else(flow(int), on=g),
}


@pytest.mark.parametrize("option", REFUSED)
def test_an_async_function_is_refused_where_nothing_awaits(option):
    """A coroutine there would be dropped, and true."""
    with pytest.raises(DefinitionError, match="nothing awaits, and 'late_add' is async"):
        REFUSED[option](late_add)


@pytest.mark.parametrize("option", REFUSED)
def test_a_flow_is_refused_where_a_function_is_asked_for(option):
    """It would be no part of the tree; its function is what is meant."""
    with pytest.raises(DefinitionError, match=r"got the flow 'max'\. Give `\.fn`"):
        REFUSED[option](flow(max))


@pytest.mark.parametrize("items", [[7], [7, 8]])
def test_an_async_loop_leaves_the_callers_context_variables_alone(items):
    """What a step sets is not seen after the loop, however many items there were."""
    seen = contextvars.ContextVar("seen")

    @flow
    async def mark(x):
        seen.set(x)

    async def main():
        seen.set("mine")
        await mark.each()(items)
        return seen.get()

    assert asyncio.run(main()) == "mine"


@pytest.mark.parametrize("step", [up, late_up])
def test_the_error_of_a_reducer_is_the_loops_own(step):
    """The note does not blame the step of an item."""

    def fold(total, x):
        raise Broken(x)

    with pytest.raises(Broken) as caught:
        asyncio.run(step.each(fold=fold, start=int).acall([1]))

    assert caught.value.__notes__ == ["raised in flow 'each', at each"]
