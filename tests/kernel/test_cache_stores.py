"""`.cache(store=...)`: a SQLite file, and storages of users, sync and async; what is kept there, and what goes wrong."""

import asyncio
import datetime as dt
import decimal
import enum
import logging
import math
import pathlib
import pickle
import sqlite3
import subprocess
import sys
import uuid
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from omnitron import (
    Cache,
    DefinitionError,
    InvalidValue,
    Secret,
    SQLiteStore,
    StoredValue,
    context,
    current_context,
    flow,
    needs,
    resource,
)
from omnitron.algebra import storing
from omnitron.testing import ManualClock

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


class Colour(enum.Enum):
    """A choice."""

    RED = 1


@dataclass(frozen=True)
class Line:
    """A part of an order."""

    name: str
    colour: Colour = Colour.RED


@dataclass
class Order:
    """Nested data."""

    lines: list[Line]
    at: dt.datetime
    more: "dict[str, Pair]" = field(default_factory=dict)


Pair = namedtuple("Pair", "x y")

calls = []
gives = {}


@flow
def look_up(x):
    """Give what the test says, and count."""
    calls.append(x)
    return gives.get(x, x)


@flow
def order(x: int) -> Order | None:
    """Give nested data."""
    calls.append(x)
    return gives[x]


class Mark(enum.Flag):
    """Several at once."""

    HOT = 1
    NEW = 2


@flow
def marked(x: int) -> Mark:
    """Give some."""
    return gives[x]


@flow
def may(x):
    """Say what is allowed here."""
    calls.append(x)
    return current_context().has_capability("net:x")


@flow
async def later(x):
    """The async twin."""
    calls.append(x)
    await asyncio.sleep(0)
    return gives.get(x, x)


@flow
def pair(a, b):
    """Give both."""
    return (a, b)


@pytest.fixture(autouse=True)
def nothing_called():
    """Begin anew."""
    calls.clear()
    gives.clear()


@pytest.fixture
def store(tmp_path):
    """A store of a file that is not there yet."""
    made = SQLiteStore(tmp_path / "cache.db")
    yield made
    made.close()


class Memory:
    """The smallest storage that a user could write."""

    def __init__(self):
        self.held = {}

    def get(self, key):
        return self.held.get(key)

    def set(self, key, value):
        self.held[key] = value

    def delete(self, key):
        self.held.pop(key, None)

    def clear(self, prefix):
        self.held = {key: value for key, value in self.held.items() if not key.startswith(prefix)}


class Later:
    """An async one."""

    def __init__(self):
        self.inner = Memory()

    async def get(self, key):
        await asyncio.sleep(0)
        return self.inner.get(key)

    async def set(self, key, value):
        self.inner.set(key, value)

    async def delete(self, key):
        self.inner.delete(key)

    async def clear(self, prefix):
        self.inner.clear(prefix)


def stored(body, store, **options):
    """Give a flow cached in a store, with a cell of its own."""
    return body.cache(60, store=store, version="1", **options)


def test_another_cell_reads_what_one_has_written(store):
    """What is kept outlives the flow object."""
    got = stored(look_up, store)((1, b"a")), stored(look_up, store)((1, b"a"))
    assert (got, calls) == (((1, b"a"), (1, b"a")), [(1, b"a")])


PROGRAM = """
import sys
sys.path[:0] = {path!r}
from tests.kernel.test_cache_stores import *
print(look_up.cache(60, store=SQLiteStore({file!r}), version="1")("shared"), calls)
"""


def test_another_process_reads_it(store):
    """A file is shared by processes."""
    stored(look_up, store)("shared")
    text = PROGRAM.format(path=[str(pathlib.Path(__file__).parents[2]), *sys.path], file=store.path)
    said = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    assert (said.stdout, said.stderr) == ("shared []\n", "")


def test_another_version_does_not(store):
    """The version is part of the key."""
    stored(look_up, store)(1)
    look_up.cache(60, store=store, version="2")(1)
    assert calls == [1, 1]


