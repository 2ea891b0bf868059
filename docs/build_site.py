"""Builds the site from these pages and the docstrings, and looks that its pages load nothing from elsewhere.

    python docs/build_site.py [FOLDER]

A warning is an error: a link that leads nowhere, a page that no list names, a docstring that does not parse, a type that
is not there. The folder is `build/site` unless another is named.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOADING = {"src", "srcset", "data", "poster", "action"}
"""Attributes whose target a browser fetches by itself."""
OUTSIDE = re.compile(r"^\s*(?:[a-z]+:)?//", re.I)
STYLES = re.compile(r"""(?:@import\s*|url\(\s*)["']?\s*((?:https?:)?//[^"')\s]+)""", re.I)


class Page(HTMLParser):
    """Collects what one page loads from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at what the tag fetches; a link is only followed by a reader."""
        for name, value in attrs:
            fetched = name in LOADING or (name == "href" and tag in {"link", "use", "image", "base"})
            if fetched and value and OUTSIDE.match(value):
                self.loads.append(value)
            elif name == "style" and value:
                self.loads += STYLES.findall(value)


def loaded_from_elsewhere(folder: Path) -> Iterator[tuple[str, str]]:
    """Give each file of a site that loads something from elsewhere, with what it loads."""
    for file in sorted(folder.rglob("*")):
        if file.suffix in {".html", ".css", ".svg"}:
            text = file.read_text(encoding="utf-8")
            page = Page()
            if file.suffix != ".css":
                page.feed(text)
            styles = text if file.suffix == ".css" else "".join(re.findall(r"<style.*?</style>", text, re.S))
            for target in [*page.loads, *STYLES.findall(styles)]:
                yield file.relative_to(folder).as_posix(), target


def main(arguments: list[str]) -> int:
    """Build the site; give 0 if all is well."""
    from sphinx.cmd.build import build_main

    folder = Path(arguments[0]) if arguments else ROOT / "build" / "site"
    shutil.rmtree(folder, ignore_errors=True)
    options = [
        "-q",
        "-E",
        "-W",
        "-n",
        "--keep-going",
        "-b",
        "html",
        "-d",
        str(folder.with_name(f"{folder.name}.trees")),
    ]
    code = build_main([*options, str(ROOT / "docs"), str(folder)])
    if code:
        return code
    found = list(loaded_from_elsewhere(folder))
    for file, target in found:
        print(f"{file} loads {target}, which is not of the site.", file=sys.stderr)
    print(f"{folder}: {sum(1 for _ in folder.rglob('*.html'))} pages, {len(found)} of them load from elsewhere")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
