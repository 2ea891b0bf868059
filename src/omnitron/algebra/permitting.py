"""Permits of a rate limit: the drivers, for threads and for tasks, of the machines in `omnitron.policy`.

Who finds no permit joins a line; who is first in it has the turn, waits until its permit is there, takes it, and leaves the
turn to the next. So whoever leaves, on whatever way, takes nothing along. With a store, who has the turn asks the store.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Coroutine, Hashable
from math import inf
from typing import TYPE_CHECKING, Any

from omnitron import runtime
from omnitron.algebra.queueing import bell_waiter, check_loop, future_waiter, wait_for_turn, wait_for_turn_async
from omnitron.algebra.resting import SILENT_S, rest_s
from omnitron.errors import DefinitionError, InvalidValue, RateLimited
from omnitron.policy import Lane, door, same_key, until
from omnitron.runtime import SYSTEM_CLOCK, log, refuse_to_wait

if TYPE_CHECKING:
    from omnitron.algebra.limiting import Limited
    from omnitron.model import Clock
    from omnitron.policy import Waiter

__all__ = ["Limiter", "take_method"]

TEXTS = (str, int, bool, float, bytes, type(None))
"""What a key of a limit in a store is made of."""


class Limiter:
    """Where calls of one node take their permits.

    Attributes:
        numbers: what the machine is made with.
        lane: the permits on the machine's clock, where there is one limit for all calls; `lane_of` gives those of a key.
        rests: until when a store that has failed is not asked, in seconds of `time.monotonic`.
    """

    __slots__ = ("lane", "lane_of", "name", "node", "numbers", "rests", "state", "take", "told")

    def __init__(self, node: Limited) -> None:
        self.node = node
        self.name = node.body.name
        self.state = node.cell.state
        self.numbers = (node.algorithm, node.count, node.per, node.burst or node.count)
        self.take = None if node.store is None else take_method(node.store, is_async=node.body.is_async)
        self.told = self.rests = -inf
        with door:
            lanes = self.state.lanes(self.numbers, SYSTEM_CLOCK, lasts=True)
            self.lane = lanes.lane(None, 0.0) if node.key is None else None
        self.lane_of = lanes.lane

    def admit(self) -> Callable[..., bool]:
        """Give what takes a permit of the machine's clock if there is one and nobody waits, and says whether it did."""
        state, monotonic = self.state, SYSTEM_CLOCK.monotonic
        if self.node.key is not None:
            lane_of = self.lane_of

            def admit_key(key: Hashable) -> bool:
                with door.lock:
                    now = monotonic()
                    lane = lane_of(key, now)
                    turns = lane.turns
                    if turns.running or turns.line or not lane.permits.take(now):
                        return False
                    state.taken += 1
                    return True

            return admit_key
        assert self.lane is not None
        turns, take = self.lane.turns, self.lane.permits.take

        def admit() -> bool:
            with door.lock:
                if turns.running or turns.line or not take(monotonic()):
                    return False
                state.taken += 1
                return True

        return admit

    def key_of(self, *args: Any, **kwargs: Any) -> Hashable:
        """Give what tells the limit of a call from others."""
        value = self.node.key(*args, **kwargs)  # type: ignore[misc] # it is asked where there is one
        try:
            return same_key(value)  # type: ignore[no-any-return] # whatever has a hash
        except TypeError:
            raise DefinitionError(
                f"`key` of the rate limit of {self.name!r} gave a {type(value).__name__}, which has no hash, so that "
                "nothing could be found by it. Give a string, a number, or a tuple of such."
            ) from None

    # In threads

    def enter(self, key: Hashable = None) -> None:
        """Take a permit, waiting for it in this thread.

        Raises:
            RateLimited: it would come too late.
        """
        call = Call(self, key)
        if self.take is not None and not self.node.wait:
            call.ask_once(call.asked_of_store())
            return
        waiter, bell = bell_waiter(1)
        try:
            if not call.approach(waiter, blocks=True):
                return
            if waiter.permit is None:
                wait_for_turn(call.lane.turns, bell, call.clock, call.over())
            call.check_turn(waiter)
            while True:
                delay = call.next() if self.take is None else call.asked_of_store()
                if not delay:
                    return
                call.check_late(delay)
                runtime.wait_on(call.clock, delay)
                refuse_to_wait()
        finally:
            turns = call.lane.turns
            with door.lock:  # see Note [Giving a turn back]
                if waiter.permit is turns.token:
                    turns.running -= 1
                    waiter.permit = None
            with door:
                turns.quit(waiter)

    async def enter_async(self, key: Hashable = None) -> None:
        """The async twin of `enter`."""
        call = Call(self, key)
        if self.take is not None and not self.node.wait:
            call.ask_once(await call.asked_of_store_async())
            return
        waiter, future = future_waiter(1)
        try:
            if not call.approach(waiter, blocks=False):
                return
            if waiter.permit is None:
                await wait_for_turn_async(call.lane.turns, future, call.clock, call.over())
            call.check_turn(waiter)
            while True:
                delay = call.next() if self.take is None else await call.asked_of_store_async()
                if not delay:
                    return
                call.check_late(delay)
                await call.clock.sleep(delay)
        finally:
            turns = call.lane.turns
            with door.lock:  # see Note [Giving a turn back]
                if waiter.permit is turns.token:
                    turns.running -= 1
                    waiter.permit = None
            with door:
                turns.quit(waiter)

    # Note [Giving a turn back]
    # Ctrl-C comes at the beginning of any function, also of one that gives a turn back: then the limit would stand still
    # for good. So first the turn is given back without a call; whoever is next gets it then, or when another one comes.

    # Stores

    def text_of(self, key: Hashable) -> str:
        """Give the name of a limit in a store."""
        kind, count, per, burst = self.numbers
        text = f"{self.node.limit}|{kind}|{count}|{per!r}|{burst}"
        if self.node.key is None:
            return text
        check_text(self.name, key)
        return f"{text}|{key!r}"

    def report(self, error: Exception, began: float) -> None:
        """Log, now and then, that a store does not work; let it rest if it took its time."""
        now = time.monotonic()
        self.rests = now + rest_s(now - began)
        if now - self.told >= SILENT_S:
            self.told = now
            log(
                "warning", "the store of the rate limit of %r does not work; this process counts for itself", self.name,
                error=error,
            )  # fmt: skip


