"""Quorums of sync calls: in order in the caller's thread, or on threads of their own.

The calls give outcomes. Those of async calls stand in `omnitron.runtime.racing`, what is counted in
`omnitron.runtime.tally`. No thread that is started here outlives the call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from omnitron.runtime.crews import Crew
from omnitron.runtime.streams import ending
from omnitron.runtime.tally import Items, Marks, Tally
from omnitron.runtime.whereabouts import thread_here

__all__ = ["each_quorum", "each_quorum_threads", "quorum", "quorum_threads"]


def quorum(
    branches: tuple[Callable[..., Any], ...], needed: int, spot: Marks, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> list[Any]:
    """Run branches one after the other until `needed` of them have succeeded; give what came of each, None for the rest."""
    tally = Tally(needed, len(branches))
    for o_branch, branch in enumerate(branches):
        tally.put(o_branch, branch(*args, **kwargs))
        if tally.decided:
            break
    return tally.by_place(spot)


def quorum_threads(
    branches: tuple[Callable[..., Any], ...],
    needed: int,
    spot: Marks,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    *,
    threads: int,
) -> list[Any]:
    """The same on at most `threads` threads: what runs when it is decided is awaited, and its outcome kept."""
    from concurrent.futures import ThreadPoolExecutor

    tally, caller = Tally(needed, len(branches)), thread_here()
    crew = Crew(min(threads, len(branches)))
    with ThreadPoolExecutor(crew.threads) as pool, Halting(tally):
        jobs = [
            crew.submit(pool, unless_decided, tally, place, partial(branch, *args, **kwargs), caller)
            for place, branch in enumerate(branches)
        ]
        crew.rest()
        for job in jobs:
            job.result()
    return tally.by_place(spot)


def unless_decided(tally: Tally, place: int, call: Callable[[], Any], o_caller: tuple[int, int]) -> None:
    """Make a call and keep its outcome, unless it is decided already; what is no outcome keeps the others from starting."""
    if tally.decided:
        return
    with Halting(tally):
        tally.put(place, call())


class Halting:
    """Keeps calls from starting once something has been raised inside."""

    __slots__ = ("tally",)

    def __init__(self, tally: Tally) -> None:
        self.tally = tally

    def __enter__(self) -> None:
        """Do nothing yet."""

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        """Halt after an error."""
        if kind is not None:
            self.tally.halted = True


def size_of(items: Any) -> int | None:
    """Give the number of items if they tell it."""
    try:
        return len(items)
    except TypeError:
        return None


def each_quorum(
    call: Callable[[Any], Any],
    items: Iterable[Any],
    needed: int,
    spot: Marks,
    *,
    enter: Callable[[int], Any] | None,
    leave: Callable[[Any], None] | None,
    **result: Any,
) -> Any:
    """Call with one item after the other until `needed` of them have succeeded; give the outcomes, or fold them.

    Args:
        call: gives the outcome of one item.
        items: any iterable; one that tells its length ends the loop as soon as too many have failed.
        needed: how many must succeed.
        spot: notes where an error was raised.
        enter: frames an item for whoever watches.
        leave: ends that frame.
        **result: `unordered`, `fold` and `start` as `Each` has them.

    Raises:
        ExceptionGroup: fewer have succeeded; all errors in the order of the items.
        NotEnough: there are fewer items, and none has failed.
    """
    tally, one = Tally(needed, size_of(items)), Items(call, enter, leave)
    taken = 0
    with ending(items):
        for taken, item in enumerate(items, 1) if not tally.decided else ():
            tally.put(taken - 1, one.now(taken - 1, item))
            if tally.decided:
                break
        if not tally.decided:
            tally.possible = taken
    return tally.listed(spot, **result)


def each_quorum_threads(
    call: Callable[[Any], Any],
    items: Iterable[Any],
    needed: int,
    spot: Marks,
    *,
    threads: int,
    enter: Callable[[int], Any] | None,
    leave: Callable[[Any], None] | None,
    **result: Any,
) -> Any:
    """The same on threads: what runs when it is decided is awaited, and its outcome kept.

    The iterable is read and the reducer is called in the caller's thread only.
    """
    from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

    tally, one, caller = Tally(needed, size_of(items)), Items(call, enter, leave), thread_here()
    running: set[Future[None]] = set()
    numbered, crew = enumerate(items), Crew(threads)
    more, taken = not tally.decided, 0
    with ending(items), ThreadPoolExecutor(threads) as pool, Halting(tally):
        while more or running:
            while more and len(running) < 2 * threads and not tally.decided:
                found = next(numbered, None)
                if found is None:
                    more = False
                    tally.possible = taken
                    break
                taken += 1
                call_one = partial(one.now, *found)
                running.add(crew.submit(pool, unless_decided, tally, found[0], call_one, caller))
            more = more and not tally.decided
            if running:
                crew.rest()
                ended, running = wait(running, return_when=FIRST_COMPLETED)
                for job in ended:
                    job.result()
                crew.feeding = more
    return tally.listed(spot, **result)
