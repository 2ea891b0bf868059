"""Laws of caches over any tree: one that never hits changes nothing, watched or not."""

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from omnitron import DefinitionError, EventLog

from .strategies import any_trees, build
from .test_laws import becomes_of, still_running

few = settings(deadline=None, max_examples=80)


def cached(tree, **options):
    """Give a tree in a cache; trees that cannot be cached (they stream, or undo) are not asked for."""
    try:
        return tree.cache(60, **options)
    except DefinitionError:
        assume(False)


@few
@given(any_trees, st.integers(0, 9))
def test_a_cache_that_never_hits_changes_nothing(recipe, seed):
    """Result, error, note and order of effects are those of the tree."""
    tree = build(recipe)

    assert becomes_of(cached(tree), seed=seed) == becomes_of(tree, seed=seed)


@few
@given(any_trees, st.integers(0, 9))
def test_nor_does_one_that_is_watched(recipe, seed):
    """Every call that was seen to start ends."""
    tree, log = build(recipe), EventLog()

    assert becomes_of(cached(tree).within(observers=[log]), seed=seed) == becomes_of(
        tree.within(observers=[EventLog()]), seed=seed
    )
    assert still_running(log) == set()
