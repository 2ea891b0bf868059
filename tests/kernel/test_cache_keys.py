"""By what calls of a cached flow are told apart: arguments, needed values, the object of a method, what the context has."""

import datetime as dt
import decimal
import enum
import fractions
import functools
import math
import pathlib
import uuid
import zoneinfo
from collections import Counter, OrderedDict, defaultdict, namedtuple
from dataclasses import InitVar, dataclass, field

import pytest

from omnitron import (
    Cache,
    Context,
    DefinitionError,
    Key,
    MissingCapability,
    MissingNeed,
    Replace,
    Secret,
    context,
    current_context,
    flow,
    needs,
    resource,
)


class Colour(enum.Enum):
    """A choice."""

    RED = 1


class Level(enum.IntEnum):
    """A number that is a choice."""

    LOW = 1


class Power(enum.Flag):
    """A set of choices."""

    A = 1
    B = 2


@dataclass
class Point:
    """Plain data."""

    x: object
    y: object = 2


@dataclass(frozen=True)
class Other:
    """The same fields in another class."""

    x: object
    y: object = 2


Pair = namedtuple("Pair", "x y")
UTC, PARIS = dt.UTC, zoneinfo.ZoneInfo("Europe/Paris")
NOON = dt.datetime(2026, 1, 1, 12)  # noqa: DTZ001 - one without a zone

DIFFERENT = [
    1, True, 1.0, "1", b"1", None, False, 0, 0.0, -0.0, "", b"", (), [], {}, set(), frozenset(), 1j, bytearray(b"1"),
    math.nan, math.inf, decimal.Decimal("1"), decimal.Decimal("1.0"), fractions.Fraction(1), Colour.RED, Level.LOW,
    Power.A, Power.A | Power.B, (1,), [1], (True,), [True], {1}, {True}, frozenset({1}), {1: 1}, {True: 1}, {1: True},
    ((1,), 2), (1, (2,)), (1, 2), {"a": 1, "b": 2}, {"a": 2, "b": 1}, OrderedDict(a=1, b=2), OrderedDict(b=2, a=1),
    defaultdict(int, {"a": 1, "b": 2}), Counter(a=1, b=2), Point(1), Point(True), Point(1, 3), Other(1), Pair(1, 2),
    (int, 1) if False else ("int", 1), range(3), range(1, 3), pathlib.PurePosixPath("1"), uuid.UUID(int=1), NOON,
    NOON.replace(tzinfo=UTC), NOON.replace(tzinfo=PARIS), NOON.replace(hour=13).replace(tzinfo=PARIS),
    NOON.replace(fold=1), NOON.date(), NOON.time(), dt.timedelta(1), dt.timedelta(2), Secret("a"), Secret("b"),
    Secret(b"a"), "a", [1, [2]], [[1], 2], {"x": {"y": 1}}, {"x": {"y": True}},
]  # fmt: skip


@dataclass
class Weighed:
    """Knows more than its fields tell."""

    x: int
    by: InitVar[int] = 0

    def __post_init__(self, by):
        self.weight = self.x * by

    @functools.cached_property
    def double(self):
        """Twice x."""
        return 2 * self.x


class Placed:
    """Has a place, outside of the fields of who derives from it."""

    __slots__ = ("__at",)

    def at(self, where):
        """Put it there."""
        self.__at = where
        return self


@dataclass(slots=True)
class Piece(Placed):
    """Has a field and a place."""

    x: int = 1


@dataclass(init=False)
class Due(dt.datetime):
    """A time with a field: what it holds is no field."""

    why: str = ""


BESIDE = [
    Weighed(1, 2), Weighed(1, 3), Weighed(1), Piece().at(1), Piece().at(2), Piece(), defaultdict(int), defaultdict(list),
    defaultdict(None), defaultdict(lambda: 1), defaultdict(lambda: 2), {math.nan}, {math.nan, float("nan")},
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(BESIDE)))
def test_what_an_argument_holds_beside_its_fields_counts(number):
    """Attributes that are no fields, slots of bases, the factory of what is missing, how many NaN there are."""
    cached, _ = cached_and_calls()
    got = [cached(one) for one in BESIDE]
    assert (got, cached(BESIDE[number])) == (list(range(1, len(BESIDE) + 1)), number + 1)


