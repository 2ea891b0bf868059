"""The site: nothing that it loads is elsewhere, and what leads nowhere fails the build."""

import shutil
import subprocess
import sys

import pytest

from .reading import ROOT, build_site


@pytest.mark.parametrize(
    ("name", "text", "loads"),
    [
        ("a.html", '<script src="https://cdn.example/x.js"></script>', ["https://cdn.example/x.js"]),
        ("a.html", '<link rel="stylesheet" href="//fonts.example/x.css">', ["//fonts.example/x.css"]),
        ("a.html", '<p style="background: url(http://a.example/b.png)">', ["http://a.example/b.png"]),
        ("a.html", "<style>@import 'https://a.example/c.css';</style>", ["https://a.example/c.css"]),
        ("a.css", "a { src: url('https://a.example/font.woff2') }", ["https://a.example/font.woff2"]),
        ("a.html", '<a href="https://example.com">read</a><img src="_images/x.png"><link href="x.css">', []),
        ("a.css", "a { src: url(data:image/png;base64,AA) }", []),
    ],
)
def test_what_is_loaded_from_elsewhere_is_found(tmp_path, name, text, loads):
    """Scripts, styles, fonts and pictures; a link that a reader may follow is none."""
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert list(build_site.loaded_from_elsewhere(tmp_path)) == [(name, target) for target in loads]


def built(docs, folder):
    """Build a site in a process of its own."""
    code = f"import sys; sys.path.insert(0, {str(docs)!r}); import build_site as b; sys.exit(b.main([{str(folder)!r}]))"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False)


@pytest.mark.real
def test_the_site_is_built_without_a_warning(tmp_path):
    """All of it, and nothing is loaded from elsewhere."""
    done = built(ROOT / "docs", tmp_path / "site")
    assert (done.returncode, done.stderr) == (0, "")
    assert "0 of them load from elsewhere" in done.stdout
    assert 'id="omnitron.Flow.retry"' in (tmp_path / "site" / "reference" / "flows.html").read_text(encoding="utf-8")


@pytest.mark.real
def test_what_leads_nowhere_fails_the_build(tmp_path):
    """A page that is not there, a heading that is not there, a page in no list."""
    for name in ("docs", "CHANGELOG.md"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    page = "# Lost\n\n[a](nowhere.md) [b](retry.md#nowhere) [c](#nowhere)\n"
    (tmp_path / "docs" / "lost.md").write_text(page, encoding="utf-8")
    done = built(tmp_path / "docs", tmp_path / "site")
    assert done.returncode != 0
    told = ["'nowhere.md'", "in doc 'retry': 'nowhere'", "'nowhere'", "included in any toctree"]
    assert [text for text in told if text not in done.stderr] == []
