"""What `omnitron show` says of a flow's policies: the worst that a call can come to, and orders that defeat one of them."""

from __future__ import annotations

from omnitron.algebra import StepCase, misorders, worst_case
from omnitron.cli.targets import AnyFlow

__all__ = ["order_lines", "worst_lines"]

STEPS = 5
PLACES = 200_000


def worst_lines(flow: AnyFlow) -> list[str]:
    """Give the most attempts and the longest time; nothing for a flow without a policy that bears on either."""
    if flow.node.size > PLACES:
        return [f"not told of a tree of {flow.node.size:,} places; `worst_case(flow)` takes its time for it"]
    case = worst_case(flow)
    if case.attempts == 1 and case.counted == 0 and case.seconds is None:
        return []
    often = sorted((step for step in case.steps if step.attempts != 1), key=most_first)
    lines = [", ".join(map(step_text, often[:STEPS]))] if often else ["1 attempt of each step"]
    if len(often) > STEPS:
        lines.append(f"… {len(often) - STEPS:,} more that run several times")
    if case.seconds is not None:
        return [*lines, f"{case.seconds:,.6g} s"]
    rest = f", besides {case.counted:,.6g} s" if case.counted else ""
    return [*lines, f"no bound on its time{rest}:", *(f"  {sentence}" for sentence in case.why)]


def most_first(step: StepCase) -> float:
    """Order steps by their attempts, the endless ones first."""
    return float("-inf") if step.attempts is None else -step.attempts


def step_text(step: StepCase) -> str:
    """Give how often a step runs."""
    return f"{'endless' if step.attempts is None else format(step.attempts, ',')} attempts of {step.path!r}"


def order_lines(flow: AnyFlow) -> list[str]:
    """Give what is wrong with the order of policies, a line each."""
    return [f"{one.path!r}: {one.text}" for one in misorders(flow.node)]
