"""The meaning of the nodes that spread, bind, choose, keep, recover and repeat; `reference_more` calls this one."""

from omnitron import LimitReached, NoMatch
from omnitron.algebra import Bound, ByType, Choose, Fallback, Keep, Loop, Star, Tap, When

from . import reference, reference_more


async def meaning(node, args, kwargs):
    """Give what the node gives for these arguments."""
    match node:
        case Star():
            (value,) = args
            return await reference.meaning(node.body, tuple(value), {})
        case Bound():
            return await reference.meaning(node.body, args, {**dict(node.keywords), **kwargs})
        case Keep():
            result = await reference.meaning(node.body, args, kwargs)
            return reference.one_input(args, kwargs), result
        case Tap():
            await reference.meaning(node.body, args, kwargs)
            return reference.one_input(args, kwargs)
        case When():
            return await meaning_of_when(node, args, kwargs)
        case Choose():
            return await reference.meaning(await arm_of(node, args, kwargs), args, kwargs)
        case ByType():
            (value,) = args
            return await reference.meaning(arm_by_type(node, value), args, kwargs)
        case Fallback():
            return await meaning_of_fallback(node, args, kwargs)
        case Loop():
            (value,) = args
            return await meaning_of_loop(node, value)
    raise AssertionError(f"no meaning for {type(node).__name__}")


async def meaning_of_when(node, args, kwargs):
    """The test chooses; without another branch the input passes."""
    if await reference.meaning(node.test, args, kwargs):
        return await reference.meaning(node.then, args, kwargs)
    if node.otherwise is not None:
        return await reference.meaning(node.otherwise, args, kwargs)
    (value,) = args
    return value


async def arm_of(node, args, kwargs):
    """The first arm whose key is equal, else the default."""
    key = await reference.meaning(node.key, args, kwargs)
    for known, arm in zip(node.keys, node.arms, strict=True):
        if known == key:
            return arm
    if node.otherwise is None:
        raise NoMatch(key, tuple(map(repr, node.keys)), node.name)
    return node.otherwise


def arm_by_type(node, value):
    """The arm of the nearest class of the value's line, then of an abstract class, then the one for the rest."""
    rows = [(kind, arm) for kinds, arm in zip(node.kinds, node.arms, strict=True) for kind in kinds]
    for mine in type(value).__mro__[:-1]:
        for wanted in {int: (int, float, complex), float: (float, complex)}.get(mine, (mine,)):
            for kind, arm in rows:
                if kind is wanted:
                    return arm
    for kind, arm in rows:
        if kind is not object and isinstance(value, kind):
            return arm
    for kind, arm in rows:
        if kind is object:
            return arm
    raise NoMatch(type(value), node.roles(), node.name)


async def meaning_of_fallback(node, args, kwargs):
    """The first success; after the last flow, or an error of another kind, that error leaves."""
    *firsts, last = node.branches
    for branch in firsts:
        try:
            return await reference_more.part(branch, args, kwargs)
        except Exception as error:
            on = node.on
            if not (isinstance(error, on) if isinstance(on, type | tuple) else on(error)):
                raise
    return await reference_more.part(last, args, kwargs)


async def meaning_of_loop(node, value):
    """A turn, then the test, again and again."""
    turns = 0
    while node.at_most is None or turns < node.at_most:
        value = await reference.meaning(node.body, (value,), {})
        turns += 1
        if node.until is not None and await reference.meaning(node.until, (value,), {}):
            return value
    if node.until is not None:
        raise LimitReached(value, turns, node.name)
    return value
