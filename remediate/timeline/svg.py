"""Timelines as SVG: plain shapes and text, whose colours follow the reader's light or dark scheme.

Text from outside is escaped, and what no document may contain is shown as a code.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Sequence
from html import escape

from checks.plugin.text import plain, say_duration
from remediate.timeline.model import Bar, BarKind, EventMark, Lane, LaneGroup, Timeline

WIDTH, LEFT, MARGIN = 960, 130, 16
"""Pixels of the picture, of the names of lanes with the margin, and around everything."""
LANE, BAR, LINE, SIZE = 17, 12, 16, 12
"""Height of a lane, of its bar, and of a line of text; size of the letters."""
MARK_WIDTH = 22
"""Pixels within which marks share a label, `4-6`."""
UNNAMED, LEGEND_WIDTH = (BarKind.OFF, BarKind.UNKNOWN), 90
"""Kinds of bars that no lane is named after, and pixels for each in the legend."""
LONGEST = 130
"""Characters of a line."""
STEPS = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 21600, 43200, 86400)
TICKS, CLOCK_TICKS = 12, 8
"""Seconds between two ticks, and how many there may be: of seconds, and of times of day."""

LIGHT = {
    "paper": "#ffffff", "ink": "#1d2430", "faint": "#5a6472", "lane": "#eef2f7",
    BarKind.MASTER.name: "#3867a6", BarKind.PRIMARY.name: "#7b55b3", BarKind.MOUNTED.name: "#22807f",
    BarKind.SERVING.name: "#2e8b3d", BarKind.WAITING.name: "#cc3a31",
    BarKind.OFF.name: "#b4bbc6", BarKind.UNKNOWN.name: "#8a94a3",
}  # fmt: skip
DARK = {
    "paper": "#16181d", "ink": "#d4d7dd", "faint": "#9aa3af", "lane": "#22262e",
    BarKind.MASTER.name: "#6c9be0", BarKind.PRIMARY.name: "#b48be0", BarKind.MOUNTED.name: "#4dc0b5",
    BarKind.SERVING.name: "#7fd17f", BarKind.WAITING.name: "#ff6b68",
    BarKind.OFF.name: "#4a5160", BarKind.UNKNOWN.name: "#7c8694",
}  # fmt: skip


def document(timelines: Sequence[Timeline]) -> str:
    """A whole SVG with one timeline below the other."""
    drawn: list[str] = []
    y = float(MARGIN)
    for timeline in timelines:
        figure, height = drawing(timeline, y)
        drawn += figure
        y += height + MARGIN
    return framed(drawn, y, ", ".join(timeline.title for timeline in timelines))


def framed(drawn: Iterable[str], height: float, title: str, style: str = "") -> str:
    """Shapes as a document of their own, so many pixels high, on paper."""
    size = f'width="{WIDTH}" height="{height:.0f}" viewBox="0 0 {WIDTH} {height:.0f}"'
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">',
        f"<title>{_text(title)}</title>",
        f"<style>{_colours(LIGHT)}",
        f"@media (prefers-color-scheme: dark) {{ {_colours(DARK)} }}",
        f"text {{ font: {SIZE}px system-ui, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif }}",
        f".title {{ font-weight: 600; font-size: 14px }} .group {{ font-weight: 600 }}{style}</style>",
        f'<pattern id="unknown" width="6" height="6" patternUnits="userSpaceOnUse"><path class="{BarKind.UNKNOWN.name}"'
        ' d="M0 6L6 0h-2L0 4zM6 6v-2L4 6z"/></pattern>',
        '<rect class="paper" width="100%" height="100%" rx="8"/>',
        *drawn,
        "</svg>",
    ]) + "\n"  # fmt: skip


def drawing(timeline: Timeline, top: float) -> tuple[list[str], float]:
    """The shapes of a timeline that begins so many pixels from the top, and how many it needs."""
    scale = Scale(timeline)
    drawn = [_line("title ink", MARGIN, top + 14, timeline.title)]
    lanes_top = y = top + 24 + (SIZE + 3 if timeline.marks else 0)
    for group in timeline.groups:
        lines, height = _group(group, y, scale)
        drawn += lines
        y += height
    drawn += _axis(scale, timeline.epoch, y)
    drawn += _marks(timeline.marks, lanes_top, y, scale)
    y += LINE + 6
    if legend := _legend(timeline.groups, y):
        drawn += legend
        y += LINE
    said = [(f"{number}", mark) for number, mark in enumerate(timeline.marks, 1)]
    for number, mark in said:
        y += LINE
        when = _when(timeline.epoch, mark.at)
        drawn.append(_line("faint", MARGIN + 20, y, number, "end"))
        drawn.append(_line("faint", MARGIN + (84 if timeline.epoch is not None else 70), y, when, "end"))
        drawn.append(_line("ink", MARGIN + (94 if timeline.epoch is not None else 80), y, mark.text))
    for note in timeline.notes:
        y += LINE
        drawn.append(_line("faint", MARGIN, y, note))
    return drawn, y + 4 - top


class Scale:
    """Where a moment lies."""

    def __init__(self, timeline: Timeline) -> None:
        self.seconds = max(timeline.seconds, timeline.axis, 1.0)
        self.end, self._epoch = timeline.seconds, timeline.epoch or 0.0
        self._pixels = (WIDTH - LEFT - MARGIN) / self.seconds

    def x(self, at: float) -> float:
        """Pixels from the left; what lies outside is at the edge."""
        return LEFT + min(max(at, 0.0), self.seconds) * self._pixels

    def ticks(self, most: int) -> Iterator[float]:
        """Moments on the axis; times of day are round."""
        days = math.ceil(self.seconds / most / STEPS[-1]) * STEPS[-1]
        step = next((step for step in STEPS if self.seconds / step <= most), days)
        at = -self._epoch % step
        while at <= self.seconds:
            yield at
            at += step


def _group(group: LaneGroup, top: float, scale: Scale) -> tuple[list[str], float]:
    drawn = [_line("group ink", MARGIN, top + SIZE, group.name)]
    y = top + (0 if len(group.lanes) == 1 else LANE)
    for lane in group.lanes:
        drawn += _lane(group.name, lane, y, scale)
        y += LANE
    return drawn, y + 5 - top


def _lane(owner: str, lane: Lane, y: float, scale: Scale) -> Iterator[str]:
    if lane.name:
        yield _line("faint", MARGIN + 10, y + SIZE - 1, lane.name)
    yield _box(LEFT, y, scale.x(scale.end) - LEFT, 'class="lane"')
    for bar in lane.bars:
        x = scale.x(bar.begin)
        yield _box(x, y, max(scale.x(bar.end) - x, 1.0), _fill(bar.kind), _said(owner, bar))


def _legend(groups: Sequence[LaneGroup], top: float) -> list[str]:
    """What the bars mean that are not of the kind that their lane is named after."""
    shown = {bar.kind for group in groups for lane in group.lanes for bar in lane.bars}
    drawn: list[str] = []
    for number, kind in enumerate(kind for kind in UNNAMED if kind in shown):
        x = LEFT + number * LEGEND_WIDTH
        drawn += [_box(x, top + 3, LINE, _fill(kind)), _line("faint", x + LINE + 6, top + SIZE + 2, kind.value)]
    return drawn


def _fill(kind: BarKind) -> str:
    return 'fill="url(#unknown)"' if kind is BarKind.UNKNOWN else f'class="{kind.name}"'


def _said(owner: str, bar: Bar) -> str:
    return f"{owner}: {bar.kind.value} for {say_duration(bar.end - bar.begin)}"


def _axis(scale: Scale, epoch: float | None, y: float) -> Iterator[str]:
    yield f'<path class="axis" d="M{LEFT} {y:.1f}H{WIDTH - MARGIN}"/>'
    for at in scale.ticks(TICKS if epoch is None else CLOCK_TICKS):
        x = scale.x(at)
        yield f'<path class="axis" d="M{x:.1f} {y:.1f}v4"/>'
        anchor = "start" if x < LEFT + 20 else "end" if x > WIDTH - MARGIN - 20 else "middle"
        yield _line("faint", x, y + 16, _when(epoch, at), anchor)


def _marks(marks: Sequence[EventMark], top: float, bottom: float, scale: Scale) -> Iterator[str]:
    """Lines through all lanes, numbered in the order of time."""
    labels: list[tuple[float, int, int]] = []
    for number, mark in enumerate(marks, 1):
        x = scale.x(mark.at)
        yield f'<path class="mark" d="M{x:.1f} {top - 4:.1f}V{bottom:.1f}"/>'
        if labels and x - labels[-1][0] < MARK_WIDTH:
            labels[-1] = labels[-1][0], labels[-1][1], number
        else:
            labels.append((x, number, number))
    for x, first, last in labels:
        yield _line("faint", x, top - 8, f"{first}" if first == last else f"{first}-{last}", "middle")


def _box(x: float, y: float, width: float, fill: str, title: str = "") -> str:
    shape = f'<rect x="{x:.1f}" y="{y + 1:.1f}" width="{width:.1f}" height="{BAR}" rx="2" {fill}'
    return f"{shape}><title>{_text(title)}</title></rect>" if title else f"{shape}/>"


def _line(classes: str, x: float, y: float, text: str, anchor: str = "") -> str:
    where = f' text-anchor="{anchor}"' if anchor else ""
    return f'<text class="{classes}" x="{x:.1f}" y="{y:.1f}"{where}>{_text(text)}</text>'


def _text(text: str) -> str:
    return escape(plain(text, LONGEST))


def _when(epoch: float | None, at: float) -> str:
    """A moment for people: seconds from the begin, or UTC."""
    return f"{at:.0f} s" if epoch is None else time.strftime("%H:%M:%S", time.gmtime(epoch + at))


def _colours(palette: dict[str, str]) -> str:
    strokes = f".axis, .mark {{ stroke: {palette['faint']}; fill: none }} .mark {{ stroke-dasharray: 2 3 }}"
    return " ".join([*(f".{name} {{ fill: {colour} }}" for name, colour in palette.items()), strokes])