class Call:
    """One call that found no permit at once.

    Attributes:
        clock: that of its context; `deadline` when its time is over.
        began: when it came.
        lane: where it takes its permit.
    """

    __slots__ = ("began", "clock", "deadline", "key", "lane", "limiter", "text")

    def __init__(self, limiter: Limiter, key: Hashable) -> None:
        options = runtime.current_context().runtime
        self.limiter = limiter
        self.key = key
        self.clock: Clock = options.clock
        self.deadline = options.deadline
        self.began = self.clock.monotonic()
        self.lane: Lane
        self.text = "" if limiter.take is None else limiter.text_of(key)
        with door:
            self.find()

    def find(self) -> None:
        """Find the lane, once more where it was forgotten meanwhile."""
        limiter = self.limiter
        if self.clock is SYSTEM_CLOCK:
            self.lane = limiter.lane or limiter.lane_of(self.key, self.began)
        else:
            self.lane = limiter.state.lanes(limiter.numbers, self.clock).lane(self.key, self.began)

    def approach(self, waiter: Waiter, *, blocks: bool) -> bool:
        """Take a permit, or wait, or be refused; say whether it is to wait."""
        limiter, in_memory = self.limiter, self.limiter.take is None
        with door:
            self.find()
            turns = self.lane.turns
            turns.drop_dead()
            now, ahead = self.clock.monotonic(), self.lane.ahead
            self.began = now
            if in_memory:
                if not ahead and self.lane.permits.take(now):
                    limiter.state.taken += 1
                    return False
                self.check(until(now, self.lane.permits.due(now, ahead)), now)
            if ahead and blocks:
                check_loop(turns, limiter.name)
            turns.join(waiter)
            turns.serve()
            return True

    def next(self) -> float:
        """Take a permit: give 0.0, or after how many seconds there is one."""
        with door:
            now = self.clock.monotonic()
            if self.lane.permits.take(now):
                self.limiter.state.taken += 1
                return 0.0
            return until(now, self.lane.permits.due(now)) or 1e-9

    def over(self) -> float | None:
        """Give until when to wait for the turn: of a limit in memory it is known before that it comes in time."""
        node = self.limiter.node
        if self.limiter.take is None:
            return None
        bounds = [self.deadline] + ([] if node.max_wait is None else [self.began + node.max_wait])
        return min((bound for bound in bounds if bound is not None), default=None)

    def check_turn(self, waiter: Waiter) -> None:
        """Refuse who has waited for its turn for too long."""
        if waiter.permit is None:
            self.refuse(0.0, "so many wait for it in this process")

    def check_late(self, delay: float) -> None:
        """Refuse who would have to wait longer than it may, as a store says."""
        if self.limiter.take is not None:
            self.check(delay, self.clock.monotonic())

    def check(self, rest: float, now: float) -> None:
        """Refuse who would have to wait too long from now on."""
        node = self.limiter.node
        if not node.wait:
            self.refuse(rest, "it waits for none (`wait=False`)")
        if node.max_wait is not None and now - self.began + rest > node.max_wait:
            self.refuse(rest, f"it waits for {node.max_wait:g} s at most (`max_wait`)")
        if self.deadline is not None and now + rest >= self.deadline:
            self.refuse(rest, "the deadline of the context is over before")

    def refuse(self, rest: float, why: str) -> None:
        """Refuse the call."""
        node = self.limiter.node
        with door:
            self.limiter.state.refused += 1
        raise RateLimited(self.limiter.name, f"{node.count} times in {node.per:g} s", rest, why)

    # Stores

    def ask_once(self, delay: float) -> None:
        """Refuse who waits for nothing, if there was no permit."""
        if delay:
            self.check(delay, self.clock.monotonic())

    def arguments(self) -> tuple[Any, ...]:
        """Give what a store is asked with."""
        kind, count, per, burst = self.limiter.numbers
        clock = self.clock
        wall = time.time if clock is SYSTEM_CLOCK else lambda: clock.now().timestamp()
        return self.text, kind, count, per, burst, wall

    def asked_of_store(self) -> float:
        """Take a permit in the store: give 0.0, or after how many seconds there may be one."""
        began = time.monotonic()
        if began < self.limiter.rests:
            return self.next()
        try:
            delay = self.limiter.take(*self.arguments())  # type: ignore[misc] # it is asked where there is one
            return self.counted(delay)
        except Exception as error:
            self.limiter.report(error, began)
            return self.next()

    async def asked_of_store_async(self) -> float:
        """The async twin of `asked_of_store`."""
        began = time.monotonic()
        if began < self.limiter.rests:
            return self.next()
        try:
            delay = self.limiter.take(*self.arguments())  # type: ignore[misc] # it is asked where there is one
            if isinstance(delay, Awaitable):
                delay = await delay
            return self.counted(delay)
        except Exception as error:
            self.limiter.report(error, began)
            return self.next()

    def counted(self, delay: Any) -> float:
        """Count a permit that a store gave.

        Raises:
            InvalidValue: the store gave something else than seconds.
        """
        if isinstance(delay, bool) or not isinstance(delay, int | float) or not 0 <= delay < inf:
            if isinstance(delay, Coroutine):  # of an async store under a sync flow: nothing awaits it
                delay.close()
            raise InvalidValue(
                f"`take` of a store gives 0.0, or a finite number of seconds above, got {delay!r} ({type(delay).__name__})."
            )
        if not delay:
            with door:
                self.limiter.state.taken += 1
        return delay


