"""Recipes of rows of streams: a source, what is mapped and yielded on the way, and a reader at the end."""

from hypothesis import strategies as st

from omnitron import flow, walk
from omnitron.algebra import Stream, Undo, from_node

from . import early, steps

SOURCES = (*steps.FANS, steps.fan_failing)
READERS = (steps.drain, steps.peek, steps.choke, list)
LATE_READERS = (steps.drain_later, steps.sip, steps.peek_later, steps.choke_later)
YIELDING = {steps.doubled: steps.doubled_later, steps.thinned: steps.thinned_later}
LATER = {steps.drain: steps.drain_later, steps.peek: steps.peek_later, steps.choke: steps.choke_later, list: steps.sip}


def recipes(parts, *, late):
    """Give strategies of recipes over other recipes; `late` allows async ones."""
    return [st.tuples(st.just("read"), rows(parts, late=late), readers(parts, late=late))]


def rows(parts, *, late):
    """Give recipes of rows that end in a stream."""
    mapping = st.tuples(
        st.just("map"),
        parts,
        st.sampled_from((None, None, 1, 2)),
        st.sampled_from(("raise", "raise", "collect")),
        st.booleans(),
    )
    stages = st.lists(mapping | st.tuples(st.just("yield"), st.sampled_from(tuple(YIELDING))), max_size=3)
    sources = st.sampled_from(SOURCES + steps.LATE_FANS if late else SOURCES)
    wraps = st.sampled_from((None, None, "named", "within"))
    return st.tuples(st.just("row"), sources, stages.map(tuple), wraps)


def readers(parts, *, late):
    """Give what may stand at the end of a row."""
    steps_ = st.sampled_from(READERS + LATE_READERS if late else READERS)
    return steps_ | st.tuples(st.just("each"), parts)


def build(recipe, inside):
    """Make the flow of a recipe; `inside` makes those of its parts."""
    match recipe:
        case ("read", made, reader):
            made, is_async = row(made, inside)
            if not isinstance(reader, tuple):
                return made | flow(LATER.get(reader, reader) if is_async else reader)
            body = inside(reader[1])
            if is_async and not body.node.is_async:
                return made | flow(steps.sip)
            return made | steps.unsaid | body.each(**({"concurrency": 1} if body.node.is_async else {}))
        case ("row on threads", body, mode, threads):
            return flow(steps.fan_yielding) | inside(body).stream(mode=mode, threads=threads) | list
    return early.build(recipe, inside)


def undoes(tree):
    """Say whether something in a tree can be undone."""
    return any(isinstance(node, Undo) for _, node in walk(tree))


def undoes_in_items(tree):
    """Say whether something is done for an item of a stream that could be undone while the item is computed."""
    return any(undoes(from_node(node)) for _, node in walk(tree) if isinstance(node, Stream))


def row(recipe, inside):
    """Make the flow of a row; say whether its stream is async."""
    _, source, stages, wrap = recipe
    if source is steps.fan_later and stages[:1] in ((), (("yield", steps.doubled),), (("yield", steps.thinned),)):
        source = steps.source  # what a plain function gives is closed by those who say that they close what they read
    made, is_async = flow(source), source in steps.LATE_FANS
    for stage in stages:
        match stage:
            case ("map", body, concurrency, mode, unordered):
                body = inside(body)
                is_async = is_async or body.node.is_async
                options = {}
                if body.node.is_async and concurrency is not None:
                    options = {"concurrency": concurrency, "unordered": unordered}
                    (body,) = early.apart([body]) if unordered else [body]
                made = made | body.stream(mode=mode, **options)
            case ("yield", fn):
                made = made | flow(YIELDING[fn] if is_async else fn)
    if wrap == "named":
        made = made.named("row")
    return made.within(tenant="inside") if wrap == "within" else made, is_async
