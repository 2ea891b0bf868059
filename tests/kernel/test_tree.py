"""A flow is a value and a tree: equality, hash, repr, pickle, walk, rewrite, limits of depth."""

import asyncio
import pickle

import pytest

from omnitron import (
    DefinitionError,
    Effect,
    OmnitronError,
    by_type,
    choose,
    fallback,
    flow,
    gather,
    identity,
    keep,
    loop,
    parallel,
    rewrite,
    sequence,
    tap,
    try_with,
    walk,
    when,
)
from omnitron.algebra import Node, Parallel, Sequence, Step, render


def plain(x):
    """A function of this module."""
    return x + 1


def other(x):
    return x * 2


def rows(x):
    """Yield something twice."""
    yield x
    yield x


async def rows_later(x):
    yield x


def text(x: str):
    return x


def number(x: int):
    return x


@flow
def decorated(x):
    return x - 1


@flow
def recover(failure):
    return failure.input


def build():
    """Build one tree of every kind, anew at each call."""
    f, g = flow(plain), flow(other)
    return [
        f,
        f | g,
        parallel(f, g),
        parallel(f, g, mode="collect"),
        parallel(f, g, threads=2),
        gather(dict, x=f, y=g),
        when(plain, f, g),
        when(plain, f),
        try_with(f, recover),
        try_with(f, finally_=g),
        try_with(f, recover, on=(KeyError, OSError)),
        f.each(),
        f.each(mode="collect"),
        f.each(threads=2),
        flow(asyncio.sleep).each(concurrency=2, unordered=True),
        flow(sorted).batch(3),
        flow(sorted).batch(3, max_wait=0.5, by=plain, key=other),
        flow(sorted).chunk(3),
        flow(sorted).chunk(3, weigh=plain, max_weight=9, mode="collect", threads=2),
        f.on("thread").each().chunk(3, 2),
        f.on("thread"),
        flow(int).bind(base=8),
        flow(divmod).star(flow(divmod)),
        identity,
        f.named("plus"),
        (f | g).named("both"),
        f.with_meta(tags={"t"}),
        keep(f),
        tap(f),
        choose(plain, {1: f, 2: g}),
        choose(plain, {1: f, 3: g}),
        choose(plain, {1: f}, g),
        by_type(flow(text), flow(number)),
        by_type(flow(number), flow(text)),
        fallback(f, g),
        fallback(f, g, on=KeyError),
        loop(f, at_most=2),
        loop(f, until=other, at_most=2),
        loop(f, until=other),
        flow(rows),
        flow(rows_later),
        flow(rows) | f.stream(),
        flow(rows_later) | f.stream(),
        flow(rows) | f.stream() | g.stream() | list,
        f.stream(),
        g.stream(),
        f.stream(mode="collect"),
        f.stream(threads=2),
        f.stream(threads=3),
        f.stream(threads=2, unordered=True),
        flow(asyncio.sleep).stream(),
        flow(asyncio.sleep).stream(concurrency=2),
        flow(asyncio.sleep).stream(concurrency=2, unordered=True, mode="collect"),
        f.stream().stream(),
        f.stream().named("many"),
    ]


every = pytest.mark.parametrize("place", range(len(build())), ids=[flow_.name for flow_ in build()])


@every
def test_trees_written_twice_are_equal(place):
    """Equal structure over equal functions is equality, with equal hashes."""
    first, second = build()[place], build()[place]

    assert first == second
    assert hash(first) == hash(second)


@every
def test_trees_of_different_structure_differ(place):
    """No two of the different trees are equal."""
    trees = build()

    assert [number for number, tree in enumerate(trees) if tree == trees[place]] == [place]


@every
def test_pickle_gives_an_equal_tree(place):
    """A tree over importable functions loads as an equal one, of the same class and name."""
    tree = build()[place]
    loaded = pickle.loads(pickle.dumps(tree))

    assert loaded == tree
    assert (type(loaded), loaded.name, repr(loaded)) == (type(tree), tree.name, repr(tree))


@every
def test_identity_rewrite_gives_an_equal_tree(place):
    """Rewriting nothing changes nothing, names and metadata included."""
    tree = build()[place]
    same = rewrite(tree, lambda node: node)

    assert same == tree
    assert (type(same), same.name, same.meta) == (type(tree), tree.name, tree.meta)


@every
def test_walk_starts_at_the_root(place):
    """The first pair is the root's path and node."""
    tree = build()[place]
    path, node = next(iter(walk(tree)))

    assert path == tree.name
    assert node == tree.node


def test_equality_is_by_function_object():
    """Two lambdas are two functions."""
    assert flow(lambda x: x) != flow(lambda x: x)
    assert flow(plain) == flow(plain)


def test_a_flow_never_equals_its_function():
    """A flow is equal to flows only."""
    assert flow(plain) != plain
    assert flow(plain) != "plain"


def test_flows_are_keys_of_dictionaries():
    """Equal flows find each other in a dictionary."""
    assert {flow(plain) | flow(other): 1}[flow(plain) | flow(other)] == 1


