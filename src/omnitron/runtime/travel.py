"""What goes over the pipe to a worker process, and what the worker does with it.

Both ends are this library in a parent and its own child; nothing that comes from outside is ever unpickled here.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import signal
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

from omnitron.errors import RemoteError, Unpicklable
from omnitron.model import Call, CallAnswered, CallFailed, CallFinished, CallStarted, Event, ItemYielded, PolicyChanged
from omnitron.runtime.clock import SYSTEM_CLOCK
from omnitron.runtime.contexts import Context, current_context, make, run_async, run_sync
from omnitron.runtime.frames import Frame, Watched, read_watch
from omnitron.runtime.homing import LEVELS, Away, Line
from omnitron.runtime.keys import LeftBehind
from omnitron.runtime.options import Runtime
from omnitron.runtime.reporting import log
from omnitron.runtime.resources import Need
from omnitron.runtime.scopes import scope_here
from omnitron.runtime.sealing import sealed
from omnitron.runtime.watching import is_made
from omnitron.runtime.whereabouts import place_here

__all__ = ["Answer", "pack", "raise_remote", "renumbered", "replay", "unpack_answer", "work"]

flows_packed: WeakKeyDictionary[Any, tuple[bytes, bool]] = WeakKeyDictionary()


class Answer:
    """What a worker gives back: a value or an error with its path, and the events of the run there."""

    __slots__ = ("error", "events", "path", "value")

    def __init__(self, value: Any, error: BaseException | None, path: str, events: list[Event]) -> None:
        self.value = value
        self.error = error
        self.path = path
        self.events = events


def pack(flow: Any, used: Mapping[str, int], args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes:
    """Give the payload of one job: the flow, its arguments, and what of the context can travel.

    Raises:
        Unpicklable: says which part cannot, and why.
    """
    packed, fixed = flows_packed.get(flow, (None, False))
    if packed is None:
        packed, fixed = dumps(flow, f"the flow {flow.name!r}"), flow._fixed()
        if fixed:
            flows_packed[flow] = packed, fixed
    passed = {name: value for name, value in kwargs.items() if type(value) is not Need}  # filled where the flow runs
    arguments = dumps((args, passed), f"an argument of {flow.name!r}")
    frame = read_watch()
    place = home = None
    if frame is None:
        run_id, path, _ = place_here()
        home = (run_id, path, dict(used))
    else:
        made = is_made(frame, flow.node)
        place = (frame.run.id, frame.path, frame.named, bool(frame.run.observers), frame.attempt, made, dict(used))
    return dumps((packed, fixed, arguments, environment(current_context(), flow), place, home), "the job")


def dumps(value: Any, what: str) -> bytes:
    """Pickle a value; say what it was when it cannot be."""
    try:
        return sealed(value)
    except Unpicklable as error:
        raise Unpicklable(f"{what} cannot go to a process: {error}") from error
    except Exception as error:
        raise Unpicklable(
            f"{what} cannot go to a process, because it does not pickle: {type(error).__name__}: {error}"
        ) from error


def packed_or_none(value: Any) -> bytes | None:
    """Give the pickle of a value, or None if it has none."""
    try:
        return sealed(value)
    except Exception:
        return None


def environment(ctx: Context, flow: Any) -> tuple[Any, ...]:
    """Give the context's values (pickled one by one, None for one that stays behind), and what else of it travels.

    That is: capabilities, the time left, fakes, the configuration (pickled, or None).
    """
    values: dict[Any, bytes | None] = {}
    for key in ctx:
        if packed_or_none(key) is not None:  # a key that cannot travel cannot be asked for there either
            values[key] = packed_or_none(ctx._values[key])
    runtime = ctx.runtime
    left = None if runtime.deadline is None else runtime.deadline - runtime.clock.monotonic()
    fakes = {
        name: dumps(fake, f"what `replace` puts in the place of {name!r}")
        for name, fake in (runtime.replaced or {}).items()
        if flow._has_part(name)
    }
    config = None if runtime.config is None else dumps(runtime.config, "the configuration")
    return values, runtime.capabilities, left, fakes, config


# In the worker


def work(connection: Any) -> None:
    """Answer jobs until the parent closes the pipe.

    An interrupt from the terminal is the parent's to handle. A request to end (SIGTERM) raises in the running job, so that
    its `finally` clauses run.
    """
    signal.signal(signal.SIGINT, pass_by)
    line = Line(connection)
    signal.signal(signal.SIGTERM, line.between(leave))
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    loaded: dict[bytes, Any] = {}
    me = os.getpid()
    connection.send_bytes(b"ready")
    away = Away(line)
    while True:
        try:
            payload = connection.recv_bytes()
        except EOFError:
            return
        if payload[:1] == LEVELS:
            away.take(payload)
            continue
        answer = answer_to(payload, loaded, away)
        refuse_forked(me)
        try:
            line.send(answer)
        except OSError:
            return


def refuse_forked(worker: int) -> None:
    """End a process that was forked in a job and has come back from it: the answer and the pipe are the worker's."""
    if os.getpid() != worker:
        log("error", "a process that was forked in a step has left the step, and ends here; end it by os._exit")
        raise SystemExit(1)


