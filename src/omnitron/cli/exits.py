"""How a command ends: its exit codes, and the error that ends it before anything ran."""

from __future__ import annotations

from enum import IntEnum
from typing import IO, Any

import click

__all__ = ["Exit", "Misuse"]


class Exit(IntEnum):
    """What the exit code says."""

    OK = 0
    FAILED = 1
    MISUSE = 2
    PARTIAL = 3
    INTERRUPTED = 130


class Misuse(click.ClickException):
    """Nothing ran, because the command asks for something that is not there or not right."""

    exit_code = Exit.MISUSE

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the message on stderr."""
        click.echo(f"omnitron: {self.format_message()}", file=file, err=file is None)
