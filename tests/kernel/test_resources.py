"""Resources: opened lazily and once, closed in reverse order on every way out."""

import asyncio
import contextlib
import logging
import pickle
import random
import threading

import pytest

from omnitron import (
    Context,
    DefinitionError,
    Key,
    NoRun,
    Unpicklable,
    context,
    current_context,
    flow,
    needs,
    parallel,
    resource,
)

tenant = Key("tenant", str)


class Trace:
    """What was opened and closed, in order."""

    def __init__(self):
        self.log = []

    def sync(self, name, scope="run", **asked):
        """Make a sync resource that writes down its course."""

        def open_it():
            self.log.append(f"open {name}")
            try:
                yield name
            except BaseException as error:
                self.log.append(f"fail {name} {type(error).__name__}")
                raise
            finally:
                self.log.append(f"close {name}")

        return named(open_it, name, scope, asked)

    def later(self, name, scope="run", **asked):
        """Make an async one."""

        async def open_it():
            self.log.append(f"open {name}")
            await asyncio.sleep(0)
            try:
                yield name
            finally:
                await asyncio.sleep(0)
                self.log.append(f"close {name}")

        return named(open_it, name, scope, asked)


def named(fn, name, scope, asked):
    """Make the resource of a function under a name, with needs that are opened before it."""
    fn.__name__ = name
    made = resource(scope=scope)(fn)
    if not asked:
        return made
    raise AssertionError("needs are written in the function")


@pytest.fixture
def trace():
    return Trace()


def asking(target, name="use"):
    """Make a step that needs a resource and gives it."""

    @flow(name=name)
    def use(x: object, *, it: object = needs(target)) -> object:
        return it

    return use


def asking_later(target):
    """Make an async step that needs a resource and gives it."""

    @flow
    async def use(x: object, *, it: object = needs(target)) -> object:
        await asyncio.sleep(0)
        return it

    return use


def test_a_resource_opens_lazily_and_once_in_a_run(trace):
    """It is opened by the first step that needs it, shared by the next, and closed when the run ends."""
    use = asking(trace.sync("db"))
    tree = flow(lambda x: trace.log.append("first") or x) | use | use

    assert context().run(tree, 1) == "db"
    assert trace.log == ["first", "open db", "close db"]


def test_each_run_has_its_own(trace):
    """A resource of the scope "run" is opened for every run."""
    use, app = asking(trace.sync("tx")), context()

    app.run(use, 1)
    app.run(use, 1)

    assert trace.log == ["open tx", "close tx"] * 2


def test_resources_close_in_reverse_order_with_what_they_need(trace):
    """What a resource needs is opened before it and closed after it."""
    first = trace.sync("first")

    @resource(scope="run")
    def second(*, one: str = needs(first)):
        trace.log.append("open second")
        yield one + "+second"
        trace.log.append("close second")

    assert context().run(asking(second), 1) == "first+second"
    assert trace.log == ["open first", "open second", "close second", "close first"]


def test_an_app_resource_lives_as_long_as_the_block(trace):
    """It is shared by all runs of the entered context and of those derived from it, and closed at the end."""
    use = asking(trace.sync("pool", "app"))

    with context() as app:
        app.run(use, 1)
        app.with_(tenant="acme").run(use, 1)
        trace.log.append("leave")

    assert trace.log == ["open pool", "leave", "close pool"]


def test_an_app_resource_without_an_entered_context_lives_for_the_run(trace):
    """Nothing stays open that nobody would close."""
    use = asking(trace.sync("pool", "app"))

    context().run(use | use, 1)

    assert trace.log == ["open pool", "close pool"]


def test_async_resources_open_and_close_on_the_loop(trace):
    """Async generators are awaited at both ends, beside sync ones, in one order."""
    pool, tx = trace.later("pool", "app"), trace.sync("tx")

    async def main():
        async with context() as app:
            await app.run(asking_later(pool) | asking(tx), 1)
            await app.run(asking_later(tx) | asking_later(pool), 1)

    asyncio.run(main())

    assert trace.log == ["open pool", "open tx", "close tx", "open tx", "close tx", "close pool"]


