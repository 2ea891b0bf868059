"""`Secret`: what it does, what it refuses, and who takes it along."""

import asyncio
import copy
import io
import json
import pickle
import threading
from dataclasses import asdict, dataclass
from functools import partial
from typing import Annotated, Literal, NewType

import pytest

from omnitron import (
    DefinitionError,
    Inputs,
    Key,
    Secret,
    Unpicklable,
    context,
    current_step,
    flow,
    needs,
    rebuild,
)
from omnitron.model import canonical, holds_secret, keyed_hash

from . import places

token = Key("token", Secret[str])


@dataclass
class Settings:
    host: str
    token: "Secret[str]"


class Plain:
    token: str


class Moody:
    """Fails to be compared and to be hashed, and says with what."""

    def __init__(self, text):
        self.text = text

    def __eq__(self, other):
        raise ValueError(self.text)

    def __hash__(self):
        raise ValueError(self.text)

    def __reduce__(self):
        raise ValueError(self.text)


@flow
def login(name, *, key=needs(token)):
    return name, key.reveal()


@flow
def reveal(secret):
    return secret.reveal()


def refusal(call, *args):
    """Give the text with which a call is refused."""
    with pytest.raises(DefinitionError) as caught:
        call(*args)
    assert caught.value.__context__ is None
    return str(caught.value)


# ------------------------------------------------------------------ the value


def test_only_reveal_gives_the_value():
    """The very object that was put in comes out."""
    value = object()

    assert Secret(value).reveal() is value


@pytest.mark.parametrize("spec", ["", ">20", "^13s", ".6"])
def test_a_format_pads_or_cuts_the_mask(spec):
    """A format spec is about the mask, never about the value."""
    assert format(Secret("hunter2"), spec) == format("Secret(***)", spec)


@pytest.mark.parametrize("spec", ["d", ".2f", "%Y"])
def test_a_format_of_another_type_is_refused(spec):
    """What would format the value cannot format a Secret."""
    with pytest.raises(ValueError, match="format"):
        format(Secret(5), spec)


def test_no_attribute_shows_the_value():
    """Neither `dir` nor `vars` nor the state for a copy leads to it."""
    secret = Secret("hunter2")

    assert [name for name in dir(secret) if getattr(secret, name) == "hunter2"] == []
    assert not hasattr(secret, "__dict__")
    assert secret.__getstate__() is None


@pytest.mark.parametrize("name", ["get_secret_value", "upper", "value"])
def test_an_attribute_that_is_not_there_tells_of_reveal(name):
    """Others call it by other names."""
    with pytest.raises(AttributeError, match=rf"no '{name}', .*`.reveal\(\)` gives the value"):
        getattr(Secret("hunter2"), name)


def test_a_length_is_refused_and_tells_of_reveal():
    """It would tell something of the value."""
    assert "`.reveal()` gives the value" in refusal(len, Secret("hunter2"))


def test_a_secret_is_called_by_its_public_name():
    """In annotations that are shown, and where the class itself is pickled."""
    assert str(Secret[str]) == "omnitron.Secret[str]"
    assert pickle.loads(pickle.dumps(Secret)) is Secret


def test_a_secret_is_immutable():
    """No attribute can be set or deleted, and it cannot be made again."""
    secret = Secret("hunter2")

    with pytest.raises(AttributeError, match="immutable"):
        secret.value = 1
    with pytest.raises(AttributeError, match="immutable"):
        del secret.reveal
    secret.__init__("other")
    assert secret.reveal() == "hunter2"


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda one: asdict(Settings("a", one))["token"]])
def test_a_copy_is_the_secret_itself(copied):
    """Copying makes nothing that shows."""
    secret = Secret(["hunter2"])

    assert copied(secret) is secret


def test_a_secret_of_a_secret_is_refused():
    """It would have to be revealed twice."""
    assert "revealed twice" in refusal(Secret, Secret("hunter2"))


def test_a_subclass_is_refused():
    """A subclass could show the value."""
    assert "no subclasses" in refusal(type, "Mine", (Secret,), {})


@pytest.mark.parametrize(
    "use",
    [
        bool, len, list, int, float, bytes, json.dumps, hash, sum, sorted,
        lambda secret: secret < secret,
        lambda secret: secret + "a",
        lambda secret: "a" + secret,
        lambda secret: secret[0],
        lambda secret: "h" in secret,
        lambda secret: "%d".__mod__(secret),
        lambda secret: secret.upper(),
    ],
)  # fmt: skip
def test_what_would_use_the_value_is_refused(use):
    """No truth, length, order, arithmetic, members; the error does not tell the value."""
    with pytest.raises((TypeError, AttributeError)) as caught:
        use(Secret(["hunter2"]))

    assert "hunter2" not in repr(caught.value)


# ------------------------------------------------------------------ equality


