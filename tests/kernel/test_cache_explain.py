"""`f.cached.explain(...)`: hit or miss, and which part of the key moved."""

import asyncio
import threading
from contextlib import closing

import pytest

from omnitron import DefinitionError, Key, Ok, SQLiteStore, context, flow, needs
from omnitron.testing import ManualClock

tenant = Key("tenant", str)


@flow
def quote(item, amount=1, *, who=needs(tenant)):
    """Give a price."""
    return (item, amount, who)


def explained(ctx, cached, *args, **kwargs):
    """Ask inside a context."""
    return ctx.run(flow(lambda: cached.cached.explain(*args, **kwargs)))


def asked(**options):
    """Give a clock, its context, and a cached flow that was called once."""
    clock = ManualClock()
    ctx = context(clock=clock, tenant="acme")
    cached = quote.cache(60, **options)
    ctx.run(cached, "book")
    return clock, ctx, cached


def words(found):
    """Give what was found as plain data."""
    return (found.outcome, found.reason, found.moved)


def test_a_hit():
    """What would be given is told."""
    _, ctx, cached = asked()
    assert words(explained(ctx, cached, "book", amount=1)) == ("hit", "", ())


@pytest.mark.parametrize(
    ("args", "name", "moved"),
    [
        (("pen",), "acme", ("item",)),
        (("book", 2), "acme", ("amount",)),
        (("book", True), "acme", ("amount",)),
        (("book",), "other", ("who",)),
        (("pen", 2), "acme", ("item", "amount")),
    ],
)
def test_the_part_that_moved(args, name, moved):
    """Against the nearest call before."""
    _, ctx, cached = asked()
    assert words(explained(ctx.with_(tenant=name), cached, *args)) == ("miss", "changed", moved)


def test_the_nearest_call_counts():
    """Not only the last one."""
    _, ctx, cached = asked()
    ctx.run(cached, "pen", 7)
    assert explained(ctx, cached, "book", 2).moved == ("amount",)


def test_a_needed_value_of_a_later_step():
    """It has the name of its key."""
    cached, ctx = (flow(lambda x: x) | quote).cache(60), context(tenant="acme")
    ctx.run(cached, "book")
    assert explained(ctx.with_(tenant="other"), cached, "book").moved == ("needed tenant",)


def test_past_its_time():
    """What expired is remembered for a while."""
    clock, ctx, cached = asked()
    clock.move(61)
    assert words(explained(ctx, cached, "book")) == ("miss", "expired", ())


def test_evicted():
    """So is what made room."""
    _, ctx, cached = asked(max_entries=1)
    ctx.run(cached, "pen")
    assert words(explained(ctx, cached, "book")) == ("miss", "evicted", ())


def test_invalidated():
    """And what was forgotten."""
    _, ctx, cached = asked()
    ctx.run(flow(lambda: cached.cached.invalidate("book")))
    assert words(explained(ctx, cached, "book")) == ("miss", "invalidated", ())


def test_stale():
    """In the window after its time."""
    clock, ctx, cached = asked(stale_while_revalidate=10)
    clock.move(61)
    assert words(explained(ctx, cached, "book")) == ("stale", "", ())


