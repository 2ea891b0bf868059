"""`.rate_limit`: how often a flow is called, who waits for a permit, and who is refused."""

import asyncio
import pickle

import pytest

from omnitron import DefinitionError, InvalidValue, RateLimit, RateLimited, context, flow, rewrite
from omnitron.policy.permits import Sliding
from omnitron.testing import ManualClock, VirtualClock, check_faults


@flow
def price(sku, shop="a"):
    """Give a price."""
    return len(sku)


@flow
async def price_soon(sku, shop="a"):
    """Give a price."""
    return len(sku)


def on_time(tree, *calls, clock=None):
    """Run calls at once in virtual time; give at what times each passed, None for one that was refused."""
    clock = clock or VirtualClock()
    ctx = context(clock=clock)

    async def one(args):
        try:
            await ctx.run(tree, *args)
        except RateLimited:
            return None
        return clock.monotonic()

    async def main():
        return await asyncio.gather(*map(one, calls))

    return clock.run(main())


def refused(call):
    """Give the error of a call that is refused."""
    with pytest.raises(RateLimited) as caught:
        call()
    return caught.value


def test_a_bucket_lets_a_burst_pass_and_then_one_at_a_time():
    """Each in its own moment, not all at the end of a period."""
    assert on_time(price_soon.rate_limit(2, per=1, burst=3), *[("x",)] * 6) == [0, 0, 0, 0.5, 1.0, 1.5]


def test_who_comes_last_of_many_is_told_at_once():
    """How long a line takes is reckoned, not counted through: or a thousand who wait would slow each other down."""
    window = Sliding(1, per=1.0)
    window.take(0.0)

    assert (window.due(0.5, 63), window.due(0.5, 10**9)) == (64.0, 1e9 + 1)


def test_a_window_lets_all_of_its_calls_pass_when_the_first_leaves_it():
    """And never more in any span, also over the border of two periods."""
    tree, clock = price_soon.rate_limit(2, per=1, kind="window"), VirtualClock()

    assert on_time(tree, *[("x",)] * 5, clock=clock) == [0, 0, 1, 1, 2]


def test_an_idle_bucket_saves_no_more_than_its_burst():
    """However long nobody came."""
    clock = VirtualClock()
    tree = price_soon.rate_limit(2, per=1)
    on_time(tree, ("x",), clock=clock)
    clock.wait(1000)

    assert on_time(tree, *[("x",)] * 4, clock=clock) == [1000, 1000, 1000.5, 1001]


def test_a_sync_flow_waits_in_its_thread():
    """On the clock of its context."""
    clock = ManualClock()
    ctx, tree = context(clock=clock), price.rate_limit(2, per=1)

    assert [(ctx.run(tree, "x"), clock.monotonic()) for _ in range(4)] == [(1, 0), (1, 0), (1, 0.5), (1, 1)]


def test_without_waiting_it_is_refused_and_told_when_to_come():
    """The error says which flow, why, and exactly for how long."""
    clock = ManualClock()
    ctx, tree = context(clock=clock), price.rate_limit(1, per=3, wait=False)
    ctx.run(tree, "x")
    clock.move(1)
    error = refused(lambda: ctx.run(tree, "x"))

    assert (error.flow, error.retry_after) == ("price", 2.0)
    assert str(error).startswith(
        "'price' may be called 1 times in 3 s, and the permit for this call comes in 2 s: it waits"
    )
    clock.move(error.retry_after)
    assert ctx.run(tree, "x") == 1


def test_a_retry_around_it_waits_as_long_as_it_says():
    """Which is longer than its own schedule says."""
    clock = ManualClock()
    tree = price.rate_limit(1, per=3, wait=False).retry(3, delay=0.1)
    ctx = context(clock=clock)
    ctx.run(tree, "x")

    assert (ctx.run(tree, "x"), clock.monotonic()) == (1, 3.0)


def test_who_would_wait_too_long_is_refused_at_once():
    """By its place in the line, before it waits at all."""
    assert on_time(price_soon.rate_limit(1, per=1, max_wait=2), *[("x",)] * 5) == [0, 1, 2, None, None]


def test_a_deadline_that_is_over_before_refuses_at_once():
    """It does not wait for nothing."""
    clock = ManualClock()
    tree = price.rate_limit(1, per=10)
    context(clock=clock).run(tree, "x")
    error = refused(lambda: context(clock=clock, deadline=9).run(tree, "x"))

    assert (clock.monotonic(), error.retry_after) == (0, 10)
    assert "the deadline of the context is over before" in str(error)


