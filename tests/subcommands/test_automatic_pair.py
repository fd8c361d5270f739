"""`hastwatch pair up --automatic`: a pair on which nobody has to type anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from remediate.state.journal_reading import read
from tests.subcommands.running_pair import RunningPair, running
from tests.waiting import awaited

pytestmark = pytest.mark.slow


def test_the_service_moves_by_itself_when_the_active_node_loses_power(tmp_path: Path) -> None:
    with running(tmp_path / "d", "--automatic", "--speed", "20") as pair:
        pair.command("fault", "power-off", "nfs001")
        assert awaited(lambda: "NFS exported" in pair.on("nfs002", "mount"))
        journal = pair.state("nfs002") / "journal.jsonl"
        assert awaited(lambda: "promoted" in [entry.event for entry in read(str(journal))])
        assert '"event": "promoted"' in pair.on("nfs002", "cat /var/db/hastwatch/journal.jsonl")
        assert (tmp_path / "d" / "pair.log").read_text() == ""


@pytest.mark.parametrize("option", ["--carp-hook", "--hast-hook", "--hastwatch"])
def test_hooks_of_ones_own_do_not_go_with_it(tmp_path: Path, option: str) -> None:
    refused = RunningPair(tmp_path / "d").command("up", "--automatic", option, "true")
    said = "hastwatch pair: --automatic brings hooks and hastwatch of its own: name no others\n"
    assert (refused.returncode, refused.stdout, refused.stderr) == (2, "", said)
    assert not (tmp_path / "d").exists()
