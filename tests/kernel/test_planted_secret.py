"""One planted secret, and a search through everything that the library leaves behind, which never finds it.

Each scene puts the secret into some places by `plant(PLANTED)` and gives, by name, what is left of them: objects, texts,
bytes. A new artefact is one more line in a scene, or one more scene. Every scene is also played with a `Bare` value, which
hides nothing: there the search must find it, so that no scene looks where nothing is.
"""

import asyncio
import contextlib
import io
import json
import logging
import pickle
from dataclasses import asdict, dataclass
from functools import partial

import pytest

from omnitron import (
    EventLog,
    Failure,
    FlowExample,
    Hooks,
    Inputs,
    Key,
    LimitReached,
    MissingKey,
    NoMatch,
    Ok,
    Replace,
    RunCancelled,
    Secret,
    Tracing,
    choose,
    context,
    current_step,
    flow,
    identity,
    loop,
    needs,
    parallel,
    rebuild,
    resource,
)
from omnitron.model import canonical, keyed_hash
from omnitron.runtime import travel
from omnitron.testing import check_examples
from tests.planting import PLANTED, Bare, found_in, shows

from . import places

token = Key("token")
SCENES = []


def scene(play):
    """Make a scene of a function."""
    SCENES.append(play)
    return play


@dataclass
class Settings:
    host: str
    token: object


class Sore:
    """Fails at whatever it is asked, and says with what."""

    def __init__(self, text):
        self.text = text

    def fail(self, *others):
        raise ValueError(self.text)

    __eq__ = __hash__ = __reduce__ = fail


class Refused(Exception):
    """An error that says what it was given."""


@resource
def client(*, key=needs(token)):
    yield Settings("here", key)


@flow
def ask(question, settings=None, *, key=needs(token), by=needs(client)):
    """Ask with a token that was passed, one of the context, and one of a resource."""
    return {"question": question, "settings": settings, "key": key, "by": by}


@flow
def refuse(question, *, key=needs(token)):
    raise Refused(question, key)


@flow
async def wait(question, *, key=needs(token)):
    await asyncio.Event().wait()


def count_to(secret):
    """Give a secret twice."""
    yield secret
    yield [secret]


class Watcher:
    """Keeps whatever it sees as it is."""

    def __init__(self):
        self.events = []

    def observe(self, event):
        self.events.append(event)


def nested(secret):
    """Give the forms in which a value may hold a secret."""
    return {
        "tuple": (1, secret),
        "list": [[secret]],
        "key": {secret: 1},
        "value": {"a": {"b": secret}},
        "set": {secret},
        "dataclass": Settings("here", secret),
        "partial": partial(print, secret, end=secret),
        "inputs": Inputs((secret,), {"token": secret}),
        "ok": Ok(secret),
        "failure": Failure(ValueError(secret), secret, "a/b"),
        "example": FlowExample(secret, Inputs((), {"token": secret})),
        "replace": Replace(secret),
        "error": Refused(secret),
    }


def told(events):
    """Give events, and all that can be asked of them."""
    for event in events:
        yield repr(event), event
        yield "call", event.call
        for name in ("input", "output", "error", "item"):
            yield f"{name} of {event!r}", getattr(event, name, None)


@contextlib.contextmanager
def logged():
    """Give what all loggers write meanwhile, of whatever level."""
    written, root = io.StringIO(), logging.getLogger()
    handler, level = logging.StreamHandler(written), root.level
    handler.setFormatter(logging.Formatter("%(name)s %(message)s %(args)r"))
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield written
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


def caught(call, *args, **kwargs):
    """Give what a call raises."""
    try:
        call(*args, **kwargs)
    except BaseException as error:
        return error
    raise AssertionError("it raised nothing")


# ------------------------------------------------------------------ the scenes


@scene
def texts(plant):
    """Whatever becomes text."""
    secret = plant(PLANTED)
    yield from {"secret": secret, **nested(secret)}.items()
    yield "formatted", f"{secret:>40} {secret!r} {secret!s} {secret!a}" if isinstance(secret, Secret) else f"{secret}"
    yield "asdict", asdict(Settings("here", secret))


@scene
def flows(plant):
    """A flow that holds it: pictures, descriptions, hashes, pickles."""
    secret = plant(PLANTED)
    named = {f"{name}_": value for name, value in nested(secret).items()}
    for name, made in {
        "bound": ask.bind(key=secret, settings=nested(secret)),
        "bound parts": flow(dict).bind(**named),
        "default": flow(lambda question, key=secret: question),
        "partial": flow(partial(places.listed, into=[secret])),
        "reveal": flow(secret.reveal),
        "choose": choose(str, {secret: ask}),
        "example": ask.with_meta(examples=[FlowExample(secret, {"a": secret})]),
        "within": ask.within({token: secret, "other": nested(secret)}, replace={"ask": partial(print, secret)}),
        "within key": ask.within({secret: 1}),
    }.items():
        data = made.describe()
        yield name, made
        yield f"node of {name}", made.node
        yield f"signature of {name}", str(made.__signature__)
        yield f"description of {name}", json.dumps(data)
        with contextlib.suppress(Exception):
            yield f"{name} rebuilt", rebuild(data)
        if isinstance(secret, Secret) and "opaque" in json.dumps(data):
            yield f"{name} not rebuilt", caught(rebuild, data)


