"""`hastwatch journal --timeline FILE`: on this machine, and typed on a simulated node, where FILE is that node's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from remediate.state.journal import NAME
from remediate.subcommands import journal
from tests.failover.installed_pair import InstalledPair, installed_pair, state_directory
from tests.timeline.test_journals import MASTER, entry

pytestmark = pytest.mark.slow
NO_WAY = "hastwatch journal: no way to the other node\n"


@pytest.fixture
def pair() -> Iterator[InstalledPair]:
    """A pair after a switchover."""
    with state_directory() as directory:
        pair = installed_pair(directory)
        assert pair.active.run("hastwatch switchover --yes", timeout=120).status == 0
        yield pair


def texts(svg: str) -> set[str]:
    return {text.strip() for element in ElementTree.fromstring(svg).iter() for text in [element.text or ""]} - {""}


def drawn(directory: Path, file: str) -> int:
    config = directory / "hastwatch.toml"
    config.touch(0o600)
    return journal.main(["--state-dir", str(directory), "--config", str(config), "--timeline", file])


def test_on_a_node_the_file_is_where_it_was_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    entries = [
        entry(0, "nfs001", "plan", evidence=MASTER, why="human root", result="to be secondary: unmount home"),
        entry(3, "nfs001", "step", "unmount home", seconds=0.5),
    ]
    (tmp_path / NAME).write_text("".join(f"{each.line()}\n" for each in entries))
    assert drawn(tmp_path, str(tmp_path / "t.svg")) == 1, "half of it is missing"
    assert capsys.readouterr() == ("", NO_WAY)
    assert {"nfs001", "mounted", "primary"} <= texts((tmp_path / "t.svg").read_text())
    drawn(tmp_path, str(tmp_path / "t.html"))
    assert (tmp_path / "t.html").read_text().startswith("<!DOCTYPE html>")


def test_where_it_cannot_be_written_that_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / NAME).write_text(f"{entry(0, 'nfs001', 'plan', evidence=MASTER).line()}\n")
    assert drawn(tmp_path, f"{tmp_path}/none/t.svg") == 1
    assert capsys.readouterr() == ("", f"hastwatch journal: {tmp_path}/none/t.svg: No such file or directory\n")


def test_without_entries_nothing_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert drawn(tmp_path, str(tmp_path / "t.svg")) == 1
    assert capsys.readouterr() == ("", "hastwatch journal: no entries to draw\n")
    assert not (tmp_path / "t.svg").exists()


def test_typed_on_a_simulated_node_the_file_is_in_its_file_system(
    pair: InstalledPair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    node = pair.active
    done = node.run("hastwatch journal --timeline handover.svg", timeout=60)
    assert (done.status, done.err) == (0, "")
    assert done.out == (
        "/root/handover.svg is on the simulated node: hastwatch pair exec nfs001 cat /root/handover.svg > FILE\n"
    )
    assert {"nfs001", "nfs002", "mounted", "primary", "serving"} <= texts(node.run("cat /root/handover.svg").out)
    assert list(tmp_path.iterdir()) == []
    refused = node.run("hastwatch journal --timeline /none/t.svg", timeout=60)
    assert (refused.status, refused.err) == (1, "hastwatch journal: /none/t.svg: No such file or directory\n")
