"""Faults: one part of a flow goes wrong as it is told to, at its place, and every part in turn."""

import asyncio
import pickle
import time

import pytest

from omnitron import (
    DefinitionError,
    EventLog,
    Failure,
    Ok,
    context,
    fallback,
    flow,
    keep,
    parallel,
    race,
    rewrite,
    sequence,
    try_with,
    walk,
    when,
)
from omnitron.errors import Unpicklable
from omnitron.testing import (
    Broken,
    Deadlock,
    Injected,
    InvariantBroken,
    ManualClock,
    VirtualClock,
    check_faults,
    inject,
)


@flow
async def price(x):
    await asyncio.sleep(1)
    return 2 * x


parse = flow(int, name="parse")
intake = (parse.each() | price.each() | flow(sum, name="total")).named("intake")


def double(x):
    """Double."""
    return 2 * x


def run(tree, *args):
    """Run in virtual time; give the outcome and the time."""
    clock = VirtualClock()
    try:
        return Ok(clock.run(tree.acall(*args))), clock.monotonic()
    except (Exception, asyncio.CancelledError) as error:
        return Failure(error), clock.monotonic()


# ------------------------------------------------------------------ one fault


def test_an_error_is_raised_at_the_call_of_a_number():
    """Once; the others go well."""
    faulty = inject(price, "price", error=KeyError("x"), at=2)

    assert run(faulty, 1) == (Ok(2), 1.0)
    assert isinstance(run(faulty, 1)[0].error, KeyError)
    assert run(faulty, 1) == (Ok(2), 1.0)


def test_an_error_is_raised_at_every_call():
    """A class is made anew each time."""
    faulty = inject(flow(abs), "abs", error=ValueError)
    errors = []
    for _ in range(2):
        with pytest.raises(ValueError) as caught:
            faulty(1)
        errors.append(caught.value)

    assert errors[0] is not errors[1]


def test_the_error_tells_the_path_of_the_part():
    """Inside an item of an `each`, by its path."""
    outcome, _ = run(inject(intake, "intake/each#2/price", error=Injected), ["1"])

    assert "at intake/each#2/price" in outcome.error.__notes__[0]


def test_a_delay_passes_on_the_clock_of_the_loop():
    """Of a sync part it blocks the loop; either takes no real time."""
    began = time.monotonic()

    assert run(inject(intake, "price", delay=3600, at=1), ["1", "2"]) == (Ok(6), 3601.0)
    assert run(inject(intake, "parse", delay=3600), ["1", "2"]) == (Ok(6), 7201.0)
    assert time.monotonic() - began < 60


def test_a_delay_passes_on_the_clock_of_the_context():
    """Also of a sync flow."""
    clock = ManualClock()

    assert context(clock=clock).run(inject(flow(abs), "abs", delay=50), -1) == 1
    assert clock.monotonic() == 50.0


def test_what_hangs_ends_by_a_timeout():
    """And is a deadlock without one."""

    async def main(faulty):
        async with asyncio.timeout(60):
            return await faulty(1)

    clock, faulty = VirtualClock(), inject(price, "price", hang=True)
    with pytest.raises(TimeoutError):
        clock.run(main(faulty))

    assert clock.monotonic() == 60.0
    assert isinstance(run(faulty, 1)[0].error, Deadlock)


def test_a_cancellation_cancels_the_task_that_makes_the_call():
    """It leaves as one, and what must clean up does."""
    cleaned = []
    tree = try_with(price, finally_=flow(cleaned.append, name="clean"))
    outcome, _ = run(inject(tree, "price", cancel=True), 1)

    assert isinstance(outcome.error, asyncio.CancelledError)
    assert cleaned == [1]


def test_after_its_work_a_part_loses_its_result():
    """The work is done all the same."""
    done = []
    work = flow(lambda x: done.append(x) or x, name="work")
    with pytest.raises(Injected):
        inject(work, "work", error=Injected, after=True)(1)
    lost, _ = run(inject(price, "price", cancel=True, after=True), 1)

    assert done == [1]
    assert isinstance(lost.error, asyncio.CancelledError)


def test_several_faults_are_injected_one_into_the_other():
    """Each has its count."""
    faulty = inject(inject(flow(abs), "abs", error=KeyError, at=1), "abs", error=IndexError, at=2)
    raised = []
    for _ in range(3):
        try:
            raised.append(faulty(-1))
        except LookupError as error:
            raised.append(type(error))

    assert raised == [KeyError, IndexError, 1]


# ------------------------------------------------------------------ places


def test_paths_colour_and_parameters_stay():
    """A node that goes wrong is no part of paths."""
    trees = [
        intake,
        parallel(price, flow(abs)).named("both"),
        when(flow(bool), price, flow(abs)),
        fallback(price, flow(abs)),
        race(price, price.named("other")),
        flow(double).within({"a": 1}),
        (flow(double) | flow(abs)).named("row") | flow(str),
        flow(double).undo(flow(abs)),
        keep(flow(double)).star(flow(max)),
    ]
    for tree in trees:
        plain = {path: node for path, node in walk(tree) if node.segment or node.label is not None}
        for path in plain:
            faulty = inject(tree, path, error=Injected, at=99)
            assert type(faulty) is type(tree)
            assert {p for p, n in walk(faulty) if n.segment or n.label is not None} == {*plain}
            assert run(faulty, ["1"] if tree is intake else 1) == run(tree, ["1"] if tree is intake else 1)


