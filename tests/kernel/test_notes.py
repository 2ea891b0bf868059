"""What an exception says about the flow it left: one note, and a traceback that names the step."""

import asyncio
import traceback
from concurrent.futures import Future

import pytest

from omnitron import EventLog, context, flow, gather, parallel, sequence, try_with, when


@flow
def parse(text):
    return int(text)


@flow
def double(x):
    return 2 * x


@flow
def explode(x):
    raise LookupError("inner", x)


@flow
async def late_explode(x):
    await asyncio.sleep(0)
    raise LookupError("inner", x)


def notes_of(call):
    """Give the notes of the error that the call raises."""
    with pytest.raises(LookupError) as caught:
        call()
    return caught.value.__notes__


def test_an_error_in_a_pipe_has_one_note_with_flow_and_path():
    """The note says which flow and where in it."""
    (note,) = notes_of(lambda: (parse | explode | double)("1"))

    assert "parse → explode → double" in note
    assert "explode" in note.replace("parse → explode → double", "")


def test_the_type_the_arguments_and_the_traceback_are_the_users():
    """The exception is the very object that was raised."""
    error = LookupError("mine")

    @flow
    def fail(x):
        raise error

    with pytest.raises(LookupError) as caught:
        (parse | fail)("1")
    assert caught.value is error
    assert caught.value.args == ("mine",)
    assert traceback.extract_tb(error.__traceback__)[-1].name == "fail"


def test_async_errors_have_the_same_note():
    """Colour makes no difference to a note."""
    (note,) = notes_of(lambda: asyncio.run((parse | late_explode).named("late")("1")))

    assert "late/late_explode" in note


