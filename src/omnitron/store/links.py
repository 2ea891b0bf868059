"""`Link`: the connection of a process to a SQLite file that others use too; survives forks and files that are deleted."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import RLock
from typing import TYPE_CHECKING, Any

from omnitron.runtime import leave_to_parent

if TYPE_CHECKING:
    from sqlite3 import Connection

__all__ = ["Link"]


class Link:
    """The connection of this process to a file: one, under a lock, because an answer takes microseconds.

    Before each question it is looked whether the file is still the one that was opened. To go on with one that was deleted
    would keep others, who open a new one beside the log of the old, from using it.

    Args:
        path: the file.
        timeout: how long a write waits for that of another process, in seconds.
        tables: the SQL that makes what is to be there.
    """

    __slots__ = ("connection", "file", "lock", "path", "process", "tables", "timeout", "writes")

    def __init__(self, path: str, timeout: float, tables: str) -> None:
        self.path = path
        self.timeout = timeout
        self.tables = tables
        self.writes = 0
        self.fresh()

    def fresh(self) -> None:
        """Have no connection yet, in this process."""
        self.process = os.getpid()
        self.lock = RLock()
        self.connection: Connection | None = None
        self.file: tuple[int, int] | None = None

    def come_here(self) -> None:
        """Leave what the parent of a forked process has opened to that one."""
        if self.process != os.getpid():
            leave_to_parent(self.connection, self.lock)
            self.fresh()

    def connected(self) -> Connection:
        """Give the connection to the file that is there now (with the lock held)."""
        if self.connection is not None and self.file != self.identity():
            self.close()
        if self.connection is None:
            self.connection = self.opened()
            self.file = self.identity()
        return self.connection

    def ask(self, text: str, *values: Any) -> Any:
        """Run one statement; give the first row, or None."""
        self.come_here()
        with self.lock:
            return self.connected().execute(text, values).fetchone()

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Begin a transaction as a writer; commit it, or take it back."""
        self.come_here()
        with self.lock:
            connection = self.connected()
            if connection.in_transaction:  # an interrupt came between a beginning and its guard
                connection.execute("ROLLBACK")
            try:
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    with suppress(Exception):
                        connection.execute("ROLLBACK")
                raise

    def identity(self) -> tuple[int, int] | None:
        """Give what tells the file that is there from any other; None if there is none."""
        try:
            found = os.stat(self.path)
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def opened(self) -> Connection:
        """Open the file."""
        import sqlite3

        connection = sqlite3.connect(self.path, timeout=self.timeout, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.executescript(self.tables)
        except BaseException:
            connection.close()
            raise
        return connection

    def is_due(self, every: int) -> bool:
        """Count a write; say whether it is time to look for what has to go."""
        self.writes += 1
        return self.writes % every == 0

    def close(self) -> None:
        """Close the connection of this process."""
        if self.process == os.getpid():
            with self.lock:
                connection, self.connection = self.connection, None
                if connection is not None:
                    connection.close()

    def __del__(self) -> None:
        with suppress(Exception):
            self.close()
