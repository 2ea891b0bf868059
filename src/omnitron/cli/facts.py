"""What `omnitron show` prints beneath a flow's tree: signature, metadata, examples, and the schemas of input and output.

Each fact is a name and the lines that stand beside it; what is not declared is left out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from omnitron.cli.targets import AnyFlow
from omnitron.cli.trees import duration_text
from omnitron.cli.wants import want_lines
from omnitron.cli.worst import order_lines, worst_lines
from omnitron.errors import DefinitionError, MissingExtra
from omnitron.model import Deployment, FlowExample, FlowMeta, Inputs, PerformanceClaim

__all__ = ["fact_lines"]

WIDTH = 14
EXAMPLES = 5
LONG = 80


def fact_lines(flow: AnyFlow) -> list[str]:
    """Give what can be known of a flow without running it, one fact after the other."""
    lines: list[str] = []
    for name, texts in facts(flow):
        heads = [f"{name}:", *[""] * (len(texts) - 1)]
        lines += [f"{head:<{WIDTH}}{text}".rstrip() for head, text in zip(heads, texts, strict=True)]
    for name, made in (("input", flow.input_schema), ("output", flow.output_schema)):
        lines += ["", f"{name}:", *schema_lines(made)]
    return lines


def facts(flow: AnyFlow) -> Iterator[tuple[str, list[str]]]:
    """Give the facts that are there, each with its lines."""
    meta = flow.meta
    yield "signature", [f"{'async ' if flow.colour == 'async' else ''}{flow.__signature__}"]
    yield "effects", [effects_text(meta)]
    yield "capabilities", [", ".join(sorted(meta.capabilities)) or "none"]
    wants = want_lines(flow)
    if wants:
        yield "needs", wants
    semantics = meta.semantics
    words = sorted(meta.tags | (semantics.tags if semantics else frozenset()))
    found = {
        "version": meta.version,
        "about": meta.description,
        "tags": ", ".join(words),
        "domain": semantics.domain if semantics else "",
        "intent": semantics.intent if semantics else "",
        "objectives": "\n".join(f"{one}  {one.description}".rstrip() for one in meta.objectives),
        "performance": claim_text(meta.performance),
        "deployment": deployment_text(meta.deployment),
        "examples": "\n".join(example_texts(flow.name, meta.examples)),
        "more": meta.documentation,
    }
    for name, text in found.items():
        if text:
            yield name, text.splitlines()
    for name, lines in (("worst case", worst_lines(flow)), ("order", order_lines(flow))):
        if lines:
            yield name, lines


def effects_text(meta: FlowMeta) -> str:
    """Give the declared effects."""
    if meta.effects is None:
        return "undeclared"
    return " | ".join(one.name or "" for one in meta.effects) or "NONE"


def claim_text(claim: PerformanceClaim | None) -> str:
    """Give an author's claim, marked as one."""
    if claim is None:
        return ""
    parts = [
        claim.complexity and f"{claim.complexity} time",
        claim.memory and f"{claim.memory} memory",
        "" if claim.latency_s is None else f"{duration_text(claim.latency_s)} a call",
        "" if claim.throughput_per_s is None else f"{claim.throughput_per_s:,g} calls a second",
    ]
    return f"{', '.join(part for part in parts if part) or 'nothing'} (the author's claim, not measured)"


def deployment_text(wish: Deployment | None) -> str:
    """Give where a flow would rather run, and that nothing acts on it."""
    if wish is None:
        return ""
    resources, scaling = wish.resources, wish.scaling
    parts = [
        wish.preferred,
        "" if resources.cpus is None else f"{resources.cpus:g} cpus",
        "" if resources.memory_bytes is None else f"{resources.memory_bytes:,} bytes of memory",
        "" if resources.gpus is None else f"{resources.gpus:g} gpus",
        f"at least {scaling.min_instances} instances" if scaling.min_instances else "",
        "" if scaling.max_instances is None else f"at most {scaling.max_instances} instances",
        "" if scaling.concurrency is None else f"{scaling.concurrency} calls at once in each",
    ]
    return f"{', '.join(part for part in parts if part)} (not acted on yet)"


def example_texts(name: str, examples: tuple[FlowExample, ...]) -> Iterator[str]:
    """Give the first examples as calls with what they give."""
    for one in examples[:EXAMPLES]:
        text = f"{name}({shortened(arguments(one.input))}) → {shortened(repr(one.output))}"
        yield f"{text}  {one.description}".rstrip()
    if len(examples) > EXAMPLES:
        yield f"… {len(examples) - EXAMPLES} more"


def arguments(given: Any) -> str:
    """Give the input of an example as it stands in a call."""
    if not isinstance(given, Inputs):
        return repr(given)
    return ", ".join([*map(repr, given.args), *(f"{name}={value!r}" for name, value in given.kwargs.items())])


def shortened(text: str) -> str:
    """Give a text of bounded length on one line."""
    text = " ".join(text.split())
    return text if len(text) <= LONG else f"{text[: LONG - 1]}…"


def schema_lines(made: Callable[[], dict[str, Any]]) -> list[str]:
    """Give a schema as indented JSON, or why there is none."""
    try:
        schema = made()
    except (DefinitionError, MissingExtra) as error:
        return [f"  no schema: {error}"]
    return [f"  {line}" for line in json.dumps(schema, indent=2, ensure_ascii=False).splitlines()]