@pytest.mark.parametrize(
    ("whole", "path"),
    [
        (parallel(double, explode), "root/explode"),
        (parse | parallel(double, explode), "root/parallel/explode"),
        (gather(dict, a=double, b=explode), "root/explode"),
        (when(bool, explode, double), "root/explode"),
        (try_with(explode, finally_=double), "root/explode"),
        (sequence(double, double | explode), "root/explode"),
        (parse | (double | explode).named("inner"), "root/inner/explode"),
        (sequence(double, explode, explode), "root/explode"),
        (sequence(double, parse, parse.named("x"), when(bool, double | explode)), "root/when/explode"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_path_leads_to_the_step(whole, path):
    """Every combinator keeps the place of the step that failed."""
    notes = notes_of(lambda: whole.named("root")("1" if "parse" in repr(whole) else 1))

    assert notes[0].endswith(f"at {path}")


def test_the_second_of_two_equal_siblings_is_told_apart():
    """The number of an equal sibling is in the path."""
    picky = flow(lambda x: [][x] if x > 1 else x + 1).named("picky")
    (note,) = notes_of(lambda: sequence(picky, picky, picky).named("three")(1))

    assert "three/picky#2" in note


def test_a_flow_in_a_flow_extends_the_path_in_one_note():
    """Nested composed flows share one note."""
    inner = (double | explode).named("inner")
    outer = parallel(inner, double).named("outer")

    notes = notes_of(lambda: outer(1))
    assert len(notes) == 1
    assert "outer/inner/explode" in notes[0]


def test_a_flow_called_in_a_body_keeps_to_one_note_line():
    """A composed flow inside a user's function does not pile up notes without end."""
    inner = (double | explode).named("inner")

    def body(x):
        return inner(x)

    notes = notes_of(lambda: (double | body).named("outer")(1))
    assert "inner/explode" in notes[0]
    assert len(notes) <= 2


def test_notes_do_not_grow_when_the_same_object_is_raised_again():
    """An error object that is raised many times keeps one note a flow."""
    error = LookupError("shared")

    @flow
    def fail(x):
        raise error

    whole = double | fail
    for _ in range(5):
        with pytest.raises(LookupError):
            whole(1)
    assert len(error.__notes__) == 1


def test_flows_that_share_an_error_are_not_in_each_others_paths():
    """What a future raises for several flows names the last one only."""
    future = Future()
    future.set_exception(LookupError("shared"))
    wait = flow(lambda x: future.result()).named("wait")
    flows = [(double | wait).named(name) for name in ("first", "second", "third")]

    notes = [list(notes_of(lambda each=each: each(1))) for each in flows]

    assert notes == [[f"raised in flow {name!r}, at {name}/wait"] for name in ("first", "second", "third")]


def test_a_refused_flow_has_no_note():
    """What a guard raises instead of a flow was raised nowhere in it."""

    class Refusing:
        def check(self, call):
            raise LookupError("not now")

    with pytest.raises(LookupError) as caught:
        context(guards=[Refusing()]).run(parse | double, "1")

    assert not hasattr(caught.value, "__notes__")


def test_an_exception_that_refuses_notes_leaves_without():
    """An exception whose `add_note` fails is not replaced by another."""

    class Stubborn(LookupError):
        def add_note(self, note):
            raise TypeError("no notes")

    @flow
    def fail(x):
        raise Stubborn("mine")

    with pytest.raises(Stubborn, match="mine"):
        (double | fail)(1)


def test_the_users_own_notes_stay():
    """Notes of the user stand before ours."""

    @flow
    def fail(x):
        error = LookupError("inner")
        error.add_note("by the user")
        raise error

    first, second = notes_of(lambda: (double | fail)(1))
    assert first == "by the user"
    assert "fail" in second


def test_a_caught_error_has_its_note_too():
    """What a handler sees was annotated where it was raised, or not at all; the result is the handler's."""
    handled = try_with(double | explode, flow(lambda failure: failure.path)).named("root")

    assert handled(1) == "root/explode"


def traceback_text(call):
    """Give the printed traceback of the error that the call raises."""
    try:
        call()
    except LookupError:
        return traceback.format_exc()
    raise AssertionError("nothing was raised")


def test_the_traceback_names_the_step():
    """The generated code shows a line of source that names the failing step."""
    text = traceback_text(lambda: (parse | explode | double)("1"))
    ours = text.split("in <lambda>")[1].split(", in explode")[0]

    assert "explode" in ours.split("\n", 2)[2]


def test_the_traceback_of_a_long_pipe_names_the_step():
    """The line is the right one in a pipe of a thousand."""
    marked = explode.named("needle")
    text = traceback_text(lambda: sequence(*[double] * 700, marked, *[double] * 300)(1))

    assert "needle" in text


def test_the_traceback_of_an_async_flow_names_the_step():
    """Async code is shown as sync code is."""
    text = traceback_text(lambda: asyncio.run((parse | late_explode)("1")))
    ours = text.split(", in late_explode")[0]

    assert "late_explode" in ours.splitlines()[-2] or "late_explode" in ours.splitlines()[-3]


def test_the_error_of_one_flow_does_not_show_the_lines_of_another():
    """Flows of one shape have source texts of their own."""
    first = traceback_text(lambda: (parse | explode.named("first_name"))("1"))
    second = traceback_text(lambda: (parse | explode.named("second_name"))("1"))

    assert "first_name" in first
    assert "second_name" not in first
    assert "second_name" in second
    assert "first_name" not in second


def test_stop_iteration_leaves_an_async_flow_as_python_lets_it():
    """A `StopIteration` of a sync step in an async flow does not end the wait silently."""

    @flow
    def stop(x):
        raise StopIteration(x)

    async def main():
        await (flow(asyncio.sleep).bind(result=1) | stop)(0)

    with pytest.raises(RuntimeError, match="StopIteration"):
        asyncio.run(main())


def test_watching_does_not_change_where_a_body_failed():
    """A composed flow that a body calls is in the note, watched or not."""
    inner = (double | explode).named("inner")
    outer = (double | flow(lambda x: inner(x)).named("body")).named("outer")
    watched = context(observers=[EventLog()])

    expected = ["raised in flow 'outer', at outer/body/inner/explode"]
    assert notes_of(lambda: outer(1)) == expected
    assert notes_of(lambda: watched.run(outer, 1)) == expected


def test_an_input_that_is_not_iterable_has_a_place():
    """The note of a loop that could not begin names the loop."""
    with pytest.raises(TypeError) as caught:
        flow(int).each()(5)

    assert caught.value.__notes__ == ["raised in flow 'each', at each"]


def test_a_branch_that_the_loop_wakes_is_named():
    """Whichever task it was that raised, and whoever called that last."""

    @flow
    async def woken(x):
        gate = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(0, gate.set_result, None)
        await gate
        raise LookupError(x)

    @flow
    async def waiting(x):
        await asyncio.Event().wait()

    assert notes_of(lambda: asyncio.run(parallel(woken, waiting)(1))) == [
        "raised in flow 'parallel', at parallel/woken"
    ]


def test_a_step_at_any_depth_of_generated_code_is_named():
    """Also where the code is so deep that no more of it is written inside."""

    def boom(value):
        raise ValueError(value)

    tree = flow(boom)
    for depth in range(20):
        tree = try_with(tree, catch=flow(boom, name=f"caught {depth}"), on=KeyError)
        with pytest.raises(ValueError) as caught:
            tree(1)
        assert caught.value.__notes__ == [f"raised in flow 'try_with', at {'try_with/' * (depth + 1)}boom"]
