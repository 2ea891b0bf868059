"""Parts in a context of their own: `.within`."""

import asyncio
import pickle

import pytest

from omnitron import (
    AsyncFlow,
    CallStarted,
    DeadlineExceeded,
    DefinitionError,
    EventLog,
    Flow,
    Key,
    MissingCapability,
    Replace,
    context,
    current_context,
    flow,
    parallel,
    rewrite,
    try_with,
    walk,
)
from omnitron.testing import ManualClock

TENANT = Key("tenant", str)


@flow
def tenant(x):
    return current_context().get("tenant", None), x


@flow
async def late_tenant(x):
    await asyncio.sleep(0)
    return current_context().get("tenant", None), x


@flow
def up(x):
    return x + 1


@flow
async def late_up(x):
    await asyncio.sleep(0)
    return x + 1


@flow
def fail(x):
    raise ValueError(x)


def starts(log):
    """Give the paths of the calls that were seen to start."""
    return [event.path for event in log.events if isinstance(event, CallStarted)]


def test_the_part_finds_more_values():
    """Values are there inside, and gone behind; the colour stays."""
    tree = parallel(tenant.within(tenant="acme"), tenant)

    assert type(tree) is Flow
    assert tree(1) == (("acme", 1), (None, 1))
    assert context(tenant="outer").run(tree, 1) == (("acme", 1), ("outer", 1))


def test_async_parts_find_them_too():
    """Branches at once do not see each other's context."""
    tree = parallel(late_tenant.within({TENANT: "a"}), late_tenant.within(tenant="b"), tenant.within(tenant="c"))

    assert type(late_tenant.within(tenant="a")) is AsyncFlow
    assert asyncio.run(tree(1)) == (("a", 1), ("b", 1), ("c", 1))
    assert asyncio.run(context(observers=[EventLog()]).run(tree, 1)) == (("a", 1), ("b", 1), ("c", 1))


def test_the_whole_call_reaches_the_part():
    """Several arguments and keywords, and none at all."""

    def both(a, b=2, *, c=3):
        return (a, b, c)

    assert flow(both).within(tenant="a")(1, c=4) == (1, 2, 4)
    assert flow(lambda: current_context().tenant).within(tenant="a")() == "a"


def test_it_is_a_refinement():
    """It keeps name and signature, adds no segment, binds like a method, rewrites, pickles, compares."""

    class Shop:
        @flow
        def price(self, x):
            """Give the price."""
            return current_context().tenant, x

        mine = price.within(tenant="mine")

    tree = tenant.within(tenant="acme")
    assert Shop().mine(1) == ("mine", 1)
    assert (Shop.mine.__doc__, tree.name, str(tree.__signature__)) == ("Give the price.", "tenant", "(x)")
    assert [path for path, _ in walk((tree | up).named("whole"))] == ["whole", "whole", "whole/tenant", "whole/up"]
    assert pickle.loads(pickle.dumps(up.within(tenant="a"))) == up.within(tenant="a") != up.within(tenant="b")
    assert rewrite(tree, lambda node: node) == tree


def test_values_do_not_show_in_pictures():
    """Names are shown, and what is no secret of the options."""
    shown = repr(up.within({TENANT: "secret"}, deadline=3, capabilities={"net:*"}, token="secret"))

    assert "within(tenant=…, capabilities=['net:*'], deadline=3, token=…)" in shown


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: up.within(),
        lambda: up.within(deadline="soon"),
        lambda: up.within(observers=3),
        lambda: up.within(journal=3),
        lambda: up.within({TENANT: 3}),
        lambda: up.within(deadlin=3),
        lambda: up.within(run=3),
    ],
)
def test_what_no_context_takes_is_refused_at_composition(wrong):
    """Options are checked where they are written."""
    with pytest.raises(DefinitionError):
        wrong()


# ---- watching


