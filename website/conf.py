"""Configuration of Sphinx, which turns the gathered pages into the site."""

import skipwise

project = "Skipwise"
author = "The Skipwise authors"
copyright = "The Skipwise authors; Apache-2.0"
release = version = skipwise.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["extra"]
default_role = "code"  # `name` in a docstring
highlight_language = "none"
smartquotes_action = "D"  # dashes, but no quotation marks, since commands are copied

myst_enable_extensions = ["deflist"]
myst_heading_anchors = 4  # as links between pages name them

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # docstrings say them, with what they mean
napoleon_numpy_docstring = False
napoleon_use_rtype = False
add_module_names = False
python_maximum_signature_line_length = 80

html_theme = "furo"
html_title = f"Skipwise {release}"
html_static_path = ["static"]
html_css_files = ["style.css"]
html_extra_path = []
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False


sentences = {}
"""Docstrings of attributes, which napoleon would read as a type before a colon."""


def keep(_app, what, name, _what, _options, lines):  # type: ignore[no-untyped-def]
    """Keeps the docstring of an attribute from napoleon."""
    if what in ("attribute", "property"):
        sentences[name] = list(lines)


def put_back(_app, _kind, name, _what, _options, lines):  # type: ignore[no-untyped-def]
    """Puts it back behind napoleon."""
    lines[:] = sentences.pop(name, lines)


def setup(app):  # type: ignore[no-untyped-def]
    """Takes the reports as they are, from the folder of the gathered pages."""
    app.config.html_extra_path = [str(app.srcdir / "extra")]
    app.connect("autodoc-process-docstring", keep, priority=400)
    app.connect("autodoc-process-docstring", put_back, priority=600)