def test_concurrent_first_use_opens_once(trace):
    """Tasks that ask at the same time wait for one opening."""
    use = asking_later(trace.later("pool", "app"))

    async def main():
        async with context() as app:
            return await asyncio.gather(*(app.run(use, n) for n in range(20)))

    assert asyncio.run(main()) == ["pool"] * 20
    assert trace.log == ["open pool", "close pool"]


def test_threads_that_ask_at_the_same_time_open_once():
    """Threads wait for one opening too."""
    opened, start = [], threading.Barrier(4)

    @resource
    def pool():
        opened.append(1)
        yield object()

    @flow
    def use(x: int, *, it: object = needs(pool)) -> object:
        return it

    @flow
    def meet(x: int) -> int:
        start.wait()
        return x

    with context() as app:
        found = app.run(parallel(*[(meet | use).named(f"b{n}") for n in range(4)], threads=4), 1)

    assert len(opened) == 1
    assert len(set(map(id, found))) == 1


def test_an_opening_that_is_cancelled_is_taken_over():
    """When the task that opens is cancelled, the next one that waits opens."""
    tries = []

    async def main():
        gate = asyncio.Event()

        @resource
        async def pool():
            tries.append(1)
            await gate.wait()
            yield "pool"

        use = asking_later(pool)
        async with context() as app:
            first, second = (asyncio.create_task(app.run(use, n)) for n in range(2))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            first.cancel()
            gate.set()
            return await asyncio.gather(first, second, return_exceptions=True)

    first, second = asyncio.run(main())

    assert isinstance(first, asyncio.CancelledError)
    assert second == "pool"
    assert len(tries) == 2


def test_an_opening_that_fails_leaves_as_it_is_and_is_tried_again():
    """The error of opening is the user's own; the next who asks opens anew."""
    answers = iter([OSError("no route"), "pool"])

    @resource
    def pool():
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        yield answer

    use = asking(pool)
    with context() as app:
        with pytest.raises(OSError, match="no route"):
            app.run(use, 1)
        assert app.run(use, 1) == "pool"