def test_flows_that_share_a_store_never_read_each_other(store):
    """Not those of other steps, and not two of one function with other parameters fixed."""
    one, other = stored(pair.bind(b=1), store), stored(pair.bind(b=2), store)
    stored(look_up, store)(1)
    stored(look_up | look_up, store)(1)
    assert (one(0), other(0), one(0), calls) == ((0, 1), (0, 2), (0, 1), [1, 1, 1])


def key_of(place):
    """Give a function of keys that has no path."""
    return lambda *args: args[place]


def test_caches_with_other_keys_never_read_each_other(store):
    """What makes the keys is part of what a cache is: named or not, or left out."""
    keys = [{"key": one} for one in (key_of(0), key_of(1), lambda a, b: "x", lambda a, b: a)]
    got = [stored(pair, store, **options)(*args) for options in keys for args in (("x", 1), (2, "x"))]
    again = [stored(pair, store, **keys[0])("x", 3), stored(pair, store)("x", 4)]
    assert got == [("x", 1), (2, "x")] * 2 + [("x", 1)] * 2 + [("x", 1), (2, "x")]
    assert again == [("x", 1), ("x", 4)]


def test_its_time_is_that_of_the_wall(store):
    """Results go stale by the context's wall clock."""
    clock = ManualClock(start_at=NOW)
    ctx = context(clock=clock)
    for passed in (0, 59, 2):
        clock.move(passed)
        ctx.run(stored(look_up, store), 1)
    assert calls == [1, 1]


@pytest.mark.parametrize("before", [None, 86400])
def test_what_was_kept_for_longer_is_given_no_longer_than_asked_now(store, before):
    """A shorter time counts for what another version of the program kept for longer, or without an end."""
    ctx = context(clock=ManualClock(start_at=NOW))
    ctx.run(look_up.cache(before, store=store, version="1"), 1)
    ctx.run(stored(look_up, store), 1)
    ctx.run(look_up.cache(before, store=store, version="1"), 1)
    assert calls == [1, 1]


def test_a_clock_that_goes_back_makes_nothing_last_longer(store):
    """What was kept when it was wrong, days ahead, is computed anew."""
    context(clock=ManualClock(start_at=NOW + dt.timedelta(days=9))).run(stored(look_up, store), 1)
    context(clock=ManualClock(start_at=NOW)).run(stored(look_up, store), 1)
    assert calls == [1, 1]


VALUES = [
    None, True, 1, -(2**70), 1.5, float("inf"), 1j, "ü\ud800", b"\x00", bytearray(b"a"), (1, (2,)), [1, [2]], {1, 2},
    frozenset({"a"}), {"a": 1, 2: (3,), (4,): None}, {}, NOW, NOW.replace(tzinfo=None, fold=1), NOW.date(), NOW.timetz(),
    dt.datetime(2026, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=5))), dt.timedelta(1, 2, 3), decimal.Decimal("1.10"),
    uuid.UUID(int=5), pathlib.PurePosixPath("a/b"), pathlib.Path("a"), {"tuple": [1]}, {"class": ["os:system", {}]},
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_plain_data_is_read_as_it_was(store, value):
    """Types and contents are kept, without pickle."""
    gives["it"] = value
    first, again = stored(look_up, store)("it"), stored(look_up, store)("it")
    assert (type(again), repr(again), len(calls)) == (type(first), repr(first), 1)


def test_classes_that_the_annotation_leads_to_are_read(store):
    """Dataclasses, enums and named tuples, nested, and behind annotations that are texts."""
    gives[1] = Order([Line("a"), Line("b")], NOW, {"p": Pair(1, (2,))})
    stored(order, store)(1)
    assert (stored(order, store)(1), calls) == (gives[1], [1])


def test_several_flags_at_once_are_read(store):
    """They are no member of their class."""
    for value in (Mark.HOT, Mark.HOT | Mark.NEW, Mark(0)):
        gives[1] = value
        stored(marked, store).cached.refresh(1)
        assert stored(marked, store)(1) is value


class Lenient:
    """A guard that lets everything pass."""

    def check(self, call):
        """Look, and say nothing."""


