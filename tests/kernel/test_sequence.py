"""One step after another: `|`, `pipe`, `sequence`, `identity`."""

import asyncio
from typing import Annotated

import pytest

from omnitron import AsyncFlow, DefinitionError, Effect, Flow, flow, identity, sequence, walk
from omnitron.algebra import Sequence


@flow
def parse(text: str) -> int:
    return int(text)


@flow
def double(x: int) -> int:
    return 2 * x


@flow
async def slow(x: int) -> int:
    await asyncio.sleep(0)
    return x + 100


def shown(x: int) -> str:
    return str(x)


def test_a_pipe_feeds_each_step_the_value_before():
    """`a | b | c` is `c(b(a(x)))`."""
    assert (parse | double | flow(shown))("4") == "8"


def test_pipe_and_bar_are_one():
    """`f.pipe(g)` equals `f | g`."""
    assert parse.pipe(double) == parse | double


def test_sequence_and_bar_are_one():
    """`sequence(f, g, h)` equals `f | g | h`."""
    assert sequence(parse, double, double) == parse | double | double


def test_plain_functions_are_taken_on_either_side():
    """A plain function on the left or right of `|` becomes a step."""
    assert (str.strip | parse | shown)(" 4 ") == "4"


def test_a_builtin_type_is_taken_on_the_left():
    """A class on the left of `|` is a step, not half a union type."""
    assert (str.strip | parse | float)("4") == 4.0
    assert (int | double)("4") == 8


@pytest.mark.parametrize("wrong", [1, "text", None])
def test_what_is_not_callable_is_refused_in_a_pipe(wrong):
    """A pipe with a thing that cannot be called is a `TypeError`."""
    with pytest.raises(TypeError):
        parse | wrong
    with pytest.raises(TypeError):
        wrong | parse


def test_one_async_part_makes_the_whole_async():
    """Colour follows the functions, whatever the place of the async one."""
    for mixed in (slow | double, double | slow, double | slow | double):
        assert type(mixed) is AsyncFlow
    assert type(parse | double) is Flow


def test_a_long_pipe_of_both_colours_is_the_loop_over_its_steps():
    """However many sync steps stand between async ones, each runs once, in its place."""

    def step(n):
        def add(given):
            return [*given, n]

        async def add_late(given):
            return [*given, n]

        return add_late if n % 97 in (3, 4) else add

    pipe = flow(step(0))
    for n in range(1, 700):
        pipe = pipe.pipe(step(n))

    assert asyncio.run(pipe([])) == list(range(700))


def test_an_async_pipe_runs_its_sync_parts_too():
    """Sync and async steps mix."""
    assert asyncio.run((parse | slow | double | slow)("1")) == 302


def test_the_first_step_takes_the_whole_call():
    """Parameters of the first step are the pipe's own, defaults included."""
    powers = flow(lambda a, b=2, *, c=0: a**b + c) | double

    assert (powers(3), powers(3, 3), powers(3, c=1)) == (18, 54, 20)


def test_variadic_first_steps_are_kept():
    """`*args, **kwargs` of the first step are the pipe's own."""
    everything = flow(lambda *args, **kwargs: (args, kwargs)) | flow(repr)

    assert everything(1, x=2) == "((1,), {'x': 2})"


def test_wrong_arguments_of_a_pipe_are_a_type_error():
    """The pipe refuses what its first step would."""
    with pytest.raises(TypeError):
        (parse | double)()
    with pytest.raises(TypeError):
        (parse | double)("1", "2")


def test_none_is_a_value_like_any():
    """A step that gives None feeds None."""
    assert (flow(lambda x: None) | flow(lambda x: x is None))(1) is True


def test_nested_pipes_are_flat():
    """Pipes are associative: nesting leaves no trace in the tree."""
    left = (parse | double) | (double | flow(shown))
    right = parse | (double | (double | flow(shown)))

    assert left == right
    assert len(left.node.parts) == 4


def test_a_named_pipe_stays_a_part_of_its_own():
    """A pipe that is named is a segment, and not flattened away."""
    inner = (double | double).named("quadruple")
    whole = parse | inner

    assert whole("1") == 4
    assert any(isinstance(node, Sequence) and node.label == "quadruple" for _, node in walk(whole))


def test_name_of_a_pipe_is_derived():
    """A pipe is called after its steps."""
    assert (parse | double | flow(shown)).name == "parse → double → shown"


def test_name_of_a_long_pipe_is_elided():
    """A long pipe shows its ends."""
    long = sequence(parse, *[double] * 50, flow(shown))

    assert long.name.startswith("parse")
    assert long.name.endswith("shown")
    assert "…" in long.name
    assert len(long.name) < 120


def test_metadata_of_a_pipe_is_its_own():
    """A pipe does not copy its first step's metadata: effects and capabilities are the union."""
    read = double.with_meta(effects=Effect.READ, capabilities={"db:read"}, version="9.0.0")
    write = double.with_meta(effects=Effect.WRITE, capabilities={"db:write"})
    both = (read | write).meta

    assert both.effects == Effect.READ | Effect.WRITE
    assert both.capabilities == {"db:read", "db:write"}
    assert both.version != "9.0.0"


def test_effects_with_an_undeclared_part_are_not_none():
    """A flow that declares nothing is undeclared, which is not "no effect"."""
    assert double.meta.effects is None
    assert (double | double.with_meta(effects=Effect.NONE)).meta.effects is None


def test_fn_of_a_composed_flow_is_refused():
    """A pipe has no single function."""
    with pytest.raises(AttributeError, match="composed"):
        (parse | double).fn


def test_identity_gives_back_its_input():
    """`identity` is a flow that does nothing."""
    thing = object()

    assert type(identity) is Flow
    assert identity(thing) is thing


def test_identity_is_neutral_in_behaviour():
    """Before or after a flow, `identity` changes nothing."""
    assert (identity | parse)("4") == (parse | identity)("4") == 4


def test_a_sequence_of_one_is_that_flow_in_behaviour():
    """`sequence(f)` does what `f` does."""
    assert sequence(parse)("4") == 4


def test_composition_calls_nothing():
    """Composing runs no user code."""
    called = []
    sequence(flow(called.append), flow(called.append))

    assert called == []


def test_types_that_cannot_meet_are_refused_at_composition():
    """Where annotations tell, a wrong neighbour is refused."""

    @flow
    def listed(x: int) -> list[int]:
        return [x]

    with pytest.raises(DefinitionError, match="listed"):
        listed | parse


@pytest.mark.parametrize("wrong", [lambda a, b: a, lambda: 1, lambda a, *, k: a], ids=["two", "none", "keyword"])
def test_a_later_step_takes_one_value(wrong):
    """A step that cannot be called with the one value before it is refused at composition, on either way of piping."""
    with pytest.raises(DefinitionError):
        parse | wrong
    with pytest.raises(DefinitionError):
        sequence(parse, flow(wrong))


def test_annotated_is_what_it_annotates():
    """Metadata of a type does not make neighbours clash."""

    def count(text: str) -> int:
        return len(text)

    def need(number: Annotated[int, "positive"]) -> Annotated[str, "short"]:
        return str(number)

    assert (flow(count) | need | count)("abc") == 1
