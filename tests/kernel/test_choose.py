"""One of several flows, by a key: `choose`."""

import asyncio
import pickle

import pytest

from omnitron import AsyncFlow, DefinitionError, EventLog, Flow, NoMatch, choose, context, flow, walk


def parity(x):
    return "even" if x % 2 == 0 else "odd"


@flow
def halve(x):
    return x / 2


@flow
def double(x):
    return x * 2


@flow
async def late_double(x):
    await asyncio.sleep(0)
    return x * 2


def test_the_key_chooses_the_arm():
    """The arm gets the input, not the key."""
    made = choose(parity, {"even": halve, "odd": double})

    assert type(made) is Flow
    assert (made(4), made(3)) == (2, 6)


def test_only_the_chosen_arm_runs():
    """The others are not called."""
    called = []
    choose(parity, {"even": halve, "odd": flow(called.append)})(4)

    assert called == []


def test_keys_are_compared_as_in_a_dictionary():
    """Equal constants of different types are one key; None and tuples are keys like any."""
    made = choose(flow(lambda x: x), {1: flow(lambda x: "one"), None: flow(lambda x: "none"), (1, 2): flow(repr)})

    assert [made(x) for x in (1, 1.0, True, None, (1, 2))] == ["one", "one", "one", "none", "(1, 2)"]


def test_the_default_takes_every_other_key():
    """Also keys that cannot be looked up."""
    made = choose(lambda x: x, {1: halve}, default=flow(lambda x: "other"))

    assert (made(1), made(2), made([])) == (0.5, "other", "other")


@pytest.mark.parametrize("key", [2, [], {"a": 1}], ids=["unknown", "list", "dict"])
def test_a_key_without_an_arm_is_refused(key):
    """The error names the key, the arms and the way out."""
    with pytest.raises(LookupError, match="default") as caught:
        choose(lambda x: x, {1: halve, "a": double})(key)

    assert isinstance(caught.value, NoMatch)
    assert (caught.value.key, caught.value.arms, caught.value.flow) == (key, ("1", "'a'"), "choose")
    assert caught.value.__notes__ == ["raised in flow 'choose', at choose"]


def test_the_error_pickles():
    """Its fields travel."""
    error = pickle.loads(pickle.dumps(NoMatch("x", ("'a'",), "route")))

    assert (error.key, error.arms, error.flow, str(error)) == (
        "x",
        ("'a'",),
        "route",
        str(NoMatch("x", ("'a'",), "route")),
    )


def test_an_error_of_the_keys_own_comparison_leaves():
    """A TypeError that is not about hashing is the user's."""

    class Odd:
        def __hash__(self):
            return hash(1)

        def __eq__(self, other):
            raise TypeError("odd")

    with pytest.raises(TypeError, match="odd"):
        choose(lambda x: x, {1: halve}, default=double)(Odd())


@pytest.mark.parametrize(
    "made",
    [
        choose(parity, {"even": halve, "odd": late_double}),
        choose(parity, {"even": halve}, late_double),
        choose(flow(parity).on("thread"), {"even": halve, "odd": double}),
    ],
    ids=["arm", "default", "key"],
)
def test_any_async_part_makes_the_whole_async(made):
    """Key, arms and default may have either colour."""

    async def main():
        return await made(4), await made(3)

    assert type(made) is AsyncFlow
    assert asyncio.run(main()) == (2, 6)


def test_key_and_arm_get_the_whole_call():
    """Several arguments reach both."""
    made = choose(lambda a, b: a > b, {True: flow(lambda a, b: a), False: flow(lambda a, b: b)})

    assert (made(1, 2), made(2, 1)) == (2, 2)


def test_the_arms_are_in_the_tree():
    """Each is drawn beneath its key, and seen where it runs."""
    made = choose(parity, {"even": halve, "odd": double}, default=late_double)

    assert [path for path, _ in walk(made)][1:] == [
        "choose/parity",
        "choose/halve",
        "choose/double",
        "choose/late_double",
    ]
    assert made.node.roles() == ("key", "'even'", "'odd'", "default")
    assert "'odd': double" in repr(made)


def test_the_chosen_arm_is_observed():
    """Observers see the key and one arm."""
    log = EventLog()
    context(observers=[log]).run(choose(parity, {"even": halve, "odd": double}), 4)

    assert [event.path for event in log.events][::2] == ["choose", "choose/parity", "choose/halve"]


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: choose(parity, {}),
        lambda: choose(parity, [halve]),
        lambda: choose(parity, {"even": len}),
        lambda: choose(parity, {halve: halve}),
        lambda: choose(parity, {"even": halve}, len),
        lambda: choose(3, {"even": halve}),
    ],
    ids=["no arm", "no keys", "function as arm", "flow as key", "function as default", "no function"],
)
def test_wrong_arms_are_refused(wrong):
    """What cannot work is refused where it is written."""
    with pytest.raises(DefinitionError):
        wrong()


def test_a_hundred_arms_are_fine():
    """Arms stand beside each other in the code, however many."""
    made = choose(
        lambda x: x, {number: flow(lambda x, number=number: number).bind(number=number) for number in range(100)}
    )

    assert [made(x) for x in (0, 50, 99)] == [0, 50, 99]
