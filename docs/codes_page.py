"""Writes docs/errors.md from the explanations that `omnitron explain` prints; a test compares the two.

python docs/codes_page.py
"""

from __future__ import annotations

from pathlib import Path

from omnitron.cli.explanations import EXPLANATIONS, TOPICS

PAGE = Path(__file__).resolve().parent / "errors.md"
HEAD = """\
# Errors by code

Each class of errors has a code, and so has each rule of order that a `PolicyWarning` is told by. A code never changes, and
that of an error that is gone is not given to another one: write it into alarms, and search for it.

```python
from omnitron import OmnitronError, RateLimited

assert RateLimited.code == "OMN302"
assert issubclass(RateLimited, OmnitronError)
```

`error.code` has it, for logs and metrics. The text of an error is without it; `omnitron run` names it under an error of the
library, and a `PolicyWarning` ends with that of its rule. What stands here is also told in a terminal:

```console
$ omnitron explain OMN302
OMN302 RateLimited
...
```

What your own functions raise leaves a flow as it is and has no code. A class of your own that derives from one of these has
its code, unless it names one: `class Sold(OmnitronError, code="SHOP1")`. The classes, with their attributes, stand in
[the reference](reference/errors.md); those of tests [beside](reference/testing.md).
"""


def text() -> str:
    """Give the page."""
    parts = [HEAD]
    for hundred, topic in TOPICS.items():
        codes = [one for code, one in EXPLANATIONS.items() if code.startswith(hundred)]
        parts.append(f"\n## {hundred}xx: {topic.lower()}\n")
        for one in codes:
            parts.append(f"\n### {one.code} {one.name}\n\n{one.when}\n\n")
            more = f" See [{one.page.removesuffix('.md')}]({one.page})." if one.page != PAGE.name else ""
            parts.append(f"**What to do.** {one.advice}{more}\n")
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(text(), encoding="utf-8")
