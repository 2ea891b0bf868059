"""Doors to where results and records are kept: SQLite files.

Nothing is opened, and `sqlite3` not imported, before something is asked for.
"""

from omnitron.store.sqlite import SQLiteStore

__all__ = ["SQLiteStore"]
