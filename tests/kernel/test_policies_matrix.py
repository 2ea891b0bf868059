"""Every wrapper, and every wrapper within every other: what holds for a flow holds for it wrapped.

A wrapper is a line of `WRAPPERS`; a new policy adds one, and is tested with all others.
"""

import asyncio
import warnings
from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from typing import Any

import pytest

from omnitron import (
    CallStarted,
    EventLog,
    Key,
    MissingCapability,
    PolicyWarning,
    TimedOut,
    context,
    current_context,
    flow,
    keep,
    needs,
    parallel,
    race,
    rewrite,
    tap,
    try_with,
    when,
)
from omnitron.testing import VirtualClock

pytestmark = pytest.mark.filterwarnings("ignore::omnitron.PolicyWarning")
"""Every order is made here, the wrong ones too."""


@dataclass(frozen=True)
class Wrapper:
    """A way to put something over a flow.

    Attributes:
        wrap: puts it over a flow of one value.
        colours: of flows that it goes over.
        takes: gives, of a value for the flow, that for the wrapped one.
        gives: gives, of what the wrapped one gave, what the flow gave.
        groups: whether errors leave it in a group.
        abandons: whether what runs inside is left to itself when it is cancelled.
        never_over: what it is refused over.
    """

    wrap: Callable[[Any], Any]
    colours: tuple[str, ...] = ("sync", "async")
    takes: Callable[[Any], Any] = lambda value: value
    gives: Callable[[Any], Any] = lambda result: result
    groups: bool = False
    abandons: bool = False
    never_over: tuple[str, ...] = ()


def one(value):
    """Put a value into a list."""
    return [value]


def first(results):
    """Take it out."""
    return results[0]


@flow
def other(value):
    """What stands beside, and is never reached."""
    raise AssertionError("the other one ran")


@flow
def nothing(value):
    """Undo nothing."""


@flow
def seen(failure):
    """Catch nothing."""
    raise failure.error


WRAPPERS = {
    "retry": Wrapper(lambda f: f.retry(delay=0)),
    "timeout": Wrapper(lambda f: f.timeout(60), ("async",)),
    "hedge": Wrapper(lambda f: f.hedge(60), ("async",)),
    "circuit_breaker": Wrapper(lambda f: f.circuit_breaker()),
    "cache": Wrapper(lambda f: f.cache(60), never_over=("undo",)),
    "rate_limit": Wrapper(lambda f: f.rate_limit(1000)),
    "bulkhead": Wrapper(lambda f: f.bulkhead(8)),
    "batch": Wrapper(lambda f: f.each().batch(max_wait=0.001)),
    "chunk": Wrapper(lambda f: f.each().chunk(), takes=one, gives=first),
    "within": Wrapper(lambda f: f.within(more="x", deadline=60)),
    "undo": Wrapper(lambda f: f.undo(nothing)),
    "thread": Wrapper(lambda f: f.on("thread"), abandons=True),
    "or_else": Wrapper(lambda f: f.or_else(other, on=ZeroDivisionError)),
    "try_with": Wrapper(lambda f: try_with(f, seen, nothing)),
    "named": Wrapper(lambda f: f.named("name")),
    "meta": Wrapper(lambda f: f.with_meta(description="x", tags={"y"})),
    "pipe": Wrapper(lambda f: (flow(lambda value: value) | f | (lambda result: result)).named("pipe")),
    "when": Wrapper(lambda f: when(lambda value: True, f, other)),
    "keep": Wrapper(keep, gives=lambda pair: pair[1]),
    "parallel": Wrapper(lambda f: parallel(f, nothing), gives=first),
    "race": Wrapper(lambda f: race(f, f.named("second")), ("async",), groups=True),
    "each": Wrapper(lambda f: f.each(), takes=one, gives=first),
    "list of a stream": Wrapper(lambda f: drained(f.stream()), takes=one, gives=first),
}


def drained(stream):
    """Give a flow that reads a stream to its end."""

    async def read(items):
        return [item async for item in items]

    return stream | (list if stream.node.streams == "sync" else read)