def test_fakes_and_guarded_calls_stay_out_of_a_store(store):
    """What a test put in the place of a flow, or a guard let pass, is no result for others; nor are others' for them."""
    cached = stored(look_up, store)
    guarded = context(guards=[Lenient()])

    assert context(replace={"look_up": lambda x: "fake"}).run(cached, 1) == "fake"
    assert guarded.run(cached, 1) == cached(1) == 1
    assert context(replace={"look_up": lambda x: "fake"}).run(cached, 1) == "fake"
    assert guarded.run(cached, 1) == cached(1) == 1
    assert calls == [1, 1, 1]


@resource(scope="app")
def link():
    """What is asked."""
    yield "real"


@flow
def ask(x, *, over=needs(link)):
    """Ask."""
    calls.append(x)
    return f"{over} {x}"


def test_what_stands_in_for_a_resource_stays_out_of_a_store(store):
    """A test may give one of its own, and neither reads nor writes what others do."""
    cached = stored(ask, store)
    with context() as real:
        fake = real.with_({link: "fake"})
        got = [ctx.run(cached, 1) for ctx in (real, fake, fake, real)]
        assert fake.run(flow(lambda x: cached.cached.peek(x)), 1) is None
    assert (got, calls) == (["real 1", "fake 1", "fake 1", "real 1"], [1, 1, 1])


def test_contexts_of_other_capabilities_have_results_of_their_own(store):
    """Also in a store, and in the next process."""

    for ctx in (context(), context(capabilities={"net:x"}), context(capabilities=set())):
        for _ in range(2):
            assert ctx.run(stored(may, store), 1) == ctx.has_capability("net:x")
    assert calls == [1, 1, 1]


def test_other_classes_are_not_kept_and_the_call_goes_on(store, caplog):
    """Why is logged, once a minute."""
    gives[1] = Line("a")
    with caplog.at_level(logging.WARNING, "omnitron"):
        cached = stored(look_up, store)
        got = cached(1), cached(1)
    assert (got, calls) == ((Line("a"), Line("a")), [1, 1])
    assert ["cannot be kept in its store" in one.message for one in caplog.records] == [True]


@dataclass
class Reading:
    """Its constructor makes other objects of what one holds."""

    value: float
    turn: int = field(default=0, compare=False)

    def __post_init__(self):
        self.turn += self.value == 1
        self.seen = "new"


@flow
def measured(x: int) -> Reading:
    """Give what the test says."""
    return gives[x]


@pytest.mark.parametrize(
    ("value", "seen", "found"), [(1.0, "new", "miss"), (2.0, "old", "miss"), (math.nan, "new", "hit")]
)
def test_only_what_is_read_again_as_it_was_is_kept(store, value, seen, found):
    """Whatever its own equality says: fields that do not compare and attributes that are no fields count, NaN is NaN."""
    gives[1] = Reading(value)
    gives[1].seen = seen
    cached = stored(measured, store)
    cached(1)
    assert cached.cached.explain(1).outcome == found


def test_a_class_that_somebody_wrote_into_the_store_is_not_called(store, caplog):
    """Only the annotation says what may be made; what does not fit is computed anew."""
    memory = Memory()
    cached = stored(order, memory)
    gives[1] = Order([], NOW)
    cached(1)
    ((key, value),) = memory.held.items()
    memory.set(key, StoredValue(b'{"class":["subprocess:Popen",{"args":"true"}]}', value.stale_at, value.expires_at))
    assert (cached(1), calls, len(caplog.records)) == (gives[1], [1, 1], 1)


def test_a_secret_is_not_kept_and_makes_no_key(store):
    """Neither shows in the file."""
    gives["token"] = Secret("hunter2")
    stored(look_up, store)("token")
    with pytest.raises(DefinitionError, match="Secret"):
        stored(look_up, store)(Secret("hunter2"))
    assert b"hunter2" not in pathlib.Path(store.path).read_bytes()


# ------------------------------------------------------------------ storages of users


def test_a_storage_of_a_user():
    """Four methods are enough."""
    memory = Memory()
    assert (stored(look_up, memory)(1), stored(look_up, memory)(1), calls) == (1, 1, [1])


