"""How often and how long a `Retry` tries at most: read off its schedule, which is not run for it."""

from __future__ import annotations

from itertools import islice
from math import inf

from omnitron.policy.retries import Retry
from omnitron.policy.schedules import (
    Both,
    Capped,
    Either,
    Growing,
    Jittered,
    Pair,
    Schedule,
    Then,
    UpTo,
    While,
)

__all__ = ["last_start", "most_attempts", "usual_waits"]

COUNTED = 10_000
"""So many waits are counted one by one; what goes on after them counts as endless."""


def most_attempts(policy: Retry) -> float:
    """Give how many attempts there are at most, the first included; `inf` where nothing bounds them."""
    schedule = policy.schedule
    most = most_retries(schedule)
    if most < COUNTED or last_start(policy) == inf or not is_known(schedule):
        return 1 + most
    found = sum(1 for _ in islice(unconditional(schedule).delays(at=0.0), COUNTED))
    return 1 + (min(most, found) if found < COUNTED else most)


def last_start(policy: Retry) -> float:
    """Give the seconds after which no attempt starts; `inf` where nothing says so."""
    return elapsed_bound(policy.schedule)


def usual_waits(policy: Retry) -> float | None:
    """Give the seconds of all waits together where every attempt fails at once, random ones by their means.

    `inf` where they have no end; None where nobody knows, because a schedule of a user decides.
    """
    schedule = policy.schedule
    if not is_known(schedule):
        return None
    waits = [*islice(unconditional(schedule).delays(at=0.5), COUNTED)]
    return inf if len(waits) == COUNTED else sum(waits)


def parts(schedule: Schedule) -> list[Schedule]:
    """Give the schedules that one is made of."""
    return [part for name in schedule.fields if isinstance(part := getattr(schedule, name), Schedule)]


def is_known(schedule: Schedule) -> bool:
    """Say whether all of it is the library's."""
    kinds = (Both, Capped, Either, Growing, Jittered, Then, UpTo, While)
    return type(schedule) in kinds and all(map(is_known, parts(schedule)))


def unconditional(schedule: Schedule) -> Schedule:
    """Give a schedule without its tests of errors, which take errors that nobody has yet."""
    if isinstance(schedule, While):
        return unconditional(schedule.body)
    inside = {name: getattr(schedule, name) for name in schedule.fields}
    changed = {name: unconditional(part) for name, part in inside.items() if isinstance(part, Schedule)}
    return schedule.replace(**changed) if changed else schedule


def most_retries(schedule: Schedule) -> float:
    """Give how often it gives a delay at most."""
    inside = [most_retries(part) for part in parts(schedule)] if known_kind(schedule) else [inf]
    if isinstance(schedule, UpTo):
        own = inf if schedule.attempts is None else schedule.attempts - 1
        return min(own, *inside)
    return joined(schedule, inside)


def elapsed_bound(schedule: Schedule) -> float:
    """Give the seconds after which it gives none."""
    inside = [elapsed_bound(part) for part in parts(schedule)] if known_kind(schedule) else [inf]
    if isinstance(schedule, UpTo):
        return min(inf if schedule.elapsed is None else schedule.elapsed, *inside)
    return max(inside) if isinstance(schedule, Then) else joined(schedule, inside)


def known_kind(schedule: Schedule) -> bool:
    """Say whether its own class is the library's."""
    return isinstance(schedule, Pair | Capped | Jittered | UpTo | While)


def joined(schedule: Schedule, inside: list[float]) -> float:
    """Give the bound of a schedule from those of its parts."""
    if isinstance(schedule, Then):
        return sum(inside)
    return max(inside) if isinstance(schedule, Either) else min(inside, default=inf)
