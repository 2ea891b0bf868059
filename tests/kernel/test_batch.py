"""`.batch`: single calls that share one call of a flow of a list (async; threads stand in `test_batch_threads`)."""

from __future__ import annotations

import asyncio
import gc
import pickle
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from omnitron import (
    BatchError,
    Context,
    DeadlineExceeded,
    DefinitionError,
    EventLog,
    InvalidValue,
    Key,
    context,
    current_context,
    flow,
    needs,
    rebuild,
    resource,
)
from omnitron.testing import ManualClock

tenant = Key("tenant", str)


class Loader:
    """A flow of a list that keeps what it was asked."""

    def __init__(self, answer: Callable[[list[Any]], Any] = lambda items: [str(item) for item in items]) -> None:
        self.calls: list[list[Any]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.running = self.cancelled = 0

        async def load(items: list[Any]) -> Any:
            self.calls.append(items)
            self.running += 1
            try:
                await self.gate.wait()
                return answer(items)
            except asyncio.CancelledError:
                self.cancelled += 1
                raise
            finally:
                self.running -= 1

        self.flow = flow(load)


async def turns(count: int) -> None:
    """Let the loop turn."""
    for _ in range(count):
        await asyncio.sleep(0)


def asked(loader: Loader, one: Any, items: list[Any]) -> list[Any]:
    """Ask for items at once; give results and errors in order."""

    async def main() -> list[Any]:
        return await asyncio.gather(*map(one, items), return_exceptions=True)

    return asyncio.run(main())


def test_callers_share_a_call_and_get_their_own() -> None:
    """Each caller gets the answer to its item, in whatever order they asked."""
    loader = Loader()
    assert asked(loader, loader.flow.batch(), [3, 1, 2]) == ["3", "1", "2"]
    assert loader.calls == [[3, 1, 2]]


def test_a_full_window_is_sent_at_once() -> None:
    """No call gets more than `size` items."""
    loader = Loader()
    asked(loader, loader.flow.batch(2), [1, 2, 3, 4, 5])
    assert loader.calls == [[1, 2], [3, 4], [5]]


def test_equal_items_are_asked_for_once() -> None:
    """Of equal items of one type one is sent; `1`, `True` and `1.0` are three."""
    loader = Loader()
    assert asked(loader, loader.flow.batch(), [1, True, 1.0, 1, (1,), (True,), (1,)]) == [
        "1", "True", "1.0", "1", "(1,)", "(True,)", "(1,)",
    ]  # fmt: skip
    assert [list(map(repr, call)) for call in loader.calls] == [["1", "True", "1.0", "(1,)", "(True,)"]]


def test_items_without_a_hash_are_each_asked_for() -> None:
    """Nothing says that two lists are the same; `key` does."""
    loader = Loader()
    asked(loader, loader.flow.batch(), [[1], [1]])
    asked(loader, loader.flow.batch(key=lambda item: item[0]), [[1], [1], [2]])
    assert loader.calls == [[[1], [1]], [[1], [2]]]


def test_by_separates() -> None:
    """Items of different groups never share a call."""
    loader = Loader()
    asked(loader, loader.flow.batch(by=lambda item: item % 2), [1, 2, 3, 4])
    assert loader.calls == [[1, 3], [2, 4]]


def test_a_failing_by_fails_its_caller_alone() -> None:
    """What `by` raises leaves at the call whose item it is."""
    loader = Loader()
    results = asked(loader, loader.flow.batch(by=lambda item: 1 // item), [0, 1, []])
    assert [type(result) for result in results] == [ZeroDivisionError, str, TypeError]


def test_a_hash_that_fails_leaves_no_window() -> None:
    """What an item raises leaves at its call, and nothing is asked for."""

    class Odd:
        def __hash__(self) -> int:
            raise ZeroDivisionError

    loader = Loader()
    one = loader.flow.batch()
    assert [type(error) for error in asked(loader, one, [Odd(), Odd()])] == [ZeroDivisionError] * 2
    assert (loader.calls, one.node.cell._state.open) == ([], {})


def test_keys_are_asked_for_once_an_item() -> None:
    """`by` and `key` are called with each item once."""
    loader, seen = Loader(), []
    asked(loader, loader.flow.batch(by=lambda item: seen.append(item), key=lambda item: seen.append(item)), [1, 2])
    assert seen == [1, 1, 2, 2]


def test_a_group_without_a_hash_is_refused() -> None:
    """What `by` and `key` give must be findable."""
    loader = Loader()
    for option in ("by", "key"):
        [error] = asked(loader, loader.flow.batch(**{option: lambda item: [item]}), [1])
        assert isinstance(error, DefinitionError)
        assert option in str(error)


# ---------------------------------------------------------------- what comes back


@pytest.mark.parametrize("answer", [lambda items: items[:-1], lambda items: [*items, 0], lambda items: []])
def test_a_wrong_length_fails_everybody(answer: Any) -> None:
    """Trap 25: a short answer hangs nobody, a long one is not cut; all get the same error."""
    loader = Loader(answer)
    first, second = asked(loader, loader.flow.batch(), [1, 2])
    assert isinstance(first, BatchError)
    assert first is second
    assert "results for 2 items" in str(first)


@pytest.mark.parametrize("answer", [dict, set, str, iter, lambda items: None])
def test_what_is_no_list_fails_everybody(answer: Any) -> None:
    """Nothing says which member of a set is whose."""
    loader = Loader(answer)
    first, second = asked(loader, loader.flow.batch(), [(1, 2), (3, 4)])
    assert first is second
    assert "not a list" in str(first)


def test_an_exception_in_its_place_fails_one_item() -> None:
    """Trap 25: the others get their answers."""
    loader = Loader(lambda items: [KeyError(item) if item == 2 else item for item in items])
    results = asked(loader, loader.flow.batch(), [1, 2, 3])
    assert [results[0], repr(results[1]), results[2]] == [1, "KeyError(2)", 3]


@pytest.mark.parametrize("odd", [StopIteration(), asyncio.CancelledError(), KeyboardInterrupt()])
def test_an_exception_that_would_end_more_than_a_call_is_told_as_an_error(odd: BaseException) -> None:
    """A cancellation that stands in the place of an item cancels nobody."""
    loader = Loader(lambda items: [odd, "fine"])
    first, second = asked(loader, loader.flow.batch(), [1, 2])
    assert isinstance(first, BatchError)
    assert (first.__cause__, second) == (odd, "fine")


def test_an_error_of_the_call_is_shared_and_noted_once() -> None:
    """All who wait get the very exception, with the one note of the call."""
    loader = Loader(lambda items: 1 // 0)
    one = flow(abs) | loader.flow.batch()
    results = asked(loader, one, [1, -2, 3])
    assert results[0] is results[1] is results[2]
    assert results[0].__notes__ == ["raised in flow 'abs → load', at abs → load/load"]


def test_a_retry_around_a_batch_retries_single_items() -> None:
    """Only what failed is asked for again, together."""
    seen: set[int] = set()

    def answer(items: list[int]) -> list[Any]:
        fresh = [item for item in items if item not in seen]
        seen.update(items)
        return [ValueError(item) if item in fresh and item % 2 else item for item in items]

    loader = Loader(answer)
    assert asked(loader, loader.flow.batch().retry(delay=0), [1, 2, 3, 4]) == [1, 2, 3, 4]
    assert loader.calls == [[1, 2, 3, 4], [1, 3]]


# ---------------------------------------------------------------- when a window closes


@pytest.mark.filterwarnings("ignore:order-each-below-batch")
def test_each_with_less_workers_than_size_does_not_wait() -> None:
    """Eight workers around a batch of 128 are served after two quiet turns, without a clock that moves."""
    loader = Loader()
    ctx = context(clock=ManualClock())
    many = loader.flow.batch(128, max_wait=1_000.0).each(concurrency=8)

    async def main() -> int:
        task = asyncio.ensure_future(ctx.run(many, range(80)))
        count = 0
        while not task.done():
            await asyncio.sleep(0)
            count += 1
        assert await task == [str(item) for item in range(80)]
        return count

    count = asyncio.run(main())
    assert [len(call) for call in loader.calls] == [8] * 10
    assert count < 200


def test_a_window_that_others_keep_joining_closes_after_max_wait() -> None:
    """It is closed by the clock of the run, however many come."""
    clock, loader = ManualClock(), Loader()
    one = loader.flow.batch(1_000, max_wait=5.0)

    async def main() -> None:
        tasks = []
        for item in range(20):
            tasks.append(asyncio.ensure_future(context(clock=clock).run(one, item)))
            await asyncio.sleep(0)
            clock.move(1.0)
        await asyncio.gather(*tasks)

    asyncio.run(main())
    assert len(loader.calls) == 4
    assert sum(map(len, loader.calls)) == 20


def test_what_closed_one_window_does_not_close_the_next() -> None:
    """Trap 24: a window that was filled leaves nothing behind that would send the next one early."""
    clock, loader = ManualClock(), Loader()
    one, ctx = loader.flow.batch(2, max_wait=10.0), context(clock=clock)

    async def main() -> None:
        tasks = [asyncio.ensure_future(ctx.run(one, item)) for item in (1, 2)]
        await asyncio.sleep(0)
        clock.move(9.0)
        tasks.append(asyncio.ensure_future(ctx.run(one, 3)))
        await asyncio.sleep(0)
        clock.move(2.0)  # the time of the first window would be over
        await asyncio.sleep(0)
        tasks.append(asyncio.ensure_future(ctx.run(one, 4)))
        await asyncio.gather(*tasks)

    asyncio.run(main())
    assert loader.calls == [[1, 2], [3, 4]]


def test_ten_thousand_callers() -> None:
    """All are served, by as few calls as there must be."""
    loader = Loader()
    assert asked(loader, loader.flow.batch(1_000), list(range(10_000))) == [str(item) for item in range(10_000)]
    assert [len(call) for call in loader.calls] == [1_000] * 10


# ---------------------------------------------------------------- who leaves


def test_a_cancelled_caller_leaves_the_window() -> None:
    """Its item is not sent, and the others are."""
    loader = Loader()
    one = loader.flow.batch()

    async def main() -> list[str]:
        tasks = [asyncio.ensure_future(one(item)) for item in (1, 2, 3)]
        await asyncio.sleep(0)
        tasks[1].cancel()
        return await asyncio.gather(tasks[0], tasks[2])

    assert asyncio.run(main()) == ["1", "3"]
    assert loader.calls == [[1, 3]]


def test_an_item_is_sent_while_one_of_its_callers_waits() -> None:
    """A cancelled caller takes nothing from another who asked for the same."""
    loader = Loader()
    one = loader.flow.batch()

    async def main() -> str:
        tasks = [asyncio.ensure_future(one(1)) for _ in range(2)]
        await asyncio.sleep(0)
        tasks[0].cancel()
        return await tasks[1]

    assert asyncio.run(main()) == "1"
    assert loader.calls == [[1]]


def test_a_cancelled_caller_of_a_batch_on_its_way_disturbs_nobody() -> None:
    """The call goes on for the others."""
    loader = Loader()
    loader.gate.clear()
    one = loader.flow.batch()

    async def main() -> str:
        tasks = [asyncio.ensure_future(one(item)) for item in (1, 2)]
        await turns(6)
        tasks[0].cancel()
        await turns(2)
        loader.gate.set()
        return await tasks[1]

    assert asyncio.run(main()) == "2"
    assert loader.cancelled == 0


def test_an_item_that_is_asked_for_again_counts_as_before() -> None:
    """Whoever comes for an item that somebody has left may fill the window; no call gets more than `size`."""
    loader = Loader()
    one = loader.flow.batch(3)

    async def main() -> None:
        tasks = [asyncio.ensure_future(one(item)) for item in (1, 2)]
        await asyncio.sleep(0)
        tasks.pop(0).cancel()
        tasks += [asyncio.ensure_future(one(item)) for item in (3, 1, 4)]
        await asyncio.gather(*tasks)

    asyncio.run(main())
    assert loader.calls == [[1, 2, 3], [4]]


@pytest.mark.parametrize("turn", range(12))
def test_cancelling_all_at_any_point_leaves_nothing(turn: int) -> None:
    """When the last caller has left, the call has ended, and no task, window or handle of it is there."""
    loader = Loader()
    loader.gate.clear()
    one = loader.flow.batch(10)

    async def main() -> int:
        tasks = [asyncio.ensure_future(one(item)) for item in (1, 2)]
        await turns(turn)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        assert all(task.cancelled() for task in tasks)
        assert len(asyncio.all_tasks()) == 1
        return loader.running

    assert asyncio.run(main()) == 0
    assert one.node.cell._state.open == {}
    assert loader.cancelled == len(loader.calls)


@pytest.mark.parametrize("turn", range(10))
def test_cancelling_one_at_any_point_serves_the_other(turn: int) -> None:
    """Whenever one is cancelled, the other gets its answer."""
    loader = Loader()
    one = loader.flow.batch(10)

    async def main() -> tuple[str, int]:
        tasks = [asyncio.ensure_future(one(item)) for item in (1, 2)]
        await turns(turn)
        tasks[0].cancel()
        await asyncio.wait(tasks)
        return await tasks[1], len(asyncio.all_tasks())

    assert asyncio.run(main()) == ("2", 1)


def test_the_last_caller_waits_for_the_clean_up() -> None:
    """A batch that nobody waits for is cancelled, and has ended when its last caller leaves."""
    done: list[str] = []

    @flow
    async def load(items: list[int]) -> list[int]:
        try:
            await asyncio.Event().wait()
        finally:
            await turns(3)
            done.append("cleaned")
        return items

    async def main() -> list[str]:
        task = asyncio.ensure_future(load.batch()(1))
        await turns(6)
        task.cancel()
        await asyncio.wait([task])
        return list(done)

    assert asyncio.run(main()) == ["cleaned"]


def test_a_timeout_over_a_batch_ends_one_wait() -> None:
    """The one whose time is over leaves; the other waits on."""
    loader, clock = Loader(), ManualClock()
    loader.gate.clear()
    one, ctx = loader.flow.batch(), context(clock=clock)

    async def main() -> list[Any]:
        tasks = [asyncio.ensure_future(ctx.run(one.timeout(1), 1)), asyncio.ensure_future(ctx.run(one, 2))]
        await clock.advance(2)
        loader.gate.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    first, second = asyncio.run(main())
    assert isinstance(first, TimeoutError)
    assert second == "2"


def test_a_call_that_cancels_itself_cancels_who_waits() -> None:
    """As it would if it were called alone; nobody hangs."""

    @flow
    async def load(items: list[int]) -> list[int]:
        raise asyncio.CancelledError

    async def main() -> list[Any]:
        return await asyncio.gather(*map(load.batch(), (1, 2)), return_exceptions=True)

    assert [type(result) for result in asyncio.run(main())] == [asyncio.CancelledError] * 2


def test_what_is_dropped_with_its_loop_leaves_no_window() -> None:
    """A loop that is closed in the middle takes its windows along, and complains of nothing."""
    loader = Loader()
    loader.gate.clear()
    one = loader.flow.batch()
    kept: list[Any] = []

    async def main() -> None:
        kept.append(asyncio.ensure_future(one(1)))
        await asyncio.sleep(0)

    asyncio.run(main())
    kept.clear()
    gc.collect()
    assert one.node.cell._state.open == {}


# ---------------------------------------------------------------- contexts


def test_callers_of_different_values_never_share_a_call() -> None:
    """Trap 26: a batch runs with the value of all its callers, and no other."""
    seen: list[tuple[str, list[int]]] = []

    @flow
    async def load(items: list[int], *, who: str = needs(tenant)) -> list[str]:
        seen.append((who, items))
        return [f"{who}{item}" for item in items]

    one = load.batch()

    async def main() -> list[str]:
        calls = [context(tenant=who).run(one, item) for item, who in enumerate("abab")]
        return await asyncio.gather(*calls)

    assert asyncio.run(main()) == ["a0", "b1", "a2", "b3"]
    assert seen == [("a", [0, 2]), ("b", [1, 3])]


def test_callers_of_different_authority_never_share_a_call() -> None:
    """Trap 26: what one may, another does not get from it."""
    loader = Loader()
    one = loader.flow.batch()

    async def main() -> None:
        await asyncio.gather(
            context(capabilities={"net:*"}).run(one, 1), context().run(one, 2), context(capabilities=set()).run(one, 3)
        )

    asyncio.run(main())
    assert loader.calls == [[1], [2], [3]]


def test_callers_who_differ_in_what_is_not_asked_for_share_a_call_that_does_not_see_it() -> None:
    """What no parameter asks for is no part of the batch, and refuses to be read there."""
    errors: list[str] = []

    @flow
    async def load(items: list[int]) -> list[int]:
        try:
            current_context().get("request")
        except DefinitionError as error:
            errors.append(str(error))
        return items

    one = load.batch()

    async def main() -> None:
        await asyncio.gather(context(request="r1").run(one, 1), context(request="r2").run(one, 2))

    asyncio.run(main())
    assert len(errors) == 1
    assert "needs(Key('request', ...))" in errors[0]


def test_a_fake_in_the_place_of_a_resource_is_kept() -> None:
    """Callers with another resource have another batch, and the flow gets theirs."""

    @resource(scope="app")
    def http() -> str:
        return "real"

    @flow
    async def load(items: list[int], *, client: str = needs(http)) -> list[str]:
        return [client] * len(items)

    one = load.batch()

    async def main() -> list[str]:
        return await asyncio.gather(context({http: "fake"}).run(one, 1), context().run(one, 2))

    assert asyncio.run(main()) == ["fake", "real"]


def test_what_belongs_to_one_run_asks_for_an_explicit_key() -> None:
    """The context itself, and what is opened for a run, cannot be shared by accident."""

    @resource(scope="run")
    def session() -> str:
        return "session"

    @flow
    async def load(items: list[int], *, ctx: Context = needs(Context)) -> list[str]:
        return [ctx.tenant] * len(items)

    @flow
    async def query(items: list[int], *, one: str = needs(session)) -> list[int]:
        return items

    for body in (load, query):
        with pytest.raises(DefinitionError, match="of one run alone"):
            body.batch()
    one = load.batch(by=lambda item: current_context().tenant)

    async def main() -> list[str]:
        return await asyncio.gather(context(tenant="a").run(one, 1), context(tenant="b").run(one, 2))

    assert asyncio.run(main()) == ["a", "b"]
    assert query.batch(key=lambda item: item).node.key is not None


def test_resources_of_a_batch_close_with_it() -> None:
    """A batch is a run of its own: what is opened for it lives as long as it does."""
    events: list[str] = []

    @resource(scope="run")
    async def session() -> Any:
        events.append("open")
        yield "session"
        events.append("close")

    @flow
    async def load(items: list[int], *, one: str = needs(session)) -> list[str]:
        events.append("load")
        return [one] * len(items)

    one = load.batch(key=lambda item: item)
    assert asyncio.run(context().run(one.each(), [1, 2])) == ["session", "session"]
    assert events == ["open", "load", "close"]


def test_the_batch_sees_the_earliest_deadline_and_is_not_ended_by_it() -> None:
    """Trap 26: whose time is over leaves; the call goes on for the others."""
    clock, seen = ManualClock(), []
    gate = asyncio.Event()

    @flow
    async def load(items: list[int]) -> list[int]:
        seen.append(current_context().runtime.deadline)
        await gate.wait()
        return items

    one = load.batch()

    async def main() -> list[Any]:
        tasks = [
            asyncio.ensure_future(context(clock=clock, deadline=seconds).run(one, seconds)) for seconds in (9, 1, 5)
        ]
        await clock.advance(2)
        gate.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    first, second, third = asyncio.run(main())
    assert seen == [1.0]
    assert isinstance(second, DeadlineExceeded)
    assert (first, third) == (9, 5)


def test_the_first_run_that_waits_sees_the_call() -> None:
    """Of two runs that are watched one sees what happens in the batch: the first that still waits when it is sent."""
    loader = Loader()
    logs = [EventLog(), EventLog(), EventLog()]
    one = loader.flow.batch()

    async def main() -> None:
        tasks = [asyncio.ensure_future(context(observers=log).run(one, item)) for item, log in enumerate(logs)]
        await asyncio.sleep(0)
        tasks[0].cancel()
        await asyncio.wait(tasks)

    asyncio.run(main())
    assert [[event.path for event in log.events] for log in logs] == [[], ["load", "load"], []]
    assert loader.calls == [[1, 2]]


# ---------------------------------------------------------------- cells and loops


def test_two_loops_in_sequence() -> None:
    """A batch that served one loop serves another."""
    loader = Loader()
    one = loader.flow.batch()
    assert [asked(loader, one, [1, 2]), asked(loader, one, [3])] == [["1", "2"], ["3"]]


def test_two_loops_at_the_same_time() -> None:
    """Loops of two threads never share a call, however the threads take turns."""
    loader = Loader()
    one = loader.flow.batch(5)

    async def main(start: int) -> None:
        for _ in range(30):
            found = await asyncio.gather(*[one(item) for item in range(start, start + 12)])
            assert found == [str(item) for item in range(start, start + 12)]

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(2) as pool:
            for done in [pool.submit(asyncio.run, main(start)) for start in (0, 1_000)]:
                done.result(60)
    finally:
        sys.setswitchinterval(before)
    assert all(len({item // 1_000 for item in call}) == 1 for call in loader.calls)


def test_a_loop_that_stands_still_keeps_its_window_to_itself() -> None:
    """A loop that was stopped with a window open, and one that runs meanwhile in the same thread, share nothing."""
    loader = Loader()
    one = loader.flow.batch(5)

    async def begin() -> asyncio.Task[str]:
        task = asyncio.ensure_future(one(1))
        await asyncio.sleep(0)
        return task

    async def finish(task: asyncio.Task[str]) -> str:
        return await task

    with asyncio.Runner() as first, asyncio.Runner() as second:
        task = first.run(begin())
        assert second.run(one(2)) == "2"
        assert first.run(finish(task)) == "1"
    assert loader.calls == [[2], [1]]


def test_refinements_written_twice_do_not_share() -> None:
    """They are equal, and each has windows of its own; a flow that is renamed keeps them."""
    loader = Loader()
    one, other = loader.flow.batch(), loader.flow.batch()
    named = one.node.labelled("named")
    assert one == other
    assert one.node.cell._state is not other.node.cell._state
    assert named.cell is one.node.cell


def test_flows_that_share_a_cell_and_differ_do_not_share_calls() -> None:
    """What configuration or rewriting made of a flow has calls of its own."""
    loader, other = Loader(), Loader()
    one = loader.flow.batch()
    from omnitron.algebra import from_node

    changed = from_node(one.node.rebuild((other.flow.node,)))

    async def main() -> None:
        await asyncio.gather(one(1), changed(2), one(3))

    asyncio.run(main())
    assert (loader.calls, other.calls) == ([[1, 3]], [[2]])


async def doubled(items: list[int]) -> list[int]:
    """A function that pickles."""
    return [2 * item for item in items]


def test_a_pickle_and_a_description_bring_a_fresh_cell() -> None:
    """They are equal to the flow, and do not share its windows."""
    one = flow(doubled).batch(7, by=abs)
    for again in (pickle.loads(pickle.dumps(one)), rebuild(one.describe())):
        assert again == one
        assert again.node.cell._state is not one.node.cell._state
        assert asyncio.run(again(4)) == 8


def test_configuration_sets_size_and_wait() -> None:
    """`batch_size` and `max_wait` are parameters of the flow's place."""
    loader = Loader()
    tuned = context(config={"load": {"batch_size": 1, "max_wait": 0.5}})

    async def main() -> None:
        await asyncio.gather(tuned.run(loader.flow.batch(9), 1), tuned.run(loader.flow.batch(9), 2))

    asyncio.run(main())
    assert loader.calls == [[1], [2]]


def test_a_stream_over_a_batch() -> None:
    """Items computed ahead of the reader share calls."""
    loader = Loader()

    async def main() -> list[str]:
        return [item async for item in loader.flow.batch(4).stream(concurrency=4)(range(8))]

    assert asyncio.run(main()) == [str(item) for item in range(8)]
    assert loader.calls[0] == [0, 1, 2, 3]


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"size": 0}, InvalidValue),
        ({"size": True}, DefinitionError),
        ({"size": 2.5}, DefinitionError),
        ({"max_wait": -1}, InvalidValue),
        ({"max_wait": float("inf")}, InvalidValue),
        ({"max_wait": "1"}, DefinitionError),
        ({"by": "name"}, DefinitionError),
        ({"key": 3}, DefinitionError),
        ({"by": doubled}, DefinitionError),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], kind: type[Exception]) -> None:
    """A window that is none is told of where it is written."""
    with pytest.raises(kind):
        flow(doubled).batch(**options)


@pytest.mark.parametrize(
    "body",
    [
        flow(lambda a, b: [a, b]),
        flow(lambda *, other: []),
    ],
)
def test_a_flow_that_does_not_take_one_list_is_refused(body: Any) -> None:
    """It is called with the list alone."""
    with pytest.raises(DefinitionError, match="a list alone"):
        body.batch()


def takes_number(item: int) -> list[int]:
    """Not a flow of a list."""
    return [item]


def gives_number(items: list[int]) -> int:
    """Not one result for each item."""
    return len(items)


def gives_table(items: list[int]) -> dict[int, int]:
    """Not a list either."""
    return dict.fromkeys(items, 0)


def test_annotations_that_are_no_lists_are_refused() -> None:
    """As far as annotations tell, a flow of one item is not called with a list."""
    for fn, words in ((takes_number, "with a list"), (gives_number, "gives"), (gives_table, "gives")):
        fn.__annotations__ = {name: eval(text) for name, text in fn.__annotations__.items()}
        with pytest.raises(DefinitionError, match=words):
            flow(fn).batch()


def test_a_generator_is_refused() -> None:
    """A stream is read as it goes; nothing says which item is whose."""

    @flow
    def items(given: list[int]) -> Any:
        yield from given

    with pytest.raises(DefinitionError, match="whose"):
        items.batch()
