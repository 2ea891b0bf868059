"""What a flow is: the nodes, the factory, the combinators, the compiler.

A new combinator is a subclass of `Node` with slots and `emit`; `from_node` makes a flow of it. See
`docs/combinators.md` for one written from outside.
"""

from typing import TYPE_CHECKING, Any

from omnitron.algebra.branching import Gather, Parallel, TryWith, When
from omnitron.algebra.combinators import gather, identity, rewrite, sequence, try_with, walk, when
from omnitron.algebra.factory import flow
from omnitron.algebra.fanout import parallel
from omnitron.algebra.flows import AnyFlow, AsyncFlow, Flow, from_node
from omnitron.algebra.loops import Each
from omnitron.algebra.node import Node
from omnitron.algebra.printing import render
from omnitron.algebra.program import clear_shapes
from omnitron.algebra.refining import Bound, Receiver, Star
from omnitron.algebra.steps import Identity, Sequence, Step
from omnitron.algebra.streams import Stream
from omnitron.algebra.undoing import Undo
from omnitron.algebra.writer import Args, Writer

if TYPE_CHECKING:
    from omnitron.algebra.annotated import is_need, typed_parameters, typed_result
    from omnitron.algebra.batching import Batched, Windows
    from omnitron.algebra.bodies import called_flows, readable
    from omnitron.algebra.choosing import ByType, Choose, Keep, Tap
    from omnitron.algebra.chunking import Chunked
    from omnitron.algebra.hedging import Hedged
    from omnitron.algebra.orders import Misorder, misorders
    from omnitron.algebra.overlooking import Overlooked, overlooked
    from omnitron.algebra.passing import keep, loop, tap
    from omnitron.algebra.places import On
    from omnitron.algebra.racing import Race, race
    from omnitron.algebra.rebuilding import rebuild
    from omnitron.algebra.recovering import Fallback
    from omnitron.algebra.repeating import Loop
    from omnitron.algebra.retrying import Retrying
    from omnitron.algebra.selecting import by_type, choose, fallback
    from omnitron.algebra.timing import Timed
    from omnitron.algebra.tuning import Change, Tuning, near_place, tune, unplaced_text
    from omnitron.algebra.within import Within
    from omnitron.algebra.worst import StepCase, WorstCase, worst_case

LAZY = {
    "Batched": "batching",
    "ByType": "choosing",
    "Change": "tuning",
    "Choose": "choosing",
    "Chunked": "chunking",
    "Fallback": "recovering",
    "Hedged": "hedging",
    "Keep": "choosing",
    "Loop": "repeating",
    "Misorder": "orders",
    "On": "places",
    "Overlooked": "overlooking",
    "Race": "racing",
    "Retrying": "retrying",
    "StepCase": "worst",
    "Tap": "choosing",
    "Timed": "timing",
    "Tuning": "tuning",
    "Windows": "batching",
    "Within": "within",
    "WorstCase": "worst",
    "by_type": "selecting",
    "called_flows": "bodies",
    "choose": "selecting",
    "fallback": "selecting",
    "is_need": "annotated",
    "keep": "passing",
    "loop": "passing",
    "misorders": "orders",
    "near_place": "tuning",
    "overlooked": "overlooking",
    "race": "racing",
    "readable": "bodies",
    "rebuild": "rebuilding",
    "tap": "passing",
    "tune": "tuning",
    "typed_parameters": "annotated",
    "typed_result": "annotated",
    "unplaced_text": "tuning",
    "worst_case": "worst",
}
"""What is imported when it is first touched, by the module that holds it."""

__all__ = [
    "AnyFlow",
    "Args",
    "AsyncFlow",
    "Batched",
    "Bound",
    "ByType",
    "Change",
    "Choose",
    "Chunked",
    "Each",
    "Fallback",
    "Flow",
    "Gather",
    "Hedged",
    "Identity",
    "Keep",
    "Loop",
    "Misorder",
    "Node",
    "On",
    "Overlooked",
    "Parallel",
    "Race",
    "Receiver",
    "Retrying",
    "Sequence",
    "Star",
    "Step",
    "StepCase",
    "Stream",
    "Tap",
    "TryWith",
    "Tuning",
    "Timed",
    "Undo",
    "When",
    "Windows",
    "Within",
    "WorstCase",
    "Writer",
    "by_type",
    "called_flows",
    "choose",
    "clear_shapes",
    "fallback",
    "flow",
    "from_node",
    "gather",
    "identity",
    "is_need",
    "keep",
    "loop",
    "misorders",
    "near_place",
    "overlooked",
    "parallel",
    "race",
    "readable",
    "rebuild",
    "render",
    "rewrite",
    "sequence",
    "tap",
    "try_with",
    "tune",
    "typed_parameters",
    "typed_result",
    "unplaced_text",
    "walk",
    "when",
    "worst_case",
]


def __getattr__(name: str) -> Any:
    module = LAZY.get(name)
    if module is None:
        raise AttributeError(f"module 'omnitron.algebra' has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(f"omnitron.algebra.{module}"), name)
    return value