def test_what_an_object_computes_of_itself_is_no_difference():
    """A cached property makes no other argument."""
    cached, _ = cached_and_calls()
    used, fresh = Weighed(2, 1), Weighed(2, 1)
    assert (used.double, cached(used), cached(fresh)) == (4, 1, 1)


def cached_and_calls(fn=None, **options):
    """Give a cached flow, and the list of what it was called with."""
    calls = []

    @flow
    def f(x):
        calls.append(x)
        return len(calls)

    return f.cache(60, **options), calls


def test_what_differs_in_type_or_value_is_computed_each():
    """No two of these are given each other's result, and each is given its own."""
    cached, _ = cached_and_calls()
    first = [cached(one) for one in DIFFERENT]
    assert first == list(range(1, len(DIFFERENT) + 1))
    assert [cached(one) for one in DIFFERENT] == first


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1, "b": [1]}, {"b": [1], "a": 1}),
        ({3, 1, 2}, {1, 2, 3}),
        (float("nan"), -float("nan") * -1),
        ([float("nan")], [float("nan")]),
        (Point([1]), Point([1], 2)),
        (Secret("a"), Secret("a")),
        (2**70, 2**70),
        (pathlib.Path("a/b"), pathlib.Path("a") / "b"),
    ],
)
def test_what_is_the_same_is_computed_once(one, other):
    """Equal contents are one key."""
    cached, _ = cached_and_calls()
    assert (cached(one), cached(other)) == (1, 1)


def test_an_object_that_changed_has_another_key():
    """The key is what the argument held when it was passed."""
    cached, _ = cached_and_calls()
    point, row = Point(1), [1]
    got = [cached(point), cached(row)]
    point.x = 2
    row.append(2)
    assert (got, [cached(point), cached(row)]) == ([1, 2], [3, 4])


class Plain:
    """An object like any other."""


class Wide(Point):
    """More than the dataclass that it derives from."""

    def __init__(self, x, more):
        super().__init__(x)
        self.more = more


class Text(str):  # noqa: SLOT000 - it is to have attributes
    """A text with attributes."""


@pytest.mark.parametrize(
    "value",
    [
        Plain(),
        object(),
        Due(2026, 1, 1),
        print,
        int,
        lambda: 1,
        iter([1]),
        Wide(1, 2),
        Text("a"),
        [Plain()],
        {"a": {1: Plain()}},
    ],
)
def test_what_has_no_form_is_refused(value):
    """It is never mis-keyed; the way out is `key=`."""
    cached, calls = cached_and_calls()
    with pytest.raises(DefinitionError, match="key="):
        cached(value)
    assert calls == []


@dataclass
class Box:
    """One field."""

    held: object


@pytest.mark.parametrize("around", [lambda v: [v], lambda v: (v,), lambda v: {1: v}, Box, Point])
def test_what_contains_itself_or_too_much_is_refused(around):
    """A cycle has no form, nor has what is nested thousands of levels deep."""
    cached, _ = cached_and_calls()
    row, deep = [], ()
    row.append(row)
    for _ in range(2000):
        deep = around(deep)
    for wrong in (row, deep):
        with pytest.raises(DefinitionError, match="in itself"):
            cached(wrong)


def test_a_key_function_is_the_way_out():
    """It takes the arguments and gives what tells calls apart."""
    cached, _ = cached_and_calls(key=lambda x: type(x).__name__)
    assert (cached(Plain()), cached(Plain()), cached(3)) == (1, 1, 2)


# ------------------------------------------------------------------ parameters


@flow
def many(a, b=2, *rest, c=3, d=None, **more):
    """Take all kinds of arguments."""
    return object()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (lambda f: f(1), lambda f: f(a=1)),
        (lambda f: f(1), lambda f: f(1, 2)),
        (lambda f: f(1), lambda f: f(1, c=3)),
        (lambda f: f(1, d=4, c=5), lambda f: f(1, c=5, d=4)),
        (lambda f: f(1, x=1, y=2), lambda f: f(1, y=2, x=1)),
        (lambda f: f(1), lambda f: (identity_of | f)(1)),
        (lambda f: f(1), lambda f: context().run(f, 1)),
        (lambda f: f(1), lambda f: context(observers=[Silent()]).run(f, 1)),
        (lambda f: f(1, c=7), lambda f: context(observers=[Silent()]).run(f, b=2, a=1, c=7)),
        (lambda f: f(1, c=7), lambda f: f.bind(c=7)(1)),
    ],
)
def test_the_same_call_has_the_same_key_however_it_is_written(one, other):
    """Defaults, keywords, pipes, runs and observers do not matter."""
    cached = many.cache(60)
    assert one(cached) is other(cached)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (lambda f: f(1), lambda f: f(1, 3)),
        (lambda f: f(1, 2, 3), lambda f: f(1, 2, c=3)),
        (lambda f: f(1, c=4), lambda f: f(1, d=4)),
        (lambda f: f(1, x=1), lambda f: f(1, y=1)),
        (lambda f: f(1, 2, 3), lambda f: f(1, 2, (3,))),
        (lambda f: f(1), lambda f: f(1, c=True)),
    ],
)
def test_another_call_has_another_key(one, other):
    """What is passed for what matters."""
    cached = many.cache(60)
    assert one(cached) is not other(cached)