def test_names_metadata_and_places_make_a_difference():
    """What can be seen takes part in equality."""
    f = flow(plain)

    assert len({f, f.named("a"), f.named("b"), f.with_meta(version="1.0.0"), f.on("thread"), f | f, f | f | f}) == 7


def test_bound_values_take_part_in_equality():
    """Bindings of different values differ."""
    assert flow(sorted).bind(reverse=True) == flow(sorted).bind(reverse=True)
    assert flow(sorted).bind(reverse=True) != flow(sorted).bind(reverse=False)


def test_values_that_only_look_equal_are_told_apart_or_equal_as_python_says():
    """Bindings compare their values as Python does."""
    f = flow(lambda x, k: k)

    assert (f.bind(k=1) == f.bind(k=2)) is False
    assert (f.bind(k=float("nan")) == f.bind(k=float("nan"))) is False


def test_unhashable_bound_values_compare():
    """A flow that is bound to a list is comparable, and its hash is still one of equals."""
    f = flow(lambda x, into: into)

    assert f.bind(into=[1]) == f.bind(into=[1])
    assert f.bind(into=[1]) != f.bind(into=[2])
    assert hash(f.bind(into=[1])) == hash(f.bind(into=[1]))


def test_repr_of_a_step_is_one_line_with_its_name():
    """A lone step prints on one line."""
    assert "plain" in repr(flow(plain))
    assert "\n" not in repr(flow(plain))


def test_repr_of_a_tree_shows_every_part_on_lines():
    """A composed flow prints as its tree, the deeper the further right."""
    text = repr(flow(plain) | parallel(flow(other), decorated))
    lines = text.splitlines()
    depth = {
        name: line.index(name) for name in ("parallel", "other", "decorated") for line in lines[1:] if name in line
    }

    assert len(lines) > 3
    assert depth["other"] == depth["decorated"] > depth["parallel"]


def test_a_module_level_flow_pickles_as_a_reference():
    """A flow that its module and name find loads as that very object."""
    assert pickle.loads(pickle.dumps(decorated)) is decorated


def test_a_refined_flow_pickles_as_its_tree_over_references():
    """Refinements of a referenced flow load equal and work."""
    loaded = pickle.loads(pickle.dumps(decorated.named("minus") | flow(other)))

    assert loaded == decorated.named("minus") | flow(other)
    assert loaded(3) == 4


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_protocol_of_pickle_works(protocol):
    """Old and new protocols load an equal flow."""
    tree = flow(plain) | decorated

    assert pickle.loads(pickle.dumps(tree, protocol)) == tree


def test_what_cannot_be_pickled_says_why():
    """A lambda in a tree is named by the error."""
    with pytest.raises(OmnitronError, match="lambda") as caught:
        pickle.dumps(flow(plain) | flow(lambda x: x))

    assert isinstance(caught.value, TypeError)


def test_metadata_survives_pickling():
    """Declared facts travel with the tree."""
    tree = flow(plain).with_meta(effects=Effect.READ, capabilities={"db:x"}, tags={"t"}, version="1.0.0")

    assert pickle.loads(pickle.dumps(tree)).meta == tree.meta


def test_paths_are_names_from_the_root():
    """Each node's path is its place."""
    tree = (flow(plain) | parallel(flow(other), decorated)).named("intake")

    assert [path for path, _ in walk(tree)] == [
        "intake",
        "intake/plain",
        "intake/parallel",
        "intake/parallel/other",
        "intake/parallel/decorated",
    ]


def test_equal_siblings_are_numbered():
    """The second and third of one name get a number."""
    tree = sequence(flow(plain), flow(plain), flow(plain)).named("three")

    assert [path for path, _ in walk(tree)][1:] == ["three/plain", "three/plain#2", "three/plain#3"]


def test_paths_are_unique_for_nodes_that_run():
    """No two steps of a tree share a path."""
    f = flow(plain)
    tree = parallel(f, f | f, parallel(f, f), parallel(f, f).named("parallel"), f)
    paths = [path for path, node in walk(tree) if isinstance(node, Step)]

    assert len(set(paths)) == len(paths) == 8


def test_refinements_add_no_segment():
    """`bind` and `on` leave the path of the step."""
    tree = (flow(plain) | flow(int).bind(base=8).on("thread")).named("pair")

    assert {path for path, _ in walk(tree)} == {"pair", "pair/plain", "pair/int"}


def test_a_named_pipe_is_a_segment():
    """A pipe counts in paths only when it is named."""
    inner = flow(plain) | flow(other)
    unnamed = parallel(inner, decorated).named("p")
    named = parallel(inner.named("both"), decorated).named("p")

    assert "p/both/plain" in {path for path, _ in walk(named)}
    assert "p/plain" in {path for path, _ in walk(unnamed)}


