"""Recipes of what ends early, undoes, tries again, or changes the context; and the steps that only they need."""

from hypothesis import strategies as st

from omnitron import current_context, flow, parallel, race, try_with

from . import steps


def recipes(parts, *, late):
    """Give strategies of recipes over other recipes; `late` allows async ones."""
    few = st.lists(parts, min_size=2, max_size=3).map(tuple)
    needed = st.sampled_from((1, 1, 2, 3))
    fans = steps.FANS + steps.LATE_FANS if late else steps.FANS
    undoing = (steps.plain, steps.broken, *((steps.slow, steps.broken_later) if late else ()))
    found = [
        st.tuples(st.just("quorum"), few, needed),
        st.tuples(
            st.just("quorum of items"), st.sampled_from(fans), parts, st.sampled_from((None, 1, 2)), needed,
            st.booleans(), st.booleans(),
        ),
        st.tuples(st.just("undo"), parts, st.sampled_from(undoing)),
        st.tuples(st.just("reserve"), st.booleans() if late else st.just(False)),
        st.tuples(st.just("reserve first"), st.booleans() if late else st.just(False), parts),
        st.tuples(st.just("retry"), parts, st.integers(1, 3), st.sampled_from((Exception, ValueError)), st.just(late)),
        st.tuples(st.just("within"), parts, st.sampled_from(("acme", "other"))),
        st.tuples(st.just("guarded"), parts, st.sampled_from(("breaker", "share", "limit", "window", "bulkhead"))),
        st.just(("tenant",)),
    ]  # fmt: skip
    return [*found, st.tuples(st.just("race"), few), st.tuples(st.just("timeout"), parts)] if late else found


def build(recipe, inside):
    """Make the flow of a recipe; `inside` makes those of its parts."""
    match recipe:
        case ("race", parts):
            flows = apart([inside(part) for part in parts])
            later = [] if any(part.node.is_async for part in flows) else [flow(steps.slow)]
            return race(*flows, *later)
        case ("quorum", parts, needed):
            return parallel(*apart([inside(part) for part in parts]), quorum=min(needed, len(parts)))
        case ("quorum on threads", parts, needed, threads):
            return parallel(*map(inside, parts), quorum=min(needed, len(parts)), threads=threads)
        case ("quorum of items", fan, body, concurrency, needed, unordered, folds):
            (body,) = apart([inside(body)])
            options = {"fold": steps.count, "start": tuple} if folds else {}
            if body.node.is_async:
                options |= {"concurrency": concurrency, "unordered": unordered}
            fan = fan if body.node.is_async or fan not in steps.LATE_FANS else steps.fan
            return flow(fan) | body.each(quorum=needed, **options)
        case ("undo", body, compensation):
            return inside(body).undo(flow(compensation))
        case ("reserve", late):
            return reserving(late=late)
        case ("reserve first", late, after):
            return reserving(late=late) | inside(after)
        case ("retry", body, attempts, on, late):
            return waiting(inside(body), late=late).retry(attempts, 0, on=on)
        case ("timeout", body):
            return waiting(inside(body), late=True).timeout(1_000)
        case ("guarded", body, guard):
            return guarded(inside(body), guard)
        case ("within", body, tenant):
            return inside(body).within(tenant=tenant)
        case ("tenant",):
            return flow(tenant_of)
    raise AssertionError(f"no such recipe: {recipe!r}")


def guarded(body, guard):
    """Put a policy over a flow that lets everything through here."""
    match guard:
        case "breaker":
            return body.circuit_breaker(1_000)
        case "share":
            return body.circuit_breaker(share=1.0, minimum=100)
        case "limit":
            return body.rate_limit(100_000)
        case "window":
            return body.rate_limit(100_000, kind="window")
    return body.bulkhead(1_000)


def apart(flows):
    """Make each flow end at a gate of its own, if one of them is async.

    Which of several ends first would else depend on the turns of the loop that each takes, which is nobody's promise.
    """
    if not any(part.node.is_async for part in flows):
        return flows
    return [try_with(flow(steps.enter) | part, finally_=flow(steps.finish_later)) for part in flows]


def waiting(body, *, late):
    """Make a flow async where the whole is: only then does it suspend between two attempts."""
    return body | flow(steps.slow) if late and not body.node.is_async else body


def reserving(*, late):
    """Make a step that can be undone, and says which of its calls was."""
    return flow(reserve_later).undo(flow(release_later)) if late else flow(reserve).undo(flow(release))


class Ticket:
    """What was reserved. All look alike, because threads may take them in any order."""

    def __init__(self, number):
        self.number = number

    def __repr__(self):
        return "ticket"


def reserve(value):
    """Do something of which each time counts."""
    here = steps.world.get()
    ticket = Ticket(sum(word == "reserve" for word, _ in here.log))
    here.note("reserve", ticket.number)
    return ticket


def release(ticket):
    """Undo it."""
    steps.note("release", ticket.number)


async def reserve_later(value):
    """Do it, later."""
    await steps.pause("reserve_later")
    return reserve(value)


async def release_later(reserved):
    """Undo it, with a suspension after the note."""
    release(reserved)
    await steps.pause("release_later")


def tenant_of(value):
    """Give what the context of this call holds."""
    found = current_context().get("tenant", None)
    steps.note("tenant", found)
    return (found, value)
