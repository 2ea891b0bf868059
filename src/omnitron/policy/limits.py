"""`RateLimit`: how often a flow may be called. The machines: `omnitron.policy.permits` and `omnitron.policy.turns`."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, Literal

from omnitron.errors import DefinitionError, InvalidValue
from omnitron.model import Record
from omnitron.policy.permits import Bucket, Sliding
from omnitron.policy.schedules import check_seconds
from omnitron.policy.stacks import EitherColour
from omnitron.policy.turns import Turns, door

if TYPE_CHECKING:
    from omnitron.model import LimitStorage
    from omnitron.policy.schedules import Seconds

__all__ = ["KINDS", "Lane", "RateCell", "RateInfo", "RateLimit", "check_wait"]

KINDS: dict[str, Any] = {"bucket": Bucket, "window": Sliding}
LOOKS = 2
"""Each new key looks at so many old ones, whether they can be forgotten."""
MOST = 10**12
MOST_CLOCKS = 16
"""So many clocks are known, and more only while somebody waits on them."""


class RateInfo(Record):
    """What a limit has done so far, over all flows that share it and all keys.

    Attributes:
        taken: how many calls it let pass.
        refused: how many it refused.
        waiting: how many wait now.
        keys: how many keys have not all their permits now; of one without `key`, 1 or 0.
    """

    __slots__ = ("taken", "refused", "waiting", "keys")
    taken: int
    refused: int
    waiting: int
    keys: int

    def __init__(self, taken: int, refused: int, waiting: int, keys: int) -> None:
        self._fill(taken=taken, refused=refused, waiting=waiting, keys=keys)


class Lane:
    """The permits of one key on one clock, and who waits for them; who has the one turn waits for the next permit."""

    __slots__ = ("permits", "turns")

    def __init__(self, permits: Any) -> None:
        self.permits = permits
        self.turns = Turns()

    @property
    def ahead(self) -> int:
        """How many wait."""
        return self.turns.running + len(self.turns.line)

    def is_idle(self, now: float) -> bool:
        """Say whether it can be forgotten."""
        return not self.turns.running and not self.turns.line and self.permits.is_idle(now)


class Lanes:
    """The lanes of one limit on one clock, by key. A key that is idle is forgotten when others come."""

    __slots__ = ("clock", "lanes", "lasts", "make")

    def __init__(self, clock: Any, make: Callable[[], Any], *, lasts: bool) -> None:
        self.clock = clock
        self.lasts = lasts
        self.make = make
        self.lanes: OrderedDict[Hashable, Lane] = OrderedDict()

    def lane(self, key: Hashable, now: float) -> Lane:
        """Give the lane of a key."""
        found = self.lanes.get(key)
        if found is not None:
            return found
        for _ in range(min(LOOKS, len(self.lanes))):
            oldest = next(iter(self.lanes))
            old = self.lanes.pop(oldest)
            if not old.is_idle(now):
                self.lanes[oldest] = old
        made = self.lanes[key] = Lane(self.make())
        return made

    def looked_at(self) -> list[tuple[Lane, bool]]:
        """Give each lane, and whether it is not idle."""
        now = self.clock.monotonic()
        return [(lane, not lane.is_idle(now)) for lane in self.lanes.values()]


class RateCell(Record):
    """The state of a rate limit: no part of equality, hash and pickling, so that a pickled one arrives fresh."""

    __slots__ = ("_state",)
    _state: State

    def __init__(self) -> None:
        self._fill(_state=State())

    @property
    def state(self) -> State:
        """What there is."""
        return self._state


class State:
    """What a cell holds: for each set of numbers, and each clock, the lanes. What a configuration changes counts apart."""

    __slots__ = ("refused", "spaces", "taken")

    def __init__(self) -> None:
        self.taken = self.refused = 0
        self.spaces: dict[Hashable, Lanes] = {}

    def lanes(self, numbers: tuple[str, int, float, int], clock: Any, *, lasts: bool = False) -> Lanes:
        """Give the lanes of a limit of these numbers on a clock; those that are to last are never forgotten."""
        who = (numbers, id(clock))
        found = self.spaces.get(who)
        if found is None:
            if len(self.spaces) >= MOST_CLOCKS:
                self.forget()
            kind, *rest = numbers
            found = self.spaces[who] = Lanes(clock, lambda: KINDS[kind](*rest), lasts=lasts)
        return found

    def forget(self) -> None:
        """Forget what is known of the oldest clock of a test on which nobody waits."""
        for who, lanes in list(self.spaces.items()):
            if lanes.lasts or any(lane.ahead for lane in lanes.lanes.values()):
                continue
            del self.spaces[who]
            return


class RateLimit(EitherColour):
    """A policy: call a flow so often at most. `f.rate_limit(...)` takes the same arguments, or such a value.

    The permits belong to the value: flows that are given the same one share them. Two made alike are equal and share
    nothing; a pickled one arrives with all its permits, but for its store.

    Args:
        count: how many calls.
        per: in how many seconds.
        kind: "bucket": `burst` at once, and then one every `per / count` seconds. "window": never more than `count` in any
            `per` seconds.
        burst: how many a bucket that was idle lets pass at once; left out, `count`.
        wait: whether a call waits for its permit, in the order in which they came; else it is refused with `RateLimited`.
        max_wait: seconds; a call that would have to wait longer is refused at once.
        key: takes the arguments of a call; calls for which it gives different values have limits of their own.
        store: what counts for several processes; see `SQLiteLimits` and `LimitStorage`. Left out, in memory.
        name: of the limit in its store, which asks for it: whoever says the same name and numbers shares it.

    Raises:
        DefinitionError, InvalidValue: an argument of the wrong kind, or out of its range.

    Example:
        >>> from omnitron import RateLimited, flow
        >>> double = flow(lambda x: 2 * x, name="double").apply(RateLimit(1, per=60, wait=False))
        >>> double(2)
        4
        >>> double(3)
        Traceback (most recent call last):
        omnitron.errors.RateLimited: 'double' may be called 1 time in 60 s, ...
    """

    __slots__ = ("count", "per", "kind", "burst", "wait", "max_wait", "key", "store", "name", "_cell")
    count: int
    per: float
    kind: str
    burst: int | None
    wait: bool
    max_wait: float | None
    key: Callable[..., Any] | None
    store: LimitStorage | None
    name: str | None
    _cell: RateCell

    def __init__(
        self,
        count: int,
        per: Seconds = 1.0,
        *,
        kind: Literal["bucket", "window"] | str = "bucket",
        burst: int | None = None,
        wait: bool = True,
        max_wait: Seconds | None = None,
        key: Callable[..., Any] | None = None,
        store: LimitStorage | None = None,
        name: str | None = None,
    ) -> None:
        check_whole("count", count, "calls")
        per = check_seconds("per", per)
        if not per:
            raise InvalidValue("`per` is a positive number of seconds, got 0.")
        if kind not in KINDS:
            raise InvalidValue(f"`kind` is one of {', '.join(map(repr, KINDS))}; got {kind!r}.")
        if burst is not None:
            check_whole("burst", burst, "calls")
            if kind != "bucket":
                raise DefinitionError(f"`burst` is for a bucket; a {kind} lets all its {count} calls pass at once.")
        max_wait = check_wait(wait, max_wait)
        if key is not None and not callable(key):
            raise DefinitionError(f"`key` is a function of the arguments, got {key!r}: `key=lambda order: order.shop`.")
        if name is not None and (not isinstance(name, str) or not name):
            raise DefinitionError(f"`name` is a text that is not empty, got {name!r}.")
        if (store is None) != (name is None):
            way = (
                "Say which limit it is, for all processes alike: `RateLimit(..., store=..., name='api')`."
                if name is None
                else "Leave `name` out, or give a `store`."
            )
            raise DefinitionError(f"`store` and `name` go together: a limit in a store is found by its name. {way}")
        self._fill(
            count=count, per=per, kind=kind, burst=burst, wait=wait, max_wait=max_wait, key=key, store=store, name=name,
            _cell=RateCell(),
        )  # fmt: skip

    @property
    def cell(self) -> RateCell:
        """The state that those who are given this value share."""
        return self._cell

    def info(self) -> RateInfo:
        """Give what was done so far, by all who share this value."""
        state = self._cell.state
        with door:
            lanes = [pair for space in state.spaces.values() for pair in space.looked_at()]
            return RateInfo(
                state.taken, state.refused, sum(lane.ahead for lane, _ in lanes), sum(busy for _, busy in lanes)
            )


def check_whole(name: str, value: object, what: str) -> None:
    """Refuse what is no positive whole number."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise DefinitionError(f"`{name}` is a whole number of {what}, got {value!r} ({type(value).__name__}).")
    if not 1 <= value <= MOST:
        raise InvalidValue(f"`{name}` is a positive number of {what}, at most {MOST:,}; got {value}.")


def check_wait(wait: object, max_wait: Any) -> float | None:
    """Give how long a call may wait; refuse what says nothing, and what says two things."""
    if not isinstance(wait, bool):
        raise DefinitionError(f"`wait` is True or False, got {wait!r}. A number of seconds is `max_wait`.")
    if max_wait is None:
        return None
    if not wait:
        raise DefinitionError("`wait=False` waits for nothing, and `max_wait` says how long. Leave one out.")
    return check_seconds("max_wait", max_wait)
