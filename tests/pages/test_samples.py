"""What is refused of a page, and what runs of it."""

import pytest

from .reading import ROOT, samples


@pytest.fixture
def page(tmp_path, monkeypatch):
    """Give what makes a page of a text."""
    monkeypatch.setattr(samples, "ROOT", tmp_path)
    for name in ("Makefile", "pyproject.toml"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())

    def write(text):
        file = tmp_path / "page.md"
        file.write_text(text, encoding="utf-8")
        return file

    return write


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ("```pyton\nx\n```\n", 1, "no fence may be of the kind 'pyton'"),
        ("```\nx\n```\n", 1, "no fence may be of the kind ''"),
        ("a\n\n~~~sh\nls\n~~~\n", 3, "no fence may be of the kind 'sh'"),
        ("```python\nx = 1\n", 1, "not closed"),
        ("```python fragment\nx = 1\nawait f(\n```\n", 3, "was never closed"),
        ("```toml\na = \n```\n", 1, "toml that does not parse"),
        ("```json\n{'a': 1}\n```\n", 1, "json that does not parse"),
        ("```text\n$ omnitron run\n```\n", 1, "is a console"),
        ("```console\nomnitron run\n```\n", 1, "begins with `$ `"),
        ("```console\n$ rm -rf x\n```\n", 1, "'rm' is neither run nor looked up"),
        ("```console\n$ make tset\n```\n", 1, "make has no verb 'tset'"),
        ("```console\n$ pip install 'omnitron[cli,clu]'\n```\n", 1, "there is no extra 'clu'"),
    ],
)
def test_a_wrong_fence_is_refused(page, text, line, why):
    """With its line, or that of the mistake in it."""
    with pytest.raises(samples.Wrong) as refused:
        samples.program(page(text))
    assert (refused.value.line, why in refused.value.why) == (line, True)


@pytest.mark.parametrize(
    "text",
    [
        "```console\n$ make test VENV=/x\n```\n",
        "```console\n$ pip install 'omnitron[cli]' pytest\n```\n",
        "```{toctree}\nnot there\n```\n",
        "```text\nprice = $ 3\n```\n",
        "````python\nx = '''\n```\n'''\n````\n",
    ],
)
def test_what_is_only_looked_at_makes_no_harm(page, text):
    """And is not run."""
    assert samples.run(page(text)) == ""


def test_a_line_has_the_number_that_it_has_in_the_page(page):
    """Also in a list."""
    source, _ = samples.program(page("text\n\n- item\n\n  ```python\n  a = 1\n  b = 2\n  ```\n"))
    assert source.splitlines()[5:7] == ["a = 1", "b = 2"]


def test_a_file_is_there_for_commands(page):
    """By the name in its first line; the last one of a name wins."""
    text = (
        "```python\n# made.py\nprint('one')\n```\n```console\n$ python made.py\none\n```\n"
        "```python\n# made.py\nprint('two')\n```\n```console\n$ python made.py\n…o\n```\n"
    )
    assert samples.run(page(text)) == ""


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("```python\nassert 1 == 2\n```\n", "AssertionError"),
        ("```python\n>>> 1 + 1\n3\n```\n", "Got:\n    2"),
        ("```console\n$ echo one\ntwo\n```\n", "Got:\n    one"),
        ("```console\n$ python -c 'raise SystemExit(3)'\n```\n", "ended with 3"),
    ],
)
def test_what_does_not_run_or_shows_something_else_is_told(page, text, why):
    """With what came instead."""
    assert why in samples.run(page(text))
