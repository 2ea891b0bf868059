"""What can the code on this machine do? An audit of imports that reach out, made as a flow.

`audit_flow` gives the flow, `audit` runs it, `plain_loop` does the same without it and `compare` measures both. The
door gives what the command line needs; what is known of modules stands in `omnitron.audit.knowledge`, the shape of
the JSON in `docs/audit.md`. Nothing here prints, and nothing that is audited is imported or run.
"""

from omnitron.audit.files import LIMIT_BYTES, FileReport, Opener, Package, Source, Trouble, open_binary
from omnitron.audit.flow import Comparison, Targets, audit, audit_flow, compare, plain_loop
from omnitron.audit.imports import Import
from omnitron.audit.knowledge import Reach
from omnitron.audit.report import COLUMNS, KINDS, SCHEMA, Report, Row, Tally, Totals
from omnitron.audit.sources import DEFAULT_TARGETS, Inventory, locate

__all__ = [
    "COLUMNS",
    "Comparison",
    "DEFAULT_TARGETS",
    "FileReport",
    "Import",
    "Inventory",
    "KINDS",
    "LIMIT_BYTES",
    "Opener",
    "Package",
    "Reach",
    "Report",
    "Row",
    "SCHEMA",
    "Source",
    "Tally",
    "Targets",
    "Totals",
    "Trouble",
    "audit",
    "audit_flow",
    "compare",
    "locate",
    "open_binary",
    "plain_loop",
]
