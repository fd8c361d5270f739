"""The findings on the status line: what is left out of it where it gets too long, and what never is."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.plugin.finding import CRITICAL, OK, REASON, UNKNOWN, WARNING, Finding, Severity
from checks.plugin.first_line import LONGEST, SHORTEST, counted_in_one_line, in_one_line
from checks.plugin.maintenance import NodeMaintenance
from checks.plugin.output import Report, as_json, long_lines, status_line
from checks.probes.maintenance import Maintenance
from checks.registry import REGISTRY
from tests.plugin.sample_check import report

TABLE = next(each for each in REGISTRY if each.name == "check_carp_hast").load().table
STATE = "CARP MASTER, HAST init, not mounted, NFS runs"
FIRST = Finding("carp-master-hast-init", CRITICAL, "home on nfs001", STATE, "clients hang")
OTHER = Finding(
    "carp-backup-hast-init", CRITICAL, "home on nfs002", "CARP BACKUP, HAST init, NFS runs", "no redundancy"
)
OUTSIDE = Finding("export-outside", WARNING, "nfs002", "/ is NFS exported", "whoever guesses a handle reads it")
WORDS = st.text("ab ;", max_size=120).filter(str.strip)
FINDINGS = st.lists(
    st.builds(
        Finding,
        st.sampled_from(["aa", "bb-bb", "c" * 60]),
        st.just(CRITICAL),
        WORDS,
        WORDS,
        st.sampled_from(["", "clients hang"]),
    ),
    min_size=1,
    max_size=9,
)


def of(*findings: Finding) -> Report:
    """What check_carp_hast has to say of them."""
    return report(TABLE, list(findings), [], "check_carp_hast")


def test_what_fits_is_said_whole_and_nothing_of_it_again() -> None:
    assert in_one_line([FIRST, OUTSIDE], LONGEST).text == (
        f"home on nfs001: {STATE} - clients hang [carp-master-hast-init]; nfs002: / is NFS exported [export-outside]"
    )
    assert in_one_line([FIRST, OUTSIDE], LONGEST).shortened == []


def test_the_last_text_is_left_out_first_and_its_subject_and_reason_stay() -> None:
    wanted = (
        f"home on nfs001: {STATE} - clients hang [carp-master-hast-init]; home on nfs002: CARP BACKUP, HAST init,"
        " NFS runs [carp-backup-hast-init]; nfs002 [export-outside]"
    )
    assert in_one_line([FIRST, OTHER, OUTSIDE], len(wanted)) == (wanted, [OUTSIDE])


def test_details_of_the_first_are_left_out_before_what_the_others_are_about() -> None:
    detailed = FIRST._replace(text=f"{STATE}; hastd says so; at great length")
    wanted = (
        f"home on nfs001: {STATE}; hastd says so - clients hang [carp-master-hast-init]; home on nfs002"
        " [carp-backup-hast-init]; nfs002 [export-outside]"
    )
    assert in_one_line([detailed, OTHER, OUTSIDE], len(wanted)) == (wanted, [detailed, OTHER, OUTSIDE])
    assert "hastd says so" not in in_one_line([detailed, OTHER, OUTSIDE], len(wanted) - 1).text


def test_then_the_others_are_counted_with_every_reason_once() -> None:
    wanted = (
        f"home on nfs001: {STATE} - clients hang [carp-master-hast-init]; and 3 more [carp-backup-hast-init]"
        " [export-outside]"
    )
    assert in_one_line([FIRST, OTHER, OTHER, OUTSIDE], len(wanted)) == (wanted, [OTHER, OTHER, OUTSIDE])
    assert in_one_line([FIRST, OTHER, OTHER, OUTSIDE], 10).text == wanted


def test_of_an_audit_the_worst_are_named_and_the_others_counted_by_severity() -> None:
    many = [FIRST, OTHER, *(OUTSIDE._replace(reason=f"export-{word}") for word in "abcdefghijklmnop")]
    line = counted_in_one_line(many, LONGEST)
    assert len(line.text) <= LONGEST
    assert line.text == (
        f"home on nfs001: {STATE} - clients hang [carp-master-hast-init]; home on nfs002 [carp-backup-hast-init];"
        " nfs002 [export-a]; and 15 more (15 WARNING)"
    )
    assert line.shortened == many[1:]
    assert counted_in_one_line([FIRST, OTHER], LONGEST) == in_one_line([FIRST, OTHER], LONGEST)


@given(FINDINGS, st.integers(300, 400))
def test_the_line_of_an_audit_fits_whatever_is_found(findings: list[Finding], room: int) -> None:
    text = counted_in_one_line(findings, room).text
    assert len(text) <= room and f"[{findings[0].reason}]" in text


def test_at_last_a_long_text_is_cut_after_a_word_and_keeps_its_meaning() -> None:
    line = in_one_line([FIRST._replace(text="seventeen letters " * 20)], LONGEST)
    assert len(line.text) <= LONGEST
    assert re.fullmatch(
        r"home on nfs001: (seventeen letters )*seventeen( letters)?\.\.\. - clients hang \[carp-.*\]", line.text
    )


@given(FINDINGS, st.integers(80, 400))
def test_whatever_is_left_out_every_reason_stays_and_the_first_its_subject_and_meaning(
    findings: list[Finding], room: int
) -> None:
    text, shortened = in_one_line(findings, room)
    assert set(re.findall(REASON, text)) == {finding.reason for finding in findings}
    first = findings[0]
    assert text.startswith(f"{first.subject}: ") and (not first.means or f" - {first.means} [{first.reason}]" in text)
    least = len(f"{first.subject}: ") + SHORTEST + len(f" - {first.means} [{first.reason}]; and 9 more ")
    reasons = sum(len(finding.reason) + 3 for finding in findings)
    assert len(text) <= max(room, least + reasons + (len(findings[-1].subject) if len(findings) == 2 else 0))
    assert shortened or all(f"{finding.subject}: {finding.text}" in text for finding in findings)


def test_what_is_left_out_stands_on_the_lines_after_it_before_what_to_do() -> None:
    lines = long_lines(of(FIRST._replace(means="m" * 90), OTHER._replace(action="mend it"), OUTSIDE), 0)
    assert lines == [
        "     see: hastwatch explain carp-master-hast-init",
        "CRITICAL: home on nfs002: CARP BACKUP, HAST init, NFS runs - no redundancy [carp-backup-hast-init]",
        "  -> mend it",
        "     see: hastwatch explain carp-backup-hast-init",
        "WARNING: nfs002: / is NFS exported - whoever guesses a handle reads it [export-outside]",
        "     see: hastwatch explain export-outside",
    ]


def test_a_node_under_maintenance_takes_its_room_from_the_findings() -> None:
    both = of(FIRST, OTHER._replace(subject="nfs002"))
    suspended = NodeMaintenance("nfs001", Maintenance(0.0, None, "new", "root"), 0.0)
    line = status_line(both._replace(suspended=[suspended]))
    assert "BACKUP" in status_line(both) and "BACKUP" not in line
    assert line.endswith(": new]") and len(line) <= LONGEST


@pytest.mark.parametrize("severity", [OK, UNKNOWN, WARNING, CRITICAL])
def test_what_is_well_is_said_too_where_nothing_is_known_to_be_wrong(severity: Severity) -> None:
    well = Finding("carp-hast-standby", OK, "home on nfs002", "as it has to be", "ready to take over")
    line = status_line(of(FIRST._replace(severity=severity), well))
    assert ("[carp-hast-standby]" in line) is (severity in (OK, UNKNOWN))


def test_with_the_documentation_as_a_site_the_runbook_is_a_link() -> None:
    here = of(FIRST)
    there = here._replace(docs="https://docs.example.org/hastwatch")
    link = "https://docs.example.org/hastwatch/runbooks/carp-master-hast-init.html"
    assert long_lines(here, 0)[-1].endswith("see: hastwatch explain carp-master-hast-init")
    assert long_lines(there, 0)[-1] == f"     see: {link}"
    assert json.loads(as_json(there))["findings"][0]["see"] == link
