"""`hastwatch doctor`: the findings of check_hast_setup for a person, by what their remedies may do."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TextIO

import pytest

from checks.plugin.finding import Finding, Severity
from remediate.console import Console
from remediate.subcommands import doctor
from remediate.subcommands.doctor_page import page, wrong
from remediate.terminal import REDRAW_LINE
from tests.setup.audited import AuditedPair

pytestmark = pytest.mark.slow


@pytest.fixture
def audited(state: Path) -> AuditedPair:
    return AuditedPair(state)


def said(pair: AuditedPair, *words: str) -> tuple[int, str]:
    """The exit status and output of the command on the first node."""
    done = pair.pair.nodes["nfs001"].run(" ".join(["hastwatch doctor", *words]))
    return done.status, done.out


def test_each_finding_has_its_remedy_under_the_heading_of_its_tier(audited: AuditedPair) -> None:
    audited.types("nfs002", ["sysrc cron_enable=NO", "ifconfig vtnet1 vhid 2 advskew 20"])
    status, text = said(audited, "-x")
    assert status == 2
    safe, network, manual = (text.index(word) for word in ("Safe: ", "Network: ", "Manual: "))
    assert safe < text.index("do: on nfs002: `sysrc cron_enable=YES`") < network
    assert network < text.index("`ifconfig vtnet1 vhid 2 advskew 10`") < manual
    assert text.count("see: hastwatch explain setup-service-disabled") == 1


@pytest.mark.parametrize(("tier", "status"), [("safe", 2), ("network", 0), ("manual", 1)])
def test_a_tier_shows_its_own_findings_and_has_their_status(audited: AuditedPair, tier: str, status: int) -> None:
    audited.types("nfs002", ["sysrc cron_enable=NO"])
    ended, text = said(audited, "-x", "--tier", tier)
    assert ended == status
    assert ("cron_enable" in text) is (tier == "safe") and ("maproot" in text) is (tier == "manual")


def test_what_was_not_read_is_shown_with_every_tier(audited: AuditedPair) -> None:
    audited.standby.power_off()
    status, text = said(audited, "-x", "--tier", "network")
    assert status == 3 and "[node-unreachable]" in text


def test_for_programs_it_is_one_object_with_the_tier_of_each_finding(audited: AuditedPair) -> None:
    status, text = said(audited, "--json")
    values = json.loads(text)
    assert text.count("\n") == 1 and values["exit_status"] == status == 1 and values["state"] == "WARNING"
    tiers = {each["reason"]: each["tier"] for each in values["findings"] if each["severity"] != "OK"}
    assert tiers == {"setup-export-root": "manual"}


def test_it_changes_nothing(audited: AuditedPair) -> None:
    before = {name: (node.now, {path: file.text for path, file in node.files.files.items()}, dict(node.kernel.values))
              for name, node in audited.pair.nodes.items()}  # fmt: skip
    said(audited)
    after = {name: ({path: file.text for path, file in node.files.files.items()}, dict(node.kernel.values))
             for name, node in audited.pair.nodes.items()}  # fmt: skip
    assert after == {name: values[1:] for name, values in before.items()}


def test_a_reason_that_is_none_is_refused_in_one_line(audited: AuditedPair, capsys: pytest.CaptureFixture[str]) -> None:
    config = audited.config.checks._replace(setup=audited.config.checks.setup._replace(accepted={"setup-no": "why"}))
    audited.installed.configs["nfs001"] = audited.config._replace(checks=config)
    done = audited.pair.nodes["nfs001"].run("hastwatch doctor")
    assert (done.status, done.out) == (3, "")
    assert done.err == (
        "hastwatch doctor: setup.accepted: 'setup-no' is no finding that can be accepted (see --help)\n"
    )


FINDING = Finding("setup-service-disabled", Severity.CRITICAL, "nfs001", "a" * 90, "means", f"on nfs001: `{'b ' * 60}`")


@pytest.mark.quick
def test_a_remedy_is_not_wrapped_and_what_is_said_is() -> None:
    lines = wrong((FINDING,), 60, coloured=False)
    assert [line for line in lines if len(line) > 60] == [f"          do: {FINDING.action}"]


@pytest.mark.quick
def test_colours_are_for_severities_and_headings_alone() -> None:
    coloured = "\n".join(page((FINDING,), 80, coloured=True))
    assert "\x1b[31mCRITICAL\x1b[0m" in coloured and "\x1b[1mSafe: " in coloured
    assert "\x1b" not in "\n".join(page((FINDING,), 80, coloured=False))


@pytest.mark.quick
@pytest.mark.parametrize("words", [["--tier", "none"], ["--nonsense"]])
def test_wrong_usage_is_3_as_of_the_checks(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        doctor.parser().parse(words, Console())
    assert ended.value.code == 3 and capsys.readouterr().err.count("\n") == 1


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class _Watched(Console):
    """Its standard error is a terminal, or with `piped` none."""

    def __init__(self, piped: bool) -> None:
        self._out, self.shown = io.StringIO(), io.StringIO() if piped else _Terminal()

    @property
    def out(self) -> TextIO:
        return self._out

    @property
    def err(self) -> TextIO:
        return self.shown


def shown(pair: AuditedPair, words: list[str], piped: bool = False) -> str:
    """What an audit on the first node shows on standard error while it looks."""
    console = _Watched(piped)
    context = pair.installed.context(pair.pair.nodes["nfs001"])._replace(console=console)
    doctor.look(context, doctor.parser().parse_args(words))
    return console.shown.getvalue()


def test_on_a_terminal_one_line_says_which_node_is_asked_and_is_cleared_at_the_end(audited: AuditedPair) -> None:
    drawn = shown(audited, []).split(REDRAW_LINE)
    asked = list(dict.fromkeys(line.partition("] ")[2] for line in drawn if line))
    assert asked == ["asking the nodes", "asking nfs001", "asking nfs002"]
    assert drawn[0] == drawn[-1] == "" and not any("\n" in line for line in drawn)
    assert shown(audited, ["--json"]) == shown(audited, [], piped=True) == ""
