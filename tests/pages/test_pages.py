"""The code of each page runs; see `docs/samples.py`."""

import re

import pytest

from .reading import ROOT, samples

PAGES = samples.all_pages()


WITH_CODE = [page for page in PAGES if "```" in page.read_text(encoding="utf-8")]


@pytest.mark.real
@pytest.mark.parametrize("page", [pytest.param(page, id=page.relative_to(ROOT).as_posix()) for page in WITH_CODE])
def test_the_code_of_a_page_runs(page):
    """Python, consoles, and settings, in the order in which they stand there."""
    assert samples.run(page) == ""


@pytest.mark.parametrize("page", [pytest.param(page, id=page.relative_to(ROOT).as_posix()) for page in PAGES])
def test_every_fence_of_a_page_is_known(page):
    """Of a kind that is looked at, closed, and right as far as that can be told without running it."""
    samples.program(page)


def test_every_page_is_among_them():
    """But those that need other libraries, which another environment runs."""
    left_out = {*(ROOT / "docs").rglob("*.md")} - {*PAGES}
    assert [page for page in left_out if not page.relative_to(ROOT).as_posix().startswith(samples.ELSEWHERE)] == []


@pytest.mark.parametrize("name", ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"])
def test_links_of_a_page_beside_the_site_lead_somewhere(name):
    """Those into the repository; the pages of the site are looked at where it is built."""
    links = re.findall(r"\]\(([^)#]+)", (ROOT / name).read_text(encoding="utf-8"))
    assert [link for link in links if "://" not in link and not (ROOT / link).exists()] == []