def test_a_deadline_holds_in_runs_that_nothing_watches():
    """An async one knows of its deadline too."""

    async def main():
        tree = price_soon.rate_limit(1, per=10)
        await tree("x")
        with pytest.raises(RateLimited):
            await context(deadline=5).run(tree, "x")

    asyncio.run(main())


def test_keys_have_limits_of_their_own():
    """A key is made of the arguments, as they are passed."""
    tree = price_soon.rate_limit(1, per=1, key=lambda sku, shop: shop)

    assert on_time(tree, ("x", "a"), ("x", "b"), ("x", "a")) == [0, 0, 1]


def test_keys_of_other_types_are_other_keys():
    """Although they are equal."""
    tree = price_soon.rate_limit(1, per=1, key=lambda sku, shop: shop)

    assert on_time(tree, ("x", 1), ("x", True), ("x", 1.0), ("x", "1")) == [0, 0, 0, 0]


def test_idle_keys_are_forgotten():
    """Of a million keys no more are known than came lately."""
    clock, limit = ManualClock(), RateLimit(1, per=10, key=lambda sku, shop: shop)
    ctx, tree = context(clock=clock), price.rate_limit(limit)
    for number in range(1000):
        clock.move(1)
        ctx.run(tree, "x", number)

    assert limit.info().taken == 1000
    assert limit.info().keys <= 12


def test_a_key_without_a_hash_is_refused():
    """The error says what to give."""
    with pytest.raises(DefinitionError, match="gave a list, which has no hash"):
        price.rate_limit(1, key=lambda *args: [args])("x")


def test_a_shared_value_limits_several_flows_together():
    """Sync and async ones; `fresh` gives an equal one that is not shared."""
    clock, limit = ManualClock(), RateLimit(2, per=10, wait=False)
    ctx = context(clock=clock)
    ctx.run(price.rate_limit(limit), "x")
    asyncio.run(ctx.run(price_soon.apply(limit), "x"))

    assert refused(lambda: ctx.run(price.rate_limit(limit), "x")).retry_after == 5
    assert limit.fresh() == limit
    assert ctx.run(price.rate_limit(limit.fresh()), "x") == 1


def test_the_value_counts():
    """What was taken, refused, and who waits."""
    limit = RateLimit(1, per=1, max_wait=1)
    assert on_time(price_soon.rate_limit(limit), *[("x",)] * 3) == [0, 1, None]
    info = limit.info()

    assert (info.taken, info.refused, info.waiting, info.keys) == (2, 1, 0, 1)


def test_a_rewritten_flow_keeps_its_permits():
    """Equality does not see them; a pickle and a rebuilt description begin anew."""
    tree = price.rate_limit(1, per=1000, wait=False)
    tree("x")
    same = rewrite(tree.named("other").named("price"), lambda node: node)

    assert refused(lambda: same("x")).flow == "price"
    assert tree == price.rate_limit(1, per=1000, wait=False)
    assert RateLimit(1, per=1000) == pickle.loads(pickle.dumps(RateLimit(1, per=1000)))


def test_numbers_that_are_tuned_count_apart():
    """A configuration that changes the numbers of one flow leaves those of others alone."""
    limit = RateLimit(1, per=1000, wait=False)
    tree = price.rate_limit(limit)
    tree("x")

    assert context(config={"price": {"count": 2}}).run(tree, "x") == 1


def test_a_cancelled_waiter_takes_no_permit_along():
    """Who stands behind it comes sooner."""
    clock = VirtualClock()

    async def main():
        tree, ctx = price_soon.rate_limit(1, per=1), context(clock=clock)
        await ctx.run(tree, "x")
        tasks = [asyncio.ensure_future(ctx.run(tree, "x")) for _ in range(4)]
        await asyncio.sleep(0.5)
        tasks[0].cancel()
        tasks[2].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return clock.monotonic(), [task.cancelled() for task in tasks]

    assert clock.run(main()) == (2.0, [True, False, True, False])


