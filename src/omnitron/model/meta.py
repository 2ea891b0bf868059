"""`FlowMeta`: what is declared about a flow, and the small records that it is made of.

All of it is an author's word. Nothing here is measured, and nothing acts on it by itself: who reads a record says so.
Effects and capabilities stand in `omnitron.model.facts`. Source: the specification, section 1.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, TypeVar

from omnitron.errors import DefinitionError, InvalidValue
from omnitron.model.facts import Capability, Effect, capability_names
from omnitron.model.record import Record

__all__ = [
    "Deployment",
    "FlowExample",
    "FlowMeta",
    "Objective",
    "PerformanceClaim",
    "ResourceRequirements",
    "ScalingPolicy",
    "SemanticDescriptor",
]

T = TypeVar("T")

BOUNDS = ("at most", "at least")
PLACES = ("edge", "cloud", "local", "any")


class FlowExample(Record):
    """One example of a flow's behaviour: an input, and the output that belongs to it.

    Attributes:
        input: the one value that the flow is called with; `Inputs(args, kwargs)` where it takes anything else.
        output: what the flow gives for it, compared by `==`.
        description: what the example shows.

    Example:
        >>> from omnitron import flow
        >>> from omnitron.testing import check_examples
        >>> check_examples(flow(abs, examples=[FlowExample(-4, 4), FlowExample(0, 0)]))
        2
    """

    __slots__ = ("input", "output", "description")
    input: Any
    output: Any
    description: str

    def __init__(self, input: Any, output: Any, description: str = "") -> None:
        check_text("description", description)
        self._fill(description=description, input=input, output=output)


class Objective(Record):
    """A goal that a flow is to meet: a metric and the bound that it should keep.

    Attributes:
        metric: what is measured, the unit last where it has one: `p99_latency_s`, `accuracy`.
        target: the bound.
        bound: "at most" or "at least".
        description: why, for readers.

    Example:
        >>> (
        ...     Objective("p99_latency_s", 0.25).met_by(0.2),
        ...     Objective("accuracy", 0.9, bound="at least").met_by(0.8),
        ... )
        (True, False)
    """

    __slots__ = ("metric", "target", "bound", "description")
    metric: str
    target: float
    bound: Literal["at most", "at least"]
    description: str

    def __init__(
        self,
        metric: str,
        target: float,
        *,
        bound: Literal["at most", "at least"] = "at most",
        description: str = "",
    ) -> None:
        check_text("metric", metric)
        if not metric.strip():
            raise InvalidValue("`metric` is empty. Name what is measured, for example 'p99_latency_s'.")
        if isinstance(target, bool) or not isinstance(target, int | float):
            raise DefinitionError(f"`target` is a number, got {target!r}.")
        if target != target:
            raise InvalidValue("`target` is not a number (nan): no measurement could meet it.")
        if bound not in BOUNDS:
            raise InvalidValue(f"`bound` is 'at most' or 'at least', got {bound!r}.")
        check_text("description", description)
        self._fill(bound=bound, description=description, metric=metric, target=target)

    def met_by(self, value: float) -> bool:
        """Say whether a measured value keeps the bound."""
        return value <= self.target if self.bound == "at most" else value >= self.target

    def __str__(self) -> str:
        return f"{self.metric} {self.bound} {self.target}"


class SemanticDescriptor(Record):
    """What a flow means: words that a search reads beside its name.

    Attributes:
        domain: the field that it belongs to, for example "billing".
        intent: what somebody wants who calls it, for example "find the price of an order".
        tags: words of that domain; words about the flow itself stand in `FlowMeta.tags`.
    """

    __slots__ = ("domain", "intent", "tags")
    domain: str
    intent: str
    tags: frozenset[str]

    def __init__(self, domain: str = "", intent: str = "", tags: Iterable[str] = ()) -> None:
        check_text("domain", domain)
        check_text("intent", intent)
        self._fill(domain=domain, intent=intent, tags=words("tags", tags))


class PerformanceClaim(Record):
    """What an author says of a flow's costs. It is a claim and shown as one: measured figures come from profiles only.

    Attributes:
        complexity: of time, for example "O(n log n)".
        memory: of space, for example "O(n)".
        latency_s: seconds that a typical call takes.
        throughput_per_s: calls a second that a typical process does.
    """

    __slots__ = ("complexity", "memory", "latency_s", "throughput_per_s")
    complexity: str
    memory: str
    latency_s: float | None
    throughput_per_s: float | None

    def __init__(
        self,
        complexity: str = "",
        memory: str = "",
        *,
        latency_s: float | None = None,
        throughput_per_s: float | None = None,
    ) -> None:
        check_text("complexity", complexity)
        check_text("memory", memory)
        check_amount("latency_s", latency_s)
        check_amount("throughput_per_s", throughput_per_s)
        self._fill(complexity=complexity, latency_s=latency_s, memory=memory, throughput_per_s=throughput_per_s)


class ResourceRequirements(Record):
    """What a flow wants of the machine that it runs on.

    Attributes:
        cpus: processors, also parts of one.
        memory_bytes: main memory.
        gpus: graphics processors, also parts of one.
    """

    __slots__ = ("cpus", "memory_bytes", "gpus")
    cpus: float | None
    memory_bytes: int | None
    gpus: float | None

    def __init__(
        self, *, cpus: float | None = None, memory_bytes: int | None = None, gpus: float | None = None
    ) -> None:
        check_amount("cpus", cpus)
        check_amount("memory_bytes", memory_bytes, whole=True)
        check_amount("gpus", gpus)
        self._fill(cpus=cpus, gpus=gpus, memory_bytes=memory_bytes)


class ScalingPolicy(Record):
    """How many instances of a flow a cluster should keep.

    Attributes:
        min_instances: kept also when nothing is to be done.
        max_instances: never more.
        concurrency: calls that one instance takes at once.
    """

    __slots__ = ("min_instances", "max_instances", "concurrency")
    min_instances: int
    max_instances: int | None
    concurrency: int | None

    def __init__(
        self, *, min_instances: int = 0, max_instances: int | None = None, concurrency: int | None = None
    ) -> None:
        check_amount("min_instances", min_instances, whole=True)
        check_amount("max_instances", max_instances, whole=True)
        check_amount("concurrency", concurrency, whole=True)
        for option, most in (("max_instances", max_instances), ("concurrency", concurrency)):
            if most == 0:
                raise InvalidValue(f"`{option}=0` would never run the flow. Give at least 1, or leave it out.")
        if max_instances is not None and max_instances < min_instances:
            raise InvalidValue(f"`max_instances={max_instances}` is less than `min_instances={min_instances}`.")
        self._fill(concurrency=concurrency, max_instances=max_instances, min_instances=min_instances)


class Deployment(Record):
    """Where a flow would rather run, with what, and how often.

    Attributes:
        preferred: "edge", "cloud", "local" or "any".
        resources: what it wants of a machine.
        scaling: how many instances.
    """

    __slots__ = ("preferred", "resources", "scaling")
    preferred: Literal["edge", "cloud", "local", "any"]
    resources: ResourceRequirements
    scaling: ScalingPolicy

    def __init__(
        self,
        preferred: Literal["edge", "cloud", "local", "any"] = "any",
        *,
        resources: ResourceRequirements | None = None,
        scaling: ScalingPolicy | None = None,
    ) -> None:
        if preferred not in PLACES:
            raise InvalidValue(f"`preferred` is one of {', '.join(map(repr, PLACES))}; got {preferred!r}.")
        check_record("resources", resources, ResourceRequirements)
        check_record("scaling", scaling, ScalingPolicy)
        self._fill(
            preferred=preferred, resources=resources or ResourceRequirements(), scaling=scaling or ScalingPolicy()
        )


class FlowMeta(Record):
    """What is declared about a flow. Every field has an empty default; a composed flow derives its own from its parts.

    Attributes:
        version: free text, by convention a semantic version; empty when not given.
        description: what the flow is for; the first line of the function's docstring when not given.
        documentation: the words that come after; the rest of the function's docstring when not given.
        effects: the declared effects, or None when nothing is declared (which is not `Effect.NONE`).
        capabilities: names of the capabilities that a run must hold.
        tags: free words to search by.
        examples: inputs with the outputs that belong to them.
        objectives: goals that it is to meet.
        semantics: what it means, for a search.
        performance: what its author claims of its costs.
        deployment: where it would rather run.

    Example:
        >>> from omnitron import flow
        >>> flow(abs, version="1.2.0", tags={"numbers"}).meta.version
        '1.2.0'
    """

    __slots__ = (
        "version", "description", "documentation", "effects", "capabilities", "tags",
        "examples", "objectives", "semantics", "performance", "deployment",
    )  # fmt: skip
    version: str
    description: str
    documentation: str
    effects: Effect | None
    capabilities: frozenset[str]
    tags: frozenset[str]
    examples: tuple[FlowExample, ...]
    objectives: tuple[Objective, ...]
    semantics: SemanticDescriptor | None
    performance: PerformanceClaim | None
    deployment: Deployment | None

    def __init__(
        self,
        *,
        version: str = "",
        description: str = "",
        documentation: str = "",
        effects: Effect | None = None,
        capabilities: Iterable[str | Capability] = (),
        tags: Iterable[str] = (),
        examples: Iterable[FlowExample] = (),
        objectives: Iterable[Objective] = (),
        semantics: SemanticDescriptor | None = None,
        performance: PerformanceClaim | None = None,
        deployment: Deployment | None = None,
    ) -> None:
        for option, value in (("version", version), ("description", description), ("documentation", documentation)):
            check_text(option, value)
        if effects is not None and not isinstance(effects, Effect):
            raise DefinitionError(f"`effects` is an Effect such as Effect.READ | Effect.NETWORK, got {effects!r}.")
        check_record("semantics", semantics, SemanticDescriptor)
        check_record("performance", performance, PerformanceClaim)
        check_record("deployment", deployment, Deployment)
        self._fill(
            capabilities=capability_names(capabilities) or frozenset(),
            deployment=deployment,
            description=description,
            documentation=documentation,
            effects=effects,
            examples=records("examples", examples, FlowExample),
            objectives=records("objectives", objectives, Objective),
            performance=performance,
            semantics=semantics,
            tags=words("tags", tags),
            version=version,
        )


# ------------------------------------------------------------------ what each field takes


def check_text(option: str, value: object) -> None:
    """Refuse what is no string."""
    if not isinstance(value, str):
        raise DefinitionError(f"`{option}` is a string, got {value!r} ({type(value).__name__}).")


def check_amount(option: str, value: object, *, whole: bool = False) -> None:
    """Refuse what is no number of zero or more; None says nothing."""
    if value is None:
        return
    kind = "a whole number" if whole else "a number"
    if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
        raise DefinitionError(f"`{option}` is {kind}, got {value!r} ({type(value).__name__}).")
    if not 0 <= value < float("inf"):
        raise InvalidValue(f"`{option}` is {kind} of zero or more, got {value!r}.")


def check_record(option: str, value: object, kind: type[Record]) -> None:
    """Refuse what is not of the class that a field holds; None says nothing."""
    if value is not None and not isinstance(value, kind):
        raise DefinitionError(
            f"`{option}` takes a {kind.__name__}, got {value!r} ({type(value).__name__}). "
            f"Write {option}={kind.__name__}({', '.join(f'{name}=...' for name in kind.fields)})."
        )


def records(option: str, given: Iterable[T], kind: type[T]) -> tuple[T, ...]:
    """Give a tuple of records of one class, refusing anything else."""
    name = kind.__name__
    if isinstance(given, kind | str) or not hasattr(type(given), "__iter__"):
        raise DefinitionError(f"`{option}` takes a list of {name}, got {given!r}. Write {option}=[{name}(...)].")
    found = tuple(given)
    for item in found:
        if not isinstance(item, kind):
            raise DefinitionError(f"`{option}` takes a list of {name}; {item!r} ({type(item).__name__}) is none.")
    return found


def words(option: str, given: Iterable[str]) -> frozenset[str]:
    """Give a set of words, refusing a lone string and what is no string."""
    if isinstance(given, str):
        raise DefinitionError(f"`{option}` takes a set of words, got the single {given!r}. Write {{{given!r}}}.")
    if not hasattr(type(given), "__iter__"):
        raise DefinitionError(f"`{option}` takes a set of words, got {given!r} ({type(given).__name__}).")
    found = tuple(given)
    for word in found:
        check_text(f"{option}: each", word)
    return frozenset(found)