@pytest.mark.parametrize("value", ["hunter2", "kärlek \ud800", b"hunter2", "", 5, None, (1, "a"), frozenset({1})])
def test_equal_values_make_equal_secrets(value):
    """Also their hashes are equal, so that flows that hold them are."""
    assert Secret(value) == Secret(copy.deepcopy(value))
    assert hash(Secret(value)) == hash(Secret(copy.deepcopy(value)))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Secret("a"), Secret("b")),
        (Secret("a"), Secret(b"a")),
        (Secret(1), Secret(True)),
        (Secret(1), Secret(1.0)),
        (Secret("a"), "a"),
        (Secret(None), None),
    ],
)
def test_other_values_make_other_secrets(one, other):
    """Another value, the same of another type, and what is no Secret."""
    assert one != other
    assert other != one


def test_secrets_whose_values_cannot_be_compared_are_not():
    """The refusal holds nothing of what the comparison raised."""
    assert "cannot be compared" in refusal(lambda: Secret(Moody("hunter2")) == Secret(Moody("hunter2")))


def test_a_secret_without_a_hash_says_so():
    """The refusal holds nothing of what hashing raised."""
    assert "has no hash" in refusal(hash, Secret(Moody("hunter2")))


def test_flows_that_hold_equal_secrets_are_equal():
    """Equality and hash of trees see through it."""
    one, same, other = (reveal.bind(secret=Secret(text)) for text in ("a", "a", "b"))

    assert one == same
    assert hash(one) == hash(same)
    assert one != other


def test_a_flow_with_an_unhashable_secret_is_equal_to_itself():
    """As with any unhashable constant."""
    assert reveal.bind(secret=Secret([1])) == reveal.bind(secret=Secret([1]))
    assert hash(reveal.bind(secret=Secret([1]))) == hash(reveal.bind(secret=Secret([1])))


# ------------------------------------------------------------------ pickles


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_secret_does_not_pickle(protocol):
    """A pickle may go anywhere; the error says what to do instead."""
    with pytest.raises(Unpicklable, match="needs"):
        pickle.dumps([Secret("hunter2")], protocol)


def test_another_pickler_is_refused_too():
    """As one that knows how to pickle by value."""

    class ByValue(pickle._Pickler):
        def reducer_override(self, value):
            return NotImplemented

    with pytest.raises(Unpicklable):
        ByValue(io.BytesIO()).dump(Secret("hunter2"))


@pytest.mark.parametrize("value", ["hunter2", b"", Settings("a", Secret("b")), [Secret(1), 2]])
def test_a_secret_travels_to_a_process_and_back(value):
    """As an argument, bound, in the context, in the result."""
    ctx = context(tenant=Secret(value))

    given, back = asyncio.run(ctx.run(flow(places.tenant).bind(x={"a": Secret(value)}).on("process")))

    assert given.reveal() == value
    assert back["a"].reveal() == value


def test_what_is_called_while_a_secret_travels_cannot_pickle_it():
    """Only the library's own pickle takes it along, not one that a value makes meanwhile."""
    with pytest.raises(Unpicklable, match="anywhere"):
        asyncio.run(flow(places.pid_and).on("process")(places.Hoarder(Secret("hunter2"))))


def test_a_secret_whose_value_does_not_pickle_stays():
    """The error tells the type, and not what pickling the value said."""
    with pytest.raises(Unpicklable) as caught:
        asyncio.run(flow(places.pid_and).on("process")(Secret(Moody("hunter2"))))

    assert "a Secret of a Moody cannot travel: what it holds does not pickle (ValueError)" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_value_of_the_context_that_does_not_pickle_stays_behind():
    """As any other value does."""
    ctx = context(tenant=Secret(threading.Lock()))

    assert asyncio.run(ctx.run(flow(places.pid_and).on("process"), 1))[1] == 1


def test_a_rotated_secret_travels_anew():
    """A flow that holds one is packed for each call."""
    seen = [
        asyncio.run(flow(places.tenant).bind(x=Secret(text)).on("process").within(tenant=1).acall())[1].reveal()
        for text in ("one", "two")
    ]

    assert seen == ["one", "two"]


# ------------------------------------------------------------------ contexts


@pytest.mark.parametrize("kind", [Secret, Secret[str], Secret[str] | None])
def test_a_key_of_a_secret_takes_one(kind):
    """Bare, with a type, and in a union."""
    key = Key("token", kind)

    assert context({key: Secret("hunter2")}).get(key).reveal() == "hunter2"


@pytest.mark.parametrize("kind", [Secret, Secret[str], Secret[str] | None, dict[str, Secret[str]], Settings])
def test_a_plain_value_for_such_a_key_is_refused_unseen(kind):
    """The author declared it secret, so the error gives its type only."""
    told = refusal(context, {Key("token", kind): ["hunter2"]})

    assert "is a list, which is not shown" in told
    assert "hunter2" not in told


def test_a_plain_value_under_the_name_of_such_a_key_is_refused_unseen():
    """It is checked when the flow asks for it."""
    told = refusal(context(token="hunter2").run, login, "me")

    assert "is a str, which is not shown" in told
    assert "hunter2" not in told


def test_a_flow_is_given_its_secret():
    """The step reveals it where it is needed."""
    assert context({token: Secret("hunter2")}).run(login, "me") == ("me", "hunter2")