@dataclass(frozen=True)
class Case:
    """Some wrappers over a flow, the first innermost."""

    names: tuple[str, ...]

    def wrap(self, f):
        """Put them over a flow."""
        for name in self.names:
            f = WRAPPERS[name].wrap(f)
        return f

    def takes(self, value):
        """Give what the wrapped flow takes."""
        for name in self.names:
            value = WRAPPERS[name].takes(value)
        return value

    def gives(self, result):
        """Give what the flow gave."""
        for name in reversed(self.names):
            result = WRAPPERS[name].gives(result)
        return result

    def run(self, f, value=1, **options):
        """Run the wrapped flow."""
        return self.run_wrapped(self.wrap(f), value, **options)

    def run_wrapped(self, tree, value=1, **options):
        """Run what `wrap` gave."""
        ctx = context(**options)
        given = self.takes(value)
        if tree.colour == "sync":
            return self.gives(ctx.run(tree, given))
        return self.gives(asyncio.run(alone(ctx.run(tree, given))))


async def alone(work):
    """Await work; nothing is left of it."""
    try:
        return await work
    finally:
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert left == set()


def fits(names, colour):
    """Say whether wrappers go over a flow of a colour; some make an async one of it."""
    f = flow(plain) if colour == "sync" else flow(plain_later)
    for place, name in enumerate(names):
        if f.colour not in WRAPPERS[name].colours or set(names[:place]) & set(WRAPPERS[name].never_over):
            return False
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PolicyWarning)
            f = WRAPPERS[name].wrap(f)
    return True


def plain(value):
    """Give the value."""
    return value


async def plain_later(value):
    """Give the value, later."""
    await asyncio.sleep(0)
    return value


POLICIES = {
    "retry", "timeout", "cache", "batch", "chunk", "circuit_breaker", "hedge", "rate_limit", "bulkhead",
}  # fmt: skip


def marks_of(names):
    """Two that are no policies go with the slow tests: each of them is tested with every policy in any case."""
    return [pytest.mark.real] if len(names) > 1 and not POLICIES & set(names) else []


CASES = [(name,) for name in WRAPPERS] + [(inner, outer) for outer in WRAPPERS for inner in WRAPPERS]
every = pytest.mark.parametrize(
    ("colour", "case"),
    [
        pytest.param(colour, Case(names), id=f"{colour}, {', '.join(names)}", marks=marks_of(names))
        for colour in ("sync", "async")
        for names in CASES
        if fits(names, colour)
    ],
)
asynchronous = pytest.mark.parametrize(
    "case", [pytest.param(Case(names), id=", ".join(names)) for names in CASES if fits(names, "async")]
)


def of_colour(colour, call, **options):
    """Give a flow of a colour that does what a function does."""

    def step(value):
        return call(value)

    async def step_later(value):
        await asyncio.sleep(0)
        return call(value)

    return flow(step if colour == "sync" else step_later, name="step", **options)


TENANT = Key("tenant", str)


def either():
    """Give the options of a run that nothing watches, and of one that is watched."""
    return {}, {"observers": EventLog()}


@every
def test_the_value_passes_through(colour, case):
    """What the flow is given and gives is its own."""
    for options in either():
        assert case.run(of_colour(colour, lambda value: (value, "out")), 7, **options) == (7, "out")


@every
def test_the_context_inside_is_the_callers(colour, case):
    """Its values are there, as far as the flow asks for them."""

    def step(value, *, tenant=needs(TENANT)):
        return tenant, current_context().tenant

    async def step_later(value, *, tenant=needs(TENANT)):
        return tenant, current_context().tenant

    tree = flow(step if colour == "sync" else step_later)

    for options in either():
        assert case.run(tree, tenant="acme", **options) == ("acme", "acme")


@every
def test_the_error_is_the_users_own(colour, case):
    """The very object, with one note that names the step; what runs several flows may put several into a group."""

    def fail(value):
        raise LookupError(value)

    for options in either():
        with pytest.raises((LookupError, ExceptionGroup)) as caught:
            case.run(of_colour(colour, fail), **options)
        errors = leaves(caught.value)
        assert {type(error) for error in errors} == {LookupError}
        assert len(errors) == 1 or any(WRAPPERS[name].groups for name in case.names)
        assert all(len(notes(error)) <= 1 for error in errors)


def leaves(error):
    """Give the errors of a group, or that one."""
    return [leaf for one in error.exceptions for leaf in leaves(one)] if isinstance(error, ExceptionGroup) else [error]


