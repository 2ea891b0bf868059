"""What a flow is: the nodes, the factory, the combinators, the compiler.

A new combinator is a subclass of `Node` with slots and `emit`; `from_node` makes a flow of it. See
`docs/combinators.md` for one written from outside.
"""

from omnitron.algebra.branching import Gather, Parallel, TryWith, When
from omnitron.algebra.combinators import gather, identity, rewrite, sequence, try_with, walk, when
from omnitron.algebra.factory import flow
from omnitron.algebra.fanout import parallel
from omnitron.algebra.flows import AnyFlow, AsyncFlow, Flow, from_node
from omnitron.algebra.loops import Each
from omnitron.algebra.node import Node
from omnitron.algebra.places import On
from omnitron.algebra.printing import render
from omnitron.algebra.program import clear_shapes
from omnitron.algebra.rebuilding import rebuild
from omnitron.algebra.steps import Bound, Identity, Receiver, Sequence, Star, Step
from omnitron.algebra.writer import Args, Writer

__all__ = [
    "AnyFlow",
    "Args",
    "AsyncFlow",
    "Bound",
    "Each",
    "Flow",
    "Gather",
    "Identity",
    "Node",
    "On",
    "Parallel",
    "Receiver",
    "Sequence",
    "Star",
    "Step",
    "TryWith",
    "When",
    "Writer",
    "clear_shapes",
    "flow",
    "from_node",
    "gather",
    "identity",
    "parallel",
    "rebuild",
    "render",
    "rewrite",
    "sequence",
    "try_with",
    "walk",
    "when",
]