def test_the_error_of_a_run_reaches_its_resources(trace):
    """A transaction can be rolled back: the error that ends the run is raised at the `yield`."""
    use = asking(trace.sync("tx")) | flow(lambda x: 1 // 0)

    with pytest.raises(ZeroDivisionError):
        context().run(use, 1)

    assert trace.log == ["open tx", "fail tx ZeroDivisionError", "close tx"]


def test_a_resource_cannot_swallow_the_error():
    """What ends the run leaves it, also when a resource catches it."""

    @resource(scope="run")
    def tx():
        with contextlib.suppress(ValueError):
            yield 1

    @flow
    def fail(x: int, *, it: int = needs(tx)) -> int:
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        context().run(fail, 1)


def failing(name):
    """Make a resource whose close fails."""

    def broken():
        try:
            yield name
        finally:
            raise OSError(f"{name} does not close")

    broken.__name__ = name
    return resource(scope="run")(broken)


def test_a_failing_close_keeps_no_other_from_closing(trace, caplog):
    """The rest still closes, as after an error; the failure leaves where nothing else does."""
    tree = asking(trace.sync("one")) | asking(failing("two")) | asking(trace.sync("three"))

    with caplog.at_level(logging.ERROR, "omnitron"), pytest.raises(OSError, match="two does not close"):
        context().run(tree, 1)

    assert trace.log == ["open one", "open three", "close three", "fail one OSError", "close one"]
    assert "closing the resource two failed" in caplog.text


def test_several_failing_closes_leave_together():
    """No failure of closing is lost."""
    tree = asking(failing("one")) | asking(failing("two"))

    with pytest.raises(ExceptionGroup) as caught:
        context().run(tree, 1)

    assert [str(error) for error in caught.value.exceptions] == ["two does not close", "one does not close"]


def test_a_failing_close_does_not_hide_the_error_of_the_run():
    """The run's own error leaves, and tells what else failed."""

    @resource(scope="run")
    def tx():
        try:
            yield 1
        finally:
            raise OSError("no rollback")

    @flow
    def fail(x: int, *, it: int = needs(tx)) -> int:
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine") as caught:
        context().run(fail, 1)

    assert "closing failed too: OSError: no rollback" in caught.value.__notes__


def test_cancellation_closes_everything(trace):
    """A run that is cancelled closes what it opened, in reverse order."""

    async def main():
        gate = asyncio.Event()

        @flow
        async def wait(x: object) -> object:
            gate.set()
            await asyncio.Event().wait()

        task = asyncio.create_task(
            context().run(asking_later(trace.later("a")) | asking_later(trace.sync("b")) | wait, 1)
        )
        await gate.wait()
        task.cancel()
        return await asyncio.gather(task, return_exceptions=True)

    (result,) = asyncio.run(main())

    assert isinstance(result, asyncio.CancelledError)
    assert trace.log == ["open a", "open b", "fail b CancelledError", "close b", "close a"]


def test_a_second_cancellation_keeps_nothing_from_closing(trace):
    """A cancellation in the middle of closing leaves once the rest is closed."""

    async def main():
        inside = asyncio.Event()

        @resource(scope="run")
        async def slow():
            yield "slow"
            inside.set()
            await asyncio.Event().wait()

        task = asyncio.create_task(context().run(asking_later(trace.later("a")) | asking_later(slow), 1))
        await inside.wait()
        task.cancel()
        return await asyncio.gather(task, return_exceptions=True)

    (result,) = asyncio.run(main())

    assert isinstance(result, asyncio.CancelledError)
    assert trace.log == ["open a", "close a"]


def test_an_override_is_used_in_the_place_of_a_resource(trace):
    """A context that holds a value for a resource opens nothing."""
    pool = trace.sync("pool", "app")

    with context() as app:
        assert app.with_({pool: "fake"}).run(asking(pool), 1) == "fake"

    assert trace.log == []


def test_values_that_are_functions_need_no_close():
    """A resource may be a plain or an async function."""

    @resource(scope="run")
    def number() -> int:
        return 7

    @resource(scope="run")
    async def double(*, n: int = needs(number)) -> int:
        return 2 * n

    assert context().run(asking(number), 1) == 7
    assert asyncio.run(context().run(asking_later(double), 1)) == 14


def test_an_app_resource_reads_the_entered_context():
    """It is shared, so it is opened from what all share, not from the run that happens to be first."""

    @resource
    def table(*, who: str = needs(tenant)) -> str:
        return f"table of {who}"

    with context(tenant="acme") as app:
        assert app.with_(tenant="other").run(asking(table), 1) == "table of acme"


def test_a_run_resource_is_not_shared_across_a_difference_that_it_saw():
    """Inside one run, a flow called under another tenant is not given the first tenant's resource."""

    @resource(scope="run")
    def table(*, who: str = needs(tenant)) -> str:
        return f"table of {who}"

    use = asking(table)

    @flow
    def outer(x: int) -> tuple:
        return use(x), current_context().with_(tenant="other").run(use, x), use(x)

    assert context(tenant="acme").run(outer, 1) == ("table of acme", "table of other", "table of acme")


def test_a_resource_may_need_the_context():
    """`needs(Context)` in a resource is the context that it is opened for."""

    @resource(scope="run")
    def who(*, ctx: Context = needs(Context)) -> object:
        return ctx["tenant"]

    assert context(tenant="acme").run(asking(who), 1) == "acme"


def test_an_async_resource_of_another_loop_closes_with_that_loop(trace):
    """Each event loop has its own instance, which is closed before the loop is gone."""
    use = asking_later(trace.later("pool", "app"))

    with context() as app:
        asyncio.run(app.run(use | use, 1))
        asyncio.run(app.run(use, 1))

    assert trace.log == ["open pool", "close pool"] * 2


def test_an_async_resource_under_with_on_the_same_loop_is_refused(trace):
    """Leaving a `with` could not await its end, so it is not opened."""
    use = asking_later(trace.later("pool", "app"))

    async def main():
        with context() as app:
            await app.run(use, 1)

    with pytest.raises(DefinitionError, match="async with context"):
        asyncio.run(main())


def test_a_sync_step_cannot_need_an_async_resource(trace):
    """Nothing could await it; refused where the step is written."""
    with pytest.raises(DefinitionError, match="which is async"):
        asking(trace.later("pool"))


def test_a_sync_resource_cannot_need_an_async_one(trace):
    """Refused where the resource is written."""
    pool = trace.later("pool")

    with pytest.raises(DefinitionError, match="nothing could await it"):

        @resource
        def wrong(*, it: object = needs(pool)):
            yield it


def test_an_app_resource_cannot_need_one_of_a_run(trace):
    """It would outlive it."""
    tx = trace.sync("tx")

    with pytest.raises(DefinitionError, match="go on with something that is closed"):

        @resource(scope="app")
        def wrong(*, it: object = needs(tx)):
            yield it


def test_a_cycle_is_refused():
    """A resource whose opening runs a flow that needs it says so instead of waiting for itself."""

    @resource
    def pool():
        yield current_context().run(inner, 1)

    inner = asking(pool, "inner")

    with context() as app, pytest.raises(DefinitionError, match="pool → pool"):
        app.run(inner, 1)


def test_a_parameter_that_nobody_fills_is_refused():
    """The library has nothing to pass."""
    with pytest.raises(DefinitionError, match="has nothing to pass for url"):

        @resource
        def pool(url):
            yield url


@pytest.mark.parametrize("scope", ["session", None, 1])
def test_an_unknown_scope_is_refused(scope):
    """There are two."""
    with pytest.raises(DefinitionError, match="'app' or 'run'"):
        resource(scope=scope)


def test_what_is_no_function_is_refused():
    """A class or a value is no resource."""
    with pytest.raises(DefinitionError, match="`resource` takes a function"):
        resource(dict)


def test_a_generator_that_yields_nothing_is_refused():
    """The text says what is missing."""

    @resource(scope="run")
    def empty():
        return
        yield

    with pytest.raises(DefinitionError, match="without a `yield`"):
        context().run(asking(empty), 1)


def test_a_generator_that_yields_twice_is_refused():
    """What comes after the first yield is the close."""

    @resource(scope="run")
    def twice():
        yield 1
        yield 2

    with pytest.raises(DefinitionError, match="more than once"):
        context().run(asking(twice), 1)


def test_a_resource_outside_of_any_run_is_refused(trace):
    """Nothing would close it."""
    with pytest.raises(NoRun, match="needed outside of any run"):
        asking(trace.sync("db"))(1)


def test_a_context_that_was_left_opens_nothing(trace):
    """Its end has passed."""
    use = asking(trace.sync("pool", "app"))
    with context() as app:
        pass

    with pytest.raises(NoRun, match="its context was left"):
        app.run(use, 1)


def test_a_context_is_entered_once():
    """Another block has another context."""
    with context() as app, pytest.raises(DefinitionError, match="entered once"), app:
        pass


def test_the_error_of_a_block_reaches_app_resources(trace):
    """An error that leaves the `with` block is raised at the `yield` of what was opened."""
    use = asking(trace.sync("pool", "app"))

    def block():
        with context() as app:
            app.run(use, 1)
            raise KeyError("block")

    with pytest.raises(KeyError):
        block()

    assert trace.log == ["open pool", "fail pool KeyError", "close pool"]


def test_a_resource_is_immutable_and_not_called(trace):
    """It is a name for something, like a key."""
    pool = trace.sync("pool")

    with pytest.raises(AttributeError, match="immutable"):
        pool.scope = "app"
    with pytest.raises(DefinitionError, match="is not called"):
        pool()
    assert repr(pool) == "<Resource pool, scope 'run'>"


@resource
def at_the_top():
    yield 1


def test_a_resource_pickles_by_its_name(trace):
    """One at the top of a module is found there; another says why it cannot travel."""
    assert pickle.loads(pickle.dumps(at_the_top)) is at_the_top
    with pytest.raises(Unpicklable, match="cannot be pickled"):
        pickle.dumps(trace.sync("inner"))


def test_threads_of_a_run_share_its_resources(trace):
    """A step on a thread is given what its run has opened."""
    use = asking(trace.sync("db"))

    asyncio.run(context().run(use | use.on("thread"), 1))

    assert trace.log == ["open db", "close db"]


def test_a_thousand_concurrent_runs():
    """App resources are shared, run resources held, each opened and closed once in reverse, whatever ends a run."""
    chance, courses, shared, number = random.Random(7), {}, [], Key("number", int)

    @resource
    async def pool():
        shared.append("open")
        await asyncio.sleep(0)
        yield "pool"
        shared.append("close")

    def held(name, needed):
        @resource(scope="run")
        async def one(*, run: int = needs(number), p: str = needs(needed)):
            await asyncio.sleep(0)
            courses[run].append(f"open {name}")
            try:
                yield f"{name} of {run}"
            finally:
                await asyncio.sleep(0)
                courses[run].append(f"close {name}")

        return one

    outer = held("outer", pool)
    inner = held("inner", outer)

    @flow
    async def work(
        x: int, *, run: int = needs(Key("number", int)), a: str = needs(inner), b: str = needs(outer)
    ) -> str:
        assert (a, b) == (f"inner of {run}", f"outer of {run}")
        for _ in range(chance.randrange(4)):
            await asyncio.sleep(0)
        if chance.random() < 0.3:
            raise ValueError(x)
        return a

    async def main():
        async with context() as app:
            tasks = []
            for n in range(1000):
                courses[n] = []
                tasks.append(asyncio.create_task(app.with_(number=n).run(work, n)))
            victims = iter(chance.sample(tasks, 300))
            for _ in range(60):
                await asyncio.sleep(0)
                for _ in range(5):
                    next(victims).cancel()
            return await asyncio.gather(*tasks, return_exceptions=True)

    kinds = {type(result) for result in asyncio.run(main())}
    whole = ["open outer", "open inner", "close inner", "close outer"]

    assert kinds == {str, ValueError, asyncio.CancelledError}
    assert shared == ["open", "close"]
    assert all(course in ([], whole, [whole[0], whole[3]]) for course in courses.values())
    assert sum(course == whole for course in courses.values()) > 500


def test_a_cancellation_while_an_error_closes_a_run_is_not_lost():
    """It leaves in the place of the error that was leaving."""

    async def main():
        inside = asyncio.Event()

        @resource(scope="run")
        async def slow():
            try:
                yield 1
            finally:
                inside.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(context().run(asking_later(slow) | flow(lambda x: 1 // 0), 1))
        await inside.wait()
        task.cancel()
        return await asyncio.gather(task, return_exceptions=True)

    (result,) = asyncio.run(main())

    assert isinstance(result, asyncio.CancelledError)


def test_what_opens_after_the_end_of_its_scope_is_closed_at_once(trace):
    """A thread that goes on after its context was left is given nothing that nobody would close."""
    inside, left, errors = threading.Event(), threading.Event(), []

    @resource
    def slow():
        inside.set()
        left.wait()
        trace.log.append("open")
        try:
            yield 1
        finally:
            trace.log.append("close")

    def work(app):
        try:
            app.run(asking(slow), 1)
        except NoRun as error:
            errors.append(error)

    with context() as app:
        thread = threading.Thread(target=work, args=(app,))
        thread.start()
        inside.wait()
    left.set()
    thread.join()

    assert trace.log == ["open", "close"]
    assert len(errors) == 1


def test_resources_of_another_loop_close_in_order(trace):
    """Their loop does not end them all at once, behind the back of their scope."""
    outer = trace.later("outer", "app")

    @resource
    async def inner(*, o: str = needs(outer)):
        trace.log.append("open inner")
        yield "inner"
        await asyncio.sleep(0)
        trace.log.append("close inner")

    with context() as app:
        asyncio.run(app.run(asking_later(inner), 1))

    assert trace.log == ["open outer", "open inner", "close inner", "close outer"]


def test_a_context_closes_what_runs_on_the_loop_of_another_thread(trace):
    """Leaving the block waits for that loop to close it."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    with context() as app:
        run = app.run(asking_later(trace.later("pool", "app")), 1)
        asyncio.run_coroutine_threadsafe(run, loop).result()
    closed = list(trace.log)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()

    assert closed == ["open pool", "close pool"]


def test_an_app_resource_opens_in_the_context_of_the_app():
    """Also what its function itself looks up is that of the entered context, not of the first run."""

    @resource
    def seen() -> object:
        return current_context().get("tenant", None)

    with context() as app:
        assert app.with_(tenant="first").run(asking(seen), 1) is None


def test_a_cycle_across_tasks_is_refused():
    """Two resources whose openings ask for each other, begun at the same time, do not wait for ever."""

    async def main():
        begun, both = [], asyncio.Event()

        async def meet():
            begun.append(1)
            if len(begun) == 2:
                both.set()
            await both.wait()

        @resource
        async def one():
            await meet()
            yield await current_context().run(use_two, 1)

        @resource
        async def two():
            await meet()
            yield await current_context().run(use_one, 1)

        use_one, use_two = asking_later(one), asking_later(two)
        async with context() as app:
            runs = [asyncio.create_task(app.run(use, 1)) for use in (use_one, use_two)]
            return await asyncio.gather(*runs, return_exceptions=True)

    results = asyncio.run(main())

    assert [type(result) for result in results] == [DefinitionError, DefinitionError]


def test_a_failing_close_tells_the_resources_around_it(trace):
    """What is not yet closed ends with the error, so that it can be rolled back."""
    tx = trace.sync("tx")

    @resource(scope="run")
    def session(*, t: str = needs(tx)):
        yield t
        raise OSError("flush failed")

    with pytest.raises(OSError, match="flush failed"):
        context().run(asking(session), 1)

    assert trace.log == ["open tx", "fail tx OSError", "close tx"]


def test_the_current_context_is_not_entered():
    """It belongs to the run, or to nobody."""
    with pytest.raises(DefinitionError, match="enter one of your own"), current_context():
        pass


def test_a_stop_iteration_ends_a_run_as_any_error():
    """The generator machinery's wrapping of it is no failing close."""

    @resource(scope="run")
    def tx():
        yield 1

    @flow
    def stop(x: int, *, it: int = needs(tx)) -> int:
        raise StopIteration(x)

    with pytest.raises(StopIteration) as caught:
        context().run(stop, 1)

    assert not hasattr(caught.value, "__notes__")


def test_equal_values_share_a_resource_of_the_run():
    """A part under an equal value is no other part."""
    opened = []

    @resource(scope="run")
    def table(*, who: str = needs(tenant)) -> str:
        opened.append(who)
        return who

    part = asking(table).within(tenant="acme")
    again = asking(table).within(tenant="acme_"[:4])

    context().run(part | again, 1)

    assert opened == ["acme"]


def test_a_run_that_is_thrown_away_closes_what_it_can(trace):
    """Nothing can be awaited any more; what need not wait is closed."""
    running = context().run(asking_later(trace.sync("a")) | asking_later(trace.sync("b")), 1)
    running.send(None)
    running.close()

    assert trace.log == ["open a", "fail a GeneratorExit", "close a"]
