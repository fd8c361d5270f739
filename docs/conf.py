"""Sphinx: the documentation site, from the pages of this directory.

    pip install -e '.[docs]' && sphinx-build -W --keep-going docs build/site

Strict: a link that leads nowhere is an error. Nothing is listed by hand that grows by itself: pages of commands are
written anew at each build, and runbooks appear in the navigation, in their index and wherever their reason is listed.
"""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS.parent))

from checks import VERSION
from docs import pages, site

project = "hastwatch"
author = "the hastwatch engineers"
release = version = VERSION
extensions = ["myst_parser"]
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3
exclude_patterns = ["man", "notes"]
smartquotes = False
highlight_language = "none"
html_theme = "furo"
html_title = f"hastwatch {VERSION}"
html_show_copyright = False
html_show_sourcelink = False
html_copy_source = False
html_static_path = ["static"]
html_css_files = ["site.css"]


class Application(Protocol):
    """What is used of Sphinx."""

    def connect(self, event: str, callback: Callable[..., None]) -> int:
        """Have `callback` called at an event."""


def write_commands(app: Application) -> None:
    """Write the manual pages as Markdown, where Sphinx looks for its sources."""
    directory = DOCS / site.COMMANDS
    directory.mkdir(exist_ok=True)
    texts = {f"{page.name}.md": page.markdown() for page in pages.all_pages()}
    for path in directory.glob("*.md"):
        if path.name not in texts:
            path.unlink()
    for name, text in texts.items():
        path = directory / name
        if not path.exists() or path.read_text() != text:
            path.write_text(text)


def complete(app: Application, name: str, source: list[str]) -> None:
    """What a page is on the site beyond what its file has."""
    runbooks = {path.stem for path in (DOCS / site.RUNBOOKS).glob("*.md")}
    text = re.sub(r'<a id="([^"]+)"></a>', r"(\1)=", source[0])
    text = site.with_index(text, runbooks) if name == site.RUNBOOKS else site.linked(text, name, runbooks)
    source[0] = site.with_manual_links(text, name)


def setup(app: Application) -> None:
    """Called by Sphinx."""
    app.connect("builder-inited", write_commands)
    app.connect("source-read", complete)
