"""The same work by the libraries a user might pick instead, as their documentation writes it.

Each function gives samples by name; a library that is not installed gives `None` in their place, and the
table says so. `pip install omnitron[bench]` installs them all. By-hand code is in `bench.baselines`.
"""

import asyncio
import subprocess
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any

from bench import frameworks
from bench.baselines import call, call_amount, parallel_anyio
from bench.measure import Sample, timed, timed_async
from bench.work import LOADERS, STEPS, STEPS_SOON

Peers = Mapping[str, Sample | None]

HAS_TOOLZ = find_spec("toolz") is not None
HAS_LANGCHAIN = find_spec("langchain_core") is not None
HAS_TENACITY = find_spec("tenacity") is not None
HAS_STAMINA = find_spec("stamina") is not None
HAS_BACKOFF = find_spec("backoff") is not None
HAS_ANYIO = find_spec("anyio") is not None
HAS_PREFECT = find_spec("prefect") is not None


def versions() -> dict[str, str | None]:
    """The version of each peer, or `None` for one that is not installed."""
    found: dict[str, str | None] = {}
    for name in (
        "toolz", "langchain-core", "langgraph", "apache-hamilton", "pydantic-graph", "anyio", "prefect",
        "tenacity", "stamina", "backoff", "aiodataloader", "strawberry-graphql", "cachetools", "async-lru",
        "aiocache", "pybreaker", "purgatory", "aiolimiter", "limits",
    ):  # fmt: skip
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


def _runnable(function: Callable[..., Any]) -> Any:
    from langchain_core.runnables import RunnableLambda

    return RunnableLambda(function)


def of_call() -> Peers:
    peers: dict[str, Sample | None] = {"toolz.pipe": None, "toolz.curry": None, "langchain": None}
    if HAS_TOOLZ:
        import toolz

        peers["toolz.pipe"] = timed("pipe(1, call)", pipe=toolz.pipe, call=call)
        peers["toolz.curry"] = timed("call(1)", call=toolz.curry(call))
    if HAS_LANGCHAIN:
        peers["langchain"] = timed("call.invoke(1)", call=_runnable(call))
    return peers


def of_keyword() -> Peers:
    peers: dict[str, Sample | None] = {"toolz.curry": None}
    if HAS_TOOLZ:
        import toolz

        peers["toolz.curry"] = timed("call(value=1)", call=toolz.curry(call))
    return peers


def of_defaults() -> Peers:
    peers: dict[str, Sample | None] = {"toolz.curry": None}
    if HAS_TOOLZ:
        import toolz

        peers["toolz.curry"] = timed("call(1)", call=toolz.curry(call_amount))
    return peers


def of_chain() -> Peers:
    peers: dict[str, Sample | None] = {"toolz.compose": None, "toolz.pipe": None}
    if HAS_TOOLZ:
        import toolz

        peers["toolz.compose"] = timed("chain(1)", chain=toolz.compose_left(*STEPS))
        peers["toolz.pipe"] = timed("pipe(1, *steps)", pipe=toolz.pipe, steps=STEPS)
    for name, make in frameworks.CHAINS.items():
        chain = _made(make, STEPS)
        peers[name] = timed("chain(1)", chain=chain) if chain else None
    return peers


def of_chain_soon(runner: asyncio.Runner) -> Peers:
    made = {name: _made(make, STEPS_SOON) for name, make in frameworks.CHAINS_SOON.items()}
    return {name: timed_async(runner, "await chain(1)", chain=chain) if chain else None for name, chain in made.items()}


def _made(make: Callable[..., Any], steps: tuple[Callable[..., Any], ...]) -> Any:
    try:
        return make(steps)
    except ImportError:
        return None


def at_scale(steps: int, seconds: float) -> Mapping[str, float | str | None]:
    """Seconds for a chain of so many steps, built and run in a process of its own, or what came of it instead.

    None for a library that is not installed.

    Args:
        steps: How many.
        seconds: How long each may take.
    """
    found: dict[str, float | str | None] = {}
    for name in {**frameworks.CHAINS, **frameworks.CHAINS_SOON}:
        command = [sys.executable, "-m", "bench.frameworks", name, str(steps)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
        except subprocess.TimeoutExpired:
            found[name] = f"> {seconds:g} s"
            continue
        last = (done.stdout if done.returncode == 0 else done.stderr).strip().splitlines()[-1]
        wrong = last.partition(":")[0]
        found[name] = float(last) if done.returncode == 0 else None if wrong == "ModuleNotFoundError" else wrong
    return found


def of_parallel(runner: asyncio.Runner) -> Peers:
    peers: dict[str, Sample | None] = {"anyio": None, "langchain": None}
    if HAS_ANYIO:
        peers["anyio"] = timed_async(runner, "await fan(1)", fan=parallel_anyio)
    if HAS_LANGCHAIN:
        from langchain_core.runnables import RunnableParallel

        fan = RunnableParallel({load.__name__: _runnable(load) for load in LOADERS})
        peers["langchain"] = timed_async(runner, "await fan.ainvoke(1)", fan=fan)
    return peers


def of_retry(function: Callable[..., Any]) -> Peers:
    """Three attempts, no waiting."""
    peers: dict[str, Sample | None] = {"backoff": None, "stamina": None, "tenacity": None}
    if HAS_BACKOFF:
        import backoff

        again = backoff.on_exception(backoff.constant, Exception, max_tries=3, jitter=None, interval=0)
        peers["backoff"] = timed("call(1)", call=again(function))
    if HAS_STAMINA:
        import stamina

        stamina.instrumentation.set_on_retry_hooks([])  # it would log each
        once_more = stamina.retry(on=Exception, attempts=3, timeout=None, wait_initial=0, wait_max=0, wait_jitter=0)
        peers["stamina"] = timed("call(1)", call=once_more(function))
    if HAS_TENACITY:
        import tenacity

        decorate = tenacity.retry(stop=tenacity.stop_after_attempt(3), wait=tenacity.wait_none(), reraise=True)
        peers["tenacity"] = timed("call(1)", call=decorate(function))
    return peers


def of_retry_soon(function: Callable[..., Any]) -> dict[str, Any]:
    """Decorated async functions: four attempts of what is down, with waits."""
    found: dict[str, Any] = {"tenacity": None, "stamina": None}
    if HAS_TENACITY:
        import tenacity

        decorate = tenacity.retry(
            stop=tenacity.stop_after_attempt(4),
            wait=tenacity.wait_random_exponential(0.1, 30),
            retry=tenacity.retry_if_exception_type(OSError),
            reraise=True,
        )
        found["tenacity"] = decorate(function)
    if HAS_STAMINA:
        import stamina

        stamina.instrumentation.set_on_retry_hooks([])
        found["stamina"] = stamina.retry(on=OSError, attempts=4)(function)
    return found