def test_observers_of_a_part_see_the_part_alone():
    """Nothing else watches, and the paths are those of the tree."""
    log = EventLog()
    tree = (up | (up | fail).named("inner").within(observers=[log]) | up).named("whole")

    with pytest.raises(ValueError) as caught:
        tree(1)
    assert starts(log) == ["whole/inner", "whole/inner/up", "whole/inner/fail"]
    assert caught.value.__notes__ == ["raised in flow 'whole', at whole/inner/fail"]


def test_observers_of_an_async_part():
    """The same for async parts, and for sync ones inside of async flows."""
    log = EventLog()
    tree = (late_up | late_up.within(observers=[log]) | up.within(observers=log)).named("whole")

    assert asyncio.run(tree(1)) == 4
    assert starts(log) == ["whole/late_up#2", "whole/up"]


def test_outer_and_inner_observers_both_see_the_part():
    """The part belongs to the run: one run id, one order of calls, paths that go on."""
    outer, inner = EventLog(), EventLog()
    tree = (up | (up | up).within(observers=[inner])).named("whole")
    context(observers=[outer]).run(tree, 1)

    assert starts(outer) == ["whole", "whole/up", "whole/up#2", "whole/up#3"]
    assert starts(inner) == ["whole/up#2", "whole/up#3"]
    assert len({event.run_id for event in outer.events + inner.events}) == 1
    assert [event.call.call_id for event in inner.events][::2] == [3, 4]
    assert inner.events[0].call.parent.path == "whole"


def test_parts_nest():
    """Each adds its own."""
    one, two, three = EventLog(), EventLog(), EventLog()
    tree = up.within(observers=one).within(observers=two)
    tree(1)
    context(observers=three).run(tree, 1)

    assert starts(one) == starts(two) == ["up", "up"]
    assert starts(three) == ["up"]


def test_a_part_that_is_the_whole_flow_has_its_path():
    """A pipe refined like that is the pipe."""
    log = EventLog()
    tree = (up | up).named("two").within(observers=[log])
    pipe = (up | up).within(observers=[log])
    tree(1)
    pipe(1)

    assert starts(log) == ["two", "two/up", "two/up#2", "up → up/up", "up → up/up#2"]


def test_items_keep_their_index():
    """Inside of a watched loop the moving part of the path stays."""
    outer = EventLog()
    context(observers=[outer]).run(up.within(tenant="a").each(), [1, 2])

    assert starts(outer) == ["each", "each[0]/up", "each[1]/up"]


def test_a_flow_called_in_a_body_is_seen():
    """Whatever the part calls is watched with it."""
    log = EventLog()
    flow(lambda x: up(x)).named("body").within(observers=[log])(1)

    assert starts(log) == ["body", "body/up@0[0]"]


def test_guards_of_a_part():
    """A guard may stand in for calls of the part only."""

    class Standing:
        def check(self, call):
            return Replace(10)

    assert (up | up.within(guards=Standing()) | up)(1) == 11


def test_an_async_observer_over_a_sync_part_is_refused():
    """Nothing could await it; in an async flow it is awaited."""
    seen = []

    class Later:
        async def observe(self, event):
            seen.append(event.path)

    with pytest.raises(DefinitionError, match="asynchronous"):
        up.within(observers=Later())(1)
    assert asyncio.run((late_up | up.within(observers=Later()))(1)) == 3
    assert seen == ["late_up → up/up"] * 2


def test_many_levels_deep_and_in_long_pipes():
    """Where a tree is compiled in pieces, a part is found all the same."""
    log = EventLog()
    tree = up.within(observers=[log])
    for _ in range(30):
        tree = try_with(tree, finally_=up)
    long = flow(lambda x: x)
    for _ in range(300):
        long = long | up
    (long | tree)(1)

    assert len(starts(log)) == 1
    assert starts(log)[0].endswith("/try_with/up")


# ---- authority and time


