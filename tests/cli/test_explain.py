"""`omnitron explain`, and the page that is made of what it prints."""

import pytest

from omnitron.cli.explanations import EXPLANATIONS, TOPICS
from tests.kernel.test_codes import GIVEN

from .calling import ROOT, call, run


def test_every_code_is_explained():
    """Each that was ever given, under its name."""
    assert {one.name: one.code for one in EXPLANATIONS.values()} == GIVEN


def test_every_explanation_says_something_and_names_a_page():
    """The page is there, and each code has a topic."""
    wrong = [
        one.code
        for one in EXPLANATIONS.values()
        if not (one.when and one.advice and (ROOT / "docs" / one.page).is_file() and one.code[:4] in TOPICS)
    ]
    assert wrong == []


def test_the_page_is_what_is_explained(monkeypatch):
    """`python docs/codes_page.py` writes it."""
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    import codes_page

    assert codes_page.PAGE.read_text(encoding="utf-8") == codes_page.text()


@pytest.mark.parametrize(
    "word", ["OMN302", "omn302", "RateLimited", "omnitron.RateLimited", "omnitron.errors.ratelimited"]
)
def test_a_code_or_a_class_is_explained(word):
    """In any case, and with its module."""
    done = call("explain", word)
    assert (done.exit_code, done.stdout.splitlines()[0]) == (0, "OMN302 RateLimited")


def test_a_rule_is_explained_by_its_name():
    """As it stands at the beginning of a warning."""
    assert call("explain", "order-retry-in-retry").stdout.startswith("OMN701 order-retry-in-retry\n\nA retry inside")


def test_all_are_listed():
    """A line each, in order."""
    lines = call("explain").stdout.splitlines()
    assert [line.split() for line in lines] == [
        [code, name] for name, code in sorted(GIVEN.items(), key=lambda p: p[1])
    ]


@pytest.mark.parametrize(
    ("word", "hint"),
    [("ratelimted", "Near it: RateLimited."), ("", "`omnitron explain` lists"), ("ключ", "`omnitron explain` lists")],
)
def test_what_there_is_not_is_misuse(word, hint):
    """With what is near it."""
    done = call("explain", word)
    assert (done.exit_code, done.stdout) == (2, "")
    assert f"there is no error and no warning {word!r}. {hint}" in done.stderr


def test_a_failed_run_names_the_code():
    """Where the error is the library's own; what a function raises has none."""
    own, theirs = run("own_deadline", "x=1"), call("run", "builtins:int", "--input", '["x"]')
    assert own.stderr.endswith("Run it with --traceback to see where. What to do: omnitron explain OMN206\n")
    assert theirs.stderr.endswith("Run it with --traceback to see where.\n")
