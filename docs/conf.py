"""How Sphinx makes the site of these pages: ``poe site``."""

from __future__ import annotations

import importlib
import inspect
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sphinx_autosummary_accessors

import mixpanel_pandas

if TYPE_CHECKING:
    from docutils import nodes
    from sphinx.application import Sphinx

HERE = Path(__file__).parent

project = "mixpanel_pandas"
version = release = mixpanel_pandas.__version__
author = project_copyright = "the authors of mixpanel_pandas"

extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_autosummary_accessors",
    "sphinx_copybutton",
]
templates_path = ["_templates", sphinx_autosummary_accessors.templates_path]

myst_heading_anchors = 4  # the anchors of GitHub, so that a link works there and here
nb_execution_mode = "off"  # notebooks are shown with the outputs that they hold
nb_merge_streams = True
suppress_warnings = ["misc.highlighting_failure"]  # JSON with an ellipsis

default_role = "py:obj"
autodoc_typehints = "none"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

copybutton_prompt_text = r">>> |\.\.\. "
copybutton_prompt_is_regexp = True

html_theme = "pydata_sphinx_theme"
html_title = "mixpanel_pandas"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_show_sourcelink = False
html_copy_source = False
html_show_copyright = False
html_theme_options = {
    "header_links_before_dropdown": 7,
    "navbar_end": ["theme-switcher"],
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "show_toc_level": 2,
    "footer_start": [],
    "footer_end": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}

#: Where a name in single backticks is looked for.
PLACES = (
    "mixpanel_pandas.",
    "pandas.DataFrame.mixpanel.",
    "mixpanel_pandas.Emulator.",
    "",
)

#: Names that are no links: of libraries, whose own sites are not read, so that the site is made without a network; and of objects
#: of this package that are not public.
OTHERS = ("pandas", "pandera", "requests", "logging", "numpy", "SchemaErrors", "StrictShape", "FAULTS")


def start_afresh(_app: Sphinx, _config: Any) -> None:
    """Remove the pages of the API, of which names may be gone, and put the notebooks where Sphinx reads: below its own folder."""
    shutil.rmtree(HERE / "api", ignore_errors=True)
    folder = HERE / "notebooks"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for notebook in sorted((HERE.parent / "notebooks").glob("*.ipynb")):
        shutil.copy(notebook, folder)


def link_names(app: Sphinx, env: Any, node: Any, contnode: nodes.Element) -> nodes.Element | None:
    """Link names of this package as docstrings write them, such as `Options`; parameters and plain words stay code.

    What looks like a name of an object, and is none, is a warning of Sphinx.
    """
    name = node["reftarget"].removeprefix("mpd.")
    if (node["refdomain"], node["reftype"]) != ("py", "obj") or name in parameters_of(node["refdoc"]):
        return contnode if node["refdomain"] == "py" else None
    objects = env.get_domain("py").objects
    of_class = name.rpartition(".")[0]  # a member without a page of its own leads to that of its class
    for wanted in [f"{place}{each}" for each in (name, of_class) if each for place in PLACES]:
        if entry := objects.get(wanted):
            uri = app.builder.get_relative_uri(node["refdoc"], entry.docname)
            contnode.parent = None
            return link_to(f"{uri}#{entry.node_id}", contnode)
    is_word = name.islower() and "." not in name
    return contnode if is_word or name.split(".")[0] in OTHERS else None


def link_to(uri: str, content: nodes.Element) -> nodes.Element:
    from docutils.nodes import reference

    return reference("", "", content, internal=True, refuri=uri)


def parameters_of(page: str) -> set[str]:
    """Return the parameters of the function or class that a page of the API is about."""
    module, _, name = page.removeprefix("api/").rpartition(".")
    if not page.startswith("api/mixpanel_pandas"):
        return set()
    value = getattr(importlib.import_module(module), name)
    return set(inspect.signature(value).parameters) if callable(value) else set()


def trim_code(_app: Sphinx, page: nodes.document) -> None:
    """Take away the blank line that ends an example in Markdown: doctest needs it, readers do not."""
    from docutils.nodes import Text, literal_block

    for block in page.findall(literal_block):
        block.rawsource = block.astext().rstrip("\n")
        block.children = [Text(block.rawsource)]


def setup(app: Sphinx) -> None:
    app.connect("config-inited", start_afresh)
    app.connect("doctree-read", trim_code)
    app.connect("missing-reference", link_names)
