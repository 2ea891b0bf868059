"""The atom: what `flow` makes of one callable, and what it refuses."""

import abc
import asyncio
import copy
import functools
import inspect
import unittest.mock

import pytest

from omnitron import AsyncFlow, DefinitionError, Effect, EventLog, Flow, context, flow, identity, parallel


@flow
def add(a: int, b: int = 1, *, k: int = 0) -> int:
    """Add three numbers."""
    return a + b + k


@flow
async def later(a: int, b: int = 1, *, k: int = 0) -> int:
    """Add three numbers, later."""
    await asyncio.sleep(0)
    return a + b + k


class Shout:
    """A callable object."""

    def __call__(self, text: str) -> str:
        return text.upper()


class LateShout:
    """A callable object whose call is a coroutine function."""

    async def __call__(self, text: str) -> str:
        await asyncio.sleep(0)
        return text.upper()


def numbers():
    yield 1


async def late_numbers():
    yield 1


def test_sync_function_makes_a_flow_that_is_called_like_it():
    """A sync function makes a `Flow` with the function's own call."""
    assert type(add) is Flow
    assert (add(1), add(1, 2), add(a=1, b=2, k=3)) == (2, 3, 6)


def test_async_function_makes_an_async_flow_that_is_awaited_like_it():
    """An `async def` makes an `AsyncFlow` with the function's own call."""
    assert type(later) is AsyncFlow
    assert asyncio.run(later(1, b=2, k=3)) == 6


def test_async_flow_returns_a_coroutine():
    """Calling an async flow gives a coroutine, not a future or a wrapper of ours."""
    pending = later(1)

    assert inspect.iscoroutine(pending)
    assert asyncio.run(pending) == 2


@pytest.mark.parametrize("call", [lambda: add(), lambda: add(1, 2, 3), lambda: add(1, z=2)])
def test_wrong_arguments_are_a_type_error(call):
    """Arguments that the function would refuse are refused by the flow."""
    with pytest.raises(TypeError):
        call()


def test_variadic_parameters_are_passed_through():
    """`*args` and `**kwargs` reach the function as they were given."""
    spread = flow(lambda *args, **kwargs: (args, kwargs))

    assert spread(1, 2, x=3) == ((1, 2), {"x": 3})


def test_positional_only_parameters_are_kept():
    """A positional-only parameter can be passed by position only."""

    @flow
    def half(a, /, *, by=2):
        return a / by

    assert half(6, by=3) == 2
    with pytest.raises(TypeError):
        half(a=6)


def test_mutable_defaults_are_the_functions_own():
    """A default value is the very object of the function, not a copy or its text."""
    store = []

    @flow
    def keep(item, into=store):
        into.append(item)
        return into

    assert keep(1) is store


@pytest.mark.parametrize(
    "name",
    [
        "__name__",
        "__qualname__",
        "__module__",
        "__doc__",
        "__code__",
        "__defaults__",
        "__kwdefaults__",
        "__annotations__",
    ],
)
@pytest.mark.parametrize("made", [add, later], ids=["sync", "async"])
def test_attributes_of_the_function_show_through(made, name):
    """A flow shows the function's own attributes."""
    assert getattr(made, name) == getattr(made.fn, name)


def test_wrapped_is_the_function():
    """`inspect.unwrap` finds the function."""
    assert inspect.unwrap(add) is add.fn


@pytest.mark.parametrize("made", [add, later], ids=["sync", "async"])
def test_signature_is_kept(made):
    """`inspect.signature` of a flow is that of its function."""
    assert inspect.signature(made) == inspect.signature(made.fn)


def test_async_flow_is_recognised_as_a_coroutine_function():
    """`inspect` takes an async flow for a coroutine function and a sync one not."""
    assert inspect.iscoroutinefunction(later)
    assert not inspect.iscoroutinefunction(add)


def test_wraps_sees_the_function_behind_a_flow():
    """`functools.wraps(flow)` copies the function's name and doc."""

    @functools.wraps(add)
    def other():
        return None

    assert (other.__name__, other.__doc__) == ("add", "Add three numbers.")


def test_fn_is_the_function_itself():
    """`flow.fn` is the way out: the very function that was given."""

    def plain(x):
        return x

    assert flow(plain).fn is plain


def test_a_lambda_a_builtin_and_a_partial_are_accepted():
    """Any callable becomes a flow."""
    assert flow(lambda x: x + 1)(1) == 2
    assert flow(len)("abc") == 3
    assert flow(functools.partial(pow, 2))(3) == 8


