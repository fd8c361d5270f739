"""check_hast_pair says what its checks say by themselves, and asks each question once."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest

from checks import hast, hast_pair
from checks.hast_pair import CHECK, CHECKS
from checks.hast_pair_resource import ChecksRun
from checks.plugin.command import CheckCommand, parser
from checks.plugin.config import CheckConfig
from checks.plugin.finding import Severity
from checks.plugin.session import Session
from checks.probes.hung_commands import GivenUpCommands
from checks.registry import OF_SERVICE
from remediate.events.decision import EngineEvent, decide_each
from remediate.events.handler import parser as handler_parser
from remediate.events.repair_request import Remedy, RepairRequest
from remediate.events.table import BY_FINDING, Since
from tests.expected import RECORDINGS, nodes, other_node
from tests.played_node import PlayedNode, PlayedTime, look

NODES = [node for node in nodes() if other_node(node) and node.parent.name != "hastctl-hangs"]
"""Where a command hangs all checks have the time of one, and may not come to the same."""
HEALTHY = RECORDINGS / "made-healthy-pair" / "nfs001"
ORDER = ("OK", "WARNING", "UNKNOWN", "CRITICAL")


def named(node: Path) -> str:
    """`healthy/nfs001`."""
    return f"{node.parent.name}/{node.name}"


def output(
    check: CheckCommand, node: Path, capfd: pytest.CaptureFixture[str], *words: str, now: float = time.time()
) -> tuple[list[str], list[tuple[str, str]], int]:
    """Lines without performance data, that data, and the exit status."""
    status = look(check, node, ["--peer", *words], now)
    first, *lines = capfd.readouterr().out.splitlines()
    text, _, data = first.partition(" | ")
    return [text, *lines], re.findall(r"('[^']+'|\S+)=(\S+)", data), status


def test_it_runs_the_checks_that_watch_the_service_of_a_node() -> None:
    assert tuple(each.name for each in OF_SERVICE) == hast_pair.NAMES


@pytest.mark.parametrize("node", NODES, ids=named)
def test_each_check_says_in_it_what_it_says_by_itself(node: Path, capfd: pytest.CaptureFixture[str]) -> None:
    now = time.time()
    alone = {check: output(check, node, capfd, now=now) for check in CHECKS}
    lines, numbers, status = output(CHECK, node, capfd, now=now)
    for check, (own, own_numbers, _) in alone.items():
        assert without_commands(f"{check.name}{own[0].removeprefix(check.title)}") in map(without_commands, lines)
        shown = [(name.strip("'").partition("::")[2], value) for name, value in numbers
                 if name.strip("'").startswith(f"{check.name}::")]  # fmt: skip
        assert [(name.strip("'"), _whole(value)) for name, value in own_numbers] == [
            (name, _whole(value)) for name, value in shown
        ]
    states = [Severity(own_status).name for _, _, own_status in alone.values()]
    assert Severity(status).name == max(states, key=ORDER.index)
    assert lines[0].startswith(f"HAST PAIR {Severity(status).name} - ")
    for own, _, own_status in alone.values():
        if own_status:
            assert set(re.findall(r"\[([a-z0-9-]+)\]", _wrong(own))) <= set(re.findall(r"\[([a-z0-9-]+)\]", lines[0]))


def without_commands(line: str) -> str:
    """The line whatever it was that a node was asked first: of one that is lost nothing else is asked."""
    return re.sub("`[^`]*`", "`...`", line)


def _whole(value: str) -> str:
    return value.rstrip(";")


def _wrong(lines: list[str]) -> str:
    """The status line, as far as it names what is not OK."""
    return "" if " UNKNOWN - " in lines[0] else lines[0]


@pytest.mark.parametrize("node", [HEALTHY, RECORDINGS / "split-brain" / "nfs001"], ids=named)
def test_a_node_is_asked_each_question_once(node: Path, tmp_path: Path) -> None:
    run = looked(node, tmp_path)
    for each in run.session.nodes:
        assert sorted(each.started) == sorted(set(each.started))


def looked(node: Path, directory: Path, *words: str) -> ChecksRun:
    """A run that has looked at a recorded pair, and says nothing."""
    options = parser(CHECK).parse_args(["--state-dir", str(directory), *words])
    options.timeout = 8.0
    session = Session(options, CheckConfig(), time.time)
    played, given_up = PlayedTime(), GivenUpCommands(session.memory)
    other = other_node(node)
    assert other
    session.here, session.peer = (PlayedNode(each, played, 8.0, given_up) for each in (node, other))
    run = ChecksRun(CHECK, session, {})
    run.look()
    return run


def test_a_well_pair_is_named_with_its_checks(capfd: pytest.CaptureFixture[str]) -> None:
    lines, _, status = output(CHECK, HEALTHY, capfd)
    assert status == 0
    assert lines[0] == (
        "HAST PAIR OK - nfs001: check_carp_hast, check_carp, check_hast, check_hast_splitbrain, check_hast_mount and"
        " check_devd are OK [pair-well]"
    )
    assert [line.split(" ")[:2] for line in lines[1:]] == [[check.name, "OK"] for check in CHECKS]


def test_the_worst_check_comes_first(capfd: pytest.CaptureFixture[str]) -> None:
    words = ["--severity", "devd-well=critical", "--severity", "hast-in-sync=warning"]
    lines, _, status = output(CHECK, HEALTHY, capfd, *words)
    assert status == 2
    assert lines[0].startswith("HAST PAIR CRITICAL - check_devd: nfs001: devd runs")
    shown = [line.split(" ")[:2] for line in lines if line.startswith("check_")]
    assert shown[:3] == [["check_devd", "CRITICAL"], ["check_hast", "WARNING"], ["check_carp_hast", "OK"]]


@pytest.mark.parametrize("broken", CHECKS, ids=lambda each: each.name)
def test_a_check_that_fails_of_itself_is_unknown_and_hides_no_other(
    broken: CheckCommand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def parts(session: Session) -> object:
        raise RuntimeError("it breaks")

    checks = tuple(each._replace(parts=parts) if each is broken else each for each in CHECKS)  # type: ignore[arg-type]
    monkeypatch.setattr(hast_pair, "CHECKS", checks)
    run = looked(HEALTHY, tmp_path)
    assert run.say([]) == 3
    lines = capfd.readouterr().out.splitlines()
    assert lines[0].startswith(f"HAST PAIR UNKNOWN - {broken.name}: RuntimeError: it breaks")
    assert sum(" OK - " in line for line in lines) == len(CHECKS) - 1


def test_what_was_not_run_when_the_time_is_over_is_unknown(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run = looked(HEALTHY, tmp_path)
    for each in run.checks[4:]:
        each.is_done = False
    assert run.say([]) == 3
    lines = capfd.readouterr().out.splitlines()
    assert lines[0].startswith(
        "HAST PAIR UNKNOWN - check_hast_mount: not run to its end: the time of all checks is 8 s"
    )
    assert [line.split(" ")[1] for line in lines if line.startswith("check_")] == ["UNKNOWN"] * 2 + ["OK"] * 4


def test_a_check_gets_options_of_its_own(capfd: pytest.CaptureFixture[str]) -> None:
    lines, _, status = output(CHECK, HEALTHY, capfd, "--check", "check_carp --preferred BACKUP")
    assert status == 1
    assert "[carp-not-preferred]" in lines[0]


@pytest.mark.parametrize("line", ["check_nothing -v", "", "check_carp '", "--via x"])
def test_options_for_no_check_are_refused(line: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        CHECK.main([f"--check={line}"])
    assert ended.value.code == 3
    assert capfd.readouterr().out.startswith("HAST PAIR UNKNOWN - usage: argument --check: ")


def test_a_wrong_option_of_a_check_is_unknown(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        looked(HEALTHY, tmp_path, "--check", "check_hast --role king")
    assert ended.value.code == 3
    assert capfd.readouterr().out.startswith("HAST UNKNOWN - usage: argument --role: ")


def test_a_severity_that_a_check_refuses_is_refused(capfd: pytest.CaptureFixture[str]) -> None:
    assert CHECK.main(["--severity", "mount-device-unknown=ok"]) == 3
    assert capfd.readouterr().out.startswith("HAST PAIR UNKNOWN - severity mount-device-unknown=ok: refused")
    assert CHECK.main(["--severity", "nfs-dead=ok"]) == 3
    assert capfd.readouterr().out.startswith("HAST PAIR UNKNOWN - usage: --severity nfs-dead=ok: no such reason")


def test_programs_get_each_check_with_its_own_line(capfd: pytest.CaptureFixture[str]) -> None:
    look(CHECK, HEALTHY, ["--peer", "--json"], time.time())
    shown = json.loads(capfd.readouterr().out)
    assert shown["state"] == "OK"
    assert {each["check"]: each["output"].split(" ")[0] for each in shown["checks"]}["check_hast"] == "HAST"
    assert {each["check"] for each in shown["checks"]} == set(hast_pair.NAMES)


# --- what it calls for ---------------------------------------------------------------------------------------


def event(output: str, **changes: object) -> EngineEvent:
    """One in which nothing holds a repair back."""
    found = EngineEvent("check_hast_pair", Severity.CRITICAL, True, 3, 0, False, output)
    return found._replace(**changes)  # type: ignore[arg-type]  # the fields are the caller's


def test_a_reason_of_several_checks_calls_for_the_same_repair_in_each() -> None:
    rules: dict[str, set[tuple[Remedy | None, Since]]] = {}
    for (check, reason), rule in BY_FINDING.items():
        if check in hast_pair.NAMES:
            rules.setdefault(reason, set()).add((rule.remedy, rule.since))
    assert {reason: rule for reason, rule in rules.items() if len(rule) > 1} == {}


@pytest.mark.parametrize(("check", "reason"), [key for key in BY_FINDING if key[0] in hast_pair.NAMES])
def test_a_finding_calls_for_what_it_calls_for_in_a_service_of_its_own(check: str, reason: str) -> None:
    ours = event(f"HAST PAIR CRITICAL - {check}: home on nfs001: it is so [{reason}]")
    own = decide_each(ours._replace(check=check))[0][1]
    assert [each.request for _, each in decide_each(ours)] == [own.request]


def test_each_repair_is_asked_for_once() -> None:
    line = (
        "HAST PAIR CRITICAL - check_carp_hast: x [carp-master-not-mounted]; check_hast_mount: x [mount-missing];"
        " check_devd: nfs001 [devd-not-running]; check_hast: home on nfs001 [hast-degraded]"
    )
    requests = [decision.request for _, decision in decide_each(event(line))]
    assert requests == [RepairRequest(Remedy.CONVERGE), RepairRequest(Remedy.DEVD)]


def test_what_one_check_could_not_see_keeps_no_repair_of_another_back() -> None:
    line = "HAST PAIR UNKNOWN - check_carp: nfs002: x [node-unreachable]; check_carp_hast: nfs001 [locking-stopped]"
    decisions = decide_each(event(line, state=Severity.UNKNOWN))
    assert [decision.request for _, decision in decisions] == [RepairRequest(Remedy.CONVERGE)]


def test_a_line_without_a_finding_calls_for_nothing() -> None:
    assert [each.request for _, each in decide_each(event("HAST PAIR CRITICAL - it is so"))] == [None]
    assert [each.request for _, each in decide_each(event("x [devd-not-running]", state=Severity.OK))] == [None]


def test_what_is_left_to_an_operator_is_told_with_its_check() -> None:
    [(check, decision)] = decide_each(event("HAST PAIR CRITICAL - check_hast: home on nfs001: x [hast-degraded]"))
    assert (check, decision.reason, decision.request) == (hast.CHECK.name, "hast-degraded", None)


@pytest.mark.parametrize("name", ["check_hast_pair", "hast_pair"])
def test_the_handler_takes_its_name_and_that_of_its_command_in_icinga(name: str) -> None:
    words = ["--check", name, "--state", "CRITICAL", "--type", "HARD", "--attempt", "3", "--downtime", "0"]
    assert handler_parser().parse_args(words).check == "check_hast_pair"
