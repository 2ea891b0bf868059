"""Flows under policies, for what `omnitron show` says of them."""

from __future__ import annotations

import warnings

from omnitron import Retry, Timeout, flow, loop


@flow
async def load(x: int) -> int:
    """Give the number."""
    return x


@flow
def parse(x: int) -> int:
    """Give the number."""
    return x


bounded = load.apply(Timeout(5) + Retry(4, max_delay=10))
both = (bounded | load.named("save").timeout(3) | parse).named("both")
endless = loop(load.timeout(1), until=parse)
plain = (parse | parse).named("plain")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    twice = load.timeout(1).retry(4, max_delay=0).retry(3, max_delay=0)
