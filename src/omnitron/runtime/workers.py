"""Worker processes: a pool of an event loop, one thread of the parent for each worker.

Rules: a worker runs one job at a time; a cancelled job ends its worker; a worker that ends in the middle of a job fails
that job with `WorkerLost`; either way another takes its place. What goes over the pipe is a pickle between a parent and
its own child. The pool opens with its first job and closes with its loop; a forked child has no part in it. The standard
library's process pool is not used because it cannot end one job: see `docs/decisions/`. Read next:
`omnitron.runtime.travel`, what goes over the pipe.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import signal
import threading
from collections import deque
from collections.abc import AsyncGenerator, Mapping
from multiprocessing import current_process, get_context, resource_tracker
from multiprocessing import process as processes
from multiprocessing.connection import wait
from typing import Any
from weakref import WeakKeyDictionary, ref

from omnitron.errors import WorkerLost, WorkerStartFailed
from omnitron.runtime.forking import after_fork, leave_to_parent
from omnitron.runtime.homing import RECORD, Levels, levels_now, levels_told, receive
from omnitron.runtime.outside import outside
from omnitron.runtime.travel import Answer, pack, raise_remote, renumbered, replay, unpack_answer, work
from omnitron.runtime.watching import admitted

__all__ = ["run_in_process"]

GRACE = 5.0
MAX_REST = 10_000
LOOK_S = 1.0
"""How often who waits for an answer looks whether the process is still there, in seconds."""

pools: WeakKeyDictionary[asyncio.AbstractEventLoop, Pool] = WeakKeyDictionary()
open_pools: set[Pool] = set()
"""All that have workers, also those whose loop is gone."""


class Job:
    """One call on its way: its payload, and the future that its answer settles."""

    __slots__ = ("cancelled", "future", "payload", "worker")

    def __init__(self, payload: bytes, future: asyncio.Future[bytes]) -> None:
        self.payload = payload
        self.future = future
        self.cancelled = False
        self.worker: Worker | None = None


class Pool:
    """The workers of one event loop. Its state is guarded by one condition; only the loop's own thread adds jobs."""

    def __init__(self, loop: asyncio.AbstractEventLoop, size: int) -> None:
        self.owner = os.getpid()
        self.loop = ref(loop)
        self.size = size
        self.jobs: deque[Job] = deque()
        self.changed = threading.Condition()
        self.workers: list[Worker] = []
        self.idle = 0
        self.closed = False

    async def open(self) -> None:
        """Tie the pool's end to the end of its loop."""
        atexit.register(self.close)
        open_pools.add(self)
        self.keeper = closes_with_loop(self)
        await anext(self.keeper)

    def submit(self, job: Job) -> None:
        """Queue a job; start a worker if none is free and there is room."""
        with self.changed:
            self.jobs.append(job)
            if self.idle < len(self.jobs) and len(self.workers) < self.size:
                worker = Worker(self)
                self.workers.append(worker)
                worker.thread.start()
            self.changed.notify()

    def take(self) -> Job | None:
        """Wait for a job; None when the pool is closed."""
        with self.changed:
            self.idle += 1
            try:
                while not self.jobs and not self.closed:
                    self.changed.wait()
                return None if self.closed else self.jobs.popleft()
            finally:
                self.idle -= 1

    def cancel(self, job: Job) -> None:
        """Take a job back: out of the queue, or by ending the process that runs it."""
        with self.changed:
            job.cancelled = True
            if job in self.jobs:
                self.jobs.remove(job)
            elif job.worker is not None:
                job.worker.end()

    def settle(self, job: Job, answer: bytes | BaseException) -> None:
        """Give the answer to whoever awaits the job."""
        loop = self.loop()
        if loop is None or loop.is_closed():
            return
        with contextlib.suppress(RuntimeError):  # it closed meanwhile: nobody waits any more
            loop.call_soon_threadsafe(settle_future, job.future, answer)

    def close(self) -> None:
        """End every worker and wait for their threads; in a forked child they are the parent's."""
        atexit.unregister(self.close)
        if self.owner != os.getpid():
            return
        with self.changed:
            self.closed = True
            for worker in self.workers:
                worker.end()
            self.changed.notify_all()
        for worker in self.workers:
            worker.thread.join(timeout=2 * GRACE)
        open_pools.discard(self)


def settle_future(future: asyncio.Future[bytes], answer: bytes | BaseException) -> None:
    """Settle a future unless its waiter is gone."""
    if future.done():
        return
    if isinstance(answer, bytes):
        future.set_result(answer)
    else:
        future.set_exception(answer)


async def closes_with_loop(pool: Pool) -> AsyncGenerator[None, None]:
    """Close the pool when the loop shuts its async generators down."""
    try:
        yield
    finally:
        loop = pool.loop()
        if loop is not None:
            pools.pop(loop, None)
        if pool.owner == os.getpid():
            await asyncio.to_thread(pool.close)