def test_a_name_means_every_part_that_has_it():
    """And their calls are counted together."""
    twice = flow(double) | flow(double)

    with pytest.raises(Injected):
        inject(twice, "double", error=Injected, at=2)(1)
    assert inject(twice, "double → double/double#2", error=Injected, at=2)(1) == 4


def test_one_node_at_two_places_goes_wrong_at_one():
    """By its path."""
    part = flow(double)
    faulty = inject(sequence(part, part, part), "double → double → double/double#3", error=Injected)

    assert [path for path, node in walk(faulty) if node.kind == "fault"] == ["double → double → double"]
    with pytest.raises(Injected):
        faulty(1)


def test_observers_see_the_call_fail():
    """As if the function had."""
    log = EventLog()

    def told(tree):
        log.events.clear()
        with pytest.raises(ZeroDivisionError):
            context(observers=log).run(tree, 1)
        return [(type(event).__name__, event.path) for event in log.events]

    def fails(x):
        raise ZeroDivisionError

    real = (flow(double) | flow(fails, name="last")).named("row")
    faulty = inject((flow(double) | flow(abs, name="last")).named("row"), "last", error=ZeroDivisionError)

    assert told(faulty) == told(real)


def test_observers_see_an_async_call_fail():
    """With the time that it took."""
    log = EventLog()
    clock = VirtualClock()
    faulty = inject(price | flow(abs), "price", error=KeyError, after=True)
    with pytest.raises(KeyError):
        clock.run(context(clock=clock, observers=log).run(faulty, 1))
    failed = [event for event in log.events if event.path.endswith("/price")][-1]

    assert (type(failed).__name__, failed.duration_s) == ("CallFailed", 1.0)


def test_what_failed_after_an_undoable_step_is_undone():
    """And the step that failed itself is not."""
    done = []
    add = flow(lambda x: done.append(x) or x, name="add").undo(flow(done.remove, name="remove"))
    tree = add | flow(abs, name="next")
    for where, left in (("next", []), ("add", [])):
        with pytest.raises(Injected):
            inject(tree, where, error=Injected)(1)
        assert done == left
    with pytest.raises(Injected):
        inject(tree, "add", error=Injected, after=True)(1)

    assert done == [1]


def test_a_stop_iteration_of_a_sync_part_is_an_error_of_an_async_flow():
    """As where the function raises it, watched or not."""

    def fails(x):
        raise StopIteration

    def kind_of(ctx, tree):
        with pytest.raises((RuntimeError, StopIteration)) as caught:
            VirtualClock().run(ctx.run(tree, 1))
        return caught.type

    faulty = inject(flow(abs, name="last") | price, "last", error=StopIteration)
    real = flow(fails, name="last") | price

    for ctx in (context(), context(observers=EventLog())):
        assert kind_of(ctx, faulty) is kind_of(ctx, real)


def test_a_stream_can_fail_when_it_is_called():
    """Before its first item."""

    @flow
    def numbers(last):
        yield from range(last)

    tree = (numbers | flow(list, name="read")).named("all")

    assert inject(tree, "numbers", error=Injected, at=2)(2) == [0, 1]
    with pytest.raises(Injected):
        inject(tree, "numbers", error=Injected)(2)


def test_a_part_in_a_thread_can_fail():
    """But not one in another process, where its calls would be counted anew."""
    moved = flow(double).on("thread")
    outcome, _ = run(inject(moved, "double", error=Injected), 1)
    with pytest.raises(Unpicklable, match="another process"):
        pickle.dumps(inject(flow(double), "double", error=Injected))

    assert isinstance(outcome.error, Injected)


def test_equal_faults_make_equal_flows():
    """Their counts do not count."""
    one, other = (inject(intake, "price", cancel=True, at=2) for _ in range(2))

    assert (one, hash(one)) == (other, hash(other))
    assert one != inject(intake, "price", cancel=True, at=3)
    assert rewrite(one, lambda node: node.body if node.kind == "fault" else node) == intake
    assert "fault(cancel=True, at=2)" in repr(one)


@pytest.mark.parametrize(
    ("where", "fault", "says"),
    [
        ("pirce", {"error": Injected}, "Near is 'price'"),
        ("intake/price", {"error": Injected}, "Near is 'intake/each#2/price'"),
        ("zzz", {"error": Injected}, "It has 'intake'"),
        (None, {"error": Injected}, "no part of the flow"),
        ("price", {}, "got none"),
        ("price", {"error": Injected, "hang": True}, "error and hang"),
        ("price", {"error": 1}, "an exception"),
        ("price", {"error": UnicodeDecodeError}, "without arguments"),
        ("price", {"delay": -1}, "not negative"),
        ("price", {"delay": float("nan")}, "not negative"),
        ("price", {"delay": "1"}, "a number of seconds"),
        ("price", {"error": Injected, "at": 0}, "from 1"),
        ("price", {"error": Injected, "at": "1"}, "from 1"),
        ("parse", {"hang": True}, "is sync, and cannot hang"),
        ("total", {"cancel": True}, "is sync, and cannot be cancelled"),
    ],
)
def test_what_makes_no_sense_is_refused(where, fault, says):
    """With what to do."""
    with pytest.raises(DefinitionError, match=says):
        inject(intake, where, **fault)


