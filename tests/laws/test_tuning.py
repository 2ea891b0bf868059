"""The laws of configuration, over random trees of both colours."""

from hypothesis import given
from hypothesis import strategies as st

from omnitron import Config, walk
from omnitron.algebra.settling import Places
from omnitron.runtime import variable_name

from . import steps
from .strategies import any_trees, away_trees, build, threaded_trees, trees
from .test_laws import becomes_of, few, laws

CALM = (steps.plain, steps.other)
FAILING = (steps.fan_failing, steps.choke, steps.choke_later)
tunable_trees = any_trees | threaded_trees() | away_trees()
calm_trees = trees(CALM) | trees((*CALM, steps.calm, steps.slow, steps.slower), late=True)


def fits(node, parameter, *, late):
    """Say whether a node may have another value for a parameter: threads are for sync flows, concurrency for async ones.

    Threads share no async iterable, which a stream of a `late` tree might read.
    """
    if parameter == "concurrency":
        return node.body.is_async
    if parameter == "threads":
        return not (late if node.kind == "stream" else node.is_async)
    return True


def is_late(tree):
    """Say whether something in a tree is async."""
    nodes = [node for _, node in walk(tree)]
    return any(
        node.is_async or node.streams == "async" or getattr(node, "fn", None) in steps.LATE_FANS for node in nodes
    )


def values(parameter):
    """Give values for a parameter."""
    return st.sampled_from(("local", "thread")) if parameter == "place" else st.integers(1, 3)


def settings_of(tree, parameters):
    """Give what can be set in a tree."""
    places, late = Places(tree.node), is_late(tree)
    keys = [
        (path, parameter)
        for path in {path for path, _ in places.rows}
        for parameter, found in sorted(places.offered(path).items())
        if parameter in parameters and len(found) == 1 and fits(places.rows[found[0]][1], parameter, late=late)
    ]
    if not keys:
        return st.just({})
    return st.lists(
        st.sampled_from(sorted(keys)).flatmap(lambda key: values(key[1]).map(lambda value: (key, value)))
    ).map(as_tables)


def as_tables(pairs):
    """Give pairs of key and value as tables by path."""
    tables = {}
    for (path, parameter), value in pairs:
        tables.setdefault(path, {})[parameter] = value
    return tables


ALL = ("concurrency", "threads", "at_most", "place")


@laws
@given(tunable_trees, st.data())
def test_to_apply_once_is_to_apply_twice(recipe, data):
    """And paths stay what they were."""
    tree = build(recipe)
    config = Config(data.draw(settings_of(tree, ALL)))

    once = config.apply(tree)
    assert config.apply(once) == once
    assert [path for path, _ in walk(once)] == [path for path, _ in walk(tree)]


@laws
@given(tunable_trees, st.data())
def test_two_together_are_one_after_the_other(recipe, data):
    """Later settings win."""
    tree = build(recipe)
    one, two, three = (Config(data.draw(settings_of(tree, ALL))) for _ in range(3))

    assert (one + two).apply(tree) == two.apply(one.apply(tree))
    assert one + (two + three) == (one + two) + three
    assert one + Config() == Config() + one == one == one + one


@laws
@given(tunable_trees)
def test_nothing_changes_nothing(recipe):
    """The very same flow is given, also for what other flows have."""
    tree = build(recipe)

    assert Config().apply(tree) is tree
    assert Config({"some other flow": {"x": 1}}).apply(tree) is tree


@few
@given(tunable_trees, st.data())
def test_variables_set_what_tables_set(recipe, data):
    """Where a name means one place only."""
    tree = build(recipe)
    tables = data.draw(settings_of(tree, ALL))
    means = Places(tree.node).variables()
    named = {
        variable_name(path, parameter): str(value)
        for path, table in tables.items()
        for parameter, value in table.items()
        if len(means[variable_name(path, parameter)]) == 1
    }

    kept = {path: {} for path in tables}
    for path, table in tables.items():
        kept[path] = {name: value for name, value in table.items() if variable_name(path, name) in named}
    assert Config.read(environ=named).apply(tree) == Config(kept).apply(tree)


def is_in_order(recipe):
    """Say whether a tree gives the same whoever of several comes first: not where several may fail, or be the fastest."""
    nodes = [node for _, node in walk(build(recipe))]
    return not any(
        node.kind == "race"
        or getattr(node, "quorum", None)
        or getattr(node, "unordered", False)
        or (node.kind == "loop" and node.until is not None)  # raises LimitReached
        or getattr(node, "fn", None) in FAILING
        for node in nodes
    )


@few
@given(calm_trees.filter(is_in_order), st.data())
def test_a_tuned_flow_gives_what_the_flow_gives(recipe, data):
    """However many run at once, and wherever."""
    tree = build(recipe)
    tuned = Config(data.draw(settings_of(tree, ("concurrency", "threads", "place")))).apply(tree)

    assert becomes_of(tuned)[:2] == becomes_of(tree)[:2]