@scene
def observed(plant):
    """A run that succeeds, seen by all who watch."""
    secret, log, tracing, seen = plant(PLANTED), EventLog(), Tracing(), []
    hooks = Hooks(before=seen.append, after=seen.append, on_error=seen.append)
    with context({token: secret}, observers=[log], hooks=hooks, tracer=tracing) as app:
        result = app.run(ask, secret, settings=nested(secret))
        run = app.as_run("named").start(ask, (secret,))
        later = run.result()
        yield from {"app": app, "runtime": app.runtime, "run": run, "result": result, "later": later}.items()
        yield from told(run.events())
    yield from told(log.events)
    yield from told(seen)
    yield from (("span", span) for span in tracing.spans)


@scene
def streamed(plant):
    """Streams of secrets: while they are read, at their end, and when an item fails."""
    secret, log, seen = plant(PLANTED), EventLog(), Watcher()
    ctx = context({token: secret}, observers=[log, seen])
    numbers = flow(count_to) | ask.stream()
    stream = ctx.run(numbers, secret)
    yield "open", stream
    yield "item", next(stream)
    stream.close()
    yield "closed", stream
    yield "failed", caught(list, ctx.run(flow(count_to) | refuse.stream(), secret))
    yield "in threads", list(ctx.run(ask.stream(threads=2), [secret]))
    yield from told(log.events)
    yield from told(seen.events)


@scene
def failed(plant):
    """A run that fails: notes, outcomes, tracebacks with the locals of every frame."""
    secret, log = plant(PLANTED), EventLog()
    ctx = context({token: secret}, observers=[log])
    yield "alone", caught(ctx.run, refuse, secret)
    yield "in a pipe", caught(ctx.run, flow(nested) | refuse.bind(key=secret), secret)
    yield "in threads", caught(ctx.run, parallel(refuse, refuse, threads=2), secret)
    yield "collected", ctx.run(parallel(refuse, ask, mode="collect"), secret)
    yield "each", ctx.run(refuse.each(mode="collect"), [secret])
    yield "in another thread", caught(asyncio.run, ctx.run(refuse.on("thread"), secret))
    with contextlib.closing(asyncio.new_event_loop()) as event_loop:
        yield "async", caught(event_loop.run_until_complete, ctx.run(parallel(refuse, wait), secret))
    yield from told(log.events)


@scene
def cancelled(plant):
    """A run that is cancelled in the middle."""
    secret, log = plant(PLANTED), EventLog()

    async def main():
        async with context({token: secret}, observers=[log]) as app:
            run = app.start(wait, secret)
            await asyncio.sleep(0)
            run.cancel("enough")
            try:
                await run
            except RunCancelled as error:
                return run, error

    yield from zip(("run", "error"), asyncio.run(main()), strict=True)
    yield from told(log.events)


@scene
def replaced(plant):
    """A fake in the place of a flow, and what it is given."""
    secret, given = plant(PLANTED), []
    ctx = context({token: secret}, replace={"ask": lambda *args, **kwargs: given.append((args, kwargs))})
    ctx.run(ask, secret, secret)
    yield "given", given
    yield "context", ctx
    yield "refused", caught(context, replace={"ask": secret})


@scene
def journeys(plant):
    """What goes over the pipe to a worker process, and the answer that comes back."""
    secret, log = plant(PLANTED), EventLog()
    made = ask.bind(key=secret)
    context({token: secret}, observers=[log]).run(made, secret)
    yield "flow", travel.dumps(made, "the flow")
    yield "values", repr(travel.environment(context({token: secret, "more": nested(secret)}), made))
    yield "job", context({token: secret}).run(flow(lambda: travel.pack(made, {}, (secret,), {"settings": secret})))
    answer = travel.Answer(nested(secret), Refused(secret), "a", log.events)
    yield "answer", travel.pack_answer(answer)
    yield "error", travel.pack_answer(travel.Answer(None, travel.portable_error(Refused(secret)), "a", []))
    yield "slim", [travel.slim(event) for event in log.events]
    yield from told(map(travel.slim, log.events))
    yield "unpicklable", caught(travel.dumps, [secret, lambda: secret], "an argument")
    yield "unpicklable value", caught(travel.dumps, plant(Sore(PLANTED)), "an argument")
    yield "unloadable value", caught(pickle.loads, travel.sealed(plant(places.Sore(PLANTED, 1))))
    yield "described", travel.portable_error(places.Local(secret))


