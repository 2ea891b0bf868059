"""Rows of batches: single loads that share calls, and items that go to worker processes in chunks.

The objects are made here, timed, and shown to keep what they promise. Read next: `bench.rows`, whose table these rows join.
"""

import asyncio
from typing import Any

from bench.coalescing import ITEMS, LOAD_ALL, SIZE, Coalescer, of_loads, rows_of
from bench.measure import timed_async
from bench.promises import Proof, require
from bench.rows import Row, Settings, Subjects, compared
from omnitron import BatchError, Hooks, context, flow

FEW = range(200)

load = flow(rows_of).batch(SIZE)
by_chunk = flow(rows_of).on("process").chunk(100, 2)


async def row_of(item: int) -> int:
    return item + 1


one_by_one = flow(row_of).on("process").each(concurrency=2)


def batching(settings: Settings, subjects: Subjects, proof: Proof) -> list[Row]:
    """Measure, then show."""
    runner = settings.runner
    names: dict[str, Any] = {"gather": asyncio.gather, "items": ITEMS}
    table = [
        compared(
            settings,
            "10,000 concurrent single loads, batched",
            1.15,
            timed_async(runner, LOAD_ALL, load=load, **names),
            (
                "a hand-written coalescer",
                timed_async(runner, LOAD_ALL, load=Coalescer(rows_of, SIZE).load, **names),
                Coalescer,
            ),
            others=of_loads(runner),
        ),
        compared(
            settings,
            "200 items on worker processes, in two chunks",
            None,
            timed_async(runner, "await run(items)", run=by_chunk, items=FEW),
            ("each item for itself", timed_async(runner, "await run(items)", run=one_by_one, items=FEW), row_of),
            rounds=settings.long_rounds,
        ),
    ]
    proof.show("10,000 loads: order, equal items once, sizes, hooks see the calls", shows_shared)
    proof.show("10,000 loads: a cancelled caller, a failing item, a short answer", shows_failing)
    proof.show("chunks on processes: order, an item's error with its index", shows_chunks)
    return table


# ---------------------------------------------------------------- what is shown


def shows_shared(proof: Proof) -> None:
    """The flow that was timed asks for what is needed, once, and is watched."""
    items = [*ITEMS, *ITEMS]
    sizes: list[int] = []

    def count(event: Any) -> None:
        if event.path.endswith("/rows_of"):
            sizes.append(len(event.call.args[0]))

    async def main() -> list[int]:
        return await context(hooks=Hooks(before=count)).run(load.each(concurrency=len(items)), items)

    require(proof.runner.run(main()) == [item + 1 for item in items], "the results are not in order")
    require(max(sizes, default=0) == SIZE, f"calls of {sizes[:3]} items")
    require(len(sizes) <= 2 * len(items) // SIZE, f"{len(sizes)} calls")


def shows_failing(proof: Proof) -> None:
    """What befalls one caller befalls no other."""
    cell = load.node.cell._state

    async def main() -> None:
        tasks = [asyncio.ensure_future(load(item)) for item in ITEMS[:10]]
        await asyncio.sleep(0)
        tasks[3].cancel()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        require(isinstance(found.pop(3), asyncio.CancelledError), "the caller was not cancelled")
        require(found == [item + 1 for item in ITEMS[:10] if item != 3], f"the others got {found}")
        require(len(asyncio.all_tasks()) == 1 and not cell.open, "something goes on")

        async def odd(items: list[int]) -> list[Any]:
            return [KeyError(item) if item == 2 else item for item in items]

        async def short(items: list[int]) -> list[int]:
            return items[1:]

        found = await asyncio.gather(*map(flow(odd).batch(), (1, 2, 3)), return_exceptions=True)
        require([found[0], repr(found[1]), found[2]] == [1, "KeyError(2)", 3], f"a failing item gave {found}")
        found = await asyncio.gather(*map(flow(short).batch(), (1, 2, 3)), return_exceptions=True)
        require(all(isinstance(error, BatchError) for error in found), f"a short answer gave {found}")

    proof.runner.run(main())


async def odd_rows(items: list[int]) -> list[Any]:
    return [KeyError(item) if item == 42 else item for item in items]


def shows_chunks(proof: Proof) -> None:
    """The flow that was timed keeps order; an error from a process tells its item."""

    async def main() -> None:
        require(await by_chunk(FEW) == [item + 1 for item in FEW], "the results are not in order")
        try:
            await flow(odd_rows).on("process").chunk(10)(FEW)
        except KeyError as error:
            require(any("item 42" in note for note in error.__notes__), f"the notes say {error.__notes__}")
        else:
            require(False, "nothing failed")

    proof.runner.run(main())
