"""Ways to open a file that worker processes can import, for the tests of the audit."""

import os
from typing import BinaryIO, NamedTuple

from omnitron.audit import open_binary


class Refusing(NamedTuple):
    """Refuses files of one name, as the system does for a user who may not read them."""

    name: str

    def __call__(self, path: str) -> BinaryIO:
        """Open any other file."""
        if os.path.basename(path) == self.name:
            raise PermissionError(13, "Permission denied", path)
        return open_binary(path)


class Deadly(NamedTuple):
    """Ends the process that opens a file of one name, as a crash in a C library does."""

    name: str

    def __call__(self, path: str) -> BinaryIO:
        """Open any other file."""
        if os.path.basename(path) == self.name:
            os._exit(7)
        return open_binary(path)
