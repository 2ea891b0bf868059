"""One computation a key at a time: the drivers, for threads and for tasks, of the machines in `omnitron.policy`.

Whoever misses asks, under one lock, what there is: a value by now, a flight to wait for, or nothing, and then leads. A sync
leader computes in its own thread. An async one has its computation in a task of its own, which goes on as long as anybody
waits. Generated code looks for hits without coming here.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar, copy_context
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any, NoReturn

from omnitron import runtime
from omnitron.algebra.keeping import (
    ALONE,
    HIT,
    LEAD,
    STALE,
    Keeper,
    Work,
    drop_wait,
    is_still,
    reads_once,
    running_loop,
)
from omnitron.model import CallAnswered
from omnitron.policy import FAILED, FLYING, LANDED, Entry, Flight, Space, gate
from omnitron.runtime import SYSTEM_CLOCK, crew_here, current_context, log
from omnitron.runtime import gate as crews

if TYPE_CHECKING:
    from omnitron.algebra.notes import Spot
    from omnitron.runtime import Frame, Site

__all__ = ["Desk"]

computing: ContextVar[Flight | None] = ContextVar("omnitron_computing", default=None)
SHARED = "shared"
LOOK_S = 1.0
"""How long is waited for what another event loop computes before looking whether that loop still runs."""
STOP_S = 0.05
"""The same, in a thread whose run may be stopped meanwhile."""


class Desk:
    """Where one place of generated code asks for what it did not find.

    Attributes:
        keeper: what keeps it.
        spot: the place.
        site: the boundary there that a call would have, where calls are watched.
        renew: whether nothing kept is given.
        plain: the space where nothing watches.
    """

    __slots__ = ("keeper", "plain", "renew", "site", "spot")

    def __init__(self, keeper: Keeper, spot: Spot, site: Site | None, *, renew: bool = False) -> None:
        self.keeper = keeper
        self.spot = spot
        self.site = site
        self.renew = renew
        self.plain = keeper.space()

    def work_here(self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Work:
        """Give the work of a call in the context that is here."""
        ctx, keeper = current_context(), self.keeper
        key = keeper.keying.key_of(*args, **kwargs)
        return Work(keeper.space_in(ctx), ctx.runtime.clock, key, fn, args, kwargs)

    def note(self, error: Exception) -> None:
        """Note on an error where it came from, before those who share it see it."""
        with suppress(Exception):
            self.spot.mark(error, self.spot(error))

    def report(self, error: BaseException) -> None:
        """Log that what is stale could not be computed anew."""
        log("error", "a stale result of %r could not be computed anew", self.keeper.name, error=error)

    # In threads

    def miss(self, key: Hashable, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Give what a call with a key gives, where nothing watches."""
        return self.fetch(Work(self.plain, SYSTEM_CLOCK, key, fn, args, kwargs))

    def ask(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Give what a call gives, in the context that is here."""
        work = self.work_here(fn, args, kwargs)
        value = self.fetch(work)
        frame = runtime.read_watch() if work.outcome else None
        if frame is not None:
            frame.run.notify(self.answered(frame, work, value))
        return value

    def answered(self, frame: Frame, work: Work, value: Any) -> CallAnswered:
        """Give the event of a call that was answered without being made."""
        site = self.site
        assert site is not None  # it is watched
        node = site.node
        path = runtime.beneath(frame, site.segment) if node.segment or node.label is not None else frame.path
        spared = runtime.child_frame(frame, path, site, work.args, work.kwargs).call
        assert spared is not None
        return CallAnswered(spared, value, work.outcome)

    def fetch(self, work: Work) -> Any:
        """Give what is kept, wait for who computes it, or compute it."""
        try:
            return self.fetched(work)
        except BaseException as error:  # Ctrl-C comes between any two calls
            self.keeper.abandon(work, error)
            raise

    def fetched(self, work: Work) -> Any:
        """Do the same, but for what comes between the beginning of a computation and its guard."""
        keeper, outer = self.keeper, computing.get()
        while True:
            bell = Lock()
            bell.acquire()
            word, found = keeper.approach(work, bell, bell.release, outer=outer, renew=self.renew)
            if word is HIT:
                return given(work, found)
            if word is ALONE:
                return work.run()
            if word is STALE:
                entry, flight = found
                if flight is not None:
                    self.refresh_aside(work, flight)
                work.outcome = STALE
                return entry.value
            if word is LEAD:
                return self.lead(work, found)
            wait_here(keeper, work.space, found, bell)
            if found.state is LANDED:
                work.outcome = SHARED
                return found.value
            if found.state is FAILED:
                raise_shared(found.error, found.trace)

    def lead(self, work: Work, flight: Flight) -> Any:
        """Compute for all who wait."""
        token = computing.set(flight)
        try:
            value = self.value_of(work, flight)
        except Exception as error:
            self.note(error)
            self.keeper.failed(work, flight, error)
            raise
        except BaseException as error:
            self.keeper.broken(work, flight, error)
            raise
        finally:
            computing.reset(token)
        self.keeper.landed(work, flight, value)
        if flight.is_stale and (again := self.keeper.relaunch(work)) is not None:
            self.refresh_aside(work, again)
        return value

    def value_of(self, work: Work, flight: Flight) -> Any:
        """Give what the store has, else what the flow gives."""
        keeper, shelf = self.keeper, self.keeper.shelf_in(work.space, work.key)
        if shelf is None:
            return work.run()
        found = None if self.renew or flight.pinned else shelf.load(work.key, work.clock)
        if found is not None:
            keeper.found(work, flight, is_stale=found[1])
            return found[0]
        value = work.run()
        if flight.keeps and not reads_once(value):
            shelf.save(work.key, value, work.clock)
            if not flight.keeps:  # it was invalidated meanwhile
                shelf.drop(work.key)
        return value

    def refresh_aside(self, work: Work, flight: Flight) -> None:
        """Compute anew in a thread of its own, in a copy of the context that is here."""
        run, name = copy_context().run, f"refresh of {self.keeper.name}"
        try:
            Thread(target=run, args=(self.refresh, work, flight), name=name, daemon=True).start()
        except RuntimeError as error:  # no more threads, or the end of the program
            self.keeper.broken(work, flight, error)
            self.report(error)

    def refresh(self, work: Work, flight: Flight) -> None:
        """Compute anew what is stale, in a thread of its own."""
        try:
            self.lead(work, flight)
        except BaseException as error:
            self.report(error)

    # In tasks

    async def miss_async(self, key: Hashable, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """The async twin of `miss`."""
        return await self.fetch_async(Work(self.plain, SYSTEM_CLOCK, key, fn, args, kwargs))

    async def ask_async(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """The async twin of `ask`."""
        work = self.work_here(fn, args, kwargs)
        value = await self.fetch_async(work)
        frame = runtime.read_watch() if work.outcome else None
        if frame is not None:
            later = frame.run.tell(self.answered(frame, work, value))
            if later is not None:
                await later
        return value

    async def fetch_async(self, work: Work) -> Any:
        """The async twin of `fetch`."""
        import asyncio

        loop, keeper, outer = asyncio.get_running_loop(), self.keeper, computing.get()
        while True:
            future: asyncio.Future[None] = loop.create_future()
            word, found = keeper.approach(
                work, future, waker_of(loop, future), outer=outer, loop=loop, renew=self.renew
            )
            if word is HIT:
                return given(work, found)
            if word is STALE:
                entry, flight = found
                if flight is not None:
                    self.begin(loop, work, flight)
                work.outcome = STALE
                return entry.value
            caller = [runtime.caller_here(), None] if word is LEAD else []
            if word is LEAD:
                self.begin(loop, work, found, caller)
            try:
                await wait_async(keeper, work.space, found, future)
            finally:
                caller.clear()  # it waits no longer, but others may
            if found.state is LANDED:
                work.outcome = work.outcome or ("" if word is LEAD else SHARED)
                return found.value
            if word is LEAD and found.error is not None:
                raise found.error.with_traceback(found.trace)
            if found.state is FAILED:
                raise_shared(found.error, found.trace)

    def begin(self, loop: Any, work: Work, flight: Flight, caller: list[Any] | None = None) -> None:
        """Begin to compute on the loop that runs here, for a caller as long as it waits."""

        def ended(done: Any) -> None:  # also when it was cancelled before it had begun
            if flight.state is FLYING:
                self.keeper.broken(work, flight)
            flight.task = None  # its context has the flight, and the value would live until garbage is collected
            if not done.cancelled():
                done.exception()  # who waits has it, and asyncio need not say that nobody took it

        flight.task = loop.create_task(self.compute(work, flight, caller))
        flight.task.add_done_callback(ended)

    async def compute(self, work: Work, flight: Flight, o_caller: list[Any] | None) -> None:
        """Compute for all who wait, in a task of its own. For `o_caller` see `omnitron.algebra.stacks`."""
        keeper = self.keeper
        computing.set(flight)
        try:
            value = await self.value_of_async(work, flight)
            keeper.landed(work, flight, value)
            if flight.is_stale and (again := keeper.relaunch(work, flight.loop)) is not None:
                self.begin(flight.loop, work, again)
        except Exception as error:
            if flight.state is FLYING:
                self.note(error)
                keeper.failed(work, flight, error)
            if flight.pinned:
                self.report(error)
        except BaseException as error:
            keeper.broken(work, flight, None if flight.asked else error)
            if not isinstance(error, runtime.Stop):
                raise

    async def value_of_async(self, work: Work, flight: Flight) -> Any:
        """The async twin of `value_of`."""
        keeper, shelf = self.keeper, self.keeper.shelf_in(work.space, work.key)
        if shelf is None:
            return await work.run()
        found = None if self.renew or flight.pinned else await shelf.load_async(work.key, work.clock)
        if found is not None:
            keeper.found(work, flight, is_stale=found[1])
            return found[0]
        value = await work.run()
        if flight.keeps and not reads_once(value):
            await shelf.save_async(work.key, value, work.clock)
            if not flight.keeps:
                await shelf.drop_async(work.key)
        return value


def given(work: Work, entry: Entry) -> Any:
    """Give what is kept: a value, or raise the error."""
    if entry.failed:
        raise_shared(*entry.value)
    work.outcome = HIT
    return entry.value


def raise_shared(error: Any, trace: Any) -> NoReturn:
    """Raise an error that others get too: with the traceback of the computation, and nothing noted on it any more."""
    o_shared = True  # noqa: F841 - see `omnitron.algebra.notes`
    raise error.with_traceback(trace)


class Elsewhere:
    """Stands for what others compute among the things in which the threads of a crew wait: nothing hurries it."""

    def nudge(self) -> None:
        """Wait on."""


ELSEWHERE = Elsewhere()


@contextmanager
def counted_out() -> Iterator[None]:
    """Count this thread among those of its crew that wait, so that no batch waits for its company."""
    crew = crew_here.get()
    if crew is None:
        yield
        return
    with crews:
        crew.wait_in(ELSEWHERE)
        crew.look()
    try:
        yield
    finally:
        with crews:
            crew.go_on(ELSEWHERE)


def wait_here(keeper: Keeper, space: Space, flight: Flight, bell: Any) -> None:
    """Block this thread until a flight is over; a run that is stopped meanwhile ends here."""
    frame = runtime.read_watch()
    stops = frame is not None and (frame.run.halt or frame.run.deadline) is not None
    pause = STOP_S if stops else LOOK_S if flight.loop is not None else -1
    try:
        with counted_out():
            while not bell.acquire(timeout=pause):
                if stops:
                    frame.run.go_on(frame, starts=True)  # type: ignore[union-attr, arg-type] # it asks for the path alone
                if is_still(flight):
                    keeper.give_up(space, flight)
    finally:
        task = leave(flight, bell)
        if task is not None:
            with suppress(RuntimeError):
                flight.loop.call_soon_threadsafe(task.cancel)


def leave(flight: Flight, who: object) -> Any:
    """Wait no longer; give the task of the computation if it is to be cancelled, else None."""
    outer = computing.get()
    with gate:
        if outer is not None:
            drop_wait(outer, flight)
        return flight.task if flight.leave(who) else None


def waker_of(loop: Any, future: Any) -> Callable[[], object]:
    """Give what ends the waiting of a task, from whatever thread."""

    def settle() -> None:
        if not future.done():
            future.set_result(None)

    def wake() -> None:
        if running_loop() is loop:
            settle()
        else:
            with suppress(RuntimeError):  # that loop is closed
                loop.call_soon_threadsafe(settle)

    return wake


async def wait_async(keeper: Keeper, space: Space, flight: Flight, future: Any) -> None:
    """Suspend this task until a flight is over; who leaves as the last one awaits the end of what it cancels."""
    import asyncio

    loop = future.get_loop()
    try:
        if flight.loop is loop or flight.loop is None:
            await future
        else:
            while not future.done():
                await asyncio.wait({future}, timeout=LOOK_S)
                if not future.done() and is_still(flight):
                    keeper.give_up(space, flight)
    finally:
        task = leave(flight, future)
        if task is not None:
            if flight.loop is not loop:
                with suppress(RuntimeError):
                    flight.loop.call_soon_threadsafe(task.cancel)
            else:
                task.cancel()
                while not task.done():
                    try:
                        await asyncio.wait({task})
                    except asyncio.CancelledError:
                        task.cancel()