def pass_by(number: int, frame: Any) -> None:
    """Let a signal pass. Not SIG_IGN, which programs that the job starts would inherit."""


def leave(number: int, frame: Any) -> None:
    """End this process from where it stands; once, so that nothing interrupts the clean-up."""
    signal.signal(signal.SIGTERM, pass_by)
    raise SystemExit(128 + number)


def answer_to(payload: bytes, loaded: dict[bytes, Any], away: Away) -> bytes:
    """Run one job and pickle its answer, whatever happens."""
    events: list[Event] = []
    flow: Any = None
    me = os.getpid()
    try:
        packed, fixed, arguments, (*env, config), place, home = pickle.loads(payload)
        flow = load(packed, loaded, away, keeps=fixed)
        env.append(None if config is None else load(config, loaded, away, keeps=True))
        args, kwargs = pickle.loads(arguments)
        away.ready()
        value = run_job(flow, args, kwargs, env, place, events, home)
    except SystemExit as error:
        if error.code == 128 + signal.SIGTERM or os.getpid() != me:
            raise
        return pack_answer(Answer(None, portable_error(error), "", events))
    except BaseException as error:
        path = "" if flow is None else flow._where(error).partition("/")[2]
        return pack_answer(Answer(None, portable_error(error), path, events))
    try:
        return pack_answer(Answer(value, None, "", events))
    except Exception as error:
        lost = Unpicklable(
            f"the result of {flow.name!r} cannot come back from its process: {type(error).__name__}: {error}"
        )
        return pack_answer(Answer(None, lost, "", events))


def load(packed: bytes, loaded: dict[bytes, Any], away: Away, *, keeps: bool) -> Any:
    """Load a pickle, and keep what it gives when that is the same each time."""
    found = loaded.get(packed)
    if found is None:
        with away.importing():
            found = pickle.loads(packed)
        if keeps:
            if len(loaded) >= 64:
                loaded.clear()
            loaded[packed] = found
    return found


def run_job(
    flow: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    env: list[Any],
    place: Any,
    events: list[Event],
    home: tuple[str, str, Mapping[str, int]] | None,
) -> Any:
    """Run the flow in a context made of what travelled."""
    values, capabilities, left, fakes, config = env
    replaced = {name: pickle.loads(fake) for name, fake in fakes.items()} or None
    deadline = None if left is None else SYSTEM_CLOCK.monotonic() + left
    ctx = make(
        {key: LeftBehind(str(key)) if packed is None else pickle.loads(packed) for key, packed in values.items()},
        Runtime(capabilities=capabilities, deadline=deadline, replaced=replaced, config=config),
    )
    frame = None
    if place is not None:
        run_id, path, named, observed, attempt, made, used = place
        run = Watched(run_id, SYSTEM_CLOCK, (Collector(events),) if observed else (), (), deadline, replaced)
        call = None
        if made:  # the parent has told of it; its number is that of no call here
            started = SYSTEM_CLOCK.monotonic()
            call = Call(flow.name, path, run_id, 0, None, attempt, args, kwargs, started, flow.node)
        frame = Frame(run, path, call, body=False, named=named, part=(flow.node, used), attempt=attempt)
    begin = flow if home is None else partial(go_on, home, flow)
    if flow.node.is_async:
        return run_in_loop(partial(run_async, ctx, frame, begin, args, kwargs))
    return run_sync(ctx, frame, begin, args, kwargs)


def run_in_loop(begin: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """Do what `asyncio.run` does; a request to end waits until the loop is whole: a half of one complains when it goes."""
    masks = hasattr(signal, "pthread_sigmask")
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM}) if masks else set()
    try:
        with asyncio.Runner() as runner:
            if masks:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
            return runner.run(begin())
    finally:
        if masks:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def go_on(home: tuple[str, str, Mapping[str, int]], flow: Any, /, *args: Any, **kwargs: Any) -> Any:
    """Call a flow as a part of the run that it comes from, which nothing watches; log records tell id and path."""
    run_id, around, used = home
    scope = scope_here.get()
    assert scope is not None  # of the job
    scope.goes_on(run_id, lambda path: "/".join(filter(None, (around, renumbered(path.partition("/")[2], used)))))
    return flow(*args, **kwargs)


