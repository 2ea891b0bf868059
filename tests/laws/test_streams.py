"""The laws of streams, read by hand; as parts of trees they are under all other laws."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from omnitron import EventLog, context, flow

from . import reference, steps, streams
from .strategies import ASYNC, SYNC, async_trees, build, sync_trees, trees
from .test_early import words
from .test_laws import becomes, becomes_later, becomes_of, few, still_running
from .test_tuning import calm_trees, is_in_order

counts = st.integers(0, 7)
rows = streams.rows(trees(SYNC, size=3), late=False).filter(lambda recipe: recipe[2])
late_rows = streams.rows(trees(SYNC + ASYNC, late=True, size=3), late=True).filter(
    lambda recipe: recipe[2] and streams.row(recipe, build)[1]
)


def take(stream, count):
    """Read as many items, or all that there are, and close the stream."""
    found = []
    try:
        while len(found) < count:
            found.append(next(stream))
    except StopIteration:
        pass
    finally:
        stream.close()
    return found


async def take_later(stream, count):
    """The async twin of `take`."""
    found = []
    try:
        while len(found) < count:
            found.append(await anext(stream))
    except StopAsyncIteration:
        pass
    finally:
        await stream.aclose()
    return found


def made(recipe):
    """Give the flow of a row."""
    return streams.row(recipe, build)[0]


@few
@given(rows, counts)
def test_a_row_read_in_part_equals_reference(recipe, count):
    """Items, errors, and effects in order, closings among them; watched or not."""
    tree = made(recipe)
    expected = becomes(lambda: take(reference.call(tree, "x"), count))

    assert becomes(lambda: take(tree("x"), count)) == expected
    assert becomes(lambda: take(context(observers=[EventLog()]).run(tree, "x"), count)) == expected


@few
@given(late_rows, counts, st.integers(0, 9))
def test_an_async_row_read_in_part_equals_reference(recipe, count, seed):
    """The same, in every order of waking, and no task is left."""
    tree = made(recipe)
    expected = becomes_later(lambda: take_later(reference.call(tree, "x"), count), seed)

    assert becomes_later(lambda: take_later(tree("x"), count), seed) == expected
    assert becomes_later(lambda: take_later(context(observers=[EventLog()]).run(tree, "x"), count), seed) == expected
    assert expected[-1] == set()


@few
@given(rows, counts)
def test_what_was_begun_is_ended_once(recipe, count):
    """However much is read: each generator is closed, each call that was seen to start is seen to end."""
    tree, log = made(recipe), EventLog()
    _, _, effects = becomes(lambda: take(context(observers=[log]).run(tree, "x"), count))

    assert entered(effects, "enter") == entered(effects, "finish")
    assert still_running(log) == set()


@few
@given(late_rows, counts, st.integers(0, 9))
def test_what_was_begun_is_ended_once_later(recipe, count, seed):
    """The same for async rows."""
    tree, log = made(recipe), EventLog()
    _, _, effects, left = becomes_later(lambda: take_later(context(observers=[log]).run(tree, "x"), count), seed)

    assert (entered(effects, "enter"), left) == (entered(effects, "finish"), set())
    assert still_running(log) == set()


def entered(effects, word):
    """Count what was noted under a word."""
    return Counter(value for found, value in effects if found == word)


@few
@given(rows, counts)
def test_to_read_less_is_to_do_less(recipe, count):
    """What is not read is not computed: the effects of reading less are the beginning of those of reading more."""
    tree = made(recipe)
    _, _, less = becomes(lambda: take(tree("x"), count))
    _, _, more = becomes(lambda: take(tree("x"), count + 1))
    done = [effect for effect in less if effect[0] != "finish"]

    assert [effect for effect in more if effect[0] != "finish"][: len(done)] == done


@few
@given(sync_trees, st.sampled_from(("raise", "collect")))
def test_a_list_of_a_stream_is_each(recipe, mode):
    """Reading it to its end does what the loop does, in that order."""
    body = build(recipe)
    source = flow(steps.fan)

    if not streams.undoes(body):  # an item of a stream is a whole, one of a loop is a part
        assert becomes_of(source | body.stream(mode=mode) | list) == becomes_of(source | body.each(mode=mode))


@few
@given(
    calm_trees.filter(lambda recipe: build(recipe).node.is_async and is_in_order(recipe)),
    st.sampled_from((None, 1, 2, 3)),
)
def test_what_is_computed_ahead_changes_no_result(recipe, concurrency):
    """In order, with as many at once as there may be."""
    body, source = build(recipe), flow(steps.fan)
    ahead = source | body.stream(concurrency=concurrency) | steps.drain_later
    word, value, *_ = becomes_of(source | body.stream() | steps.drain_later)

    if not streams.undoes(body):  # what another item has begun is undone with it
        assert becomes_of(ahead)[:2] == (word, value)


@few
@given(sync_trees, sync_trees)
def test_streams_in_a_row_are_the_stream_of_a_pipe(first, second):
    """One item goes through both before the next one is taken."""
    a, b, source = build(first), build(second), flow(steps.fan_yielding)

    if not streams.undoes(a):  # it would be undone by what fails after it in the same item
        split = becomes_of(source | a.stream() | b.stream() | list)
        assert split == becomes_of(source | (a | b).stream() | list)


@few
@given(rows, counts)
def test_a_row_in_a_run_is_the_row(recipe, count):
    """Whether the context observes, has a deadline, or nothing."""
    tree = made(recipe)
    plain = becomes(lambda: take(tree("x"), count))

    for options in ({}, {"observers": [EventLog()]}, {"deadline": 1_000}):
        assert becomes(lambda options=options: take(context(**options).run(tree, "x"), count)) == plain


@few
@given(rows)
def test_a_row_knows_that_it_streams(recipe):
    """Every row of at least one stage gives a generator, and says so."""
    tree = made(recipe)

    assert tree.node.streams == "sync"
    assert becomes(lambda: take(tree("x"), 0))[:2] == ("value", ("list",))


def test_every_recipe_of_streams_is_drawn():
    """The strategies reach each of them, and often."""
    found = Counter()

    @settings(deadline=None, max_examples=300, database=None, derandomize=True)
    @given(async_trees)
    def draw(recipe):
        found.update({*words(recipe)} & {"read", "row", "map", "yield", "within", "named", "collect"})

    draw()
    assert {*found} == {"read", "row", "map", "yield", "within", "named", "collect"}
    assert found["read"] >= 75
