"""One file, from its path to its row: read it, count it, look into it, and say what was wrong with it.

Every file becomes one `FileReport`, also the one that cannot be opened, decoded or parsed: then it carries a
`Trouble`. The parts (`fetch`, `measure`, `inspect`, `assemble`, `excuse`) are what the flow in
`omnitron.audit.flow` is made of; `examine` is the same by plain calls. Which files there are is found in
`omnitron.audit.sources`.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from typing import BinaryIO, Final, Literal, NamedTuple, TypeAlias

from omnitron.audit.imports import Import, Reading, count_lines, decode, read_imports
from omnitron.audit.knowledge import Reach

__all__ = [
    "LIMIT_BYTES",
    "Content",
    "FileReport",
    "Opener",
    "Package",
    "Source",
    "Trouble",
    "assemble",
    "examine",
    "excuse",
    "fetch",
    "inspect",
    "measure",
    "open_binary",
    "trouble_of",
]

LIMIT_BYTES: Final = 4 * 1024 * 1024
"""A longer file is not parsed: the parser needs some hundred times its size in memory."""

Opener: TypeAlias = Callable[[str], BinaryIO]
"""What opens a path for reading bytes; it must pickle to be used in worker processes."""

Kind: TypeAlias = Literal[
    "unreadable", "too large", "encoding", "syntax", "too deep", "link loop", "link outside", "lost"
]


class Package(NamedTuple):
    """What the files of one row belong to.

    Attributes:
        name: of the distribution, the package or the folder.
        version: where one is known, else "".
        origin: `standard library`, `distribution`, `package`, `folder` or `file`.
    """

    name: str
    version: str
    origin: str


class Source(NamedTuple):
    """One file to look at.

    Attributes:
        package: the row that it belongs to.
        path: where it is, absolute.
        own: its top-level package, whose imports by its own modules are not listed; "" for none.
    """

    package: Package
    path: str
    own: str = ""


class Content(NamedTuple):
    """A file that could be read."""

    source: Source
    data: bytes


class Trouble(NamedTuple):
    """Why a file (or folder, or link) could not be looked into.

    Attributes:
        kind: `unreadable` (the system refused it), `too large` (beyond `LIMIT_BYTES`), `encoding` (bytes that
            are not text), `syntax` (text that is not Python of this version), `too deep` (nested beyond the
            parser), `link loop`, `link outside` (a link to a folder elsewhere, not followed), or `lost` (the
            worker process ended, or an error that nobody foresaw).
        text: one line for people.
        line: where in the file, when that is known.
    """

    kind: Kind
    text: str
    line: int | None = None


class FileReport(NamedTuple):
    """What is known of one file.

    Attributes:
        source: the file and its package.
        lines: physical lines; known for every file whose bytes could be read.
        functions: `def` and `async def`; 0 when the file does not parse.
        imports: those that reach out, in the order of lines.
        trouble: what went wrong, or None.
        is_file: False for a folder or link that could not be entered.
    """

    source: Source
    lines: int
    functions: int
    imports: tuple[Import, ...]
    trouble: Trouble | None = None
    is_file: bool = True

    @property
    def reach(self) -> Reach:
        """The union over the imports that run."""
        reach = Reach.NONE
        for one in self.imports:
            if one.runs:
                reach |= one.reach
        return reach


def open_binary(path: str) -> BinaryIO:
    """Open a regular file; a pipe or a device would wait or never end, so it is refused unopened.

    Raises:
        OSError: As `open` does.
    """
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise OSError(errno.EINVAL, "Not a regular file", path)
    return open(path, "rb")


def fetch(source: Source, *, opener: Opener = open_binary) -> Content:
    """Read a file whole, at most `LIMIT_BYTES`.

    Raises:
        OSError: What the system said; `EFBIG` for a file that is too large.
    """
    with opener(source.path) as stream:
        data = stream.read(LIMIT_BYTES + 1)
    if len(data) > LIMIT_BYTES:
        raise OSError(errno.EFBIG, f"Larger than {LIMIT_BYTES:,} bytes", source.path)
    return Content(source, data)


def measure(content: Content) -> int:
    """Count the lines of a file."""
    return count_lines(content.data)


def inspect(content: Content) -> Reading:
    """Read functions and imports out of a file; raises what `decode` and `read_imports` raise."""
    return read_imports(decode(content.data), own=content.source.own)


def assemble(source: Source, lines: int, reading: Reading | Exception) -> FileReport:
    """Make the row of a file that could be read; `reading` may be the error that reading raised."""
    if isinstance(reading, Exception):
        return FileReport(source, lines, 0, (), trouble_of(reading))
    return FileReport(source, lines, reading.functions, reading.imports)


def excuse(source: Source, error: Exception) -> FileReport:
    """Make the row of a file that could not be read."""
    return FileReport(source, 0, 0, (), trouble_of(error))


def examine(source: Source, *, opener: Opener = open_binary) -> FileReport:
    """Make the row of one file by plain calls; it never raises for what is wrong with the file."""
    try:
        content = fetch(source, opener=opener)
    except Exception as error:
        return excuse(source, error)
    reading: Reading | Exception
    try:
        reading = inspect(content)
    except Exception as error:
        reading = error
    return assemble(source, measure(content), reading)


def trouble_of(error: Exception) -> Trouble:
    """Say in one line what an error means for the file it came from."""
    line = None
    if isinstance(error, OSError):
        kind: Kind = _KIND_BY_NUMBER.get(error.errno or 0, "unreadable")
        text = error.strerror or str(error)
    elif isinstance(error, SyntaxError):
        kind, text, line = "syntax", error.msg or "invalid syntax", error.lineno
    elif isinstance(error, UnicodeDecodeError):
        line = error.object.count(b"\n", 0, error.start) + 1
        kind, text = (
            "encoding",
            f"byte 0x{error.object[error.start]:02x} is not {error.encoding}: {error.reason}",
        )
    elif isinstance(error, UnicodeError) or type(error) is LookupError:
        kind, text = "encoding", str(error)
    elif isinstance(error, (RecursionError, MemoryError)):
        kind, text = "too deep", "nested deeper than the parser goes"
    elif isinstance(error, ValueError):
        kind, text = "syntax", str(error)
    else:
        kind, text = "lost", str(error)
    return Trouble(kind, " ".join(text.split()) or type(error).__name__, line)


_KIND_BY_NUMBER: Final[dict[int, Kind]] = {errno.EFBIG: "too large", errno.ELOOP: "link loop"}