class Collector:
    """Keeps the events of a job until they travel."""

    __slots__ = ("events",)

    def __init__(self, events: list[Event]) -> None:
        self.events = events

    def observe(self, event: Event, /) -> None:
        """Keep one event."""
        self.events.append(event.without_values())


def portable_error(error: BaseException) -> BaseException:
    """Give the error if it survives pickling, else a `RemoteError` that describes it; its traceback as its cause."""
    import traceback

    name = f"{type(error).__module__}.{type(error).__qualname__}".replace("__mp_main__", "__main__")
    try:
        description = RemoteError(name, str(error), "".join(traceback.format_exception(error)))
    except Exception as broken:  # the error's own `__str__` or `__repr__` raises
        description = RemoteError(name, f"its text cannot be made: {type(broken).__name__}")
    try:
        back = pickle.loads(sealed(error))
        if type(back) is type(error):
            return Travelled(error, description)
    except Exception:
        return description
    return description


class Travelled(Exception):
    """Carries an error and the description of where it was raised, which pickling alone would lose."""

    def __init__(self, error: BaseException, description: RemoteError) -> None:
        super().__init__(error, description)
        self.error = error
        self.description = description


def pack_answer(answer: Answer) -> bytes:
    """Pickle an answer; events whose values cannot travel go with the text of those values."""
    try:
        events = sealed(answer.events)
        pickle.loads(events)  # our own; what pickles but does not load must not travel
    except Exception:
        events = sealed([slim(event) for event in answer.events])
    return sealed((answer.value, answer.error, answer.path, events))


def text_of(value: Any) -> str:
    """Give the text of a value, whatever its `__repr__` does."""
    try:
        return repr(value)
    except Exception as broken:
        return f"<{type(value).__name__}, whose text cannot be made: {type(broken).__name__}>"


def slim(event: Event) -> Event:
    """Give an event with texts in the place of its values."""
    old = event.call
    args, kwargs = old.given()
    parent = None if old.parent is None else Call(old.parent.flow, old.parent.path, old.run_id, old.parent.call_id)
    call = Call(
        old.flow, old.path, old.run_id, old.call_id, parent, old.attempt,
        tuple(map(text_of, args)), {name: text_of(value) for name, value in kwargs.items()}, old.started_s,
    )  # fmt: skip
    if isinstance(event, CallFinished):
        return CallFinished(call, text_of(event.output), event.duration_s)
    if isinstance(event, CallFailed):
        return CallFailed(call, RemoteError(type(event.error).__qualname__, text_of(event.error)), event.duration_s)
    if isinstance(event, PolicyChanged):
        return event.of(call)
    if isinstance(event, CallAnswered):
        return CallAnswered(call, text_of(event.output), event.outcome)
    return ItemYielded(call, event.index, event.item) if isinstance(event, ItemYielded) else CallStarted(call)


# Back in the parent


def unpack_answer(packed: bytes) -> Answer:
    """Load what a worker gave back."""
    try:
        value, error, path, events = pickle.loads(packed)
    except Exception as broken:
        text = f"the answer of a process cannot be loaded here: {type(broken).__name__}: {broken}"
        raise Unpicklable(text) from broken
    if isinstance(error, Travelled):
        travelled = error
        error = travelled.error
        if error.__cause__ is None:
            error.__cause__ = travelled.description
    return Answer(value, error, path, pickle.loads(events))


async def replay(events: list[Event]) -> None:
    """Tell this run's observers what was seen in the worker, as part of the running call."""
    frame = read_watch()
    if frame is None or not events:
        return
    calls: dict[int, Call] = {}
    for event in events:
        number = event.call.call_id
        known = calls.get(number)
        if known is None:
            call = event.call
            parent = frame.call if call.parent is None else calls.get(call.parent.call_id, frame.call)
            known = calls[number] = Call(
                call.flow, call.path, call.run_id, frame.run.next_call(), parent,
                call.attempt, call.args, call.kwargs, call.started_s,
            )  # fmt: skip
        await frame.run.notify_async(event.of(known))


def renumbered(path: str, used: Mapping[str, int]) -> str:
    """Give a path beneath a part with the number that its first name has after the siblings before that part."""
    first, slash, rest = path.partition("/")
    name, _, number = first.partition("#")
    return f"{name}#{used[name] + int(number or 1)}{slash}{rest}" if name in used else path


def raise_remote(error: BaseException, o_remote_path: str) -> None:
    """Raise an error that came from a worker; the argument's name tells notes where it was raised there."""
    try:
        raise error
    finally:
        del error
