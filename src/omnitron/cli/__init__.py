"""The command line: `omnitron run`, `omnitron show`, `omnitron audit`.

This door imports nothing heavy, because worker processes import it again: `main` looks whether the extra `cli` is
installed and then hands over to `omnitron.cli.commands`, where the commands stand. What they do is written down in
`docs/command-line.md`.
"""

import sys
from collections.abc import Sequence
from importlib.util import find_spec

from omnitron.cli.streams import mend_streams
from omnitron.errors import MissingExtra

__all__ = ["main"]

NEEDS = ("click", "rich", "pydantic", "platformdirs")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and give its exit code.

    Args:
        arguments: the words after the program's name; those of the process when left out.

    Returns:
        0 for success, 1 when the flow failed, 2 for misuse (nothing ran), 3 for partial outcomes, 130 when interrupted.
    """
    mend_streams()
    for name in NEEDS:
        if find_spec(name) is None:
            print(f"omnitron: {MissingExtra('cli', name)}", file=sys.stderr)
            return 2
    try:
        from omnitron.cli.commands import run_command_line

        return run_command_line(arguments)
    except KeyboardInterrupt:
        return 130