class Silent:
    """Watches and says nothing."""

    def observe(self, event):
        return None


identity_of = flow(lambda x: x)
MISSING = object()


def test_a_default_without_a_form_stands_for_itself():
    """The usual mark of "not given" does not hinder."""
    calls = []

    @flow
    def f(x, given=MISSING):
        calls.append(given)
        return len(calls)

    cached = f.cache(60)
    assert (cached(1), cached(1), cached(1, None), cached(1, MISSING)) == (1, 1, 2, 1)


def test_a_function_whose_parameters_are_not_known():
    """A builtin is keyed by what is passed."""
    cached = flow(int).cache(60)
    assert (cached("11", base=2), cached("11", base=3), cached("11"), cached("11", base=2)) == (3, 4, 11, 3)


def test_wrong_arguments_are_told_as_ever():
    """The message names the flow."""
    with pytest.raises(TypeError, match=r"many\(\) missing 1 required positional argument: 'a'"):
        many.cache(60)()


# ------------------------------------------------------------------ methods


@dataclass(frozen=True)
class Shop:
    """An object whose methods are flows."""

    name: str
    made: list = field(default_factory=list, compare=False)

    @flow
    def price(self, x):
        """Give a new object each time."""
        return object()

    kept = price.cache(60)


class Unhashable:
    """An object with an equality and no hash."""

    def __eq__(self, other):
        return True

    __hash__ = None

    @flow
    def price(self, x):
        """Give a number."""
        return 1

    kept = price.cache(60)


class Simple:
    """An object known by its identity."""

    @flow
    def price(self, x):
        """Give a new object each time."""
        return object()

    kept = price.cache(60)


def test_the_object_of_a_method_is_part_of_the_key():
    """Two objects never share results; one has its own."""
    one, other = Simple(), Simple()
    assert one.kept(1) is one.kept(1)
    assert one.kept(1) is not other.kept(1)


class Tools:
    """Holds a function that is no method."""

    @staticmethod
    @flow
    def size(x):
        """Give the size."""
        return len(x)


def test_the_argument_of_a_static_method_is_one_like_others():
    """It has a key if it is plain data, and is refused if it is not, whatever its own hash says."""
    cached = Tools.size.cache(60)
    assert (cached([1]), cached([1, 2]), cached({1: 2})) == (1, 2, 1)
    with pytest.raises(DefinitionError, match="key="):
        cached(Wide(1, 2))
    with pytest.raises(DefinitionError, match="key="):
        cached(Plain())


def test_an_object_that_is_not_hashable_is_refused():
    """It may be equal to others now and not later."""
    with pytest.raises(DefinitionError, match="not hashable"):
        Unhashable().kept(1)
    with pytest.raises(DefinitionError, match="not hashable"):
        Unhashable().price.cache(60)


def test_a_cache_on_a_bound_method():
    """Its object is part of the flow."""
    policy, one, other = Cache(60), Simple(), Simple()
    assert one.price.cache(policy)(1) is one.price.cache(policy)(1)
    assert one.price.cache(policy)(1) is not other.price.cache(policy)(1)


# ------------------------------------------------------------------ the context

tenant = Key("tenant", str)
token = Key("token", Secret[str])
anything = Key("anything")


@flow
def whose(x, *, who=needs(tenant)):
    """Tell the tenant."""
    return (x, who, object())


def test_a_needed_value_is_part_of_the_key():
    """Tenants do not see each other's results, however they are given."""
    cached = whose.cache(60)
    acme, other = context(tenant="acme"), context(tenant="other")
    assert acme.run(cached, 1) is acme.run(cached, 1)
    assert acme.run(cached, 1)[1] == "acme"
    assert other.run(cached, 1)[1] == "other"
    assert cached(1, who="acme") is acme.run(cached, 1)


