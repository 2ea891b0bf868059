"""Random trees of both colours.

A tree is drawn as a *recipe*, plain nested tuples that print well and can be built twice; `build` makes the flow.
"""

from functools import reduce

from hypothesis import strategies as st

from omnitron import (
    by_type,
    choose,
    fallback,
    flow,
    gather,
    identity,
    keep,
    loop,
    parallel,
    sequence,
    tap,
    try_with,
    when,
)

from . import early, steps, streams
from .growing import bounded

SYNC = (steps.plain, steps.other, steps.fragile, steps.broken)
ASYNC = (steps.calm, steps.slow, steps.slower, steps.fragile_later, steps.broken_later, steps.careful)
CATCHES = (Exception, ValueError, (KeyError, steps.Broken), steps.is_fragile)


def leaves(functions):
    """Give recipes of single steps."""
    step = st.sampled_from(functions).map(lambda fn: ("step", fn))
    keyed = st.sampled_from((1, "a")).map(lambda key: ("keyed", key))
    return st.one_of(step, step, step, keyed, st.just(("identity",)))


def combined(parts, *, late):
    """Give recipes over other recipes; `late` allows async tests, finishes and joins."""
    tests = (steps.is_even, steps.is_even_later) if late else (steps.is_even,)
    finishes = (steps.finish, steps.finish_later) if late else (steps.finish,)
    fans = steps.FANS + steps.LATE_FANS if late else steps.FANS
    joins = (steps.join, steps.join_later) if late else (steps.join,)
    maybe = st.none() | parts
    few = st.lists(parts, min_size=2, max_size=3).map(tuple)
    return st.one_of(
        st.tuples(st.just("sequence"), few),
        st.tuples(st.just("parallel"), few, st.sampled_from(("raise", "collect"))),
        st.tuples(st.just("gather"), parts, parts),
        st.tuples(st.just("when"), st.sampled_from(tests), parts, maybe),
        st.tuples(st.just("catch"), parts, parts, st.sampled_from(CATCHES)),
        st.tuples(st.just("finally"), parts, maybe, st.sampled_from(finishes)),
        st.tuples(
            st.just("each"),
            st.sampled_from(fans),
            parts,
            st.sampled_from((None, 1, 2)),
            st.sampled_from(("raise", "collect")),
            st.booleans(),
            st.booleans(),
        ),
        st.tuples(st.just("star"), parts, st.sampled_from(joins)),
        st.tuples(st.just("named"), parts, st.sampled_from(("here", "there"))),
        st.tuples(st.just("tagged"), parts),
        *([st.tuples(st.just("at home"), parts)] if late else []),
        *chosen(parts, few, late=late),
        *early.recipes(parts, late=late),
        *streams.recipes(parts, late=late),
    )


def chosen(parts, few, *, late):
    """Give recipes that choose, keep, recover and repeat."""
    keys = (steps.weight_class, steps.weight_class_later) if late else (steps.weight_class,)
    tests = (steps.is_even, steps.is_even_later) if late else (steps.is_even,)
    arms = (steps.of_text, steps.of_number, steps.of_series, steps.of_pair, steps.of_rest)
    return (
        st.tuples(st.sampled_from(("keep", "tap")), parts),
        st.tuples(st.just("choose"), st.sampled_from(keys), few, st.none() | parts),
        st.tuples(st.just("by type"), parts, st.lists(st.sampled_from(arms), min_size=1, unique=True).map(tuple)),
        st.tuples(st.sampled_from(("fallback", "or else")), few, st.sampled_from(CATCHES)),
        st.tuples(st.just("loop"), parts, st.none() | st.sampled_from(tests), st.integers(1, 3)),
        st.tuples(st.just("open loop"), parts),
    )


def trees(functions=SYNC, *, late=False, size=10):
    """Give recipes of whole trees; every third reads a stream."""

    def inside(parts):
        return combined(parts, late=late)

    found = st.recursive(leaves(functions), inside, max_leaves=size)
    few = st.recursive(leaves(functions), inside, max_leaves=min(size, 3))
    most = 100 if size < 10 else 1_000  # several of the smaller ones stand in one flow
    return bounded(st.one_of(found, found, *streams.recipes(few, late=late)), most)


