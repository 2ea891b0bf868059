"""The async driver of `omnitron.policy.Window`: tasks that wait for one call of a flow of a list.

A batch runs in a task of its own, as a run of its own, when its window closes; it is cancelled, and its end awaited, when
nobody waits for it any more. Nothing here waits on a timer: an open window is looked at in each turn of the loop.
Read next: `omnitron.algebra.crowds`, the driver for threads, and `omnitron.algebra.batching`, the node.
"""

from __future__ import annotations

from asyncio import BaseEventLoop, CancelledError, Future, Handle, Task, _get_running_loop
from collections.abc import Callable, Hashable
from contextvars import Context as Variables
from contextvars import copy_context
from threading import get_ident
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from omnitron import runtime
from omnitron.errors import BatchError, DefinitionError
from omnitron.policy import Window, answers_of, same_key
from omnitron.runtime import current_context, read_context

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from omnitron.algebra.batching import Batched, State
    from omnitron.algebra.notes import Spot
    from omnitron.runtime import Context

__all__ = ["Batching", "Gathering", "ended", "ended_by", "in_use", "leave", "raisable"]


# Note [The running loop]
# Asking asyncio for the running loop costs a system call on 3.11, more than all else that joining a window does. A loop
# of asyncio knows in which thread it runs; it is the one that runs here if that is this thread. Of others asyncio is asked.


class Where:
    """Tells in which thread a loop runs that does not tell it itself, as far as this thread is concerned."""

    __slots__ = ("loop",)

    def __init__(self, loop: AbstractEventLoop) -> None:
        self.loop = loop

    @property
    def _thread_id(self) -> int | None:
        return get_ident() if _get_running_loop() is self.loop else None


in_use: WeakSet[State] = WeakSet()
"""The cells in which windows were opened."""


def forget_windows() -> None:
    """In a forked child, open none that was open in its parent: who waits there waits in its threads, and in its loops."""
    for cell in [*in_use]:
        cell.last = None
        cell.open.clear()


runtime.after_fork(forget_windows)

Join = Callable[[Callable[..., Any], Any], "tuple[Gathering, int, Future[Any]]"]


class Batching:
    """What the code of a batched flow calls, for both colours: it finds the window of an item.

    Attributes:
        node: the node.
        cell: the open windows.
        spot: where errors of the batch come from.
        names: under what names the flow asks for values of the context; None where callers see to that by `key` or `by`.
        plain: whether an item alone tells its window and its key.
    """

    __slots__ = ("cell", "names", "node", "plain", "seen", "spot")

    def __init__(self, node: Batched, spot: Spot, *, seen: bool) -> None:
        self.node = node
        self.cell: State = node.cell._state
        self.spot = spot
        self.names = node.names()
        self.plain = node.by is None and node.key is None
        self.seen = seen

    def key(self, item: Any) -> Hashable:
        """Give what is equal for items that are asked for once: an item without a hash is never the same as another."""
        if self.node.key is not None:
            return hashable("key", self.node.key(item), self.node.body.name)
        try:
            return same_key(item)  # type: ignore[no-any-return] # whatever has a hash
        except TypeError:
            return object()

    def group(self, ctx: Context, item: Any) -> Hashable:
        """Give what is equal for callers who may share a window."""
        by = self.node.by
        apart = None if by is None else hashable("by", by(item), self.node.body.name)
        return self.node, apart, runtime.outlook(ctx, self.names or (), same_key)

    def joiner(self) -> Join:
        """Give the function that joins a window with an item: it gives it, the place in it, and what is to be awaited."""
        size = self.node.batch_size
        if self.seen or not self.plain or not isinstance(size, int):
            return self.join
        # Called for every item: what an attribute would be looked up for is a variable of this function.
        cell, node, find, key_of = self.cell, self.node, self.find, self.key
        context, last_place, thread = read_context, size - 1, get_ident

        def join(call: Callable[..., Any], item: Any) -> tuple[Gathering, int, Future[Any]]:
            kind = type(item)
            key = item if kind is int or kind is str else key_of(item)
            window = cell.last
            if (
                window is None
                or window.context is not context()
                or window.where._thread_id != thread()
                or window.node is not node
            ):
                window = find(call, item)
            future = window.create_future()
            place = window.join(item, key, future)
            if (place >= last_place or window.left) and window.full:
                window.send()
            return window, place, future

        return join

    def join(self, call: Callable[..., Any], item: Any) -> tuple[Gathering, int, Future[Any]]:
        """Join a window with an item, where there is more to do."""
        key = self.key(item)
        window = self.find(call, item)
        future = window.create_future()
        place = window.join(item, key, future)
        if self.seen:
            window.watched.append((future, copy_context(), call, self.spot))
        if window.full:
            window.send()
        return window, place, future

    def find(self, call: Callable[..., Any], item: Any) -> Gathering:
        """Give the open window of an item, a new one where there is none."""
        ctx, loop = current_context(), _get_running_loop()
        assert loop is not None  # a coroutine runs
        key = loop, *self.group(ctx, item)  # type: ignore[misc] # it is a tuple
        opened = self.cell.open
        window = opened.get(key)
        if window is None:
            # other threads open and close windows at this moment; a copy is made in one step
            for stale in [one for one in opened.copy() if one[0] is not None and one[0].is_closed()]:
                opened.pop(stale, None)
            in_use.add(self.cell)
            window = opened[key] = Gathering(self, key, ctx, loop, call)
        else:
            window.deadline = runtime.earlier(window.deadline, ctx.runtime.deadline)
            window.context = ctx
        self.cell.last = window
        return window


