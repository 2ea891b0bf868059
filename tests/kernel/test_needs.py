"""Needs: parameters of a step that are filled from the context."""

import asyncio
import functools
import inspect
import pickle

import pytest

from omnitron import (
    Context,
    DefinitionError,
    EventLog,
    Inputs,
    Key,
    MissingKey,
    MissingNeed,
    context,
    current_context,
    flow,
    gather,
    needs,
    parallel,
    resource,
    sequence,
    when,
)

tenant = Key("tenant", str)
region = Key("region", str)


@flow
def greet(name: str, *, who: str = needs(tenant)) -> str:
    return f"{who} greets {name}"


@flow
async def greet_later(name: str, *, who: str = needs(tenant), where: str = needs(region)) -> str:
    await asyncio.sleep(0)
    return f"{who} greets {name} in {where}"


def test_a_need_is_filled_from_the_context():
    """A step is given the context's value for the key that it needs."""
    assert context(tenant="acme").run(greet, "you") == "acme greets you"


def test_an_argument_overrides_the_context():
    """What the caller passes is not filled, inside and outside of a run."""
    assert context(tenant="acme").run(greet, "you", who="me") == "me greets you"
    assert greet("you", who="me") == "me greets you"


def test_an_argument_that_is_passed_need_not_be_in_the_context():
    """The check before a run leaves out what the call passes."""
    assert context().run(greet, "you", who="me") == "me greets you"


def test_needs_of_later_steps_are_filled_too():
    """Any step of a tree may need something, also async ones in any place."""
    tree = flow(str.strip) | greet_later | parallel(greet, flow(len))
    app = context(tenant="acme", region="eu")

    assert asyncio.run(app.run(tree, " you ")) == ("acme greets acme greets you in eu", 21)


def test_a_derived_context_overrides():
    """`with_` gives another value to the flows that run inside it."""
    app = context(tenant="acme")

    assert app.with_(tenant="other").run(greet, "you") == "other greets you"


def test_the_context_itself_can_be_needed():
    """`needs(Context)` gives the context of the run."""

    @flow
    def read(name: str, *, ctx: Context = needs(Context)) -> object:
        return ctx[name]

    assert context(tenant="acme").run(read, "tenant") == "acme"


def test_what_lacks_is_refused_before_anything_runs():
    """The refusal names the value, who needs it, and how to give it; no step has run."""
    ran = []
    tree = flow(lambda x: ran.append(x) or x) | greet.named("first") | greet.named("second")

    with pytest.raises(MissingNeed, match=r"'tenant' \(needed by .*/first, .*/second\)") as caught:
        context(color="red").run(tree, "you")

    assert ran == []
    assert caught.value.missing.keys() == {"tenant"}
    assert "context(tenant=...)" in str(caught.value)
    assert isinstance(caught.value, MissingKey | KeyError)


def test_what_a_resource_needs_is_checked_too():
    """The refusal names the resource through which a value is needed."""

    @resource(scope="run")
    def table(*, name: str = needs(tenant)) -> str:
        return f"table of {name}"

    @flow
    def read(x: int, *, t: str = needs(table)) -> str:
        return t

    with pytest.raises(MissingNeed, match=r"'tenant' \(needed by read → table\)"):
        context().run(read, 1)


def test_a_value_of_another_type_is_refused_before_anything_runs():
    """A value that was given by its plain name is checked against the key that a step needs."""
    with pytest.raises(DefinitionError, match="tenant"):
        context(tenant=5).run(greet, "you")


def test_a_need_that_lacks_outside_of_any_run_says_so():
    """Called without a context, the step tells what it needs."""
    with pytest.raises(MissingNeed, match="'tenant'"):
        greet("you")


def test_requires_is_the_union_over_the_tree():
    """`flow.requires` holds the keys and resources of every step."""
    tree = when(str.isupper, greet, greet_later) | flow(len)

    assert tree.requires == {tenant, region}
    assert flow(len).requires == frozenset()


def test_bind_fulfils_a_need():
    """A parameter that is fixed is needed no more, also behind a pipe."""
    bound = greet.bind(who="me")

    assert bound.requires == frozenset()
    assert context().run(bound, "you") == "me greets you"
    assert (greet | len).bind(who="me").requires == frozenset()
    assert (greet | greet).bind(who="me").requires == {tenant}