def threaded_trees():
    """Give recipes of sync trees that use threads."""

    def over(parts):
        few = st.lists(parts, min_size=1, max_size=3).map(tuple)
        mode, threads = st.sampled_from(("raise", "collect")), st.sampled_from((1, 2, 3))
        return st.one_of(
            combined(parts, late=False),
            st.tuples(st.just("threads"), few, mode, threads),
            st.tuples(st.just("each on threads"), parts, mode, threads),
            st.tuples(st.just("row on threads"), parts, mode, threads),
            st.tuples(st.just("quorum on threads"), few, st.sampled_from((1, 2)), st.just(1)),
        )

    return bounded(st.recursive(leaves(SYNC), over, max_leaves=6), 1_000)


def wide_trees(*, late):
    """Give recipes whose first step takes several parameters."""
    functions = (steps.wide, steps.wide_fragile, steps.loose, *((steps.wide_later,) if late else ()))
    after = trees(SYNC + ASYNC if late else SYNC, late=late, size=3)
    finishes = (steps.finish, steps.finish_later) if late else (steps.finish,)

    def over(parts):
        few = st.lists(parts, min_size=2, max_size=3).map(tuple)
        return st.one_of(
            st.tuples(st.just("sequence"), st.tuples(parts, after)),
            st.tuples(st.just("parallel"), few, st.sampled_from(("raise", "collect"))),
            st.tuples(st.just("gather"), parts, parts),
            st.tuples(st.just("when"), st.just(steps.wide_test), parts, parts),
            st.tuples(st.just("catch"), parts, after, st.sampled_from(CATCHES)),
            st.tuples(st.just("finish"), parts, st.sampled_from(finishes)),
            st.tuples(st.just("named"), parts, st.sampled_from(("here", "there"))),
            st.tuples(st.sampled_from(("keep", "tap")), parts),
            st.tuples(st.just("choose"), st.just(steps.wide_key), few, st.none() | parts),
            st.tuples(st.sampled_from(("fallback", "or else")), few, st.sampled_from(CATCHES)),
        )

    return bounded(st.recursive(st.sampled_from(functions).map(lambda fn: ("step", fn)), over, max_leaves=6), 1_000)


def tall_trees(functions, *, late):
    """Give recipes that nest deeply, or are long in one place."""
    return wrappings(trees(functions, late=late, size=4), functions, 8, 40)


def away_trees():
    """Give recipes of trees with a part on a thread of its own."""
    return wrappings(trees(size=4).map(lambda recipe: ("away", recipe)), SYNC, 0, 4)


def home_trees():
    """Give recipes of trees with a sync part that is awaited where it is."""
    return wrappings(trees(size=4).map(lambda recipe: ("at home", recipe)), SYNC, 0, 4)


def wrappings(inner, functions, least, most):
    """Give recipes in which other recipes are wrapped again and again, never more than one at a time."""
    leaf = st.sampled_from(functions).map(lambda fn: ("step", fn))
    tests = (steps.is_even,)
    wrappers = st.one_of(
        st.tuples(st.just("when"), st.sampled_from(tests), st.none(), leaf),
        st.tuples(st.just("catch"), st.none(), leaf, st.sampled_from(CATCHES)),
        st.tuples(st.just("finish"), st.none(), st.just(steps.finish)),
        st.tuples(st.just("sequence"), st.tuples(leaf, st.none())),
        st.tuples(st.just("sequence"), st.tuples(st.none(), leaf)),
        st.tuples(st.just("named"), st.none(), st.just("here")),
        st.tuples(st.sampled_from(("keep", "tap")), st.none()),
        st.tuples(st.just("choose"), st.just(steps.weight_class), st.tuples(leaf, st.none()), leaf),
        st.tuples(st.just("fallback"), st.tuples(st.none(), leaf), st.sampled_from(CATCHES)),
        st.tuples(st.just("fallback"), st.tuples(leaf, st.none()), st.sampled_from(CATCHES)),
        st.tuples(st.just("loop"), st.none(), st.just(steps.is_even), st.integers(1, 2)),
        st.just(("alone", None)),
        st.just(("long", None)),
    )
    return bounded(st.tuples(inner, st.lists(wrappers, min_size=least, max_size=most)).map(wrapped), 5_000)