def test_an_async_storage():
    """It is awaited; a sync one serves an async flow as well."""

    async def main(storage):
        return await stored(later, storage)(1), await stored(later, storage)(1)

    assert [asyncio.run(main(one)) for one in (Later(), Memory())] == [(1, 1), (1, 1)]
    assert calls == [1, 1]


def test_forgetting_reaches_the_store():
    """`invalidate` and `clear`; of an async storage they are awaited."""
    memory, storage = Memory(), Later()
    cached = stored(look_up, memory)
    cached(1)
    cached(2)
    cached.cached.invalidate(1)
    held = len(memory.held)
    cached.cached.clear()

    async def main():
        flow_later = stored(later, storage)
        await flow_later(1)
        await flow_later.cached.invalidate(1)
        return len(storage.inner.held)

    assert (held, len(memory.held), asyncio.run(main())) == (1, 0, 0)


class Slow(Memory):
    """A storage in which something happens while it writes."""

    def set(self, key, value):
        self.meanwhile()
        super().set(key, value)


@pytest.mark.parametrize("forget", ["invalidate", "clear"])
@pytest.mark.parametrize("body", [look_up, later])
def test_what_is_forgotten_while_it_is_written_is_not_kept(body, forget):
    """Who forgets comes first, whichever ends first."""
    slow = Slow()
    cached = stored(body, slow)
    slow.meanwhile = lambda: getattr(cached.cached, forget)(*[1] if forget == "invalidate" else [])
    got = asyncio.run(cached.acall(1))
    assert (got, slow.held) == (1, {})


def test_a_broken_storage_is_told_once_and_the_call_goes_on(caplog):
    """What it raises is logged once a minute for reading and for writing."""

    class Broken(Memory):
        def get(self, key):
            raise OSError("no route")

        def set(self, key, value):
            raise OSError("no route")

    cached = stored(look_up, Broken())
    assert (cached(1), cached(1), calls) == (1, 1, [1, 1])
    assert [one.message.partition(" the")[0] for one in caplog.records] == ["could not read from", "could not write to"]


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_a_storage_that_is_slow_to_fail_is_not_asked_each_time(colour, monkeypatch):
    """A file that somebody has locked holds up one write, not each; what can be read is read."""
    now, asked = [1000.0], []
    monkeypatch.setattr(storing, "monotonic", lambda: now[0])

    class Locked(Memory):
        def set(self, key, value):
            asked.append(now[0])
            now[0] += 0.5
            raise OSError("locked")

    cached = stored(look_up if colour == "sync" else flow(look_up.acall, colour="async"), Locked())
    for number, pause in enumerate((0.0, 1.0, 3.0, 2.0)):
        now[0] += pause
        assert (asyncio.run(cached.acall(number)) if colour == "async" else cached(number)) == number

    assert asked == [1000.0, 1006.5]


def test_a_file_that_is_no_database_is_told_and_the_call_goes_on(tmp_path, caplog):
    """A broken file breaks no call."""
    (tmp_path / "cache.db").write_text("this is no database, and long enough to be seen as none" * 10)
    assert (stored(look_up, SQLiteStore(tmp_path / "cache.db"))(1), calls) == (1, [1])
    assert len(caplog.records) == 2


def test_a_stale_result_of_a_store_is_given_while_a_new_one_is_computed():
    """As in memory."""
    import threading

    memory, clock, done = Memory(), ManualClock(start_at=NOW), threading.Event()
    cached = stored(look_up, memory, stale_while_revalidate=30)
    ctx = context(clock=clock)
    ctx.run(cached, 1)
    clock.move(61)
    gives[1] = "new"
    stale = ctx.run(cached, 1)
    while cached.cached.info().misses < 2 or memory.held[next(iter(memory.held))].stale_at < clock.now():
        done.wait(0.001)
    assert (stale, ctx.run(cached, 1), calls) == (1, "new", [1, 1])


def test_one_flight_reads_the_store():
    """Of threads that miss at once, one computes."""
    cached = stored(look_up, Memory())
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(cached, [1] * 50))
    assert calls == [1]


# ------------------------------------------------------------------ the file itself


