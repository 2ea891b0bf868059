"""What runs the attempts of a hedged call: the driver of the machine `omnitron.policy.Starts`."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, NoReturn

from omnitron import runtime
from omnitron.algebra.attempts import reads_once
from omnitron.algebra.notes import note_attempts
from omnitron.policy import Starts, retry_after

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Context

    from omnitron.model import Clock
    from omnitron.policy import Hedge, HedgeCell, RetryBudget

__all__ = ["Attempts", "Plan", "note_left"]


class Plan:
    """What the calls of one hedged flow have in common.

    Attributes:
        policy: the policy.
        state: what it has counted and measured.
        budget: its budget.
        undoes: whether an attempt may have something to undo: what failed and what lost is undone.
        seen: whether each attempt has a place in a watched run.
    """

    __slots__ = ("budget", "policy", "seen", "state", "undoes")

    def __init__(self, policy: Hedge, cell: HedgeCell, *, undoes: bool, seen: bool) -> None:
        self.policy = policy
        self.state = cell.state
        self.budget: RetryBudget | None = self.state.budget(policy.budget)
        self.undoes = undoes
        self.seen = seen


class Attempts(Starts):
    """The attempts of one call, each in a task: the first that succeeds wins, and the others are cancelled and awaited.

    Attributes:
        errors: what attempts have raised before one has won; the last one leaves where none wins.
        fatal: what is no outcome of an attempt and leaves whatever the others do: an interrupt, a cancellation of its own,
            what the user's predicate raises.
        left: how many run.
        others: the errors that do not leave, as texts.
        winner: the number of the attempt that has succeeded, 0 for none.
    """

    __slots__ = (
        "around", "bell", "bells", "call", "caller", "clock", "delay", "done", "errors", "fatal", "left", "others", "plan",
        "stopping", "tasks", "value", "winner",
    )  # fmt: skip
    around: Context
    call: tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]
    caller: Any
    clock: Clock
    delay: float
    done: asyncio.Future[None]

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan.policy.at_most, plan.budget, plan.state)
        self.plan = plan
        self.tasks: list[asyncio.Task[None]] = []
        self.errors: list[BaseException] = []
        self.others: list[str] = []
        self.bell: asyncio.TimerHandle | asyncio.Task[None] | None = None
        self.bells: list[asyncio.Task[None]] = []
        self.fatal: BaseException | None = None
        self.left = self.winner = 0
        self.stopping = False
        self.value: Any = None

    async def run(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Await `fn(*args, **kwargs)`, and once more beside it where no result comes in time; give the first result.

        Every attempt runs in a copy of the context of the call. When this returns or raises, all have ended.
        """
        policy, state = self.plan.policy, self.state
        loop = asyncio.get_running_loop()
        self.call, self.caller = (fn, args, kwargs), runtime.caller_here()
        self.around, self.done = copy_context(), loop.create_future()
        self.clock = runtime.current_context().runtime.clock
        self.delay = state.delay(policy.delay, policy.percentile, policy.minimum)
        began = 0.0 if policy.percentile is None else self.clock.monotonic()
        self.start(loop)
        try:
            await self.done
        except GeneratorExit:  # the coroutine is thrown away: nothing can be awaited any more
            with suppress(RuntimeError):  # its loop may be closed
                self.stop()
            raise
        except BaseException:
            await self.end()
            self.errors = []
            raise
        if policy.percentile is not None and self.winner:
            state.measured(self.clock.monotonic() - began)
        if self.left or self.bells:
            await self.end()
        if self.fatal is not None or not self.winner:
            self.leave()
        if self.winner > 1:
            state.add(wins=1)
        self.errors = []  # which hold the frames of attempts, and these hold this
        return self.value

    def leave(self) -> NoReturn:
        """Raise what leaves; nothing of this call is kept alive by it."""
        error = self.errors[-1] if self.fatal is None else self.fatal
        self.others = [runtime.shown(other) for other in self.errors if other is not error]
        self.tasks, self.errors, self.fatal, self.value = [], [], None, None
        try:
            raise error
        finally:
            del error

    async def end(self) -> None:
        """Cancel what still runs, and wait for its end."""
        self.stop()
        try:
            await runtime.all_ended([*self.tasks, *self.bells])
        except BaseException:
            self.errors = []  # see `run`
            raise

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start an attempt, and the time until the next one."""
        self.left += 1
        work = self.attempt(self.made, self.caller)
        self.tasks.append(loop.create_task(work, context=self.around.copy()))
        if self.bell is not None:
            self.bell.cancel()
            self.bell = None
        if self.stopping or self.made >= self.most:  # a loop may run a task at once
            return
        if self.clock is runtime.SYSTEM_CLOCK:
            self.bell = loop.call_later(self.delay, self.ring)
        else:
            self.bell = loop.create_task(self.wait(), context=self.around.copy())
            self.bells.append(self.bell)

    async def wait(self) -> None:
        """Sleep on a clock that is not the machine's until it is time for the next attempt."""
        due = self.clock.monotonic() + self.delay
        while (rest := due - self.clock.monotonic()) > 0:
            await self.clock.sleep(rest)
        self.ring()

    def ring(self) -> None:
        """Start the next attempt beside those that run."""
        self.bell = None
        if not self.stopping and self.may_start():
            self.start(asyncio.get_running_loop())

    def may_start(self) -> bool:
        """Say whether another attempt starts now, and count it."""
        _, args, kwargs = self.call
        if self.made < self.most and any(map(reads_once, (*args, *kwargs.values()))):
            self.stopped = "its input is an iterator, which can be read only once"
        return self.more()

    async def attempt(self, number: int, o_caller: Any) -> None:
        """Run one attempt. For `o_caller` see `omnitron.algebra.stacks`."""
        try:
            if self.plan.seen:
                runtime.attempt_frame(number)  # the context is this task's own
            if self.plan.undoes:
                await self.attempt_whole(number)
            else:
                fn, args, kwargs = self.call
                self.succeeded(number, await fn(*args, **kwargs))
        except BaseException as error:
            self.left -= 1
            self.failed(error)
            if isinstance(error, (KeyboardInterrupt, SystemExit)):  # a loop ends by it
                raise
        else:
            self.left -= 1
        if not self.left:
            self.finish()

    async def attempt_whole(self, number: int) -> None:
        """Run one of which something may have to be undone: where it fails, and where it loses."""
        scope = runtime.Saga()
        fn, args, kwargs = self.call
        try:
            value = await fn(*args, **kwargs)
        except BaseException as error:
            await scope.fail_async(error)
            raise
        lost = self.stopping
        self.succeeded(number, value)
        await (scope.drop_async() if lost else scope.keep_async())

    def succeeded(self, number: int, value: Any) -> None:
        """Take a result: the first one wins, and the others stop."""
        if not self.stopping:
            self.winner, self.value = number, value
            self.stop()

    def failed(self, error: BaseException) -> None:
        """Take what an attempt has raised: start another one, or stop, or leave it to those that still run."""
        if not isinstance(error, Exception):
            if not (self.stopping and isinstance(error, asyncio.CancelledError)):
                self.fatal = self.fatal or error
                self.stop()
        elif not self.stopping:
            self.errors.append(error)
            try:
                if not self.plan.policy.takes(error):
                    self.stop()
                elif not retry_after(error, self.clock.now) and self.may_start():
                    self.start(asyncio.get_running_loop())
            except BaseException as raised:  # by the user's predicate
                self.fatal = raised
                self.stop()

    def stop(self) -> None:
        """Cancel all but the running task, once."""
        if self.stopping:
            return
        self.stopping = True
        if self.bell is not None:
            self.bell.cancel()
        if self.left > 1 or not self.winner:
            me = asyncio.current_task()
            for task in self.tasks:
                if task is not me:
                    task.cancel()
        self.finish()

    def finish(self) -> None:
        """Wake the call."""
        if not self.done.done():
            self.done.set_result(None)


def note_left(error: Exception, attempts: Attempts) -> None:
    """Note on an error that leaves how many attempts there were, and what the others have raised."""
    if attempts.made > 1 or attempts.stopped:
        note_attempts(error, attempts.made, attempts.stopped)
    if attempts.others:
        note = f"other attempts raised too: {'; '.join(attempts.others)}"
        try:
            if note not in getattr(error, "__notes__", ()):
                error.add_note(note)
        except Exception:  # some exceptions refuse notes
            return
