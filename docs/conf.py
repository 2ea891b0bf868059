"""How the site is made of these pages and of the docstrings; `make docs` builds it. See decisions/0035-site.md."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import omnitron

project = "Omnitron"
author = "The Omnitron authors"
project_copyright = "The Omnitron authors"
version = release = omnitron.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_click", "extending"]
exclude_patterns = ["**/.*"]
nitpicky = True
nitpick_ignore = [("py:class", "SearchStrategy")]  # of hypothesis, imported for the checkers only

# ---- pages

# Every heading can be linked to, as on the pages of a repository.
myst_heading_anchors = 4

# ---- docstrings

# What stands between single backticks is code: a public name becomes a link.
default_role = "public"
autodoc_default_options = {"members": True, "member-order": "bysource", "show-inheritance": True}
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autodoc_class_signature = "mixed"
python_maximum_signature_line_length = 100
python_use_unqualified_type_names = True
napoleon_numpy_docstring = False
napoleon_custom_sections = ["Laws", "Cost", "Source"]
add_module_names = False
# Else the name of a parameter loses its last `_`.
strip_signature_backslash = True

# ---- HTML that loads nothing from elsewhere

html_theme = "pydata_sphinx_theme"
html_theme_options = {"footer_start": ["copyright"], "footer_end": [], "navigation_with_keys": False}
html_title = f"Omnitron {release}"
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_use_index = True
html_static_path: list[str] = []
