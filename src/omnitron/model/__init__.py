"""Plain data and protocols: what is declared of a flow, what comes of a call, what a context carries.

Nothing here runs anything. Read next: `omnitron.runtime` (what a run carries) and `omnitron.algebra` (what a flow is).
"""

from omnitron.model.answers import CallAnswered
from omnitron.model.changes import PolicyChanged
from omnitron.model.encoding import canonical, keyed_hash
from omnitron.model.events import (
    COLLECT,
    NOT_KEPT,
    STREAMS,
    Call,
    CallFailed,
    CallFinished,
    CallStarted,
    Event,
    ItemYielded,
    Replace,
    StreamEnd,
    new_call,
    new_failed,
    new_finished,
    new_started,
    new_yielded,
)
from omnitron.model.facts import Capability, Effect, capability_names, covers
from omnitron.model.limiting import LimitStorage
from omnitron.model.meta import (
    Deployment,
    FlowExample,
    FlowMeta,
    Objective,
    PerformanceClaim,
    ResourceRequirements,
    ScalingPolicy,
    SemanticDescriptor,
)
from omnitron.model.outcome import Failure, Inputs, Ok, Outcome, one_input
from omnitron.model.protocols import Clock, Executor, Guard, Observer, Random
from omnitron.model.record import Record
from omnitron.model.secrecy import MASK, Secret, annotations_inside, holds_secret
from omnitron.model.storing import CacheStorage, StoredValue

__all__ = [
    "NOT_KEPT",
    "COLLECT",
    "STREAMS",
    "CacheStorage",
    "Call",
    "CallAnswered",
    "CallFailed",
    "CallFinished",
    "CallStarted",
    "Capability",
    "Clock",
    "Deployment",
    "Effect",
    "Event",
    "Executor",
    "Failure",
    "FlowExample",
    "FlowMeta",
    "Guard",
    "Inputs",
    "ItemYielded",
    "LimitStorage",
    "MASK",
    "Objective",
    "Observer",
    "Ok",
    "Outcome",
    "PerformanceClaim",
    "PolicyChanged",
    "Random",
    "Record",
    "Replace",
    "ResourceRequirements",
    "ScalingPolicy",
    "Secret",
    "SemanticDescriptor",
    "StoredValue",
    "StreamEnd",
    "annotations_inside",
    "canonical",
    "capability_names",
    "covers",
    "holds_secret",
    "keyed_hash",
    "new_call",
    "new_failed",
    "new_finished",
    "new_started",
    "new_yielded",
    "one_input",
]
