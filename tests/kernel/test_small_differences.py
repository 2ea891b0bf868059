"""Runs and compositions one step from what other tests look at: arguments, texts and edges that decide."""

import asyncio
from typing import Any

import pytest

from omnitron import (
    AdaptiveSize,
    Context,
    DeadlineExceeded,
    DefinitionError,
    EventLog,
    Key,
    MissingCapability,
    PolicyWarning,
    Schedule,
    by_type,
    choose,
    context,
    flow,
    needs,
    parallel,
    sequence,
    tap,
    worst_case,
)
from omnitron.algebra import misorders
from omnitron.testing import ManualClock

# ------------------------------------------------------------------ keys and deadlines


def test_a_key_is_no_other_thing_of_that_name():
    """Only another Key of the name is equal."""

    class Named:
        """What has a name too."""

        name = "tenant"

    assert Key("tenant") != Named()
    assert Key("tenant") == Key("tenant", str)


def test_a_key_shows_its_name_and_type():
    """A type without a name as it is."""
    assert repr(Key("tenant", str)) == "Key('tenant', str)"
    assert repr(Key("tenant", str | None)) == "Key('tenant', str | None)"


@pytest.mark.parametrize("name", [3, "", None])
def test_the_name_of_a_key_is_a_text(name):
    """And not an empty one."""
    with pytest.raises(DefinitionError, match="the name of a Key"):
        Key(name)


def test_a_generic_type_that_cannot_be_told_fits_anything():
    """Its arguments are no alternatives, as those of a union are."""
    assert Key("names", str | int).fits(1.5) is False
    assert Key("fn", Any).fits(1.5) is True


@flow
async def join(first, *, last):
    """Give both."""
    await asyncio.sleep(0)
    return first, last


@pytest.mark.parametrize("deadline", [None, 60])
def test_a_run_gets_its_arguments_with_and_without_a_deadline(deadline):
    """Those by place and those by name."""
    assert asyncio.run(context(deadline=deadline).run(join, 1, last=2)) == (1, 2)


def test_an_error_of_a_deadline_says_how_much_was_left():
    """And when: at the start of the run."""

    async def main():
        with pytest.raises(DeadlineExceeded, match=r"passed: 0\.0\d\d s were left when the run started"):
            await context(deadline=0.01).run(flow(asyncio.sleep), 60)

    asyncio.run(main())


def test_a_deadline_that_passed_says_by_how_much():
    """Before the run begins."""
    clock = ManualClock()
    late = context(clock=clock, deadline=1)
    clock.move(3)
    with pytest.raises(DeadlineExceeded, match="passed") as caught:
        asyncio.run(late.run(join, 1, last=2))

    assert "2.000 s" in str(caught.value)


# ------------------------------------------------------------------ joins and choices


def test_a_quorum_of_threads_gives_its_arguments_on():
    """Those by name too."""

    @flow
    def one(first, *, last):
        return first + last

    assert [outcome.value for outcome in parallel(one, one, quorum=2, threads=2)(1, last=2)] == [3, 3]


def test_a_tap_whose_result_nobody_takes_gives_its_input():
    """At the beginning, in the middle and at the end of a pipe."""
    seen = []
    note = tap(flow(seen.append))
    chain = note | flow(lambda x: x + 1, name="more") | note | flow(lambda x: x * 2, name="twice") | note

    assert chain(1) == 4
    assert seen == [1, 2, 4]


@pytest.mark.parametrize(("key", "shown"), [("k" * 38, "'" + "k" * 38 + "'"), ("k" * 39, "'" + "k" * 38 + "…")])
def test_the_key_of_an_arm_is_shown_as_far_as_it_fits(key, shown):
    """Forty letters do, one more does not."""
    tree = choose(flow(str, name="kind"), {key: flow(len, name="arm")})

    assert tree.node.roles()[1] == shown


def test_what_no_arm_takes_is_told_with_the_name_of_the_flow():
    """And with the classes that have one."""

    @flow
    def number(x: int) -> int:
        return x

    with pytest.raises(Exception, match="sorted_by_class") as caught:
        by_type(number).named("sorted_by_class")("text")

    assert "int" in str(caught.value)


def test_a_key_of_choose_that_is_a_flow_is_refused():
    """Keys are constants."""
    with pytest.raises(DefinitionError, match="got the flow"):
        choose(flow(str, name="kind"), {flow(len, name="arm"): flow(len, name="other")})


def test_only_what_has_no_bound_is_said_to_have_none():
    """A retry that ends is no reason; one that does not is named, once."""
    bounded = flow(join.node.fn, name="step").timeout(1)

    assert worst_case(bounded.retry(3)).why == ()
    assert worst_case(bounded.retry(backoff=Schedule.fixed(1))).why == (
        "'step' has no bound on its attempts, nor a deadline.",
    )


# ------------------------------------------------------------------ orders


@flow
def load(x):
    """Give it."""
    return x


@flow
def loads(numbers: list[int]) -> list[int]:
    """Give them."""
    return numbers