def test_a_need_of_a_later_step_is_part_of_the_key():
    """Also what only the second step of a cached pipe needs."""
    cached = (identity_of | whose).cache(60)
    got = [context(tenant=name).run(cached, 1)[1] for name in ("a", "b", "a")]
    assert got == ["a", "b", "a"]


def test_a_need_around_a_cache_that_within_meets():
    """The derived context's value counts."""
    cached = whose.cache(60)
    assert cached.within(tenant="a")(1)[1] == "a"
    assert cached.within(tenant="b")(1)[1] == "b"


def test_a_need_inside_a_cache_that_within_meets():
    """The derived context's value is part of the flow, and nothing is asked of the one around."""
    policy = Cache(60)
    one, other = whose.within(tenant="a").apply(policy), whose.within(tenant="b").apply(policy)
    assert (one(1)[1], other(1)[1], context(tenant="c").run(one, 1) is one(1)) == ("a", "b", True)
    assert one(1, who="c")[1] == "c"


def shown(x):
    """Tell what is bound."""
    return repr(x)


@pytest.mark.parametrize(
    ("one", "other"),
    [(1, True), (0.0, -0.0), ([1], [True]), ({"a": [1]}, {"a": [1.0]}), ({1}, {True}), ((0.0,), (-0.0,)),
     (Shop("a", [1]), Shop("a", [2]))],
)  # fmt: skip
def test_flows_with_other_bound_values_share_nothing(one, other):
    """Whatever these values say of each other, also in a cache that both flows are given."""
    policy = Cache(60)
    got = [flow(shown).bind(x=value).apply(policy)() for value in (one, other)]
    assert got == [repr(one), repr(other)]


def test_what_a_bound_value_holds_when_a_call_is_made_counts():
    """A list that is bound, and changed between two calls, is another argument."""
    row = [1]
    cached = (flow(shown).bind(x=row) | flow(len)).cache(60)
    cached()
    row.append(2)
    assert (str(cached.cached.explain()), cached()) == ("a miss: the nearest call before differs in bound x.", 6)


def test_a_missing_value_is_told_before_the_look():
    """A warm cache does not hide that the context lacks it."""
    cached = whose.cache(60)
    context(tenant="acme").run(cached, 1)
    with pytest.raises(MissingNeed):
        context().run(cached, 1)
    with pytest.raises(MissingNeed):
        cached(1)


def test_a_secret_tells_tenants_apart_and_is_not_in_the_key():
    """It stands there as a keyed hash."""
    policy = Cache(60)

    @flow
    def f(x, *, it=needs(token)):
        return it.reveal()

    cached = f.cache(policy)
    got = [context(token=Secret(word)).run(cached, 1) for word in ("hunter2", "other", "hunter2")]
    assert got == ["hunter2", "other", "hunter2"]
    assert all("hunter2" not in repr(entry.key) for entry in policy.cell.book)
    assert policy.info().misses == 2


def test_a_needed_value_without_a_form_is_refused():
    """Unless `key=` says the rest: then it counts as that very object."""

    @flow
    def f(x, *, it=needs(anything)):
        return object()

    one, other = Plain(), Plain()
    with pytest.raises(DefinitionError):
        context(anything=one).run(f.cache(60), 1)
    cached = f.cache(60, key=lambda x: x)
    got = [context(anything=it).run(cached, 1) for it in (one, other, one)]
    assert got[0] is got[2]
    assert got[0] is not got[1]


@resource(scope="run")
def connection():
    """Open anew in each run."""
    return object()


@resource(scope="app")
def pool(*, who=needs(tenant)):
    """Open for an app, of a tenant."""
    return f"pool of {who}"


@resource(scope="app")
def nosy(*, ctx=needs(Context)):
    """Open for an app, of anything."""
    return ctx


@pytest.mark.parametrize("target", [Context, connection, nosy])
def test_what_no_key_can_hold_asks_for_one(target):
    """The whole context, and what lives for one run, are refused at composition without `key=`."""

    @flow
    def f(x, *, it=needs(target)):
        return x

    with pytest.raises(DefinitionError, match="key="):
        f.cache(60)
    f.cache(60, key=lambda x: x)