def test_a_class_is_accepted_as_the_callable_it_is():
    """A class makes a flow that makes its instances."""
    assert flow(complex)(1, 2) == complex(1, 2)


def test_callable_objects_are_accepted_in_both_colours():
    """An object with `__call__` makes a flow of the colour of that method."""
    assert flow(Shout())("a") == "A"
    assert type(flow(LateShout())) is AsyncFlow
    assert asyncio.run(flow(LateShout())("a")) == "A"


def test_a_bound_method_is_accepted():
    """A bound method makes a flow of the remaining parameters."""
    assert flow("a-b".split)("-") == ["a", "b"]


def test_a_partial_of_an_async_function_is_async():
    """The colour is found behind `functools.partial`."""
    partial = flow(functools.partial(later.fn, 1))

    assert type(partial) is AsyncFlow
    assert asyncio.run(partial(b=2)) == 3


def test_colour_can_be_declared():
    """A lambda that returns a coroutine is declared async."""
    declared = flow(lambda x: later(x), colour="async")

    assert type(declared) is AsyncFlow
    assert asyncio.run(declared(1)) == 2


def test_an_unknown_colour_is_refused():
    """A colour is "sync" or "async"."""
    with pytest.raises(DefinitionError, match="green"):
        flow(lambda x: x, colour="green")


def test_a_flow_of_a_flow_is_itself():
    """`flow` over a flow changes nothing."""
    assert flow(add) is add


def test_a_flow_of_a_flow_with_options_is_that_flow_with_the_options():
    """`flow(f, version=...)` is `f.with_meta(version=...)` and leaves `f` alone."""
    versioned = flow(add, version="2.0.0")

    assert versioned.meta.version == "2.0.0"
    assert add.meta.version != "2.0.0"
    assert versioned(1) == 2


def test_the_decorator_takes_options():
    """Options of the decorator are the flow's metadata."""

    @flow(name="fetch", version="1.2.0", effects=Effect.READ, capabilities={"net:x"}, tags={"slow"})
    def get(x):
        """Fetch one."""
        return x

    assert get.name == "fetch"
    assert (get.meta.version, get.meta.effects, get(1)) == ("1.2.0", Effect.READ, 1)
    assert get.meta.capabilities == {"net:x"}
    assert get.meta.tags == {"slow"}


def test_the_description_comes_from_the_docstring():
    """Without a description, the first line of the docstring is it."""
    assert add.meta.description == "Add three numbers."
    assert add.with_meta(description="Sum.").meta.description == "Sum."


def test_acall_awaits_both_colours():
    """`acall` is one spelling for both colours."""

    async def both():
        return await add.acall(1, k=2), await later.acall(1, k=2)

    assert asyncio.run(both()) == (4, 4)


def test_a_generator_function_makes_a_sync_flow_of_either_kind():
    """Calling it gives the generator at once, as in Python."""
    assert (flow(numbers).colour, list(flow(numbers)())) == ("sync", [1])
    assert (flow(late_numbers).colour, inspect.isasyncgen(flow(late_numbers)())) == ("sync", True)


def test_a_generator_function_is_not_declared_async():
    """It gives its stream at once, so `colour="async"` is refused by a text that says so."""
    with pytest.raises(DefinitionError, match="not awaited"):
        flow(numbers, colour="async")


@pytest.mark.parametrize("kind", [staticmethod, classmethod])
def test_static_and_class_methods_are_refused_with_the_way_out(kind):
    """`@flow` over `@staticmethod` is refused by a text that names the kind and `flow`."""
    with pytest.raises(DefinitionError, match=f"(?s)(?=.*{kind.__name__})(?=.*flow)"):
        flow(kind(lambda x: x))


@pytest.mark.parametrize("given", [1, "text", None, object()])
def test_what_cannot_be_called_is_refused(given):
    """A thing that is not callable is refused as a `TypeError` of ours."""
    with pytest.raises(TypeError) as caught:
        flow(given)()

    assert isinstance(caught.value, DefinitionError)


def test_a_flow_is_immutable():
    """Attributes of a flow cannot be set."""
    with pytest.raises(AttributeError):
        add.name = "other"


def test_named_gives_a_new_flow_and_leaves_the_old_one():
    """`named` renames a copy."""
    plus = add.named("plus")

    assert (plus.name, add.name, plus(1)) == ("plus", "add", 2)


@pytest.mark.parametrize("name", ["", "a/b", "a\nb", "a#2", "a[0]", "a@1", 3])
def test_names_that_would_break_a_path_are_refused(name):
    """A name is a text without the separator of paths."""
    with pytest.raises(DefinitionError):
        add.named(name)


