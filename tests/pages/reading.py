"""The programs of docs/, which is no package."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

__all__ = ["ROOT", "build_site", "samples"]

ROOT = Path(__file__).resolve().parent.parent.parent


def loaded(name: str) -> ModuleType:
    """Load a program of docs/ by its name."""
    spec = spec_from_file_location(f"docs_{name}", ROOT / "docs" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


samples = loaded("samples")
build_site = loaded("build_site")
