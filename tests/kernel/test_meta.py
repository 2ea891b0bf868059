"""What is declared of a flow: small frozen records, refused when they are wrong, kept where they are declared."""

import pickle

import pytest

from omnitron import (
    DefinitionError,
    FlowExample,
    FlowMeta,
    InvalidValue,
    Objective,
    flow,
)
from omnitron.model import Deployment, PerformanceClaim, ResourceRequirements, ScalingPolicy, SemanticDescriptor

WHOLE = {
    "version": "1.2.0",
    "description": "Price an order.",
    "documentation": "By the list of the region.",
    "tags": {"shop"},
    "examples": [FlowExample(1, 2, "one")],
    "objectives": [Objective("p99_latency_s", 0.25), Objective("accuracy", 0.9, bound="at least")],
    "semantics": SemanticDescriptor("billing", "find a price", {"order"}),
    "performance": PerformanceClaim("O(n)", "O(1)", latency_s=0.01, throughput_per_s=100),
    "deployment": Deployment("edge", resources=ResourceRequirements(cpus=0.5), scaling=ScalingPolicy(max_instances=3)),
}


def double(x: int) -> int:
    """Double a number.

    Whatever number it is,
        and indented.
    """
    return 2 * x


def test_the_factory_takes_every_field():
    """`flow(f, **fields)` and `.with_meta(**fields)` declare the same."""
    declared = flow(double, **WHOLE)

    assert declared == flow(double).with_meta(**WHOLE)
    assert declared.meta == FlowMeta(**WHOLE)
    assert declared.meta.objectives[1].bound == "at least"


def test_declared_metadata_pickles():
    """It loads as equal metadata."""
    meta = FlowMeta(**WHOLE)

    assert pickle.loads(pickle.dumps(meta)) == meta


def test_a_flow_of_a_flow_keeps_what_is_not_named():
    """`flow(f, version=...)` is `f.with_meta(version=...)`."""
    again = flow(flow(double, **WHOLE), version="2.0.0")

    assert again.meta == FlowMeta(**(WHOLE | {"version": "2.0.0"}))


def test_what_can_be_read_once_is_declared_whole():
    """An iterator of examples is as good as a list, also for a decorator."""
    declared = flow(examples=iter([FlowExample(1, 2)]))(double)

    assert declared.meta.examples == (FlowExample(1, 2),)


def test_documentation_is_the_rest_of_the_docstring():
    """Without indentation, and behind `.on` too."""
    rest = "Whatever number it is,\n    and indented."

    assert flow(double).meta.documentation == rest
    assert flow(double).on("thread").meta.documentation == rest


def test_beside_a_description_the_whole_docstring_is_documentation():
    """A declared description takes nothing away."""
    meta = flow(double, description="Twice.").meta

    assert (meta.description, meta.documentation.splitlines()[0]) == ("Twice.", "Double a number.")


def test_a_composed_flow_has_its_own_claims():
    """What is claimed of a part says nothing of the whole."""
    whole = flow(double, **WHOLE) | str

    assert (whole.meta.performance, whole.meta.examples, whole.meta.objectives) == (None, (), ())


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"documentation": 1}, "`documentation` is a string"),
        ({"examples": FlowExample(1, 2)}, "list of FlowExample"),
        ({"examples": [(1, 2)]}, "is none"),
        ({"objectives": "fast"}, "list of Objective"),
        ({"objectives": 3}, "list of Objective"),
        ({"semantics": "billing"}, r"SemanticDescriptor\(domain=\.\.\."),
        ({"performance": {"latency_s": 1}}, "takes a PerformanceClaim"),
        ({"deployment": "edge"}, "takes a Deployment"),
        ({"tags": "shop"}, r"Write \{'shop'\}"),
        ({"tags": [1]}, "each` is a string"),
        ({"tags": 1}, "set of words"),
    ],
)
def test_a_field_of_another_type_is_refused(fields, said):
    """With what the field takes, at the decorator already."""
    with pytest.raises(DefinitionError, match=said):
        flow(**fields)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Objective(" ", 1),
        lambda: Objective("x", float("nan")),
        lambda: Objective("x", 1, bound="near"),
        lambda: PerformanceClaim(latency_s=-1),
        lambda: PerformanceClaim(throughput_per_s=float("inf")),
        lambda: ResourceRequirements(cpus=-1),
        lambda: ScalingPolicy(max_instances=0),
        lambda: ScalingPolicy(concurrency=0),
        lambda: ScalingPolicy(min_instances=3, max_instances=2),
        lambda: Deployment("moon"),
    ],
)
def test_a_value_outside_its_range_is_refused(make):
    """Where it is written."""
    with pytest.raises(InvalidValue):
        make()


@pytest.mark.parametrize(
    "make",
    [
        lambda: Objective("x", True),
        lambda: Objective("x", "1"),
        lambda: ResourceRequirements(memory_bytes=1.5),
        lambda: ResourceRequirements(cpus=True),
        lambda: ScalingPolicy(min_instances="1"),
        lambda: Deployment(resources={"cpus": 1}),
        lambda: SemanticDescriptor(1),
        lambda: FlowExample(1, 2, None),
    ],
)
def test_a_value_of_another_type_is_refused(make):
    """Where it is written."""
    with pytest.raises(DefinitionError):
        make()


def test_an_unknown_field_is_refused_by_the_factory():
    """With the fields that there are."""
    with pytest.raises(DefinitionError, match="no field 'verison'"):
        flow(double, verison="1")


def test_an_objective_says_whether_a_measurement_meets_it():
    """By its bound."""
    objective = Objective("accuracy", 0.9, bound="at least")

    assert (objective.met_by(0.95), objective.met_by(0.5), str(objective)) == (True, False, "accuracy at least 0.9")
