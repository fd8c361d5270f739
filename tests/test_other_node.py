"""What a check of the pair says of the other node: one that is dead, one that cannot be asked, and one that is ill."""

import json
import re
from pathlib import Path

import pytest

from checks.plugin.finding import CRITICAL, UNKNOWN, WARNING, Finding
from checks.probes.state_cache import Memory
from remediate.events.decision import EngineEvent, decide
from remediate.events.repair_request import Remedy, RepairRequest
from tests.test_rows import ALONE, LOST, PLAYER, SECONDARY, Case, check_of, findings, node_folder

AGREED = {"at": 1, "reason": "splitbrain-none", "text": "both dumps agree"}
BEHIND = {"at": 1, "reason": "copy-behind", "text": "nfs001 lacks writes of nfs002"}


def compared_before(tmp_path: Path, last: dict[str, object]) -> None:
    """As the check of nfs001 remembers it."""
    Memory(str(tmp_path / "kept")).put("check_hast_splitbrain-home", last)


@pytest.mark.parametrize("check", ["carp", "carp_hast", "hast_splitbrain"])
def test_a_node_that_serves_alone_is_well_and_says_that_the_other_one_does_not_answer(
    check: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    compared_before(tmp_path, AGREED)
    reported = findings(Case("", check, answers=(ALONE,), peer=(LOST,)), tmp_path, capfd)
    assert set(reported.values()) == {"OK"} and "peer-silent" in reported


@pytest.mark.parametrize("last", [{}, BEHIND], ids=["never compared", "behind"])
def test_copies_that_did_not_agree_when_last_compared_are_not_called_well_because_a_node_is_dead(
    last: dict[str, object], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    compared_before(tmp_path, last)
    reported = findings(Case("", "hast_splitbrain", answers=(ALONE,), peer=(LOST,)), tmp_path, capfd)
    assert reported["splitbrain-not-compared"] == "UNKNOWN"


def test_a_master_that_does_not_serve_is_critical_whoever_does_not_answer(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    Memory(str(tmp_path / "kept")).put("check_carp_hast-nfs001-home", {"carp": "MASTER", "since": 1})
    case = Case("", "carp_hast", answers=(SECONDARY, ALONE), peer=(LOST,))
    assert findings(case, tmp_path, capfd)["carp-master-hast-secondary"] == "CRITICAL"


def test_a_node_that_took_the_address_of_a_dead_one_asks_for_the_repair_when_its_grace_is_over(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    here = node_folder(tmp_path / "here", "nfs001", (SECONDARY, ALONE))
    there = node_folder(tmp_path / "there", "nfs002", (LOST,))
    words = ["--state-dir", str(tmp_path / "kept"), "--via", " ".join([*PLAYER, str(here)])]
    words += ["--peer", " ".join([*PLAYER, str(there)])]
    memory = Memory(str(tmp_path / "kept"))
    asked = {}
    for since, state in ((None, WARNING), (1, CRITICAL)):  # BACKUP a moment ago; MASTER since long ago
        carp = "BACKUP" if since is None else "MASTER"
        memory.put("check_carp_hast-nfs001-home", {"carp": carp, "since": since})
        assert check_of("carp_hast").main(words) == state.value
        line = capfd.readouterr().out.partition("\n")[0]
        asked[state] = decide(EngineEvent("check_carp_hast", state, True, 3, 0, False, line)).request
    assert asked == {WARNING: None, CRITICAL: RepairRequest(Remedy.CONVERGE, None)}


def test_a_finding_of_the_other_node_calls_for_no_repair_here(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    there = node_folder(tmp_path / "there", "nfs001", (("mount", "NFS exported, ", ""),))
    here = node_folder(tmp_path / "here", "nfs002", ())
    ways = {"nfs001": " ".join([*PLAYER, str(there)]), "nfs002": " ".join([*PLAYER, str(here)])}
    lines, found = {}, {}
    for name, other in (("nfs001", "nfs002"), ("nfs002", "nfs001")):
        words = ["--state-dir", str(tmp_path / name), "--via", ways[name], "--peer", ways[other], "--json"]
        check_of("carp_hast").main(words)
        values = json.loads(capfd.readouterr().out)
        lines[name], found[name] = values["output"], values["findings"][0]
    assert [found[name]["node"] for name in lines] == ["nfs001", "nfs001"]
    assert (found["nfs001"]["reason"], found["nfs001"]["severity"]) == ("carp-master-not-exported", "CRITICAL")
    assert (found["nfs002"]["reason"], found["nfs002"]["severity"]) == ("peer-finding", "WARNING")
    assert found["nfs002"]["there"] == "carp-master-not-exported"
    assert "see nfs001, CRITICAL carp-master-not-exported there" in lines["nfs002"]
    assert re.findall(r"\[([a-z-]+)\]", lines["nfs002"]) == ["peer-finding"]
    for name, remedy in (("nfs001", "nfs"), ("nfs002", None)):
        state = CRITICAL if name == "nfs001" else WARNING
        request = decide(EngineEvent("check_carp_hast", state, True, 3, 0, False, lines[name])).request
        assert (request.remedy.value if request else None) == remedy


@pytest.mark.parametrize(("subject", "side", "node"), [
    ("home on nfs001", "", "nfs001"), ("nfs002", "", "nfs002"), ("home on nfs001 and nfs002", "", ""),
    ("home on nfs001 and nfs002", "nfs002", "nfs002"), ("home on nfs009", "", ""),
])  # fmt: skip
def test_a_finding_names_its_node(subject: str, side: str, node: str) -> None:
    assert Finding("x", CRITICAL, subject, "", "", "", side).node(("nfs001", "nfs002")) == node


@pytest.mark.parametrize(("subject", "severity", "here", "other"), [
    ("home on nfs001 and nfs002", CRITICAL, "nfs001", "nfs002"), ("nfs002", UNKNOWN, "nfs001", "nfs002"),
    ("nfs001", CRITICAL, "nfs001", "nfs001"), ("nfs001", CRITICAL, "nfs001", ""), ("", CRITICAL, "nfs001", ""),
])  # fmt: skip
def test_what_is_not_known_to_be_the_other_nodes_alone_keeps_its_severity(
    subject: str, severity: object, here: str, other: str
) -> None:
    finding = Finding("x", severity, subject, "", "")  # type: ignore[arg-type]
    assert finding.seen_from(here, other, {}) is finding


def test_whoever_watches_a_pair_with_one_service_can_have_it_critical() -> None:
    finding = Finding("x", CRITICAL, "home on nfs002", "gone", "")
    assert finding.seen_from("nfs001", "nfs002", {"peer-finding": CRITICAL}).severity is CRITICAL