@scene
def processes(plant):
    """Flows that run in a process and fail there."""
    secret, log = plant(PLANTED), EventLog()
    ctx = context({"tenant": secret, token: secret}, observers=[log])
    trip = flow(places.tenant) | places.fail

    async def main():
        yield "result", await ctx.run(flow(places.tenant).on("process"), secret)
        yield "stack", await ctx.run(flow(places.whole_stack).on("process"), secret)
        for name, fails in {"error": trip, "stays": flow(places.fail_local), "sore": flow(places.fail_sore)}.items():
            try:
                await ctx.run(fails.on("process"), secret)
            except Exception as error:
                yield name, error

    async def gathered():
        return [pair async for pair in main()]

    yield from asyncio.run(gathered(), debug=True)
    yield from told(log.events)


@scene
def logs(plant):
    """Whatever is logged, when all is, and asyncio tells every step."""
    secret = plant(PLANTED)

    @resource
    def sore(*, key=needs(token)):
        yield key
        raise Refused(key)

    def observer_fails(event):
        raise Refused(event.input)

    async def main():
        asyncio.get_running_loop().slow_callback_duration = 0
        async with context({token: secret, "tenant": secret}, hooks=Hooks(before=observer_fails)) as app:
            await app.run(ask.on("thread"), secret)
            await app.run(flow(places.tenant).bind(x=nested(secret)).on("process"))
            lost = app.start(refuse.on("thread"), secret)
            async for _ in lost.events():
                pass
            del lost
            app.run(flow(lambda *, key=needs(sore): key))
            logging.getLogger("mine").warning("token %s of %r", secret, nested(secret))

    with logged() as written:
        yield "closing", caught(asyncio.run, main(), debug=True)
    yield "log", written.getvalue()


@scene
def errors(plant):
    """The errors of the library that tell of values."""
    secret = plant(PLANTED)
    held = context({(secret, 1): 1, "other": secret})
    yield "missing key", caught(held.get, secret)
    yield "missing need", caught(held.run, ask, 1)
    yield "no arm", NoMatch(secret, ("a",))
    yield "chosen", caught(choose(lambda value: value, {"a": ask}), secret)
    yield "limit", LimitReached(nested(secret), 3)
    yield "looped", caught(loop(identity, until=lambda value: False, at_most=2), secret)
    yield "key of a type", caught(context, {Key("limit", int): secret})
    yield "capability", caught(context, capabilities=[secret])
    yield "capabilities", caught(context, capabilities=secret)
    yield "observers", caught(context, observers=secret)
    yield "deadline", caught(context, deadline=secret)
    yield "values", caught(context, secret)
    yield "missing", MissingKey(secret, (str(secret),))
    yield "examples", caught(check_examples, flow(lambda value: [value], examples=[FlowExample(secret, secret)]))
    yield "hash", caught(hash, plant(Sore(PLANTED)))
    yield "equality", caught(lambda: plant(Sore(PLANTED)) == plant(Sore(PLANTED)))
    yield "keyed hash", caught(keyed_hash, Secret(Sore(PLANTED)))
    yield "resource given", caught(context({client: secret}).run, flow(lambda *, by=needs(client): by.host))


@scene
def keys(plant):
    """What keys are made of."""
    secret = plant(PLANTED)

    @flow
    def step(value):
        return current_step()

    here = context().as_run("a").run(step, nested(secret)["tuple"])
    yield "step", here
    yield "step's key", caught(lambda: here.key) if isinstance(secret, Bare) else here.key
    yield "encoding", caught(canonical, [secret])
    if isinstance(secret, Secret):
        yield "stand-in", canonical({"a": [secret]}, secret=keyed_hash)


# ------------------------------------------------------------------ the search


@pytest.mark.parametrize("play", SCENES, ids=lambda play: play.__name__)
def test_a_planted_secret_is_never_found(play):
    """No text, pickle, log line, description or traceback shows what a Secret holds."""
    assert found_in(play(Secret)) == []


@pytest.mark.parametrize("play", SCENES, ids=lambda play: play.__name__)
def test_what_hides_nothing_is_found(play):
    """The search looks where values are: with a value that hides nothing every scene shows it."""
    assert found_in(play(Bare)) != []


@pytest.mark.parametrize("tell", [str.encode, bytes.hex], ids=["plain", "hex"])
def test_the_search_knows_the_forms_of_a_text(tell):
    """Also encoded, and also the half of it that was left by shortening."""
    half = PLANTED[:11]

    assert shows(tell(half) if tell is str.encode else half.encode().hex())