def test_arguments_of_branches_fulfil_their_needs():
    """What is passed to a parallel goes to each branch, and is needed by none."""
    both = parallel(greet, greet.named("again"))

    assert context().run(both, "you", who="me") == ("me greets you", "me greets you")


def test_a_need_stands_in_a_keyword_only_parameter():
    """A need that a caller could fill by position is refused."""
    with pytest.raises(DefinitionError, match="Put a `\\*` before it"):

        @flow
        def wrong(x: int, who: str = needs(tenant)) -> str:
            return who


@pytest.mark.parametrize("target", ["tenant", 5, None, str, object()])
def test_only_keys_resources_and_the_context_can_be_needed(target):
    """Anything else is refused where it is written."""
    with pytest.raises(DefinitionError, match="`needs` takes a Key, a resource, or Context"):
        needs(target)


def test_needs_of_methods_partials_and_callables_are_filled():
    """Whatever the callable is, its needs are seen."""

    class Shop:
        def __call__(self, x: int, *, who: str = needs(tenant)) -> tuple:
            return self.__class__, x, who

        @flow
        def sell(self, x: int, *, who: str = needs(tenant)) -> tuple:
            return self, x, who

        def plain(self, x: int, *, who: str = needs(tenant)) -> str:
            return f"{x} {who}"

    shop, app = Shop(), context(tenant="acme")

    assert app.run(flow(shop), 1) == (Shop, 1, "acme")
    assert app.run(shop.sell, 2) == (shop, 2, "acme")
    assert app.run(flow(shop.plain), 3) == "3 acme"
    assert app.run(flow(functools.partial(shop.plain, 4))) == "4 acme"
    assert flow(functools.partial(shop.plain, who="me")).requires == frozenset()


def test_needs_are_no_part_of_the_input():
    """Observers see what the caller gave, not what was filled in."""
    log = EventLog()

    context(tenant="acme", observers=log).run(greet, "you")
    context(observers=log).run(greet, "you", who="me")

    assert [event.input for event in log.events if hasattr(event, "output")] == [
        "you",
        Inputs(("you",), {"who": "me"}),
    ]


def test_parameters_of_any_name_can_be_needed():
    """Names that generated code uses itself are no trouble."""

    @flow
    def odd(v: int, *, o_fn: str = needs(tenant), f0: str = needs(tenant)) -> tuple:
        return v, o_fn, f0

    assert context(tenant="acme").run(odd, 1) == (1, "acme", "acme")


def test_a_step_that_asks_is_a_value():
    """It keeps the parameters that its callers fill, compares, and pickles."""
    again = pickle.loads(pickle.dumps(greet))

    assert again is greet
    assert greet == flow(greet.fn)
    assert list(inspect.signature(greet).parameters) == ["name"]
    assert repr(needs(tenant)) == "needs(tenant)"
    assert pickle.loads(pickle.dumps(greet | len)) == (greet | len)


def test_a_flow_called_in_a_body_has_its_needs_filled():
    """The context reaches flows that a function calls."""

    @flow
    def outer(name: str) -> str:
        return greet(name)

    assert context(tenant="acme").run(outer, "you") == "acme greets you"


def test_a_body_that_lacks_a_value_names_the_place():
    """In a watched run the refusal has the path of the step."""

    @flow
    def outer(name: str) -> str:
        return greet(name)

    with pytest.raises(MissingNeed, match=r"outer/greet@0\[0\]"):
        context(observers=EventLog()).run(outer, "you")


def test_needs_are_filled_in_threads_and_processes():
    """Values that travel are filled where the step runs."""
    app = context(tenant="acme")

    assert asyncio.run(app.run(greet.on("thread"), "you")) == "acme greets you"
    assert asyncio.run(app.run(greet.on("process"), "you")) == "acme greets you"


def test_needs_of_gathered_flows():
    """A record is filled from steps that need something."""
    both = gather(dict, first=greet, second=flow(len))

    assert context(tenant="a").run(both, "you") == {"first": "a greets you", "second": 3}


def test_a_flow_without_needs_has_no_trace_of_them():
    """A plain step stays the very function that is called."""
    node = flow(lambda x, y=1: x).node

    assert type(node).__name__ == "Step"
    assert node.needs == frozenset()
    assert sequence(flow(len), flow(abs)).node.needs == frozenset()