def test_a_resource_of_the_app_counts_by_what_it_is_opened_with():
    """Another tenant's pool gives other results; one that stands in its place does too."""

    @flow
    def f(x, *, it=needs(pool)):
        return it

    cached = f.cache(60)
    with context(tenant="a") as one, context(tenant="b") as other:
        got = [one.run(cached, 1), other.run(cached, 1), one.run(cached, 1)]
    fake = context(tenant="a").with_({pool: "fake"}).run(cached, 1)
    assert (got, fake) == (["pool of a", "pool of b", "pool of a"], "fake")


def test_a_refused_capability_is_refused_behind_a_warm_cache():
    """Authority is asked for before anything is looked up."""

    @flow(capabilities={"net:api"})
    def f(x):
        return x

    cached = f.cache(60)
    context(capabilities={"net:*"}).run(cached, 1)
    cached(1)
    with pytest.raises(MissingCapability):
        context(capabilities=set()).run(cached, 1)


def test_other_authority_shares_nothing():
    """A flow that is called in the body may need what the tree does not tell."""

    @flow(capabilities={"net:api"})
    def inner(x):
        return x

    @flow
    def f(x):
        return inner(x)

    cached = f.cache(60)
    context(capabilities={"net:*"}).run(cached, 1)
    with pytest.raises(MissingCapability):
        context(capabilities=set()).run(cached, 1)


def test_what_stands_in_the_place_of_a_part_shares_nothing():
    """The result of a test's fake is not given to others, and theirs not to it."""
    price = flow(lambda x: "real").named("price")
    cached = price.cache(60)
    fake = context(replace={"price": lambda x: "fake"})
    assert (cached(1), fake.run(cached, 1), cached(1)) == ("real", "fake", "real")


def test_what_a_guard_answers_is_not_given_to_others():
    """A guard may stand in for a part."""

    class Answers:
        def check(self, call):
            return Replace("guarded") if call.path.endswith("price") and not call.node.children else None

    price = flow(lambda x: "real").named("price")
    cached = (price | str).cache(60)
    assert (context(guards=[Answers()]).run(cached, 1), cached(1)) == ("guarded", "real")


def test_the_context_of_the_caller_is_that_of_the_computation():
    """The async computation runs in a task of its own, in the context of who leads."""
    import asyncio

    @flow
    async def f(x, *, who=needs(tenant)):
        return current_context().get(tenant)

    cached = f.cache(60)
    assert asyncio.run(context(tenant="acme").run(cached, 1)) == "acme"


@flow
def through(x):
    """Call a flow that needs the tenant, through a plain function."""
    return helped(x)


def helped(x):
    """Call it."""
    return whose(x)[1]


@flow
def passes(x):
    """Call it with the argument passed."""
    return whose(x, who="fixed")[1]


@flow
def everything(x, *, ctx=needs(Context)):
    """See the whole context."""
    return ctx.get("tenant")


@flow
def calls_everything(x):
    """Call what sees the whole context."""
    return everything(x)


def test_what_a_called_flow_needs_is_part_of_the_key():
    """A tenant is never given what another's body has read."""
    cached = through.cache(60)
    got = [context(tenant=name).run(cached, 1) for name in ("a", "b", "a")]
    assert got == ["a", "b", "a"]


def test_what_a_called_flow_is_passed_need_not_be_in_the_context():
    """No value is no error there."""
    cached = passes.cache(60)
    assert (cached(1), context(tenant="a").run(cached, 1)) == ("fixed", "fixed")


def test_a_called_flow_that_no_key_can_hold_asks_for_one():
    """At the first call, when it is known who calls whom."""
    with pytest.raises(DefinitionError, match="key="):
        calls_everything.cache(60)(1)
    assert context(tenant="a").run(calls_everything.cache(60, key=lambda x: x), 1) == "a"


def test_a_flow_that_calls_itself_is_read_once():
    """Recursion ends."""
    assert recursive_cached(3) == 0


@flow
def recursive(x):
    """Count down."""
    return x if x == 0 else recursive_cached(x - 1)


recursive_cached = recursive.cache(60)


def test_a_rest_of_arguments_is_not_taken_for_one_of_them():
    """`f(1)` and a pipe that hands over `(1,)` are different calls."""

    @flow
    def f(*rest):
        return rest

    cached = f.cache(60)
    assert (cached(1), (identity_of | cached)((1,)), cached((1,)), cached(1)) == ((1,), ((1,),), ((1,),), (1,))
