"""Flows that the tests of `--config` tune."""

from __future__ import annotations

from omnitron import current_context, flow


@flow
def parse(line: str) -> list[int]:
    """Read numbers."""
    return [int(word) for word in line.split(",")]


@flow
async def price(number: int) -> int:
    """Double a number."""
    return 2 * number


@flow
def total(numbers: list[int]) -> int:
    """Add numbers up."""
    return sum(numbers)


def free(number: int) -> int:
    return 0


def wordy(text: str) -> list[int]:
    """Give the lengths of words."""
    return [len(word) for word in text.split()]


@flow
def nested(number: int) -> int:
    """Run a flow in the context that is there."""
    return current_context().run(total, [number])


def at_least_ten(numbers: list[int]) -> int:
    return max(10, *numbers)


intake = (parse | price.each() | total.on("process")).named("intake")
odd = parse.named("ü x")


patient = price.retry(4, on=OSError).timeout(5)