def test_rewrite_replaces_steps_and_keeps_names():
    """Replaced parts change, the rest, names and metadata stay."""
    tree = (flow(plain) | parallel(flow(plain), flow(other))).named("whole").with_meta(version="2.0.0")
    target = flow(decorated.fn).node
    changed = rewrite(tree, lambda node: target if isinstance(node, Step) and node.fn is plain else node)

    assert (tree(5), changed(5)) == ((7, 12), (3, 8))
    assert (changed.name, changed.meta.version) == ("whole", "2.0.0")


def test_rewrite_is_bottom_up():
    """Children are rewritten before their parents."""
    seen = []

    def look(node):
        seen.append(type(node))
        return node

    rewrite(parallel(flow(plain), flow(plain) | flow(other)), look)
    assert seen == [Step, Step, Step, Sequence, Parallel]


def test_rewrite_leaves_the_original_alone():
    """A flow is immutable."""
    tree = flow(plain) | flow(other)
    rewrite(tree, lambda node: identity.node if isinstance(node, Step) else node)

    assert tree(1) == 4


@pytest.mark.parametrize("wrong", [None, plain], ids=["none", "function"])
def test_rewrite_refuses_what_is_no_node(wrong):
    """The function must give a node or a flow."""
    with pytest.raises(DefinitionError):
        rewrite(flow(plain) | flow(other), lambda node: wrong)


def test_rewrite_may_change_the_colour():
    """An async replacement makes the whole async."""
    late = flow(asyncio.sleep).bind(result=5).node
    changed = rewrite(
        flow(plain) | flow(other), lambda node: late if isinstance(node, Step) and node.fn is other else node
    )

    assert asyncio.run(changed(0)) == 5


def test_nodes_are_immutable():
    """A node's field cannot be set."""
    node = (flow(plain) | flow(other)).node

    assert isinstance(node, Node)
    with pytest.raises(AttributeError):
        node.parts = ()


def test_nodes_of_a_pipe_keep_their_fields():
    """A field of a step and of a pipe, which are made quicker than other nodes, cannot be deleted."""
    node = (flow(plain) | other).node

    for made in (node, node.parts[1]):
        with pytest.raises(AttributeError, match="immutable"):
            del made.meta


def test_two_hundred_levels_run_and_one_more_is_refused():
    """Nesting goes to 200 levels; the next is refused when it is written."""
    tree = flow(plain)
    for _ in range(199):
        tree = when(plain, tree)

    with pytest.raises(DefinitionError, match="200"):
        when(plain, tree)
    assert tree(1) == 2


@pytest.mark.parametrize(
    "wrap",
    [
        lambda tree: parallel(tree) | flow(sum),
        lambda tree: when(plain, tree, identity),
        lambda tree: try_with(tree, recover),
        lambda tree: try_with(tree, finally_=identity),
        lambda tree: flow(lambda x: [x]) | tree.each() | flow(sum),
        lambda tree: keep(tree) | flow(max),
        lambda tree: tap(tree) | flow(lambda x: 2),
        lambda tree: choose(lambda x: 1, {1: tree}),
        lambda tree: by_type(flow(number) | tree, flow(text)),
        lambda tree: fallback(tree, recover),
        lambda tree: fallback(recover, tree),
        lambda tree: loop(tree, at_most=1),
    ],
    ids=[
        "parallel",
        "when",
        "try_with",
        "finally",
        "each",
        "keep",
        "tap",
        "choose",
        "by_type",
        "fallback",
        "second",
        "loop",
    ],
)
def test_deep_trees_of_every_kind_work(wrap):
    """At a depth of 150, everything that can be asked of a tree is answered."""
    tree = flow(plain)
    twin = flow(plain)
    for _ in range(150):
        tree, twin = wrap(tree), wrap(twin)

    assert tree(1) == 2
    assert len(repr(tree).splitlines()) > 150
    assert len(list(walk(tree))) > 150
    assert rewrite(tree, lambda node: node) == tree


def test_a_numbered_drawing_has_the_names_of_paths():
    """Of equal siblings the second is `x#2`, also where rows are cut; what is no segment of paths has no number."""
    x, y = flow(lambda v: v, name="x"), flow(lambda v: [v], name="y")
    tree = (x | parallel(x, x.on("thread"), x, x, x) | y.each() | tap(x) | y.each().named("x") | y.each()).named("all")

    assert render(tree.node, 4, numbered=True).splitlines() == [
        "all",
        "├── x",
        "├── parallel",
        "│   ├── x",
        "│   ├── on('thread')",
        "│   │   └── x#2",
        "│   ├── … 1 more",
        "│   ├── x#4",
        "│   └── x#5",
        "├── … 2 more",
        "├── x#3: each",
        "│   └── y",
        "└── each#2",
        "    └── y",
    ]
    assert "#" not in repr(tree)


def test_a_number_in_a_name_is_no_number_of_a_sibling():
    """Only what paths have behind a name counts."""
    odd = flow(lambda v: v, name="x")
    two = [flow(lambda v: v, name="2"), flow(lambda v: v, name="2")]

    assert render((odd | two[0] | two[1]).named("x 2").node, numbered=True).split("\n") == [
        "x 2",
        "├── x",
        "├── 2",
        "└── 2#2",
    ]