class Worker:
    """One process and the thread that talks to it."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.process: Any = None
        self.connection: Any = None
        self.levels: Levels | None = None
        self.thread = threading.Thread(target=self.serve, name="omnitron-worker", daemon=True)

    def serve(self) -> None:
        """Give jobs to the process until the pool closes; start another process when one ended."""
        while (job := self.pool.take()) is not None:
            try:
                self.ready()
                with self.pool.changed:
                    if job.cancelled or self.pool.closed:
                        continue
                    job.worker = self
                answer: bytes | BaseException = self.exchange(job.payload)
            except BaseException as error:
                answer = error
            with self.pool.changed:
                job.worker = None
                ended = job.cancelled
            if ended:
                self.drop()
            self.pool.settle(job, answer)
        self.drop()

    def ready(self) -> None:
        """Start a process if none is running."""
        if self.connection is not None and not self.process.is_alive():
            self.drop()
        if self.connection is None:
            self.connection = self.start()

    def exchange(self, payload: bytes) -> bytes:
        """Send one job and wait for its answer; hand on the log records that come before it.

        Raises:
            WorkerLost: the process ended first.
        """
        try:
            self.tell_levels()
            self.connection.send_bytes(payload)
            answer = received(self.connection, self.process)
            while answer[:1] == RECORD:
                receive(answer)
                answer = received(self.connection, self.process)
        except (EOFError, OSError):
            self.process.join()
            code = self.process.exitcode
            self.drop()
            raise WorkerLost(code) from None
        return answer

    def tell_levels(self) -> None:
        """Tell the process at which levels loggers stand here, if they have changed."""
        levels = levels_now()
        if levels is not None and levels != self.levels:
            self.connection.send_bytes(levels_told(levels))
            self.levels = levels

    def hand_on_rest(self) -> None:
        """Hand on the records that a thread of the process has made since its last answer."""
        with contextlib.suppress(EOFError, OSError):
            for _ in range(MAX_REST):
                if not self.connection.poll():
                    return
                message: bytes = self.connection.recv_bytes()
                if message[:1] == RECORD:
                    receive(message)

    def drop(self) -> None:
        """Close the pipe and see the process out."""
        if self.connection is not None:
            self.hand_on_rest()
            self.levels = None
            self.connection.close()
            self.connection = None
            self.process.join(timeout=GRACE)
            kill(self.process)

    def start(self) -> Any:
        """Start the process; give the connection to it."""
        spawn = get_context("spawn")
        if current_process().daemon:
            raise WorkerStartFailed(None)
        mine, its = spawn.Pipe()
        self.process = spawn.Process(target=work, args=(its,), name="omnitron-worker")
        before = None
        if hasattr(signal, "pthread_sigmask"):
            resource_tracker.ensure_running()  # which unblocks the signal, where the first worker would start it
            before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self.process.start()
        finally:
            if before is not None:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
        its.close()
        try:
            received(mine, self.process)
        except (EOFError, OSError):
            self.process.join()
            mine.close()
            raise WorkerStartFailed(self.process.exitcode) from None
        return mine

    def end(self) -> None:
        """End the process if it runs (the caller holds the pool's condition)."""
        process = self.process
        if process is not None and process.is_alive():
            process.terminate()
            killer = threading.Timer(GRACE, kill, (process,))
            killer.daemon = True
            killer.start()


def received(connection: Any, process: Any) -> bytes:
    """Give what a process sends next.

    Whatever was forked off from either side meanwhile holds copies of the pipe, and of what would tell the end of the
    process. So it is looked after now and then.

    Raises:
        EOFError: the process ended first.
    """
    while not wait([connection, process.sentinel], LOOK_S) and process.is_alive():
        continue
    if not connection.poll():
        raise EOFError
    message: bytes = connection.recv_bytes()
    return message


def kill(process: Any) -> None:
    """Kill a process that did not end when it was asked to."""
    with contextlib.suppress(ValueError):  # it was seen out meanwhile
        if process.is_alive():
            process.kill()


async def run_in_process(flow: Any, used: Mapping[str, int], /, *args: Any, **kwargs: Any) -> Any:
    """Call `flow(*args, **kwargs)` in a worker process and give its result.

    The flow runs there in a context of the picklable values, the capabilities and the remaining deadline of this one.
    Its own call is seen and guarded here; what is seen beneath it there is told to this run's observers when the answer
    comes. A cancellation asks the process to end (its `finally` clauses run) and kills it when it has not after five
    seconds.

    Args:
        flow: the flow.
        used: how many siblings of each name stand before the parts of a flow that is no part of paths itself.
        *args: what it is called with.
        **kwargs: so too.

    Raises:
        Unpicklable: the flow, an argument or the result cannot be pickled.
        WorkerLost: the process ended before it gave an answer.
        WorkerStartFailed: a process ended before it could take any work.
    """
    loop = asyncio.get_running_loop()
    stand_in = admitted(flow, args, kwargs)
    if stand_in is not None:
        return stand_in.value
    payload = pack(flow, used, args, kwargs)
    pool = pools.get(loop)
    if pool is None:
        pool = pools[loop] = Pool(loop, os.cpu_count() or 1)
        await pool.open()
    job = Job(payload, loop.create_future())
    pool.submit(job)
    try:
        with outside():
            packed = await job.future
    except asyncio.CancelledError:
        pool.cancel(job)
        raise
    except WorkerLost as error:
        raise WorkerLost(error.exit_code, getattr(flow, "name", "")) from None
    answer: Answer = unpack_answer(packed)
    await replay(answer.events)
    if answer.error is not None:
        raise_remote(answer.error, renumbered(answer.path, used))
    return answer.value


def leave_workers_to_parent() -> None:
    """In a forked child: have no workers, and hold nothing that keeps those of the parent from seeing its end."""
    pools.clear()
    for pool in open_pools:
        atexit.unregister(pool.close)
        for worker in pool.workers:
            with contextlib.suppress(AttributeError, OSError):  # there is none, or it was just being closed
                worker.connection.close()  # this copy of the parent's end
            # else `multiprocessing` waits at exit for what is no child of this process, which is an error
            getattr(processes, "_children", set()).discard(worker.process)
        leave_to_parent(pool)
    open_pools.clear()
    tracker: Any = getattr(resource_tracker, "_resource_tracker", None)
    if hasattr(tracker, "_lock"):  # a worker may have been starting, with this lock in its hands
        tracker._lock = threading.RLock()


after_fork(leave_workers_to_parent)
