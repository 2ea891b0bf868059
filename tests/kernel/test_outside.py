"""A combinator written outside the package, from one class."""

import asyncio
import pickle

import pytest

from omnitron import AsyncFlow, DefinitionError, EventLog, Flow, context, flow, rebuild, rewrite, walk
from omnitron.algebra import Args, Node, Step, Writer, from_node
from omnitron.errors import InvalidValue


class RepeatUntil(Node):
    """Run `body` on its own result until `done` is true of it."""

    __slots__ = ("body", "done", "limit")
    kind = "repeat_until"

    def check(self) -> None:
        if self.limit < 1:
            raise InvalidValue(f"`limit` is a positive number, got {self.limit}.")

    def detail(self) -> str:
        return f"limit={self.limit}"

    def emit(self, w: Writer, args: Args, target: str) -> None:
        value, stop = w.temp(), w.temp()
        w.line(f"{value} = {args.value}")
        with w.block(f"for {w.temp()} in range({self.limit}):"):
            w.call(self.body, Args(value, value), value)
            w.call(self.done, Args(value, value), stop)
            w.line(f"if {stop}: break")
        w.line(f"{target} = {value}")


@flow
def halve(x):
    return x // 2


@flow
def small(x):
    return x < 10


@flow
async def late_halve(x):
    await asyncio.sleep(0)
    return x // 2


@flow
def fails(x):
    raise ValueError(x)


def repeat_until(body, done, limit=100):
    return from_node(RepeatUntil(body, done, limit))


def test_runs_in_both_colours():
    """The colour follows the children."""
    assert type(repeat_until(halve, small)) is Flow
    assert repeat_until(halve, small)(1000) == 7
    assert type(repeat_until(late_halve, small)) is AsyncFlow
    assert asyncio.run(repeat_until(late_halve, small)(1000)) == 7


def test_composes_with_every_other_node():
    """It stands in pipes and under other combinators."""
    assert (halve | repeat_until(halve, small) | str)(100) == "6"
    assert repeat_until(halve, small).each()([40, 80]) == [5, 5]


def test_is_a_value():
    """Equality, hash and pickling come from the slots."""
    one, other = repeat_until(halve, small), repeat_until(halve, small)

    assert one == other
    assert hash(one) == hash(other)
    assert one != repeat_until(halve, small, 7)
    assert pickle.loads(pickle.dumps(one)) == one
    assert rebuild(one.describe()) == one


def test_is_walked_printed_and_rewritten():
    """Every walk serves it."""
    tree = repeat_until(halve, small).named("shrink")
    doubled = rewrite(tree, lambda node: flow(abs) if isinstance(node, Step) and node.fn is halve.fn else node)

    assert [path for path, _ in walk(tree)] == ["shrink", "shrink/halve", "shrink/small"]
    assert "repeat_until(limit=100)" in repr(tree)
    assert [path for path, _ in walk(doubled)] == ["shrink", "shrink/abs", "shrink/small"]


def test_is_observed_and_its_errors_have_notes():
    """Its children are boundaries."""
    log = EventLog()
    context(observers=[log]).run(repeat_until(halve, small), 30)
    with pytest.raises(ValueError) as caught:
        repeat_until(fails, small)(1)

    assert {event.path for event in log.events} == {"repeat_until", "repeat_until/halve", "repeat_until/small"}
    assert caught.value.__notes__ == ["raised in flow 'repeat_until', at repeat_until/fails"]


def test_its_own_check_is_asked():
    """Wrong fields are refused where they are written."""
    with pytest.raises(InvalidValue, match="positive"):
        repeat_until(halve, small, 0)


def test_fields_are_complete():
    """A missing field is named."""
    with pytest.raises(TypeError, match="body, done, limit"):
        RepeatUntil(halve, small)


class Twice(Node):
    """Call a function on its own result."""

    __slots__ = ("fn",)
    kind = "twice"

    def emit(self, w: Writer, args: Args, target: str) -> None:
        fn = w.bind(self.fn)
        w.line(f"{target} = {fn}({fn}({args.value}))")


def test_any_field_may_be_called_fn():
    """A leaf of its own is emitted alone, in a pipe, and watched."""
    up = from_node(Twice(lambda x: x + 1))

    assert (up(1), (up | up)(1)) == (3, 5)
    assert context(observers=[EventLog()]).run(up | up, 1) == 5


class Skip(Node):
    """Leave one of two children out."""

    __slots__ = ("left", "right")
    kind = "skip"

    def emit(self, w: Writer, args: Args, target: str) -> None:
        w.call(self.right, args, target)


def test_a_child_that_is_left_out_is_refused():
    """Paths are counted along the children, so each runs exactly once."""
    alone = from_node(Skip(halve, small))

    with pytest.raises(DefinitionError, match="exactly once"):
        alone(1)
    with pytest.raises(DefinitionError, match="exactly once"):
        (halve | alone)(1)