def notes(error):
    """Give ours."""
    return [note for note in getattr(error, "__notes__", ()) if note.startswith("raised in flow")]


@every
def test_the_step_is_seen(colour, case):
    """By whoever watches, and under one name."""
    log = EventLog()

    case.run(of_colour(colour, plain), observers=log)

    starts = [event for event in log.events if isinstance(event, CallStarted)]
    assert any(event.path.endswith(("step", "name", "second")) for event in starts)


@every
def test_a_refused_capability_is_refused(colour, case):
    """Before anything runs, also where the answer is known from a run that was allowed to ask."""
    calls = []
    tree = case.wrap(of_colour(colour, calls.append, capabilities={"net:x"}))

    for allowed in (False, True, False):
        with nullcontext() if allowed else pytest.raises(MissingCapability):
            case.run_wrapped(tree, capabilities={"net:x"} if allowed else set())
        assert bool(calls) == allowed
        calls.clear()


@every
def test_a_wrapped_flow_is_a_value(colour, case):
    """A rewrite that changes nothing gives an equal one."""
    step = of_colour(colour, plain)
    tree = case.wrap(step)

    assert rewrite(tree, lambda node: node) == tree
    assert hash(tree) == hash(rewrite(tree, lambda node: node))


class Waiting:
    """An async step that waits for ever, and for those that are abandoned until it is let go.

    Attributes:
        book: a word for each that has cleaned up.
    """

    def __init__(self):
        self.book = []
        self.gates = []
        self.over = False
        self.home = asyncio.get_running_loop()
        self.began = asyncio.Event()

    async def __call__(self, value):
        """Wait."""
        gate = asyncio.Event()
        self.gates.append((asyncio.get_running_loop(), gate))
        if self.over:  # a thread has begun after all
            return
        self.home.call_soon_threadsafe(self.began.set)
        try:
            await gate.wait()
        finally:
            await asyncio.sleep(0)
            self.book.append("clean")

    def ended(self, case):
        """Say what has become of the steps; those that were abandoned are let go."""
        if not any(WRAPPERS[name].abandons for name in case.names):
            return set(self.book)
        self.over = True
        for loop, gate in self.gates:
            with suppress(RuntimeError):  # that of a thread may be closed by now
                loop.call_soon_threadsafe(gate.set)
        return {"clean"}


@asynchronous
def test_a_cancellation_passes(case):
    """It reaches what runs inside, which cleans up; no task is left."""

    async def main(options):
        waiting = Waiting()
        step = flow(waiting.__call__, name="step")
        task = asyncio.ensure_future(context(**options).run(case.wrap(step), case.takes(1)))
        await waiting.began.wait()
        task.cancel()
        await asyncio.wait({task})
        return task.cancelled(), len(asyncio.all_tasks()), waiting.ended(case)

    for options in either():
        assert asyncio.run(main(options)) == (True, 1, {"clean"})


@asynchronous
def test_what_takes_too_long_is_ended(case):
    """A timeout around it all ends what runs inside, and waits for it to clean up."""

    async def main():
        waiting = Waiting()
        step = flow(waiting.__call__, name="step")
        work = asyncio.ensure_future(case.wrap(step).timeout(0.05)(case.takes(1)))
        await asyncio.wait({work})
        return type(work.exception()), len(asyncio.all_tasks()), waiting.ended(case)

    in_time = asyncio.run if any(WRAPPERS[name].abandons for name in case.names) else VirtualClock().run

    assert in_time(main()) == (TimedOut, 1, {"clean"})


@every
def test_a_retry_around_it_tries_it_again(colour, case):
    """As often as it fails."""
    calls = []

    def fail_twice(value):
        calls.append(value)
        if len(calls) < 3:
            raise LookupError
        return value

    tree = case.wrap(of_colour(colour, fail_twice)).retry(5, 0)
    given = case.takes(7)
    result = tree(given) if tree.colour == "sync" else asyncio.run(alone(tree(given)))

    assert case.gives(result) == 7


def test_what_is_only_passed_by_stays_out_of_it():
    """A tap runs its flow beside; it is here because nothing above shows it."""
    calls = []

    assert flow(plain).retry().pipe(tap(flow(calls.append)).retry())(3) == 3
    assert calls == [3]
