"""Flows whose functions call flows, which the tests of `show` draw."""

from __future__ import annotations

import functools
from typing import Any

from omnitron import flow, sequence


@flow
def double(x: int) -> int:
    return 2 * x


@flow
def again(x: int) -> int:
    return again(x - 1) if x else 0


pair = (double | again).named("pair")


def through(x: int) -> int:
    return pair(x)


@flow
def body(x: int) -> list[Any]:
    return [double(x), calling(x), *[through(n) for n in range(x)]]


@functools.lru_cache
def cached(x: int) -> int:
    return double(x)


calling = sequence(body, flow(len), flow(cached)).named("calling")
