"""The file that a timeline is written to: SVG, or by its name an HTML page around it."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from checks.plugin.text import plain
from remediate.timeline import svg
from remediate.timeline.model import Timeline


def write(path: str, timelines: Sequence[Timeline]) -> None:
    """Write them. Raises OSError."""
    Path(path).write_text(document(path, timelines), encoding="utf-8")


def document(path: str, timelines: Sequence[Timeline]) -> str:
    """What the file at a path is to hold."""
    drawn = svg.document(timelines)
    if path.lower().endswith((".html", ".htm")):
        title = escape(plain(timelines[0].title if timelines else "timeline"))
        drawn = (
            f'<!DOCTYPE html>\n<html lang="en">\n<head><meta charset="utf-8"><title>{title}</title>'
            '<meta name="color-scheme" content="light dark">'
            f"<style>svg {{ max-width: 100%; height: auto }}</style></head>\n<body>\n{drawn}</body>\n</html>\n"
        )
    return drawn
