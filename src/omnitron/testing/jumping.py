"""The event loop of virtual time: when nothing is ready, its clock jumps to the next timer instead of waiting.

It is asyncio's own selector loop with another selector and another `time`; what runs on it is asyncio's. Three cases when
nothing is ready (`VirtualLoop.idle`):

- something outside is at work (a job in an executor, a child process, a registered file or socket): it waits for that
  really, and the clock stands. If a timer comes first by the machine's own time, the clock goes on to that timer, so that
  a timeout around such work still ends it;
- a timer waits: the clock jumps to it;
- neither: nothing will ever wake a task, which is an error.

Read next: `omnitron.testing.virtual`, what users hold; `omnitron.testing.shuffling`, the order of tasks by a seed.
"""

from __future__ import annotations

import asyncio
import heapq
import math
import selectors
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import Context
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple

from omnitron.testing.shuffling import Order
from omnitron.testing.stuck import deadlock

if TYPE_CHECKING:
    from omnitron.testing.virtual import VirtualClock

__all__ = ["VirtualLoop"]

R = TypeVar("R")
Ts = TypeVarTuple("Ts")
PATIENCE_S = 5.0
"""How long threads that the loop knows nothing of may take to wake a task, before that is taken for a deadlock."""

FEW = 64
"""Fewer timers than that are not worth looking for cancelled ones."""


class Alarms:
    """The times of the timers that wait, exactly: what the loop tells its selector is a difference, and rounded."""

    def __init__(self) -> None:
        self.heap: list[tuple[float, int, asyncio.TimerHandle]] = []
        self.number = 0
        self.many = FEW

    def add(self, timer: asyncio.TimerHandle) -> None:
        """Take a timer, unless its time is not a number; drop those that were cancelled when there may be many."""
        if math.isnan(timer.when()):  # asyncio calls it at once, and in a heap it would hide others
            return
        if len(self.heap) >= self.many:
            self.heap = [one for one in self.heap if not one[2].cancelled()]
            heapq.heapify(self.heap)
            self.many = max(FEW, 2 * len(self.heap))
        self.number += 1
        heapq.heappush(self.heap, (timer.when(), self.number, timer))

    def after(self, now: float) -> float | None:
        """Give the time of the first timer after `now`; forget those before."""
        while self.heap and (self.heap[0][0] <= now or self.heap[0][2].cancelled()):
            heapq.heappop(self.heap)
        return self.heap[0][0] if self.heap else None

    def come_due(self, now: float) -> bool:
        """Say whether a timer comes due; forget those that do."""
        found = False
        while self.heap and self.heap[0][0] <= now:
            found = not heapq.heappop(self.heap)[2].cancelled() or found
        return found