def test_only_flows_have_parts():
    """A plain function is refused."""
    with pytest.raises(DefinitionError, match="into a flow"):
        inject(double, "double", error=Injected)


# ------------------------------------------------------------------ every fault


class Bank:
    """Two accounts, and a transfer between them that may be undone."""

    def __init__(self, *, undoes):
        self.left, self.right = 10, 0
        take = flow(self.take, name="take")
        self.transfer = (take.undo(flow(self.back, name="back")) if undoes else take) | flow(self.give, name="give")

    async def take(self, x):
        self.left -= x
        return x

    async def give(self, x):
        await asyncio.sleep(1)
        self.right += x

    async def back(self, x):
        self.left += x


@pytest.mark.parametrize(("undoes", "broken"), [(True, []), (False, ["error", "cancel"])])
def test_what_must_hold_whatever_fails_is_checked(undoes, broken):
    """Each fault at each part; the report tells those that break it."""
    bank = Bank(undoes=undoes)
    found = []

    def begin_anew(transfer):
        bank.left, bank.right = 10, 0
        return VirtualClock().run(transfer(5))

    try:
        check_faults(bank.transfer, begin_anew, lambda outcome: bank.left + bank.right == 10)
    except InvariantBroken as error:
        found = error.broken

    assert [one.fault.partition("=")[0] for one in found] == broken
    assert {one.path for one in found} <= {"take → give/give"}


def test_every_call_of_every_part_is_tried():
    """As often as the run without a fault makes it, and a sync part is not cancelled."""
    tried = []
    count = check_faults(
        intake, lambda tree: VirtualClock().run(tree(["1", "2"])), tried.append, faults=("error", "cancel", "delay")
    )

    assert count == 3 * (1 + 1 + 2) + 2 * (1 + 2 + 1)
    assert len(tried) == count + 1


def test_a_report_can_be_run_again():
    """It is the call of `inject`."""
    with pytest.raises(InvariantBroken) as caught:
        check_faults(flow(double), lambda tree: tree(1), lambda outcome: outcome.ok, faults="error", error=KeyError)

    assert caught.value.broken == (
        Broken("double", 1, "error=KeyError, at=1", "raised KeyError", "the invariant is False"),
    )
    assert "inject(flow, 'double', error=KeyError, at=1)" in str(caught.value)
    assert pickle.loads(pickle.dumps(caught.value)).broken == caught.value.broken


def test_an_invariant_may_raise():
    """Its first error is the cause."""

    def invariant(outcome):
        assert outcome.ok, "it must go well"

    with pytest.raises(InvariantBroken, match="AssertionError: it must go well") as caught:
        check_faults(flow(double), lambda tree: tree(1), invariant, faults="error")

    assert isinstance(caught.value.__cause__, AssertionError)


def test_a_run_that_is_another_each_time_is_told():
    """Its fault would never be reached."""
    tree, values = flow(double).each().named("all"), iter([[1, 2], [1, 2], [1, 2], [1]])

    with pytest.raises(InvariantBroken, match="not reached") as caught:
        check_faults(tree, lambda faulty: faulty(next(values)), lambda outcome: True, faults="error")

    assert [(one.path, one.at) for one in caught.value.broken] == [("all/double", 2)]


def test_a_deadlock_is_never_right():
    """Whatever the invariant says."""
    with pytest.raises(InvariantBroken, match="a deadlock is never right"):
        check_faults(price, lambda tree: VirtualClock().run(tree(1)), lambda outcome: True, faults="hang")


def test_the_run_without_a_fault_must_go_well():
    """Its error leaves, and the invariant must hold after it."""
    with pytest.raises(ZeroDivisionError):
        check_faults(flow(lambda x: 1 // x, name="f"), lambda tree: tree(0), bool)
    with pytest.raises(InvariantBroken, match="does not hold without any fault"):
        check_faults(flow(double), lambda tree: tree(0), lambda outcome: False)


def test_a_delay_that_would_really_pass_is_refused():
    """Also where the flow catches the refusal."""
    tree = flow(double).or_else(flow(abs))
    with pytest.raises(DefinitionError, match="would really pass"):
        check_faults(tree, lambda tree: tree(1), bool, faults="delay")
    in_time = lambda tree: context(clock=VirtualClock()).run(tree, 1)  # noqa: E731

    assert check_faults(tree, in_time, bool, faults="delay") == 2
    with pytest.raises(DefinitionError, match="'error', 'delay'"):
        check_faults(tree, in_time, bool, faults="slow")
