"""Maintenance of a node shows in every check that reads the node, and changes no verdict."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from checks.plugin.finding import REASON
from checks.plugin.maintenance import NodeMaintenance, suspended
from checks.probes.errors import ProbeError
from checks.probes.hung_commands import GivenUpCommands
from checks.probes.maintenance import Maintenance
from checks.probes.node import Deadline, Node
from checks.probes.state_cache import Memory
from checks.probes.timestamps import utc
from checks.registry import OF_SERVICE
from tests.plugin.sample_check import command, seen
from tests.test_rows import PLAYER, check_of, node_folder

MODULES = [each.module.rpartition(".")[2] for each in OF_SERVICE]
NOW = 1795337195.75  # 2026-11-22T08:46:35.75Z
FILE = "cat /var/db/hastwatch/maintenance.json"


@pytest.fixture(autouse=True)
def utc_everywhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The reader's time zone."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def maintenance_file(until: float | None = None, reason: str = "new disk") -> tuple[str, str, str]:
    """The answer of a node that has the file."""
    values = {"version": 1, "since": utc(NOW), "until": None if until is None else utc(until), "reason": reason,
              "who": "root"}  # fmt: skip
    return FILE, "", json.dumps(values)


def output_of(
    module: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], *answers: tuple[str, str, str], more: str = ""
) -> tuple[int, str]:
    """What a check says of a node of the healthy pair that has these answers; its status and its output."""
    folder = node_folder(tmp_path / f"here{len(answers)}{more}", "nfs001", answers)
    words = ["--via", " ".join([*PLAYER, str(folder)]), "--state-dir", str(tmp_path / "kept"), *more.split()]
    status = check_of(module).main(words)
    return status, capfd.readouterr().out.removesuffix("\n")


@pytest.mark.slow
@pytest.mark.parametrize("module", MODULES)
def test_every_check_that_reads_a_node_shows_it_and_judges_as_before(
    module: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    status, line = output_of(module, tmp_path, capfd)
    verdict = line.partition(" |")[0]
    found_status, output = output_of(module, tmp_path, capfd, maintenance_file())
    shown, _, remark = output.partition(" |")[0].partition(" [maintenance on nfs001 ")
    assert (found_status, remark) == (status, "since 2026-11-22 08:46: new disk]")
    assert re.findall(REASON, shown) == re.findall(REASON, verdict) and shown[:100] == verdict[:100]


def test_a_maintenance_that_is_over_is_not_shown(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert output_of("carp", tmp_path, capfd, maintenance_file(until=NOW + 60)) == output_of("carp", tmp_path, capfd)


def test_verbose_and_json_have_all_of_it(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    until = time.time() + 7200
    _, lines = output_of("carp", tmp_path, capfd, maintenance_file(until, "x" * 300), more="-v")
    full = f"maintenance on nfs001 since 2026-11-22T08:46:35Z until {utc(until)}, by root: {'x' * 300}"
    assert lines.splitlines()[2:] == [full]
    _, output = output_of("carp", tmp_path, capfd, maintenance_file(until, "x" * 300), more="--json")
    assert json.loads(output)["maintenance"] == [
        {"node": "nfs001", "since": "2026-11-22T08:46:35Z", "until": utc(until), "reason": "x" * 300, "who": "root"}
    ]


def test_of_a_pair_each_node_under_maintenance_is_named(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    there = node_folder(tmp_path / "there", "nfs002", (maintenance_file(),))
    peer = f"--peer={' '.join([*PLAYER, str(there)])}"
    here = node_folder(tmp_path / "here", "nfs001", ())
    words = ["--via", " ".join([*PLAYER, str(here)]), "--state-dir", str(tmp_path / "kept"), peer]
    assert check_of("carp").main(words) == 0
    line = capfd.readouterr().out
    assert "[maintenance on nfs002 since 2026-11-22 08:46: new disk] |" in line and line.count("maintenance") == 1


@pytest.mark.slow
@pytest.mark.parametrize("text", ["{", "{}", '{"version": 2}', "\x1b[2J"])
def test_a_damaged_file_keeps_the_node_from_being_promoted_and_is_never_ok(
    text: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    status, output = output_of("carp", tmp_path, capfd, (FILE, "", text))
    line = output.partition("\n")[0]
    assert status == 3 and "maintenance of nfs001: " in line and line.isprintable()


def test_an_ordinary_user_who_may_not_read_it_is_told_so(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """It changes no verdict; what does is asked through hastwatch-ask."""
    refused = (FILE, "", "cat: /var/db/hastwatch/maintenance.json: Permission denied\nexit 1")
    status, lines = output_of("carp", tmp_path, capfd, refused, more="-v")
    first, *_, last = lines.splitlines()
    assert (status, first) == output_of("carp", tmp_path, capfd)
    path = "/var/db/hastwatch/maintenance.json"
    assert last == f"note: whether nfs001 is under maintenance is not known: {path}: permission denied"


@pytest.mark.slow
@pytest.mark.parametrize("answer", ["sh: cat: not found\nexit 127", "exit 255"])
def test_a_node_that_does_not_answer_says_nothing(
    answer: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert output_of("carp", tmp_path, capfd, (FILE, "", answer)) == output_of("carp", tmp_path, capfd)


def test_a_check_that_reads_no_node_asks_none(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """check_nfs_export speaks to the network only, wherever it runs."""
    asked = tmp_path / "asked"
    (tmp_path / "way").write_text(f"open({str(asked)!r}, 'w')")
    check = command(seen("thing-well"))
    via = f"{PLAYER[0]} -I -S {tmp_path / 'way'}"
    assert check.main(["--via", via, "--state-dir", str(tmp_path / "kept")]) == 0
    assert not asked.exists() and "maintenance" not in capfd.readouterr().out


def test_when_the_time_of_the_check_is_over_nothing_is_asked(tmp_path: Path) -> None:
    asked: list[float] = []

    def clock() -> float:
        return 0.0 if not asked else 100.0

    node = Node(("/nonexistent",), Deadline(8, clock), GivenUpCommands(Memory(str(tmp_path))))
    with pytest.raises(ProbeError):
        node.run("hostname")
    before = len(node.log)
    asked.append(1)
    assert suspended([node], NOW, []) == [] and len(node.log) == before == 1


def brief(until: float | None, reason: str = "new disk", now: float = NOW) -> str:
    return NodeMaintenance("nfs001", Maintenance(NOW - 3600, until, reason, "root"), now).in_brief()


def test_the_end_is_said_as_people_say_it() -> None:
    assert brief(NOW + 7200) == "maintenance on nfs001 until 10:46: new disk"
    assert brief(NOW + 3 * 86400) == "maintenance on nfs001 until 2026-11-25 08:46: new disk"
    assert brief(None) == "maintenance on nfs001 since 07:46: new disk"


def test_a_reason_is_bounded_and_looks_like_nothing_else_on_the_line() -> None:
    text = brief(None, "a|b\n\x1b[2J [thing-broken] " + "x" * 500)
    assert text.isprintable() and len(text) < 150
    assert not set("|[]") & set(text)