@flow
async def loads_all(numbers: list[int]) -> list[int]:
    """Give them."""
    return numbers


def identity_of(x):
    """Give it."""
    return x


def says(compose):
    """Give the first sentence about an order."""
    with pytest.warns(PolicyWarning):
        return misorders(compose().node)[0].text


@pytest.mark.parametrize(
    ("tree", "part"),
    [
        (lambda: load.retry(3).retry(4), "is tried 4 × 3 = 12 times"),
        (lambda: load.retry(3).retry(1).retry(4), "is tried 4 × 3 = 12 times"),
        (lambda: load.retry(backoff=Schedule.fixed(1)).retry(4), "is tried without end"),
        (lambda: load.cache(60).rate_limit(5), "around the cache of 'load'"),
        (lambda: (load | load | loads_all.batch(size=8)).each(concurrency=4), "has 4 items on their way at once"),
        (lambda: flow(identity_of, name="n" * 99).retry(3).retry(4), "…' is tried"),
        (lambda: loads.batch(size=AdaptiveSize(4, 9, within=1)).bulkhead(3), "inside takes 4: no call is ever full"),
    ],
)
def test_an_order_is_told_with_its_numbers(tree, part):
    """Those that multiply, and the least that a window takes."""
    assert part in says(tree)


def test_a_batch_that_is_filled_hides_no_other_that_is_not():
    """Each beneath a loop is looked at."""
    both = loads_all.batch(size=2) | flow(identity_of, name="same") | loads_all.named("wide").batch(size=8)

    assert "the batch of 'wide' takes 8" in says(lambda: both.each(concurrency=4))


def test_of_all_that_has_no_bound_the_first_few_are_told():
    """Five sentences, however many steps there are."""
    steps = [flow(identity_of, name=f"step{number}") for number in range(9)]

    assert [line.split("'")[1][-5:] for line in worst_case(sequence(*steps)).why] == [
        f"step{place}" for place in range(5)
    ]


@pytest.mark.parametrize(
    "tree",
    [
        load.cache(60).rate_limit(5, key=lambda x: x),
        parallel(loads_all.batch(size=8), loads_all.batch(size=8)).each(concurrency=4),
        load.retry(3).rate_limit(5, key=lambda x: x),
        loads.batch(size=AdaptiveSize(4, 9, within=1)).bulkhead(4),
    ],
)
def test_an_order_that_is_right_is_not_told(tree):
    """A limit for each caller, and a bound that fills the least window."""
    assert misorders(tree.node) == ()


# ------------------------------------------------------------------ authority and time only shrink


@pytest.mark.parametrize(
    ("named", "held"),
    [({"net:a"}, {"net:a"}), ({"net:*"}, {"net:*"}), (set(), set()), ({"net:a", "net:b"}, {"net:a", "net:b"})],
)
def test_a_child_holds_what_it_names(named, held):
    """Nothing beside, though its parent holds more."""
    child = context(capabilities={"net:*", "file:/tmp"}).with_(capabilities=named)

    assert {name for name in ("net:*", "net:a", "net:b", "file:/tmp") if child.has_capability(name)} == (
        held | {"net:a", "net:b"} if "net:*" in held else held
    )


@pytest.mark.parametrize("named", [{"net:b"}, {"net:a", "net:b"}, {"net:*"}, {"*"}])
def test_a_child_names_nothing_that_its_parent_does_not_hold(named):
    """One name too many is an error, which says which, and what is held."""
    parent = context(capabilities={"net:a"})
    with pytest.raises(MissingCapability) as caught:
        parent.with_(capabilities=named)

    assert set(caught.value.missing) == named - {"net:a"}
    assert caught.value.held == ("net:a",)


@pytest.mark.parametrize(("parent", "child", "left"), [(10, 4, 4), (4, 10, 4), (None, 4, 4), (4, None, 4)])
def test_the_deadline_that_comes_first_holds(parent, child, left):
    """Of both, on the clock that the child has."""
    old, new = ManualClock(), ManualClock()
    new.move(1_000)
    ctx = context(clock=old, deadline=parent).with_(clock=new, deadline=child)

    assert f"deadline={left}" in repr(ctx)


# ------------------------------------------------------------------ runs that never suspend


@pytest.mark.parametrize(("outer", "inner", "late"), [(1, 10, True), (10, 1, True), (10, 10, False)])
def test_a_deadline_ends_what_never_suspends_at_the_next_boundary(outer, inner, late):
    """That of the run, or of one around it."""
    clock, ran = ManualClock(), []

    @flow
    async def slow(x):
        clock.move(2)
        return x

    @flow
    async def note(x):
        ran.append(x)

    @flow
    async def around(x, *, ctx: Context = needs(Context)):
        await ctx.with_(deadline=inner).run(slow | note, x)

    run = context(clock=clock, deadline=outer, hooks=EventLog()).run
    if late:
        with pytest.raises(DeadlineExceeded):
            asyncio.run(run(around, 1))
    else:
        asyncio.run(run(around, 1))

    assert ran == ([] if late else [1])
