"""`omnitron show` prints what is declared of a flow, marked as what it is, and the schemas."""

import json
import sys

from .calling import FLOWS, call


def shown(name: str) -> str:
    """Give what is printed of a flow of the tests."""
    done = call("show", f"{FLOWS}:{name}")
    assert done.exit_code == 0, done.stderr
    return done.stdout


def test_metadata_is_shown_as_what_it_is():
    """A claim is marked as a claim, a wish as not acted on."""
    text = shown("described").partition("\n\ninput:\n")[0]

    assert text == (
        "described  body\n\n"
        "signature:    (x: int, *, y: str = 'a') -> str\n"
        "effects:      undeclared\n"
        "capabilities: none\n"
        "about:        Say it.\n"
        "tags:         order, shop\n"
        "domain:       billing\n"
        "intent:       find a price\n"
        "objectives:   p99_latency_s at most 0.25\n"
        "              accuracy at least 0.9  or why\n"
        "performance:  O(n) time, 10 ms a call, 1,000 calls a second (the author's claim, not measured)\n"
        "deployment:   edge, 0.5 cpus, 1,024 bytes of memory, at most 3 instances (not acted on yet)\n"
        "examples:     described(1, y='b') → 'b'  by name\n"
        + "              described(1) → 'a'\n"
        * 4
        + "              … 2 more\n"
        "more:         As often as\n"
        "              it takes."
    )


def test_schemas_are_shown_as_json():
    """Both can be read again."""
    _, _, text = shown("described").partition("\ninput:\n")
    given, _, taken = text.partition("\noutput:\n")

    assert json.loads(given)["properties"]["y"] == {"type": "string", "default": "a"}
    assert json.loads(taken)["type"] == "string"


def test_the_schemas_of_a_composed_flow_come_from_its_ends():
    """The input of the first part, the output of the last."""
    text = shown("many")

    assert json.loads(text.partition("\noutput:\n")[2])["items"] == {"type": "integer"}
    assert text.index('"items"') < text.index("\noutput:\n")


def test_what_has_no_schema_says_why():
    """Everything else is shown all the same."""
    text = shown("strange")

    assert "input:\n  no schema: the parameter 'x' of 'strange' is annotated Unreadable" in text
    assert '"type": "null"' in text


def test_a_missing_extra_is_told(monkeypatch):
    """The rest is shown."""
    monkeypatch.setitem(sys.modules, "docstring_parser", None)

    assert "no schema: this needs the package 'docstring-parser'" in shown("double")
