"""What an error or an outcome of branches and items holds goes when it is dropped, without the collector of garbage."""

import asyncio
import contextlib
import gc
import sys

import pytest

from omnitron import Adaptive, context, flow, parallel, race


@flow
async def picky(number):
    """Refuse what is negative."""
    if number < 0:
        raise LookupError(number)
    return number


TREES = {
    "parallel": (parallel(picky, picky), -1),
    "race": (race(picky, picky), -1),
    "each": (picky.each(), [1, -1, 2]),
    "each unordered": (picky.each(unordered=True), [1, -1, 2]),
    "each collected": (picky.each(mode="collect"), [1, -1, 2]),
    "each adaptive": (picky.each(concurrency=Adaptive(1, 2)), [1, -1, 2]),
    "hedge": (picky.hedge(9, budget=None), -1),
}


@pytest.mark.skipif(sys.gettrace() is not None, reason="a tracer holds frames")
@pytest.mark.parametrize("runs", [False, True], ids=["", "run"])
@pytest.mark.parametrize(("tree", "given"), [pytest.param(*rest, id=name) for name, rest in TREES.items()])
def test_an_error_is_not_kept_by_its_own_frames(tree, given, runs):
    """Nor is what they have as arguments: a list of a million items, say."""

    async def work():
        with contextlib.suppress(LookupError, ExceptionGroup):
            await (context().run(tree, given) if runs else tree(given))
        await asyncio.sleep(0)

    async def main():
        await work()
        await work()
        gc.collect()
        gc.disable()
        try:
            await work()
            return gc.collect()
        finally:
            gc.enable()

    assert asyncio.run(main()) == 0
