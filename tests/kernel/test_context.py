"""What a run carries: values, keys, capabilities, deadlines; and that runs do not see each other."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

import pytest

from omnitron import (
    Capability,
    Context,
    DeadlineExceeded,
    DefinitionError,
    Key,
    MissingCapability,
    MissingKey,
    Secret,
    context,
    current_context,
    flow,
    parallel,
)
from omnitron.testing import ManualClock

TENANT = Key("tenant", str)


@flow
def tenant(x):
    return current_context().get("tenant", None)


@flow
async def late_tenant(x):
    await asyncio.sleep(0)
    return current_context().get("tenant", None)


send = flow(lambda x: x).named("send").with_meta(capabilities={"net:api.example"})


def test_a_keyword_sets_the_key_of_that_name():
    """A value is found by key, by name and as an attribute."""
    ctx = context(tenant="acme")

    assert (ctx[TENANT], ctx["tenant"], ctx.get(TENANT), ctx.tenant) == ("acme",) * 4


def test_a_mapping_sets_any_key():
    """Any hashable is a key."""
    ctx = context({TENANT: "acme", ("a", 1): 2})

    assert (ctx["tenant"], ctx[("a", 1)], len(ctx)) == ("acme", 2, 2)


def test_keys_compare_by_name():
    """Two keys of one name find the same value."""
    assert Key("tenant", str) == Key("tenant", str)
    assert context(tenant="acme")[Key("tenant")] == "acme"
    assert Key("tenant") in context(tenant="acme")


def test_a_value_of_another_type_than_the_keys_is_refused():
    """A typed key checks its value."""
    with pytest.raises(DefinitionError, match="tenant"):
        context({TENANT: 3})


def test_a_missing_value_is_an_error_and_not_none():
    """`[]` and `get` without default raise, and None is a value."""
    ctx = context(nothing=None)

    assert ctx["nothing"] is None
    for ask in (lambda: ctx["tenant"], lambda: ctx.get("tenant"), lambda: ctx.get(TENANT)):
        with pytest.raises(MissingKey, match="tenant"):
            ask()
    assert ctx.get("tenant", "default") == "default"


def test_a_missing_attribute_is_an_attribute_error():
    """`hasattr` and `getattr` with a default work."""
    assert not hasattr(context(), "tenant")
    assert getattr(context(), "tenant", 5) == 5


def test_a_context_is_a_collection_of_its_keys():
    """`in`, `iter` and `len` are those of a mapping."""
    ctx = context(a=1, b=2)

    assert ("a" in ctx, "c" in ctx, len(ctx)) == (True, False, 2)
    assert {str(getattr(key, "name", key)) for key in ctx} == {"a", "b"}


def test_a_derived_context_adds_and_shadows():
    """`with_` gives a new context and leaves the old one."""
    parent = context(tenant="acme", region="eu")
    child = parent.with_(tenant="other", extra=1)

    assert (child.tenant, child.region, child.extra) == ("other", "eu", 1)
    assert (parent.tenant, "extra" in parent) == ("acme", False)


def test_a_derived_context_can_run_and_derive():
    """What is derived has everything that the first had."""
    child = context(tenant="acme").with_().with_(region="eu")

    assert child.run(tenant, 0) == "acme"


def test_a_long_chain_of_derived_contexts_reads_the_first_value():
    """Deriving ten thousand times takes no stack."""
    ctx = context(tenant="acme")
    for n in range(10_000):
        ctx = ctx.with_(n=n)

    assert (ctx.tenant, ctx.n) == ("acme", 9_999)


def test_a_context_is_immutable():
    """Attributes and items cannot be set."""
    ctx = context(tenant="acme")

    with pytest.raises(AttributeError):
        ctx.tenant = "other"
    with pytest.raises(TypeError):
        ctx["tenant"] = "other"


@pytest.mark.parametrize("name", ["get", "run", "with_", "isolate", "has_capability", "store", "journal", "replace"])
def test_reserved_names_are_refused_as_keywords(name):
    """A name that `Context` has, or will have, is no keyword for a value; a mapping takes it."""
    with pytest.raises(DefinitionError, match=name):
        context(**{name: 1})
    assert context({name: 1})[name] == 1


def test_run_gives_the_result_in_the_callers_thread():
    """A sync flow runs at once, where the caller stands."""
    ident = context().run(flow(lambda x: (x, threading.get_ident())), 5)

    assert ident == (5, threading.get_ident())


def test_run_keeps_the_colour():
    """An async flow gives something to await."""
    assert asyncio.run(context(tenant="acme").run(late_tenant, 0)) == "acme"


def test_run_takes_any_callable_with_any_arguments():
    """Plain functions and coroutine functions run too, arguments as given."""

    async def late(a, *, b):
        return a, b, current_context()["tenant"]

    ctx = context(tenant="acme")
    assert ctx.run(lambda a, *, b: (a, b, current_context().tenant), 1, b=2) == (1, 2, "acme")
    assert asyncio.run(ctx.run(late, 1, b=2)) == (1, 2, "acme")


def test_outside_a_run_the_context_is_empty():
    """Without a run there is an empty, unrestricted context."""
    assert isinstance(current_context(), Context)
    assert len(current_context()) == 0
    assert tenant(0) is None


def test_the_context_is_gone_after_the_run():
    """The run restores what was before, after errors too."""
    ctx = context(tenant="acme")
    ctx.run(tenant, 0)
    with pytest.raises(ZeroDivisionError):
        ctx.run(lambda: 1 / 0)

    assert "tenant" not in current_context()


def test_nested_runs_restore_the_outer_context():
    """The innermost context holds, and the outer is back afterwards."""

    def outer():
        inside = context(tenant="inner").run(tenant, 0)
        return inside, current_context().tenant

    assert context(tenant="outer").run(outer) == ("inner", "outer")


def test_an_awaitable_of_a_run_can_be_awaited_elsewhere():
    """The context belongs to the run and not to the place where it is awaited."""

    async def main():
        first = context(tenant="a").run(late_tenant, 0)
        second = context(tenant="b").run(late_tenant, 0)
        return await asyncio.gather(second, first), current_context().get("tenant", None)

    assert asyncio.run(main()) == (["b", "a"], None)


def test_tasks_of_a_run_inherit_its_context():
    """A task that is made inside a run belongs to it."""

    @flow
    async def spawn(x):
        return await asyncio.create_task(late_tenant(x))

    assert asyncio.run(context(tenant="acme").run(spawn, 0)) == "acme"


def test_branches_in_threads_see_the_context():
    """Threads that the library starts carry the context."""
    assert context(tenant="acme").run(parallel(tenant, tenant, threads=2), 0) == ("acme", "acme")
    assert context(tenant="acme").run(tenant.each(threads=2), [1, 2, 3]) == ["acme"] * 3


def test_a_thousand_tasks_each_see_their_own_context():
    """Runs in tasks never see each other."""

    async def main():
        return await asyncio.gather(*(context(tenant=str(n)).run(late_tenant, 0) for n in range(1_000)))

    assert asyncio.run(main()) == [str(n) for n in range(1_000)]


def test_a_thousand_runs_in_threads_each_see_their_own_context():
    """Runs in threads never see each other."""
    with ThreadPoolExecutor(32) as pool:
        seen = list(pool.map(lambda n: context(tenant=str(n)).run(tenant, 0), range(1_000)))

    assert seen == [str(n) for n in range(1_000)]


def test_loops_in_threads_do_not_mix():
    """Several loops in several threads, many runs in each, none sees another."""

    def loop(base):
        async def main():
            return await asyncio.gather(*(context(tenant=f"{base}.{n}").run(late_tenant, 0) for n in range(100)))

        return asyncio.run(main())

    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(loop, range(8)))
    assert seen == [[f"{base}.{n}" for n in range(100)] for base in range(8)]


def test_a_generator_that_runs_step_by_step_leaks_no_context():
    """A run inside a generator does not leave its context to whoever asks for the next item."""

    def source():
        yield context(tenant="acme").run(tenant, 0)
        yield current_context().get("tenant", None)

    items = source()
    assert (next(items), current_context().get("tenant", None), next(items)) == ("acme", None, None)


def test_isolate_keeps_the_named_values_only():
    """Nothing passes that is not named, None included as a value."""
    alone = context(a=None, b=2, c=3).isolate("a", "b")

    assert (alone["a"], alone.b, "c" in alone, len(alone)) == (None, 2, False, 2)


def test_isolate_keeps_no_capability_unless_named():
    """Authority does not pass by itself."""
    ctx = context(capabilities={"net:*", "db:read"})

    assert not ctx.isolate().has_capability("net:x")
    kept = ctx.isolate(capabilities={"net:x"})
    assert (kept.has_capability("net:x"), kept.has_capability("net:y"), kept.has_capability("db:read")) == (
        True,
        False,
        False,
    )


def test_isolate_of_an_unrestricted_context_holds_nothing():
    """An isolated context is restricted, whatever it came from."""
    assert not context().isolate().has_capability("net:x")


def test_isolate_refuses_a_value_that_is_not_there():
    """A misspelt name is an error and not an empty place."""
    with pytest.raises(MissingKey, match="tenannt"):
        context(tenant="acme").isolate("tenannt")


def test_without_capabilities_nothing_is_restricted():
    """`context()` holds everything; an empty set holds nothing."""
    assert context().has_capability("net:x")
    assert not context(capabilities=set()).has_capability("net:x")


@pytest.mark.parametrize(
    ("held", "asked", "answer"),
    [
        ("net:*", "net:x", True),
        ("net:*", "network:x", False),
        ("net:a*", "net:api", True),
        ("net:a", "net:ab", False),
        ("net:a", "net:*", False),
        ("net:*", "net:a*", True),
        ("*", "db:x", True),
    ],
)
def test_a_final_star_matches_any_rest(held, asked, answer):
    """A star at the end covers every longer name."""
    assert context(capabilities={held}).has_capability(asked) is answer


@pytest.mark.parametrize("wrong", [{"net"}, {"a:*b"}, {":x"}, {3}, "net:x"])
def test_a_capability_that_cannot_be_is_refused(wrong):
    """A capability is `kind:resource`, and several come in a set."""
    with pytest.raises(DefinitionError):
        context(capabilities=wrong)


def test_a_capability_may_be_an_object():
    """`Capability` values are taken where names are."""
    assert context(capabilities={Capability("net:x")}).has_capability("net:x")


def test_a_derived_context_inherits_and_gives_up():
    """A child holds what its parent holds, or less."""
    parent = context(capabilities={"net:*"})

    assert parent.with_(tenant="x").has_capability("net:x")
    assert not parent.with_(capabilities=set()).has_capability("net:x")
    assert parent.with_(capabilities={"net:x"}).has_capability("net:x")


def test_a_derived_context_cannot_gain():
    """Naming a capability that is not held is an error."""
    parent = context(capabilities={"net:a"})

    for wanted in ("net:b", "net:*", "*"):
        with pytest.raises(MissingCapability, match="net:a"):
            parent.with_(capabilities={wanted})


def test_a_new_root_inside_a_run_holds_no_more_than_the_run():
    """There is no way out of a restriction by making a new context."""
    ctx = context(capabilities={"net:a"})

    assert ctx.run(lambda: context().has_capability("net:b")) is False
    assert ctx.run(lambda: context().has_capability("net:a")) is True
    with pytest.raises(MissingCapability):
        ctx.run(lambda: context(capabilities={"net:b"}))


def test_run_checks_capabilities_before_anything_runs():
    """A missing capability is found before the first step, with the paths that need it."""
    called = []
    whole = (flow(called.append).named("first") | send).named("whole")

    with pytest.raises(MissingCapability, match=r"whole/send") as caught:
        context(capabilities={"db:x"}).run(whole, 1)
    assert called == []
    assert dict(caught.value.missing) == {"net:api.example": ("whole/send",)}


def test_run_with_the_capability_runs():
    """A held capability is enough, a covering one too."""
    assert context(capabilities={"net:*"}).run(send, 1) == 1
    assert context().run(send, 1) == 1


def test_capabilities_are_checked_for_flows_that_a_body_calls():
    """A call inside a body passes the same boundary."""

    @flow
    def body(x):
        return send(x)

    with pytest.raises(MissingCapability):
        context(capabilities=set()).run(body, 1)


def test_outside_a_run_nothing_is_restricted():
    """Requirements bind runs only."""
    assert send(1) == 1


def test_a_deadline_is_checked_at_the_next_boundary():
    """Once the time is over, no further step starts."""
    clock, ran = ManualClock(), []

    @flow
    def slow(x):
        clock.move(11)
        return x

    with pytest.raises(DeadlineExceeded):
        context(clock=clock, deadline=10).run(slow | flow(ran.append), 1)
    assert ran == []


def test_a_deadline_in_time_does_nothing():
    """A run that ends before its deadline gives its result."""
    clock = ManualClock()

    assert context(clock=clock, deadline=10).run(flow(lambda x: clock.move(9) or x) | flow(str), 1) == "1"


def test_a_childs_deadline_can_only_shrink():
    """A derived context cannot give itself more time than its parent has."""
    clock = ManualClock()
    late = flow(lambda x: clock.move(11)) | flow(lambda x: x)

    with pytest.raises(DeadlineExceeded):
        context(clock=clock, deadline=10).with_(deadline=100).run(late, 1)


def test_a_deadline_ends_an_async_wait():
    """An async flow that waits is ended by its deadline."""

    async def main():
        forever = flow(lambda x: asyncio.Event().wait(), colour="async")
        await context(deadline=0.01).run(forever, 1)

    with pytest.raises(DeadlineExceeded):
        asyncio.run(main())


@pytest.mark.parametrize("deadline", [float("nan"), "soon", True])
def test_a_deadline_that_cannot_be_is_refused(deadline):
    """A deadline is a number of seconds."""
    with pytest.raises(DefinitionError):
        context(deadline=deadline)


def test_repr_of_a_context_names_its_keys():
    """A context prints what it holds."""
    assert "tenant" in repr(context(tenant="acme"))


def test_repr_of_a_context_shows_authority_time_and_configuration():
    """In a few words, and no value; what is not set is left out."""
    clock = ManualClock()
    app = context(
        tenant=Secret("acme"), clock=clock, deadline=2.5, capabilities={"net:b", "net:a"}, config={"f": {"x": 1}}
    )

    assert repr(context()) == "context()"
    assert repr(app) == "context(tenant=…, capabilities={'net:a', 'net:b'}, deadline=2.5, config=<1 setting>)"
    clock.move(3)
    assert repr(context(capabilities=set())) == "context(capabilities=set())"
    assert "deadline=<passed>" in repr(app)


def test_a_key_prints_its_name():
    """A key is recognised in a message."""
    assert "tenant" in repr(TENANT)


def test_key_of_any_takes_anything():
    """A key without a narrower type takes every value."""
    assert context({Key("x", object): 3, Key("y"): None, Key("z", Any): 1})["x"] == 3


def test_a_deadline_leaves_no_task():
    """When a run is over, nothing that watched its time is left."""

    async def main():
        await context(deadline=1_000).run(late_tenant, 0)
        return asyncio.all_tasks() - {asyncio.current_task()}

    assert asyncio.run(main()) == set()


def test_a_context_is_not_made_past_its_door():
    """Its class would know no run, and so no authority to inherit."""
    with pytest.raises(DefinitionError, match="context"):
        Context({"a": 1})


def test_isolating_with_no_capabilities_holds_none():
    """None is none, not all."""
    assert not context(capabilities={"net:*"}).isolate(capabilities=None).has_capability("net:x")


@pytest.mark.parametrize(
    ("name", "option"),
    [
        ("timeout", "deadline"),
        ("time_limit", "deadline"),
        ("cfg", "config"),
        ("conf", "config"),
        ("configuration", "config"),
        ("observer", "observers"),
        ("caps", "capabilities"),
        ("replacements", "replace"),
    ],
)
def test_another_word_for_an_option_is_refused(name, option):
    """In `context`, `with_` and `within`; a value of that name is given by a mapping."""
    for make in (context, context().with_, flow(len).within):
        with pytest.raises(DefinitionError, match=rf"`{name}` is .* the option `{option}`.*{{'{name}': \.\.\.}}"):
            make(**{name: 3})

    assert context({Key(name, int): 3}).get(name) == context({name: 3}).get(name) == 3


@pytest.mark.parametrize("name", ["settings", "time", "tenant", "depth", "rng", "timeouts"])
def test_other_names_are_values(name):
    """Only what is well known to be meant as an option is refused."""
    assert context(**{name: 3}).get(name) == 3


@pytest.mark.parametrize("slip", ["capabilites", "capability", "hook", "deadlines", "tracers"])
def test_a_slip_in_an_options_name_is_refused(slip):
    """What would restrict or watch nothing is no value."""
    with pytest.raises(DefinitionError, match="option"):
        context(**{slip: set()})


def test_a_typed_key_reads_its_type_only():
    """A value that was given under the plain name is checked when it is read."""
    with pytest.raises(DefinitionError, match="root"):
        context(root=3).get(Key("root", str))


def test_a_sync_run_that_ends_late_is_late():
    """A deadline that passes in the last step is seen."""
    clock = ManualClock()

    with pytest.raises(DeadlineExceeded, match="after the deadline"):
        context(clock=clock, deadline=5).run(lambda x: clock.move(10), 1)


@pytest.mark.parametrize(
    ("kind", "fits", "fits_not"),
    [
        (list[int] | None, [[1], None], ["a", 1]),
        (float | list[int], [1, 1.5, []], ["a", None]),
        (list[int] | Literal["a"], [[1], "a", "b"], []),
    ],
)
def test_a_key_of_a_union_takes_its_members(kind, fits, fits_not):
    """Generics count by their origin; a member that cannot be told lets all pass."""
    key = Key("key", kind)

    assert [key.fits(value) for value in fits] == [True] * len(fits)
    assert [key.fits(value) for value in fits_not] == [False] * len(fits_not)