def test_the_file_is_bounded(tmp_path):
    """Those that were written first go."""
    store = SQLiteStore(tmp_path / "cache.db", max_entries=10)
    cached = stored(look_up, store)
    for number in range(100):
        cached(number)
    rows = sqlite3.connect(store.path)
    count = rows.execute("SELECT count(*) FROM omnitron_cache_1").fetchone()[0]
    rows.close()
    store.close()
    assert count == 10


def test_what_has_expired_is_dropped(tmp_path):
    """At the next write that looks."""
    store = SQLiteStore(tmp_path / "cache.db", max_entries=50)
    past = dt.datetime.now(dt.UTC) - dt.timedelta(1)
    store.set("old", StoredValue(b"1", past, past))
    store.set("new", StoredValue(b"1"))
    assert (store.get("old"), store.get("new")) == (None, StoredValue(b"1"))
    store.close()


def test_threads_share_a_connection(store):
    """A store is safe for threads."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: store.set(str(n), StoredValue(str(n).encode())), range(200)))
    assert [store.get(str(n)).data for n in range(200)] == [str(n).encode() for n in range(200)]


def test_a_file_that_was_deleted_is_made_anew(store):
    """Nobody goes on with what is there no more: processes that open the file now find the same as this one."""
    cached, other = stored(look_up, store), stored(look_up, SQLiteStore(store.path))
    cached(1)
    pathlib.Path(store.path).unlink()
    assert (cached(1), other(1), calls) == (1, 1, [1, 1])


def test_a_store_is_a_value(store):
    """It is equal by path, pickles, and takes its file along: an arrived flow reads it."""
    cached = stored(look_up, store)
    cached(1)
    arrived = pickle.loads(pickle.dumps(cached))
    assert (arrived == cached, arrived(1), calls) == (True, 1, [1])
    arrived.node.store.close()


def test_a_prefix_is_cleared(store):
    """And nothing else."""
    for key in ("a/1", "a/2", "ab", "b"):
        store.set(key, StoredValue(b""))
    store.clear("a/")
    assert [key for key in ("a/1", "a/2", "ab", "b") if store.get(key)] == ["ab", "b"]


# ------------------------------------------------------------------ what is refused


def test_a_store_asks_for_a_version(store):
    """The error says why."""
    with pytest.raises(DefinitionError, match="version"):
        look_up.cache(60, store=store)


@pytest.mark.parametrize("wrong", ["cache.db", pathlib.Path("cache.db"), {}, object(), 5, Memory])
def test_what_is_no_storage_is_refused(wrong):
    """A path, with the way out; anything without the methods."""
    with pytest.raises(DefinitionError, match="store"):
        look_up.cache(60, store=wrong, version="1")


def test_an_async_storage_under_a_sync_flow_is_refused():
    """Nothing could await it."""
    with pytest.raises(DefinitionError, match="sync"):
        stored(look_up, Later())


def test_a_flow_without_a_name_is_refused(store):
    """A lambda has no name that is the same in the next process."""
    with pytest.raises(DefinitionError, match="no name"):
        stored(flow(lambda x: x), store)(1)


@pytest.mark.parametrize(
    "options", [{"path": ""}, {"path": 5}, {"path": "a", "max_entries": 0}, {"path": "a", "timeout": -1}]
)
def test_wrong_options_of_a_file_are_refused(options):
    """Before anything is opened."""
    with pytest.raises((DefinitionError, InvalidValue)):
        SQLiteStore(**options)


def test_nothing_is_opened_at_composition(tmp_path):
    """The file is made when it is first needed."""
    stored(look_up, SQLiteStore(tmp_path / "cache.db"))
    assert list(tmp_path.iterdir()) == []


def test_info_counts_what_the_store_gave(store):
    """A result of the store is a hit."""
    policy = Cache(60, store=store, version="1")
    cached = look_up.cache(policy)
    cached(1)
    cached(1)
    assert (policy.info().hits, policy.info().misses) == (1, 1)


def test_a_very_long_time_has_no_end():
    """Dates do not reach that far."""
    memory = Memory()
    look_up.cache(1e15, store=memory, version="1")(1)
    assert [value.expires_at for value in memory.held.values()] == [None]
