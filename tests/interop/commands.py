"""Flows as commands of a command line, with annotations that are texts."""

from __future__ import annotations

from typing import Annotated

import typer

from omnitron import Key, flow, needs

tenant = Key("tenant", str)


@flow
def total(
    items: Annotated[list[str], typer.Argument(help="What was bought.")],
    rate: Annotated[int, typer.Option(min=1, help="The price of one.")] = 7,
    *,
    loud: bool = False,
    who: str = needs(tenant),
) -> int:
    """Add up the prices.

    Each item costs the same.
    """
    return len(items) * rate * (10 if loud else 1)


@flow
def tell(amount: int) -> None:
    """Print the sum."""
    print("costs", amount)


@flow
def twice(x: int) -> int:
    """Double a number."""
    return 2 * x


command = (total | tell).within(tenant="acme").with_meta(description="Add up the prices, and tell.")
"""A pipe as a command."""

retried = (twice.retry(attempts=2) | tell).named("retried")