def test_with_meta_keeps_what_it_does_not_name():
    """`with_meta` changes the named fields only."""
    tagged = add.with_meta(version="3.0.0").with_meta(tags={"x"})

    assert (tagged.meta.version, tagged.meta.tags, tagged.name) == ("3.0.0", {"x"}, "add")


def test_with_meta_refuses_a_field_that_does_not_exist():
    """A misspelt field of the metadata is refused."""
    with pytest.raises(TypeError):
        add.with_meta(verison="3.0.0")


def test_the_exception_of_a_lone_step_is_the_users_own_without_notes():
    """A lone step adds nothing to the exception that it raises."""
    with pytest.raises(ZeroDivisionError) as caught:
        flow(lambda x: 1 // x)(0)

    assert getattr(caught.value, "__notes__", []) == []


def test_a_flow_is_true_whatever_it_wraps():
    """A flow has no length and no truth of its own."""
    assert bool(flow(lambda: 0)) is True


def test_subflows_called_in_a_body_are_plain_calls():
    """A flow may call another in its body."""

    @flow
    def twice(x):
        return add(add(x))

    assert twice(1) == 3


def test_a_flow_may_call_itself():
    """Recursion through the flow works as through the function."""

    @flow
    def factorial(n):
        return 1 if n == 0 else n * factorial(n - 1)

    assert factorial(10) == 3628800


@pytest.mark.parametrize(
    "name", ["v", "t1", "f0", "p0", "k0", "o_watch", "o_error", "args", "kwargs", "self", "fn", "site"]
)
@pytest.mark.parametrize(
    "shape", [lambda f: f, lambda f: f | identity, lambda f: parallel(f, f)], ids=["lone", "pipe", "parallel"]
)
def test_parameters_may_have_any_name(name, shape):
    """No name of a parameter collides with what the library writes, called, watched or awaited."""
    space = {}
    exec(f"def step(*, {name}): return {name}\nasync def late(*, {name}): return {name}", space)
    step, late = shape(flow(space["step"])), shape(flow(space["late"]))
    watched = context(observers=[EventLog()])

    async def main():
        return await late.acall(**{name: 5}), await watched.run(late, **{name: 5})

    expected = step(**{name: 5})
    assert watched.run(step, **{name: 5}) == expected
    assert asyncio.run(main()) == (expected, expected)


@pytest.mark.parametrize("name", ["self", "name", "fixed"])
def test_any_parameter_can_be_bound(name):
    """`bind` has no parameter of its own that stands in the way."""
    space = {}
    exec(f"def step({name}): return {name}", space)

    assert flow(space["step"]).bind(**{name: 5})() == 5


def test_a_flow_is_copied_as_its_function_is():
    """A flow is immutable, so a copy is the flow itself, also over what does not pickle."""
    whole = flow(lambda x: x) | add

    assert copy.copy(whole) is whole
    assert copy.deepcopy({"step": whole}) == {"step": whole}


def test_objects_with_methods_of_our_names_are_just_callables():
    """A client that has an `acall` of its own, a mock: what counts is what they are."""

    class Client:
        def acall(self):
            return "mine"

        def __call__(self, x):
            return x

    assert flow(Client())(3) == 3
    assert type(flow(unittest.mock.Mock(return_value=4))) is Flow


def test_an_abstract_method_stays_abstract():
    """A class that lacks one cannot be made."""

    class Shape(abc.ABC):
        @flow
        @abc.abstractmethod
        def area(self): ...

    with pytest.raises(TypeError, match="abstract"):
        Shape()


def test_what_is_made_of_one_value_has_the_annotations_that_follow():
    """Of a list its members, of an item a list; a stream says what it takes."""

    def lengths(words: list[str]) -> "list[int]":
        return [len(word) for word in words]

    tree = flow(lengths)

    assert str(inspect.signature(tree.batch())) == "(item: str) -> int"
    assert str(inspect.signature(tree.chunk())) == "(items: list[str]) -> list[int]"
    assert str(inspect.signature(tree.each())) == "(items: list[list[str]]) -> list[list[int]]"
    assert str(inspect.signature(tree.stream())) == "(items: list[list[str]])"


def test_an_annotation_that_names_nothing_is_left_out():
    """It is looked up where the signature is asked for, which must not fail for that."""

    def lost(word: "Nowhere") -> int:  # noqa: F821
        return 0

    assert str(inspect.signature(flow(lost).each())) == "(items) -> list[int]"
