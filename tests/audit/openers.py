"""Ways to open a file that worker processes can import, for the tests of the audit; each takes one name specially."""

import os
from typing import BinaryIO

from omnitron.audit import open_binary


def refusing(name: str, path: str) -> BinaryIO:
    """Refuse files of this name, as the system does for a user who may not read them."""
    if os.path.basename(path) == name:
        raise PermissionError(13, "Permission denied", path)
    return open_binary(path)


def deadly(name: str, path: str) -> BinaryIO:
    """End the process that opens a file of this name, as a crash in a C library does."""
    if os.path.basename(path) == name:
        os._exit(7)
    return open_binary(path)
