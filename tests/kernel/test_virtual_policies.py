"""On a `VirtualClock` policies go by its time, inside a context and outside of any."""

import asyncio
import random

import pytest

from omnitron import CircuitOpen, Key, context, current_context, flow
from omnitron.testing import ManualClock, VirtualClock


def asked_at(make, *times):
    """Call a flow at some seconds of virtual time, outside of any context; give when its function ran."""
    asked = []

    @flow
    async def price(sku):
        asked.append(asyncio.get_running_loop().time())
        return sku

    async def main():
        call = make(price)
        for at in times:
            await asyncio.sleep(at - asyncio.get_running_loop().time())
            await call("tea")

    VirtualClock().run(main())
    return asked


def test_what_a_cache_keeps_gets_old():
    """A minute of virtual time is a minute."""
    assert asked_at(lambda price: price.cache(60), 0, 59, 61, 100) == [0, 61]


def test_a_rate_limit_waits():
    """Without a second of real time."""
    assert asked_at(lambda price: price.rate_limit(1, per=3600), 0, 0, 0) == [0, 3600, 7200]


def test_a_breaker_opens_for_its_time():
    """And lets a probe through after it."""

    @flow
    async def down():
        raise OSError

    async def main():
        call = down.circuit_breaker(1, open_for=60)
        seen = []
        for _ in range(4):
            try:
                await call()
            except (OSError, CircuitOpen) as error:
                seen.append(type(error))
            await asyncio.sleep(30)
        return seen

    assert VirtualClock().run(main()) == [OSError, CircuitOpen, OSError, CircuitOpen]


def test_a_context_that_is_made_inside_has_the_clock():
    """Also one that nothing else is said of."""

    async def main():
        return context().runtime.clock, context(tenant="acme").runtime.clock

    clock = VirtualClock()
    assert clock.run(main()) == (clock, clock)


@pytest.mark.parametrize("given", ["clock", "random"])
def test_a_context_that_is_made_inside_a_run_has_its_clock_and_randomness(given):
    """Unless it names others."""
    source = ManualClock() if given == "clock" else random.Random(7)
    inside = flow(lambda: getattr(context().runtime, given))
    other = ManualClock(1) if given == "clock" else random.Random(8)
    instead = flow(lambda: getattr(context(**{given: other}).runtime, given))
    app = context(**{given: source})
    assert app.run(inside) is source
    assert app.run(instead) is other


def test_the_context_around_stays():
    """With its values; a clock of its own is kept as well."""
    tenant = Key("tenant", str)

    async def main():
        return current_context().get(tenant), current_context().runtime.clock

    clock, own = VirtualClock(), VirtualClock(5)
    start = flow(lambda: clock.run(main()))
    assert context({tenant: "acme"}).run(start) == ("acme", clock)
    assert context({tenant: "acme"}, clock=own).run(start) == ("acme", own)


def test_nothing_of_it_is_left_after_the_run():
    """The clock is the system's again."""
    before = current_context()
    VirtualClock().run(asyncio.sleep(1))
    assert current_context() is before