class Polling(selectors.DefaultSelector):
    """The machine's selector, which asks the loop what to do when nothing is ready."""

    def __init__(self, idle: Callable[[float | None], list[Any]], begin: Callable[[list[Any]], None]) -> None:
        super().__init__()
        self.idle = idle
        self.begin = begin
        self.listening: set[int] = set()

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        """Register, and note a socket that listens: while nobody connects, it is not at work."""
        key = super().register(fileobj, events, data)
        if listens(key.fd):
            self.listening.add(key.fd)
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        """Unregister."""
        key = super().unregister(fileobj)
        self.listening.discard(key.fd)
        return key

    def select(self, timeout: float | None = None) -> list[Any]:
        """Give what is ready; if nothing is and the loop would wait, leave that to it."""
        ready = super().select(0)
        if not ready and (timeout is None or timeout > 0):
            ready = self.idle(timeout)
        self.begin(ready)
        return ready

    def wait(self, timeout: float | None) -> list[Any]:
        """Give what is ready; wait for it really."""
        return super().select(timeout)


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop on the time of a `VirtualClock`.

    Args:
        clock: shows the time, and is moved.
        seed: permutes tasks that are ready; None leaves them in their order.
    """

    def __init__(self, clock: VirtualClock, seed: int | None) -> None:
        self.clock = clock
        self.thread = threading.get_ident()
        self.order = None if seed is None else Order(seed)
        self.alarms = Alarms()
        self.abroad = 0
        self.waited = 0.0
        self.children: list[asyncio.SubprocessTransport] = []
        self.signals: set[int] = set()
        self.known = set(threading.enumerate())
        self.polling = Polling(self.idle, self.begin)
        super().__init__(self.polling)
        self.own = len(self.polling.get_map())  # the pipe by which threads wake the loop

    def time(self) -> float:
        """Give the time of the clock."""
        return self.clock.monotonic()

    # Who waits for what

    @contextmanager
    def outside(self) -> Iterator[None]:
        """Say while inside that a task waits for something that comes from outside of the loop."""
        self.abroad += 1
        try:
            yield
        finally:
            self.abroad -= 1

    def is_outside(self) -> bool:
        """Say whether something outside is at work."""
        if self.abroad or len(self.polling.get_map()) > self.own + len(self.polling.listening):
            return True
        if self.children:
            self.children = [child for child in self.children if child.get_returncode() is None]
        return bool(self.children)

    def idle(self, timeout: float | None) -> list[Any]:
        """Do what there is to do when nothing is ready: wait really, jump, or say that nothing will come."""
        when = None if timeout is None else self.alarms.after(self.time())
        if timeout is not None and when is None:  # a timer that did not come by `call_at`
            when = self.time() + timeout
        if when == math.inf:
            when = None
        if self.is_outside():
            return self.wait(when)
        self.waited = 0.0
        if when is None:
            return self.wait_for_unknown()
        self.clock.reach(when)
        return []

    def wait(self, when: float | None) -> list[Any]:
        """Wait really, at most as long as it is to the next timer; then go on to that.

        The waits before count, else one that is interrupted often would put a timer off for ever.
        """
        began = time.monotonic()
        left = None if when is None else max(when - self.time() - self.waited, 0.0)
        ready = self.polling.wait(None if left is None or left > threading.TIMEOUT_MAX else left)
        self.waited += time.monotonic() - began
        if not ready and when is not None:
            self.waited = 0.0
            self.clock.reach(when)
        return ready

    def wait_for_unknown(self) -> list[Any]:
        """Wait really for a client, a signal, or a thread that the loop knows nothing of; else it is a deadlock."""
        if self.signals or self.polling.listening:
            return self.polling.wait(None)
        over = time.monotonic() + PATIENCE_S
        while threads := self.threads():
            ready = self.polling.wait(0.05)
            if ready:
                return ready
            if time.monotonic() > over:
                break
        else:
            ready = self.polling.wait(0)  # the last thing that a thread did may have been to wake a task
            if ready:
                return ready
        raise deadlock(self, threads)

    def threads(self) -> tuple[str, ...]:
        """Give the names of threads that were started since, and are at work."""
        others = [
            one for one in threading.enumerate() if one not in self.known and one is not threading.current_thread()
        ]
        if not others:
            return ()
        frames = sys._current_frames()
        return tuple(one.name for one in others if not rests(frames.get(one.ident or 0)))

    # What asyncio calls

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Call something at a time, which is noted."""
        timer = super().call_at(when, callback, *args, context=context)
        self.alarms.add(timer)
        return timer

    def begin(self, ready: list[Any]) -> None:
        """Begin a turn of the loop. No step of a task passes what came from outside or from a timer before it."""
        if self.order is not None and (self.alarms.come_due(self.time()) or ready):
            self.order.close()

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        """Call something soon; a step of a task takes its place among others by the seed."""
        order = self.order
        if order is None:
            return super().call_soon(callback, *args, context=context)
        task = getattr(callback, "__self__", None)
        if not isinstance(task, asyncio.Task) or getattr(callback, "__name__", "") == "cancel":
            order.close()
            return super().call_soon(callback, *args, context=context)
        handle, turn = order.add(self, task, callback, args, context)
        super().call_soon(turn, context=order.context)
        return handle

    def run_in_executor(self, executor: Any, func: Callable[[*Ts], R], *args: *Ts) -> asyncio.Future[R]:
        """Run something in an executor, which is outside until it is done."""
        job = super().run_in_executor(executor, func, *args)
        self.abroad += 1
        job.add_done_callback(self.came_home)
        return job

    def came_home(self, job: object) -> None:
        """Take the end of a job."""
        self.abroad -= 1

    async def shutdown_default_executor(self, *args: Any, **kwargs: Any) -> None:
        """Wait really for the threads of the pool."""
        with self.outside():
            await super().shutdown_default_executor(*args, **kwargs)

    async def subprocess_exec(self, *args: Any, **kwargs: Any) -> Any:
        """Start a process, which is outside until it has ended."""
        with self.outside():
            made = await super().subprocess_exec(*args, **kwargs)
        self.children.append(made[0])
        return made

    async def subprocess_shell(self, *args: Any, **kwargs: Any) -> Any:
        """Start a shell, which is outside until it has ended."""
        with self.outside():
            made = await super().subprocess_shell(*args, **kwargs)
        self.children.append(made[0])
        return made

    def add_signal_handler(self, sig: int, callback: Callable[[*Ts], object], *args: *Ts) -> None:
        """Handle a signal; while one is handled, waiting for it is no deadlock."""
        super().add_signal_handler(sig, callback, *args)
        self.signals.add(signal.Signals(sig))

    def remove_signal_handler(self, sig: int) -> bool:
        """Handle it no more."""
        self.signals.discard(signal.Signals(sig))
        removed: bool = super().remove_signal_handler(sig)
        return removed


def listens(fd: int) -> bool:
    """Say whether a file is a socket that waits for connections."""
    try:
        one = socket.socket(fileno=fd)
    except OSError:
        return False
    try:
        return bool(one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
    except (OSError, AttributeError):
        return False
    finally:
        one.detach()


def rests(frame: FrameType | None) -> bool:
    """Say whether a thread has ended, or is one of a pool and waits for work."""
    if frame is None:
        return True
    code = frame.f_code
    return code.co_name == "_worker" and code.co_filename.replace("\\", "/").endswith("concurrent/futures/thread.py")