def test_an_error_that_is_kept():
    """It would be raised again."""
    cached = flow(lambda x: 1 // x).cache(60, ttl_on_error=60)
    with pytest.raises(ZeroDivisionError):
        cached(0)
    assert words(cached.cached.explain(0)) == ("error", "", ())


def test_the_first():
    """There is nothing to compare with."""
    assert words(flow(abs).cache(60).cached.explain(1)) == ("miss", "first", ())


def test_another_version():
    """Of the same flow, in the same cell."""
    old = flow(abs).cache(60)
    old(1)
    values = [getattr(old.node, name) for name in old.node.fields]
    values[old.node.fields.index("version")] = "2"
    new = rebuild_over(type(old.node)(*values))
    assert words(new.cached.explain(1)) == ("miss", "changed", ("version",))


def rebuild_over(node):
    """Give the flow of a node with the very cell that it has."""
    from omnitron.algebra.flows import from_node

    return from_node(node)


def test_another_kind_of_context():
    """A clock of its own has results of its own."""
    cached = flow(abs).cache(60)
    cached(1)
    assert explained(context(clock=ManualClock()), cached, 1).moved == ("context",)


def test_being_computed():
    """A call would wait."""
    begun, bell = threading.Event(), threading.Event()

    @flow
    def slow(x):
        begun.set()
        assert bell.wait(10)

    cached = slow.cache(60)
    thread = threading.Thread(target=cached, args=(1,))
    thread.start()
    begun.wait(10)
    found = cached.cached.explain(1)
    bell.set()
    thread.join(10)
    assert words(found) == ("computing", "", ())


@flow
def stored(x, y):
    """A flow for a store."""
    return x


def test_in_a_store(tmp_path):
    """A hit there is one; a miss is compared with the calls of this process."""
    store = SQLiteStore(tmp_path / "cache.db")
    cached = stored.cache(60, store=store, version="1")
    cached(1, 2)
    found = [words(cached.cached.explain(1, y)) for y in (2, 3)]
    cached.cached.invalidate(1, 2)
    found.append(words(cached.cached.explain(1, 2)))
    store.close()
    assert found == [("hit", "", ()), ("miss", "changed", ("y",)), ("miss", "not stored", ())]


def test_an_async_storage_cannot_be_asked():
    """The answer is that it is not known."""

    class Later:
        async def get(self, key):
            await asyncio.sleep(0)

        set = delete = clear = get

    cached = flow(later_fn).cache(60, store=Later(), version="1")
    assert cached.cached.explain(1).outcome == "unknown"


async def later_fn(x):
    """An async function with a name."""
    return x


def test_each_answer_is_a_sentence():
    """For a reader at a prompt."""
    _, ctx, cached = asked()
    said = [str(explained(ctx, cached, one)) for one in ("book", "pen")]
    assert said == ["a hit.", "a miss: the nearest call before differs in item."]


def test_a_flow_without_a_cache_has_nothing_to_tell():
    """The error says which flow to ask."""
    with pytest.raises(DefinitionError, match="no cache"):
        flow(abs).cached


def test_a_cache_inside_refinements_is_found():
    """As long as it takes the flow's own arguments."""
    cached = flow(abs).cache(60)
    around = (cached.retry(2) | str).named("outer")
    around(-1)
    assert around.cached.explain(-1).outcome == "hit"


def test_peek_gives_what_is_kept_in_its_time():
    """A hit as `Ok`, None where a call would compute; neither counts."""
    clock, ctx, cached = asked(stale_while_revalidate=30)

    def peeked(*args):
        return ctx.run(flow(lambda: cached.cached.peek(*args)))

    assert (peeked("book"), peeked("pen")) == (Ok(("book", 1, "acme")), None)
    clock.move(60)
    assert peeked("book") is None
    assert cached.cached.info().hits == 0


def test_peek_gives_no_error_that_is_kept():
    """A call would raise it."""
    failing = flow(lambda x: 1 / x).cache(60, ttl_on_error=60)
    with pytest.raises(ZeroDivisionError):
        failing(0)
    assert failing.cached.peek(0) is None


def test_peek_looks_into_a_store(tmp_path):
    """What another process has kept is there; an async storage cannot be asked."""
    with closing(SQLiteStore(tmp_path / "cache.db")) as store:
        stored.cache(60, store=store, version="1")(1, 2)
        assert stored.cache(60, store=store, version="1").cached.peek(1, 2) == Ok(stored(1, 2))
        assert stored.cache(60, store=store, version="2").cached.peek(1, 2) is None

    class Later:
        async def get(self, key): ...
        async def set(self, key, value): ...
        async def delete(self, key): ...
        async def clear(self, prefix): ...

    with pytest.raises(DefinitionError, match="asynchronous"):
        flow(later_fn).cache(60, store=Later(), version="1").cached.peek(1)
