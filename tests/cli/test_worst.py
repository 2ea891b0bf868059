"""`omnitron show` prints the worst case of a flow, and what is wrong with the order of its policies."""

from pathlib import Path

import pytest

from .calling import call

FLOWS = Path(__file__).with_name("patient.py")
TWICE = (
    "'load': order-retry-in-retry: a retry inside a retry multiplies attempts: 'load' is tried 3 × 4 = 12 times for one "
    "call when it keeps failing. Keep one of them, or bound them by a budget that callers share: "
    "`.retry(..., budget=RetryBudget())`. (OMN701)"
)


def facts(name):
    """Give what is printed of a flow between its capabilities and its schemas, without the indent."""
    done = call("show", f"{FLOWS}:{name}")
    assert done.exit_code == 0, done.stderr
    lines = done.stdout.partition("\ncapabilities: none\n")[2].partition("\ninput:\n")[0].splitlines()
    return [line.strip() for line in lines if line and not line.startswith("about:")]


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("bounded", ["worst case:   4 attempts of 'load'", "50 s"]),
        (
            "both",
            [
                "worst case:   4 attempts of 'both/load'",
                "no bound on its time, besides 53 s:",
                "'both/parse' may take any time: no timeout is around it.",
            ],
        ),
        (
            "endless",
            [
                "worst case:   endless attempts of 'loop/load', endless attempts of 'loop/parse'",
                "no bound on its time:",
                "'loop' has no bound on its turns, `at_most`.",
            ],
        ),
        ("plain", []),
        ("twice", ["worst case:   12 attempts of 'load'", "12 s", f"order:        {TWICE}"]),
    ],
)
def test_the_worst_case_is_shown(name, lines):
    """What bears on it, and nothing for a flow without policies."""
    assert facts(name) == lines


def test_the_worst_case_of_a_large_tree_is_not_looked_for(monkeypatch):
    """Each place would be walked; the order of policies is told all the same."""
    monkeypatch.setattr("omnitron.cli.worst.PLACES", 3)

    assert facts("twice") == [
        "worst case:   not told of a tree of 4 places; `worst_case(flow)` takes its time for it",
        f"order:        {TWICE}",
    ]