def wrapped(drawn):
    """Put the inner recipe into the first wrapper, that into the next, and so on."""
    recipe, wrappers = drawn
    for wrapper in wrappers:
        recipe = filled(wrapper, recipe)
    return recipe


def filled(wrapper, recipe):
    """Give the wrapper with the recipe where its None stands."""
    if wrapper is None:
        return recipe
    return tuple(filled(part, recipe) for part in wrapper) if isinstance(wrapper, tuple) else wrapper


sync_trees = trees()
async_trees = trees(SYNC + ASYNC, late=True)
any_trees = sync_trees | async_trees

TWO_CALLS = ("parallel", (("step", steps.other), ("step", steps.slow)), "raise")
TWO_LOOPS = (
    "race",
    (("open loop", ("step", steps.calm)), ("open loop", TWO_CALLS)),
)  # no gate stands between its turns


def build(recipe):
    """Make the flow of a recipe."""
    match recipe:
        case ("step", fn):
            return flow(fn)
        case ("keyed", key):
            return flow(steps.keyed).bind(key=key)
        case ("identity",):
            return identity
        case ("sequence", parts):
            return sequence(*map(build, parts))
        case ("parallel", parts, mode):
            return parallel(*map(build, parts), mode=mode)
        case ("gather", left, right):
            return gather(steps.Both, left=build(left), right=build(right))
        case ("when", test, then, otherwise):
            return when(test, build(then), None if otherwise is None else build(otherwise))
        case ("catch", body, catch, on):
            return try_with(build(body), build(catch), on=on)
        case ("finally", body, catch, finish):
            body = flow(steps.enter) | build(body)
            return try_with(body, None if catch is None else build(catch), flow(finish))
        case ("finish", body, finish):
            return try_with(build(body), finally_=flow(finish))
        case ("threads", parts, mode, threads):
            return parallel(*map(build, parts), mode=mode, threads=threads)
        case ("each on threads", body, mode, threads):
            return flow(steps.fan) | build(body).each(mode=mode, threads=threads)
        case ("away", body):
            return build(body).on("thread")
        case ("at home", body):
            return build(body).on("local")
        case ("alone", body):
            return parallel(build(body)) | flow(steps.first)
        case ("long", body):
            return sequence(*[flow(steps.enter)] * 130, build(body), *[flow(steps.enter)] * 130)
        case ("each", fan, body, concurrency, mode, unordered, folds):
            body = build(body)
            fan = fan if body.node.is_async or fan not in steps.LATE_FANS else steps.fan
            return flow(fan) | each(body, concurrency, mode, unordered=unordered, folds=folds)
        case ("star", body, join):
            return (build(body) | flow(steps.pair)).star(flow(join))
        case ("named", body, name):
            return build(body).named(name)
        case ("tagged", body):
            return build(body).with_meta(tags={"drawn"}, description="A tree that was drawn.")
    return build_choice(recipe)


def build_choice(recipe):
    """Make the flow of a recipe that chooses, keeps, recovers or repeats."""
    match recipe:
        case ("keep", body):
            return keep(build(body))
        case ("tap", body):
            return tap(build(body))
        case ("choose", key, arms, default):
            arms = dict(zip((0, 1, "key"), map(build, arms), strict=False))
            return choose(key, arms, None if default is None else build(default))
        case ("by type", body, arms):
            return build(body) | steps.unsaid | by_type(*map(flow, arms))
        case ("fallback", parts, on):
            return fallback(*map(build, parts), on=on)
        case ("or else", (first, *rest), on):
            return reduce(lambda made, part: made.or_else(build(part), on=on), rest, build(first))
        case ("loop", body, until, at_most):
            return loop(build(body), until=until, at_most=at_most)
        case ("open loop", body):
            turn = parallel(flow(steps.first) | build(body), flow(steps.one_more))
            return flow(steps.counted) | loop(turn, until=steps.is_done)
    return streams.build(recipe, build)


def each(body, concurrency, mode, *, unordered, folds):
    """Make a loop; only an async body has a bound, and an order of its own."""
    options = {"fold": steps.count, "start": tuple} if folds else {}
    if body.node.is_async:
        options |= {"concurrency": concurrency, "unordered": unordered}
    return body.each(mode=mode, **options)
