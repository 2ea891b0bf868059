"""What runs in the place of `views.pyi`: flows of both colours have the methods of `AnyFlow` themselves."""

from omnitron.algebra.flows import AnyFlow

__all__ = ["AsyncView", "SyncView"]

SyncView = AsyncView = AnyFlow
