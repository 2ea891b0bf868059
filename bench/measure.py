"""How time is taken: statements in code of their own, samples in interleaved rounds, medians and quartiles.

Knows nothing of what is measured; that is `bench.rows`.

# Note [Paired rounds]
A machine that others use drifts from one second to the next. So each round takes one short sample of every
contestant, starting with another one each time, and a ratio is made within a round, between samples that
stand milliseconds apart. A row shows the median of these ratios and the quartiles around it. Nothing is
subtracted: the loop around the statement, which `timeit` writes in the same way, is in every sample.
"""

import asyncio
import gc
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import repeat
from time import perf_counter
from typing import Any

Sample = Callable[[int], float]
"""Runs the work as many times as it is told, and gives the seconds that took."""

_SYNC = """
def sample(count):
    rounds = repeat(None, count)
    start = clock()
    for _ in rounds:
        {statement}
    return clock() - start
"""
_ASYNC = _SYNC.replace("def sample", "async def sample")


def _compiled(template: str, statement: str, names: Mapping[str, Any]) -> Callable[[int], Any]:
    namespace: dict[str, Any] = {**names, "repeat": repeat, "clock": perf_counter}
    text = template.format(statement=statement.replace("\n", "\n        "))
    exec(compile(text, "<bench statement>", "exec"), namespace)
    return namespace["sample"]  # type: ignore[no-any-return]


def timed(statement: str, **names: Any) -> Sample:
    """A sample of a statement, in a function of its own, so that no call site serves two contestants."""
    return _compiled(_SYNC, statement, names)


def timed_async(runner: asyncio.Runner, statement: str, **names: Any) -> Sample:
    """A sample of a statement with `await` in it, inside one coroutine on the runner's loop."""
    inner = _compiled(_ASYNC, statement, names)
    return lambda count: runner.run(inner(count))


def timed_process(code: str, environment: Mapping[str, str]) -> Sample:
    """A sample of whole interpreter processes that run the given code."""
    command = [sys.executable, "-c", code]

    def sample(count: int) -> float:
        start = perf_counter()
        for _ in range(count):
            subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
        return perf_counter() - start

    return sample


@dataclass(frozen=True, slots=True)
class Spread:
    """A median with its quartiles."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        if len(values) < 3:
            return cls(statistics.median(values), min(values), max(values))
        low, median, high = statistics.quantiles(values, n=4, method="inclusive")
        return cls(median, low, high)

    def scaled(self, factor: float) -> "Spread":
        return Spread(self.median * factor, self.low * factor, self.high * factor)


class Timings:
    """Seconds a run, by contestant and round."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = {}

    def add(self, name: str, seconds: float) -> None:
        self.seconds.setdefault(name, []).append(seconds)

    def time(self, name: str) -> Spread:
        return Spread.of(self.seconds[name])

    def ratio(self, name: str, base: str) -> Spread:
        """The spread of one contestant's time over another's; see Note [Paired rounds]."""
        pairs = zip(self.seconds[name], self.seconds[base], strict=True)
        return Spread.of([ours / theirs for ours, theirs in pairs])


@contextmanager
def quiet(*, collecting: bool) -> Iterator[None]:
    """What lives already is left out of collections; collections run only if they are part of the work.

    The second collection finds nothing; Python takes from it how much is alive, and from that when the next full one
    is due. So the work pays the same, whatever was imported before it.
    """
    enabled = gc.isenabled()
    gc.collect()
    gc.freeze()
    gc.collect()
    if collecting:
        gc.enable()
    else:
        gc.disable()
    try:
        yield
    finally:
        gc.unfreeze()
        if enabled:
            gc.enable()


def _count_for(sample: Sample, seconds: float) -> int:
    """How many runs fill the given time; the first runs also warm the code, the very first makes what is made once."""
    sample(1)
    count = 1
    while True:
        taken = sample(count)
        if taken >= seconds / 4 or count >= 10_000_000:
            return max(1, round(count * seconds / taken))
        count *= 4 if taken < seconds / 100 else 2


def interleave(samples: Mapping[str, Sample], *, rounds: int, seconds: float, collecting: bool = False) -> Timings:
    """One sample of every contestant a round, starting with another one each time.

    Args:
        samples: The contestants by name.
        rounds: How many rounds.
        seconds: How long one sample should take; one run at least.
        collecting: Leave the garbage collector on, where it is part of the work.
    """
    timings = Timings()
    counts = {name: _count_for(sample, seconds) for name, sample in samples.items()}
    names = list(samples)
    with quiet(collecting=collecting):
        for turn in range(rounds):
            shift = turn % len(names)
            for name in names[shift:] + names[:shift]:
                gc.collect()
                timings.add(name, samples[name](counts[name]) / counts[name])
    return timings


def clocked(action: Callable[..., Any], *arguments: Any) -> tuple[float, Any]:
    """The seconds that one call took, and what it gave."""
    start = perf_counter()
    outcome = action(*arguments)
    return perf_counter() - start, outcome
