"""Sphinx: MyST pages, generated tables, and the docstrings of the package."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

from afterglow import __version__

project = "afterglow"
author = "The afterglow authors"
copyright = "2026, The afterglow authors"
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.viewcode", "generated", "plain_docstrings"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
exclude_patterns = ["_build", "_ext", "reference/generated/*.md"]  # the tables are included, they are no pages
default_role = "code"
autodoc_typehints = "none"  # signatures come from the source
add_module_names = False
toc_object_entries_show_parents = "hide"

html_theme = "pydata_sphinx_theme"
html_title = "afterglow"
html_static_path = ["_static"]
html_css_files = ["afterglow.css"]
html_show_sourcelink = False
html_sidebars = {"*": [], "reference/*": []}  # pages without neighbours need no list of them
html_theme_options = {
    "show_toc_level": 2,
    "navigation_depth": 2,
    "navbar_align": "left",
    "header_links_before_dropdown": 7,
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
    "show_prev_next": False,
    "pygments_light_style": "tango",
    "pygments_dark_style": "github-dark",
}
