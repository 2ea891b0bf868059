"""Chains of steps by the frameworks of graphs and pipelines, as their documentation writes them.

`CHAINS` and `CHAINS_SOON` make one thing to call of any number of steps `int -> int`, sync and async. A framework that
is not installed raises ImportError where it is asked to make one.

    python -m bench.frameworks NAME COUNT     builds a chain of so many distinct steps, runs it, prints the seconds
"""

import asyncio
import sys
from collections.abc import Callable, Sequence
from itertools import pairwise
from time import perf_counter
from typing import Any, TypedDict

Step = Callable[[int], Any]


class Carried(TypedDict):
    """The state that LangGraph hands from node to node."""

    value: int


def langchain(steps: Sequence[Step]) -> Callable[[int], int]:
    return _langchain(steps).invoke  # type: ignore[no-any-return]


def langchain_soon(steps: Sequence[Step]) -> Callable[[int], Any]:
    return _langchain(steps).ainvoke  # type: ignore[no-any-return]


def _langchain(steps: Sequence[Step]) -> Any:
    from langchain_core.runnables import RunnableLambda

    chain: Any = RunnableLambda(steps[0])
    for step in steps[1:]:
        chain = chain | RunnableLambda(step)
    return chain


def langgraph(steps: Sequence[Step]) -> Callable[[int], int]:
    from langgraph.graph import END, START, StateGraph

    def node(step: Step) -> Callable[[Carried], Carried]:
        return lambda state: {"value": step(state["value"])}

    graph = StateGraph(Carried)
    names = [f"step {place}" for place in range(len(steps))]
    for name, step in zip(names, steps, strict=True):
        graph.add_node(name, node(step))
    for before, after in zip([START, *names], [*names, END], strict=True):
        graph.add_edge(before, after)
    compiled = graph.compile()
    config: Any = {"recursion_limit": len(steps) + 10}
    return lambda value: compiled.invoke({"value": value}, config)["value"]  # type: ignore[no-any-return]


def hamilton(steps: Sequence[Step]) -> Callable[[int], int]:
    """Functions whose parameters name what they take; each calls its step."""
    from hamilton import ad_hoc_utils, driver

    text = "".join(
        f"def step_{place}({f'step_{place - 1}' if place else 'value'}: int) -> int:\n"
        f"    return steps[{place}]({f'step_{place - 1}' if place else 'value'})\n"
        for place in range(len(steps))
    )
    names: dict[str, Any] = {"steps": steps}
    exec(text, names)
    last = f"step_{len(steps) - 1}"
    module = ad_hoc_utils.create_temporary_module(*[names[f"step_{place}"] for place in range(len(steps))])
    built = driver.Builder().with_modules(module).build()
    return lambda value: built.execute([last], inputs={"value": value})[last]  # type: ignore[no-any-return]


def pydantic_graph_soon(steps: Sequence[Step]) -> Callable[[int], Any]:
    from pydantic_graph import GraphBuilder, StepContext

    def node(step: Step) -> Callable[[StepContext[None, None, int]], Any]:
        async def run(ctx: StepContext[None, None, int]) -> int:
            return await step(ctx.inputs)  # type: ignore[no-any-return]

        return run

    builder = GraphBuilder(input_type=int, output_type=int)
    nodes: list[Any] = [builder.step(node_id=f"step {place}")(node(step)) for place, step in enumerate(steps)]
    rows: list[Any] = [builder.start_node, *nodes, builder.end_node]
    builder.add(*[builder.edge_from(before).to(after) for before, after in pairwise(rows)])
    graph = builder.build()
    return lambda value: graph.run(inputs=value)


CHAINS = {"langchain": langchain, "hamilton": hamilton, "langgraph": langgraph}
CHAINS_SOON = {"langchain": langchain_soon, "pydantic-graph": pydantic_graph_soon}


def main() -> None:
    from bench.work import distinct_steps

    name, count = sys.argv[1], int(sys.argv[2])
    steps: Sequence[Step] = distinct_steps(count)
    if name in CHAINS:
        CHAINS[name](steps[:1])  # what is imported is no part of the work
        start = perf_counter()
        outcome = CHAINS[name](steps)(0)
    else:
        steps = [_soon(step) for step in steps]
        CHAINS_SOON[name](steps[:1])
        start = perf_counter()
        outcome = asyncio.run(CHAINS_SOON[name](steps)(0))
    taken = perf_counter() - start
    if outcome != count:
        raise AssertionError(f"{name}: {outcome} of {count} steps")
    print(taken)


def _soon(step: Step) -> Step:
    async def soon(value: int) -> int:
        return step(value)  # type: ignore[no-any-return]

    return soon


if __name__ == "__main__":
    main()
