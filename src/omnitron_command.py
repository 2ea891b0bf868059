"""The entry point of the command `omnitron`: takes care of signals, and hands over to `omnitron.cli`.

It stands beside the package, so that a signal is taken care of while the library itself is being imported: nothing has run
then that would have to be cleaned up.
"""

from __future__ import annotations

import os
import signal
from types import FrameType
from typing import NoReturn

INTERRUPTED = 130


def main() -> int:
    """Run the command line of this process and give its exit code."""
    signal.signal(signal.SIGINT, end)
    signal.signal(signal.SIGTERM, end)
    from omnitron.cli import main as run

    return run()


def end(number: int, frame: FrameType | None) -> NoReturn:
    """End the process at once. While a command runs, `omnitron.cli.running` takes signals in its place."""
    os._exit(INTERRUPTED)