def test_waiters_are_served_in_the_order_in_which_they_came():
    """And who comes later does not overtake them, though there is a permit."""
    clock, order = VirtualClock(), []

    async def main():
        tree = flow(order.append, colour="sync").rate_limit(2, per=1, kind="window") | price_like
        ctx = context(clock=clock)
        await asyncio.gather(*(ctx.run(tree, number) for number in range(7)))
        return order

    assert clock.run(main()) == list(range(7))


@flow
async def price_like(value):
    """Pass a value on."""
    return value


def test_a_sync_flow_in_an_async_one_does_not_block_the_loop():
    """It waits as the whole does."""
    assert on_time(price.rate_limit(1, per=1) | price_like, ("x",), ("x",)) == [0, 1]


def test_a_crowd_loses_no_permit():
    """Tasks that come, wait, time out and are cancelled in any order: the last one comes when the model says."""
    for seed in range(100):
        clock = VirtualClock(seed=seed)
        limit = RateLimit(3, per=1, kind=("bucket", "window")[seed % 2])
        passed = clock.run(crowd(price_soon.rate_limit(limit), clock, seed))
        info = limit.info()
        assert (info.waiting, info.taken) == (0, len(passed))
        spans = zip(passed, passed[3:], strict=False)
        assert seed % 2 == 0 or all(late - early >= 1 for early, late in spans)
        clock.wait(10)
        assert on_time(price_soon.rate_limit(limit), *[("x",)] * 3, clock=clock) == [clock.monotonic()] * 3


async def crowd(tree, clock, seed, many=10):
    """Have ten tasks call, some of which are cancelled; give when calls passed."""
    ctx, passed = context(clock=clock), []

    async def call(number):
        await asyncio.sleep(number * (seed % 5) / 20)
        await ctx.run(tree, "x")
        passed.append(clock.monotonic())

    tasks = [asyncio.ensure_future(call(number)) for number in range(many)]
    for turn in range(3):
        await asyncio.sleep((seed % 7) / 10)
        tasks[(seed * 7 + turn * 3) % many].cancel()
    await asyncio.wait(tasks)
    return passed


def test_faults_inside_keep_nobody_waiting():
    """An error or a cancellation of what is limited uses its permit, and no other."""
    limit = RateLimit(1, per=1)
    tree = price_soon.rate_limit(limit) | price_like

    def run(tree):
        clock = VirtualClock()
        return clock.run(context(clock=clock).run(tree, "x"))

    assert check_faults(tree, run, lambda outcome: limit.info().waiting == 0) == 9


def test_a_stream_is_refused():
    """The error says where to put it."""

    @flow
    def items(count):
        yield from range(count)

    with pytest.raises(DefinitionError, match=r"Put `.rate_limit` on the flow of one item"):
        items.rate_limit(10)


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"count": 0}, InvalidValue, "`count` is a positive number of calls"),
        ({"count": 10**400}, InvalidValue, "at most 1,000,000,000,000"),
        ({"count": 1.5}, DefinitionError, "`count` is a whole number"),
        ({"count": True}, DefinitionError, "`count` is a whole number"),
        ({"count": 1, "per": 0}, InvalidValue, "`per` is a positive number"),
        ({"count": 1, "per": float("inf")}, InvalidValue, "finite"),
        ({"count": 1, "kind": "leaky"}, InvalidValue, "'bucket', 'window'"),
        ({"count": 1, "kind": "window", "burst": 2}, DefinitionError, "`burst` is for a bucket"),
        ({"count": 1, "wait": 5}, DefinitionError, "A number of seconds is `max_wait`"),
        ({"count": 1, "wait": False, "max_wait": 1}, DefinitionError, "Leave one out"),
        ({"count": 1, "max_wait": -1}, InvalidValue, "from 0 on"),
        ({"count": 1, "key": "shop"}, DefinitionError, "`key` is a function"),
        ({"count": 1, "name": "api"}, DefinitionError, "go together"),
        ({"count": 1, "store": object()}, DefinitionError, "go together"),
    ],
)
def test_what_makes_no_sense_is_refused(options, error, text):
    """Where it is written."""
    with pytest.raises(error, match=text):
        price.rate_limit(**options)


def test_a_value_stands_alone():
    """Options beside it would be ignored."""
    with pytest.raises(DefinitionError, match="takes a `RateLimit` alone"):
        price.rate_limit(RateLimit(1), per=60)


def test_it_shows_its_numbers():
    """In a picture of the flow."""
    assert price.rate_limit(500, per=60, kind="window").node.detail() == "500 per 60 s, window"