class Gathering(Window):
    """A window of one event loop, and the task of its batch.

    Attributes:
        context: that of whoever came by the slow way last; those who have the very same come by the fast one.
        opener: that of who opened it.
        home: the variables of who opened it.
        watched: who is in a run that is watched, with its variables and what it would call.
        deadline: the earliest of all who joined.
    """

    __slots__ = (
        "batching", "call", "caller", "context", "create_future", "deadline", "handle", "home", "key", "loop",
        "node", "opener", "task", "watched", "where",
    )  # fmt: skip
    handle: Handle

    def __init__(
        self, batching: Batching, key: Hashable, ctx: Context, loop: AbstractEventLoop, call: Callable[..., Any]
    ) -> None:
        node = batching.node
        super().__init__(node.size_now(), node.max_wait, ctx.runtime.clock.monotonic())
        self.batching = batching
        self.node = node
        self.key = key
        self.context = self.opener = ctx
        self.loop = loop
        self.where: Any = loop if isinstance(loop, BaseEventLoop) else Where(loop)  # see Note [The running loop]
        self.create_future = loop.create_future
        self.call = call
        self.home = copy_context()
        self.caller = runtime.caller_here()
        self.watched: list[tuple[Future[Any], Variables, Callable[..., Any], Spot]] = []
        self.deadline = ctx.runtime.deadline
        self.task: Task[None] | None = None
        self.handle = loop.call_soon(self.look)

    def look(self) -> None:
        """Look in a turn of the loop whether it is time."""
        if self.turn(self.opener.runtime.clock.monotonic()):
            self.send()
        else:
            self.handle = self.loop.call_soon(self.look)

    def shut(self) -> None:
        """Take nobody more."""
        self.handle.cancel()
        cell = self.batching.cell
        cell.open.pop(self.key, None)
        if cell.last is self:
            cell.last = None

    def send(self) -> None:
        """Close, and begin the batch."""
        self.shut()
        items = self.close()
        home, call, spot = self.home, self.call, self.batching.spot
        for future, variables, seen, place in self.watched:
            if not future.done():
                home, call, spot = variables, seen, place
                break
        self.watched = []
        work = self.run(call, items, spot, self.caller)
        self.task = home.run(self.loop.create_task, work)

    async def run(
        self, call: Callable[..., Any], items: list[Any], spot: Spot, o_caller: Any, o_shared: object = None
    ) -> None:
        """Run the batch, and give everybody what is theirs.

        The local `o_shared` tells notes that many get the errors that come from here; for `o_caller` see
        `omnitron.runtime.parallel_async`.
        """
        batching = self.batching
        name, sent = batching.node.body.name, len(items)
        try:
            ctx, now = (
                runtime.context_apart(current_context(), batching.names, self.deadline),
                self.opener.runtime.clock,
            )
            began = now.monotonic()
            answers = answers_of(await runtime.run_apart_async(ctx, call, items), sent, name)
            batching.node.measure(sent, now.monotonic() - began)
            self.give(answers, name)
        except Exception as error:
            spot.mark(error, spot(error))
            self.refuse(error)
        except CancelledError:
            for future in self.fail():
                future.cancel()
            raise
        except BaseException as error:
            self.refuse(ended_by(error, name))
            raise

    def give(self, answers: Any, name: str) -> None:
        """Give everybody the answer to their item."""
        for future, answer in self.settle(answers):
            if future.done():
                continue
            if isinstance(answer, BaseException):
                future.set_exception(raisable(answer, name))
            else:
                future.set_result(answer)

    def refuse(self, error: Exception) -> None:
        """Give everybody the error."""
        for future in self.fail():
            if not future.done():
                future.set_exception(error)


def leave(window: Gathering, place: int, future: Future[Any], error: BaseException) -> bool:
    """Let a waiter go whose wait ended with `error`; say whether the batch, which nobody wants now, is to be awaited."""
    if window.state == "done":
        if not future.cancelled() and future.done():
            future.exception()  # it was told to somebody
        return False
    future.cancel()
    if not window.leave(place, future):
        return False
    if window.task is None:
        window.shut()
        window.end()
        return False
    window.task.cancel()
    return not isinstance(error, GeneratorExit)


async def ended(window: Gathering) -> None:
    """Wait until the cancelled batch has ended; a cancellation that arrives meanwhile is raised afterwards."""
    assert window.task is not None
    await runtime.all_ended([window.task])


def hashable(option: str, value: Any, name: str) -> Hashable:
    """Give what a user's function gave of an item in a form that tells it from others.

    Raises:
        DefinitionError: it has no hash.
    """
    try:
        return same_key(value)  # type: ignore[no-any-return] # whatever has a hash
    except TypeError:
        raise DefinitionError(
            f"`{option}` of the batch of {name!r} gave a {type(value).__name__}, which has no hash, so that nothing could "
            "be found by it. Give a string, a number, or a tuple of such."
        ) from None


def raisable(answer: BaseException, name: str) -> Exception:
    """Give the exception of one item in a form that can be raised for who waits."""
    if isinstance(answer, StopIteration) or not isinstance(answer, Exception):
        error = BatchError(
            f"{name!r} gave a {type(answer).__name__} in the place of an item, which ends a program, a task or a loop when "
            "it is raised. Give an exception of another class."
        )
        error.__cause__ = answer
        return error
    return answer


def ended_by(error: BaseException, name: str) -> BatchError:
    """Give the error for those who waited for a batch whose run was ended from outside."""
    made = BatchError(
        f"the batch of {name!r} was ended by {type(error).__name__} before it had an answer. It is not known what of it "
        "was done; ask again if doing it twice does no harm."
    )
    made.__cause__ = error
    return made