def test_capabilities_shrink():
    """The part holds what is named; naming more than is held is an error before anything runs."""
    holds = flow(lambda x: (current_context().has_capability("net:a"), current_context().has_capability("file:b")))
    tree = holds.within(capabilities={"net:*"})

    assert tree(1) == (True, False)
    assert context(capabilities={"net:*", "file:*"}).run(parallel(tree, holds), 1) == ((True, False), (True, True))
    with pytest.raises(MissingCapability):
        context(capabilities={"file:*"}).run(tree, 1)


def test_capabilities_that_leave_out_what_is_needed_are_refused_at_composition():
    """What the part needs is known where it is written."""
    needy = up.with_meta(capabilities={"net:a"})

    with pytest.raises(DefinitionError, match="leaves out the capability 'net:a', which up needs"):
        needy.within(capabilities={"file:*"})
    assert needy.within(capabilities={"net:*"})(1) == 2
    assert needy.within(capabilities={"net:*"}).meta.capabilities == {"net:a", "net:*"}


def test_a_deadline_ends_a_sync_part_between_its_steps():
    """What leaves is an error like any, which a `try_with` around takes."""
    clock = ManualClock()
    slow = flow(lambda x: clock.move(5) or x) | flow(lambda x: pytest.fail("too late"))
    tree = try_with(slow.within(deadline=3), flow(lambda failure: type(failure.error)))

    assert context(clock=clock).run(tree, 1) is DeadlineExceeded
    with pytest.raises(DeadlineExceeded):
        slow.within(deadline=3, clock=clock)(1)


def test_a_sync_part_that_ends_late_is_refused():
    """A result after the deadline is none."""
    clock = ManualClock()
    slow = flow(lambda x: clock.move(5))

    with pytest.raises(DeadlineExceeded):
        slow.within(deadline=3, clock=clock)(1)
    with pytest.raises(DeadlineExceeded):
        asyncio.run((late_up | slow.within(deadline=3, clock=clock))(1))


def test_the_deadline_of_the_run_stays_one():
    """When the run around is out of time, no policy inside of it catches that."""
    clock, caught = ManualClock(), []
    slow = flow(lambda x: clock.move(9)) | up
    tree = try_with(slow.within(deadline=3), flow(caught.append))

    with pytest.raises(DeadlineExceeded):
        context(clock=clock, deadline=5).run(tree, 1)
    assert caught == []


def test_a_deadline_cancels_an_async_part():
    """The part cleans up, and the rest of the flow goes on."""
    log, clock = [], ManualClock()

    @flow
    async def forever(x):
        try:
            await asyncio.Event().wait()
        finally:
            log.append("cleaned")

    tree = try_with(forever.within(deadline=3, clock=clock), flow(lambda failure: type(failure.error)))

    async def main():
        task = asyncio.ensure_future(tree(1))
        await clock.advance(5)
        return await task

    assert asyncio.run(main()) is DeadlineExceeded
    assert log == ["cleaned"]


def test_a_longer_deadline_gives_no_more_time():
    """Time only shrinks."""
    clock = ManualClock()
    tree = flow(lambda x: clock.move(4)).within(deadline=10)

    with pytest.raises(DeadlineExceeded):
        context(clock=clock, deadline=3).run(tree, 1)


def test_a_cancellation_leaves_nothing_behind():
    """The context is the outer one again, and no task is left."""

    async def main():
        tree = flow(lambda x: asyncio.Event().wait(), colour="async").within(tenant="a", deadline=100)
        task = asyncio.ensure_future(tree(1))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return current_context().get("tenant", None), asyncio.all_tasks() - {asyncio.current_task()}

    assert asyncio.run(main()) == (None, set())


def test_a_step_is_undone_in_its_own_context():
    """A compensation finds what its step found, and its observers see it."""
    log, found = EventLog(), []
    reserve = flow(str).named("reserve").undo(flow(lambda x: found.append(current_context().tenant)).named("release"))
    tree = (reserve.within(tenant="acme", observers=[log]) | fail).named("saga")

    with pytest.raises(ValueError):
        tree(1)
    assert found == ["acme"]
    assert starts(log) == ["saga/reserve", "saga/release"]