@pytest.mark.parametrize("annotation", [Secret, Secret[str], Secret[str] | None, "Secret[str]", Annotated[Secret, "a"]])
def test_a_plain_value_is_not_bound_where_a_secret_is_taken(annotation):
    """It would stand in every picture of the flow; the refusal does not show it."""

    def enter(name, token): ...

    enter.__annotations__["token"] = annotation
    told = refusal(lambda: flow(enter).named("in").bind(token="hunter2"))

    assert "Write token=Secret(...)." in told
    assert "hunter2" not in told


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (Secret[str], Secret("a")),
        (Secret[str] | None, None),
        (Secret[str] | str, "a"),
        ("SecretOfNobody", "a"),
        (dict[str, Secret[str]], {}),
        (str, Secret("a")),
    ],
)
def test_what_may_fit_is_bound(annotation, value):
    """What the annotation takes, and what cannot be told."""

    def enter(token): ...

    enter.__annotations__["token"] = annotation

    assert flow(enter).bind(token=value).node.keywords == (("token", value),)


def test_an_executor_is_given_the_secret_itself():
    """It gets objects; how they travel is its affair."""

    class Here:
        async def execute(self, place, flow, args, kwargs):
            return flow(*args, **kwargs)

    assert asyncio.run(context(executor=Here()).run(reveal.on("cluster"), Secret("hunter2"))) == "hunter2"


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (Secret, True),
        (Secret[int], True),
        ("list[Secret[int]]", True),
        (list["Secret"], True),
        (dict[str, tuple[int, Secret[str] | None]], True),
        (Annotated[Secret[str], "words"], True),
        (NewType("Token", Secret[str]), True),
        (Settings, True),
        (type("Sub", (Settings,), {}), True),
        (str, False),
        (Plain, False),
        (Annotated[str, "Secret"], False),
        (Literal["Secret"], False),
        (object, False),
        (None, False),
    ],
)
def test_annotations_that_speak_of_a_secret_are_known(annotation, expected):
    """At any depth, also in texts and in the fields of classes."""
    assert holds_secret(annotation) is expected


def test_an_annotation_that_holds_itself_is_looked_at_once():
    """As that of a tree does."""

    class Branch:
        parts: list["Branch"]

    Branch.__annotations__["parts"] = list[Branch]

    assert holds_secret(Branch) is False


# ------------------------------------------------------------------ descriptions and keys


@pytest.mark.parametrize(
    ("value", "where"),
    [
        (Secret("a"), "a Secret (at flow.keywords[0][1])"),
        ([{"a": Secret("a")}], "a Secret (at flow.keywords[0][1].list[0].dict[0][1])"),
        (Inputs((Secret("a"),), {}), "a Secret (at flow.keywords[0][1].args[0])"),
        (partial(print, Secret("a")), "a Secret (at flow.keywords[0][1].args[0])"),
        (Settings("a", Secret("a")), "an object of tests.kernel.test_secret.Settings, which holds a Secret (at "),
    ],
)
def test_a_described_secret_cannot_be_rebuilt(value, where):
    """The description marks it as opaque, and the refusal says where it is and what to do."""
    told = refusal(rebuild, json.loads(json.dumps(reveal.bind(secret=value).describe())))

    assert f"it holds {where}" in told
    assert "give it by the context" in told


def test_a_secret_has_no_encoding_of_its_own():
    """Who makes a key says what stands for it."""
    assert "`secret=`" in refusal(canonical, {"a": [Secret("a")]})
    assert canonical([Secret("a")], secret=lambda secret: b"x") == canonical([Secret("b")], secret=lambda secret: b"x")


def test_a_keyed_hash_stands_for_value_and_type():
    """Equal values give equal ones, others others; nested secrets too."""
    values = ["a", b"a", 1, True, 1.0, None, ("a",), ["a"], (Secret("a"),), (Secret("b"),), Settings("a", Secret("b"))]

    assert len({keyed_hash(Secret(value)) for value in values}) == len(values)
    assert keyed_hash(Secret(("a", Secret(1)))) == keyed_hash(Secret(("a", Secret(1))))


def test_a_keyed_hash_differs_in_another_process():
    """Nobody elsewhere can try values until one fits."""
    secret = Secret("hunter2")

    there = asyncio.run(flow(keyed_hash).on("process")(secret))

    assert len(there) == 32
    assert there != keyed_hash(secret)


def test_a_keyed_hash_of_what_has_no_form_is_refused_unseen():
    """The refusal names the type."""
    assert "a Secret of a Moody has no form" in refusal(keyed_hash, Secret(Moody("hunter2")))


def test_a_rotated_secret_keeps_the_key_of_a_step():
    """A new token is no new request; a secret and its absence differ."""

    @flow
    def key(value):
        return current_step().key

    ctx = context().as_run("order-17")

    assert ctx.run(key, ("a", Secret("one"))) == ctx.run(key, ("a", Secret("two")))
    assert ctx.run(key, ("a", Secret("one"))) != ctx.run(key, ("a", None))
