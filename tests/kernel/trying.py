"""Steps that fail a few times, for the tests of retries."""

import asyncio

from omnitron import context, flow
from omnitron.testing import ManualClock


class Down(ConnectionError):
    """What the steps raise; it may ask to wait."""

    def __init__(self, *words, retry_after=None):
        super().__init__(*words)
        if retry_after is not None:
            self.retry_after = retry_after


class Trial:
    """Calls of a step that fails, and when they came.

    Attributes:
        times: what the clock showed at each call.
        seen: what each call was given.
    """

    def __init__(self, *errors, clock=None):
        self.errors = list(errors)
        self.clock = clock or ManualClock()
        self.times = []
        self.seen = []

    def __call__(self, value):
        """Raise the next error; when there is none left, give the value."""
        self.times.append(self.clock.monotonic())
        self.seen.append(value)
        if self.errors:
            raise self.errors.pop(0)
        return value

    @property
    def calls(self):
        """How many there were."""
        return len(self.times)

    def step(self, colour="sync", **options):
        """Give the flow."""

        def call(value):
            return self(value)

        async def call_later(value):
            await asyncio.sleep(0)
            return self(value)

        return flow(call if colour == "sync" else call_later, name="call", **options)

    def run(self, tree, *args, **options):
        """Run a flow of either colour on the clock, which moves whenever something waits."""
        ctx = context(clock=self.clock, **options)
        if tree.colour == "sync":
            return ctx.run(tree, *args)
        return asyncio.run(driven(ctx.run(tree, *args), self.clock))


async def driven(work, clock):
    """Await work, and move the clock whenever everybody sleeps on it."""
    task = asyncio.ensure_future(work)
    while not task.done():
        await clock.advance(0)
        due = [at for at, _, waiter in clock.sleepers if not waiter.done()]
        if due and not task.done():
            await clock.advance(min(due) - clock.time)
    return await task


def down(count, **options):
    """Give so many errors."""
    return [Down(str(number), **options) for number in range(count)]