COROUTINE = 0x80


def take_method(store: Any, *, is_async: bool) -> Callable[..., Any]:
    """Give the method of a store; refuse what is none, and one that a sync flow could not await."""
    if isinstance(store, str) or hasattr(store, "__fspath__"):
        raise DefinitionError(
            f"`store` is an object that counts calls, got {store!r}. Write `SQLiteLimits({str(store)!r})`."
        )
    take = getattr(store, "take", None)
    if not callable(take) or isinstance(store, type):
        raise DefinitionError(
            f"`store` is an object with a method `take` (see omnitron.LimitStorage), for example SQLiteLimits; {store!r} "
            "has none."
        )
    if not is_async and getattr(getattr(take, "__code__", None), "co_flags", 0) & COROUTINE:
        raise DefinitionError(
            f"{type(store).__name__} is asynchronous, and the flow is sync: nothing could await it. Give a store with a "
            "plain method, for example SQLiteLimits, or make the flow async."
        )
    return take  # type: ignore[no-any-return] # it is callable


def check_text(name: str, key: object) -> None:
    """Refuse a key that has no text which is the same in every process."""
    if isinstance(key, tuple):
        for part in key:
            check_text(name, part)
    elif not isinstance(key, TEXTS) and key not in (tuple, float, bool, bytes):
        kind = key if isinstance(key, type) else type(key)  # what tells a frozenset from a tuple, say, is its type
        raise DefinitionError(
            f"`key` of the rate limit of {name!r} gave a {kind.__name__}, which has no text that is the same in every "
            "process, as its store needs it. Give a string, a number, or a tuple of such."
        )
