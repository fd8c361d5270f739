"""The picture of a timeline: well-formed whatever the text, on one scale, in both colour schemes."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remediate.timeline import page, svg
from remediate.timeline.model import Bar, BarKind, EventMark, Lane, LaneGroup, LaneWriter, Timeline

SVG = "{http://www.w3.org/2000/svg}"
BAR = Timeline("one", 100.0, (LaneGroup("nfs001", (Lane("primary", (Bar(0.0, 50.0, BarKind.PRIMARY),)),)),))

moments = st.floats(0, 1e6, allow_nan=False)
kinds = st.sampled_from(BarKind)
all_timelines = st.builds(
    Timeline,
    st.text(),
    st.floats(0, 1e6),
    st.lists(
        st.builds(
            LaneGroup,
            st.text(),
            st.lists(
                st.builds(Lane, st.text(), st.lists(st.builds(Bar, moments, moments, kinds), max_size=3).map(tuple)),
                min_size=1,
                max_size=2,
            ).map(tuple),
        ),
        max_size=2,
    ).map(tuple),
    st.lists(st.builds(EventMark, moments, st.text()), max_size=5).map(tuple),
    st.lists(st.text(), max_size=2).map(tuple),
    st.none() | st.floats(0, 4e9),
    st.floats(0, 1e6),
)


def texts(drawn: str) -> list[str]:
    return [text.text or "" for text in ElementTree.fromstring(drawn).iter(f"{SVG}text")]


def boxes(drawn: str, kind: str) -> list[tuple[float, float]]:
    """Where bars of a kind begin and end, in pixels."""
    found = [box for box in ElementTree.fromstring(drawn).iter(f"{SVG}rect") if box.get("class") == kind]
    return [(float(box.get("x", 0)), float(box.get("x", 0)) + float(box.get("width", 0))) for box in found]


@settings(max_examples=40, deadline=None)
@given(st.lists(all_timelines, max_size=1))
def test_whatever_the_text_the_picture_is_well_formed_and_within_its_width(timelines: list[Timeline]) -> None:
    drawn = svg.document(timelines)
    ElementTree.fromstring(drawn)
    for kind in BarKind:
        assert all(begin >= svg.LEFT and end <= svg.WIDTH for begin, end in boxes(drawn, kind.name))


def test_text_from_outside_is_escaped() -> None:
    drawn = svg.document([BAR._replace(title="<script>alert('&')</script>\x1b[31m")])
    assert "<script" not in drawn
    assert "\x1b" not in drawn
    assert texts(drawn)[0] == "<script>alert('&')</script>\\x1b[31m"


def test_a_bar_lies_where_its_seconds_are() -> None:
    (bar,) = boxes(svg.document([BAR]), "PRIMARY")
    assert bar[0] == svg.LEFT
    assert bar[1] == pytest.approx((svg.LEFT + svg.WIDTH - svg.MARGIN) / 2, abs=0.1)


def test_two_timelines_with_the_same_axis_have_the_same_scale() -> None:
    drawn = svg.document([BAR._replace(axis=200.0), BAR._replace(seconds=200.0)])
    one, other = boxes(drawn, "PRIMARY")
    assert one == other
    assert boxes(drawn, "lane")[0][1] < boxes(drawn, "lane")[1][1]


def test_marks_that_lie_close_together_share_a_label_and_are_told_one_by_one() -> None:
    marks = tuple(EventMark(at, f"event {at:g}") for at in (10.0, 10.5, 11.0, 60.0))
    shown = texts(svg.document([BAR._replace(marks=marks)]))
    assert {"1-3", "4", "event 10.5", "60 s"} <= set(shown)


def test_times_of_day_are_round() -> None:
    epoch = 1795336627.0  # 2026-11-22T08:37:07Z
    shown = texts(svg.document([BAR._replace(epoch=epoch, marks=(EventMark(0.0, "begin"),))]))
    assert {"08:37:20", "08:38:40", "08:37:07"} <= set(shown)


def test_both_colour_schemes_colour_everything() -> None:
    assert svg.LIGHT.keys() == svg.DARK.keys() >= {kind.name for kind in BarKind}
    assert "@media (prefers-color-scheme: dark)" in svg.document([BAR])


def test_the_name_of_the_file_decides_whether_it_is_a_page(tmp_path: Path) -> None:
    page.write(str(tmp_path / "t.svg"), [BAR])
    page.write(str(tmp_path / "t.html"), [BAR._replace(title="a < b")])
    assert (tmp_path / "t.svg").read_text().startswith("<svg ")
    html = (tmp_path / "t.html").read_text()
    assert html.startswith("<!DOCTYPE html>")
    assert "<title>a &lt; b</title>" in html


def test_a_lane_has_a_bar_for_each_state_that_lasted() -> None:
    writer = LaneWriter()
    for kind, at in (
        (None, 0.0),
        (BarKind.MASTER, 1.0),
        (BarKind.MASTER, 2.0),
        (BarKind.OFF, 2.0),
        (BarKind.MASTER, 2.0),
    ):
        writer.is_now(kind, at)
    assert writer.lane("MASTER", 5.0).bars == (Bar(1.0, 5.0, BarKind.MASTER),)


def luminance(colour: str) -> float:
    """Of a colour `#rrggbb` (WCAG 2.1, relative luminance)."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Between two colours, 1 to 21 (WCAG 2.1, contrast ratio)."""
    dark, light = sorted(map(luminance, (one, other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("palette", [svg.LIGHT, svg.DARK], ids=["light", "dark"])
def test_text_and_bars_stand_out_from_what_is_behind_them(palette: dict[str, str]) -> None:
    assert all(contrast(palette[text], palette["paper"]) >= 4.5 for text in ("ink", "faint"))
    loud = [kind for kind in BarKind if kind is not BarKind.OFF]
    assert all(
        contrast(palette[kind.name], palette["lane"]) >= (2.5 if kind is BarKind.UNKNOWN else 3) for kind in loud
    )
    assert contrast(palette["OFF"], palette["lane"]) >= 1.6


def test_only_bars_that_no_lane_is_named_after_are_explained() -> None:
    assert {"off", "not known"}.isdisjoint(texts(svg.document([BAR])))
    lane = Lane("primary", (Bar(0.0, 50.0, BarKind.OFF), Bar(50.0, 60.0, BarKind.UNKNOWN)))
    assert {"off", "not known"} <= set(texts(svg.document([BAR._replace(groups=(LaneGroup("nfs001", (lane,)),))])))