def test_the_context_outside_of_a_run_is_empty():
    """A need of the context outside of any run is the empty one."""

    @flow
    def read(x: int, *, ctx: Context = needs(Context)) -> Context:
        return ctx

    assert read(1) is current_context()


def test_a_derived_part_has_what_its_context_gives():
    """What `within` gives need not stand in the context around it."""
    table = resource(scope="run")(named_table)

    @flow
    def read(x: str, *, t: str = needs(table)) -> str:
        return f"{x} {t}"

    inside = (greet | read).within(tenant="inner")

    assert inside.requires == frozenset()
    assert context().run(inside, "you") == "inner greets you table of inner"
    assert context(tenant="outer").run(parallel(greet, inside), "you")[0] == "outer greets you"


def named_table(*, name: str = needs(tenant)) -> str:
    """Open a table of the tenant."""
    return f"table of {name}"


def passing(fn):
    """A decorator as people write them."""

    @functools.wraps(fn)
    def wrapper(*args, **kwargs):
        return fn(*args, **kwargs)

    return wrapper


def test_needs_behind_wrappers_classes_and_flows_are_filled():
    """Whatever passes keywords on is seen into."""

    class Greeting:
        def __init__(self, name: str, *, who: str = needs(tenant)) -> None:
            self.text = f"{who} greets {name}"

    app, plain = context(tenant="acme"), greet.fn

    assert app.run(flow(passing(plain)), "you") == "acme greets you"
    assert app.run(flow(functools.lru_cache(plain)), "you") == "acme greets you"
    assert app.run(flow(Greeting), "you").text == "acme greets you"
    assert flow(functools.partial(greet)).requires == {tenant}
    assert flow(passing(plain)).requires == {tenant}


def test_a_wrapper_that_passes_no_keywords_on_is_refused():
    """The step would be given the mark instead of the value."""

    @functools.wraps(greet.fn)
    def wrapper(name):
        return greet.fn(name)

    with pytest.raises(DefinitionError, match="passes no keywords on"):
        flow(wrapper)


def test_a_plain_function_is_told_what_it_was_given():
    """Who calls the function behind a flow sees why nothing was filled."""
    with pytest.raises(AttributeError, match="a plain function was called"):
        flow(lambda name, *, who=needs(tenant): who.upper()).fn("you")


def test_a_key_of_a_subclass_is_a_key():
    """It is filled, checked, and pickles as what it is."""

    class Name(Key):
        """A key of one's own."""

    @flow
    def read(x: int, *, who: str = needs(Name("tenant", str))) -> str:
        return who

    assert context(tenant="acme").run(read, 1) == "acme"


def test_keys_of_one_name_and_two_types_are_both_checked():
    """A value must be of all the types that are asked for."""

    @flow
    def loose(x: int, *, n: object = needs(Key("n", object))) -> int:
        return x

    @flow
    def strict(x: int, *, n: int = needs(Key("n", int))) -> int:
        return x

    with pytest.raises(DefinitionError, match="'n'"):
        context(n="text").run(loose | strict, 1)


def test_a_need_is_no_value_to_bind():
    """It stands in the signature."""
    with pytest.raises(DefinitionError, match="is none yet"):
        greet.bind(who=needs(region))


def test_a_derived_part_of_which_something_lacks_is_refused_before_the_run():
    """What `within` gives is left out of the check, the rest is not; and it is of the type that is needed."""

    @resource(scope="run")
    def table(*, name: str = needs(tenant), place: str = needs(region)) -> str:
        return name + place

    @flow
    def read(x: int, *, t: str = needs(table)) -> str:
        return t

    with pytest.raises(MissingNeed, match="'region'"):
        context().run(read.within(tenant="acme"), 1)
    with pytest.raises(DefinitionError, match="'tenant'"):
        greet.within(tenant=5)


def test_the_entered_context_is_named_where_a_value_is_to_be_given_there():
    """A resource of the app does not see what a derived context holds."""

    @resource
    def table(*, name: str = needs(tenant)) -> str:
        return name

    @flow
    def read(x: int, *, t: str = needs(table)) -> str:
        return t

    with context() as app, pytest.raises(MissingNeed, match="opened from the entered context"):
        app.with_(tenant="acme").run(read, 1)
