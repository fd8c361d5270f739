"""`hastwatch pair up --automatic`: a pair on which nobody has to type anything."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from remediate.failover.reach import HASTWATCH
from remediate.rehearsal import cron
from remediate.state.journal_reading import read
from tests.subcommands.running_pair import RunningPair, running
from tests.waiting import awaited

pytestmark = pytest.mark.slow

CRONTAB = Path(__file__).parents[2] / "contrib" / "freebsd" / "cron-hastwatch"


def test_the_service_moves_by_itself_when_the_active_node_loses_power(tmp_path: Path) -> None:
    with running(tmp_path / "d", "--automatic", "--speed", "20") as pair:
        pair.command("fault", "power-off", "nfs001")
        assert awaited(lambda: "NFS exported" in pair.on("nfs002", "mount"))
        journal = pair.state("nfs002") / "journal.jsonl"
        assert awaited(lambda: "promoted" in [entry.event for entry in read(str(journal))])
        assert '"event": "promoted"' in pair.on("nfs002", "cat /var/db/hastwatch/journal.jsonl")
        assert (tmp_path / "d" / "pair.log").read_text() == ""


def test_cron_finds_an_event_that_devd_has_missed(tmp_path: Path) -> None:
    with running(tmp_path / "d", "--automatic", "--speed", "40") as pair:
        pair.command("fault", "kill", "nfs001", "devd")
        pair.on("nfs001", "sysctl net.inet.carp.demotion=240")
        assert awaited(lambda: "secondary" in pair.on("nfs001", "hastctl status home"))
        runs = [entry for entry in read(str(pair.state("nfs001") / "journal.jsonl")) if entry.event == "plan"]
        assert runs[-1].why.startswith("periodic: ")


def test_cron_of_the_pair_calls_what_the_documented_line_calls() -> None:
    (line,) = [line for line in CRONTAB.read_text().splitlines() if line.startswith("*")]
    *when, who, command = line.split(None, 6)
    assert (when, who, cron.EVERY) == (["*"] * 5, "root", 60.0)
    assert shlex.split(command.partition(">")[0]) == [HASTWATCH, *cron.PERIODIC]


@pytest.mark.parametrize("option", ["--carp-hook", "--hast-hook", "--hastwatch"])
def test_hooks_of_ones_own_do_not_go_with_it(tmp_path: Path, option: str) -> None:
    refused = RunningPair(tmp_path / "d").command("up", "--automatic", option, "true")
    message = "hastwatch pair: --automatic brings hooks and hastwatch of its own: name no others\n"
    assert (refused.returncode, refused.stdout, refused.stderr) == (2, "", message)
    assert not (tmp_path / "d").exists()
