"""`hastwatch status`: what an operator sees of a pair in each state, at every width, and what a program reads."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from checks.plugin.finding import CRITICAL
from checks.probes.hast_state import HastRole
from checks.probes.maintenance import Maintenance
from remediate.context import Context, PeerTransport
from remediate.failover.converge import silent
from remediate.failover.pair_status import NodeStatus, PairStatus, look
from remediate.failover.status_rules import PairVerdict, serves, verdict
from remediate.failover.switchover import switch
from remediate.state import failures, maintenance, marker
from remediate.state.store import Store
from remediate.subcommands import status
from remediate.subcommands.status_page import page
from tests.failover.installed_pair import InstalledPair, installed_pair, state_directory

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
AGE = r"\b\d+ (?:min|s|h|d)\b(?: \d+ (?:min|s|h)\b)?"
"""A length of time, as `say_duration` says it."""
ENDS = 30.0


@pytest.fixture(scope="module")
def kept() -> Iterator[InstalledPair]:
    """A pair in service, that no test changes."""
    with state_directory() as directory:
        yield installed_pair(directory)


def judged(pair: InstalledPair) -> tuple[PairStatus, PairVerdict]:
    """What the command sees, from the node that was active at first."""
    options = status.parser().parse_args([])
    return pair.does(pair.active, lambda context: status.Looks(context, options).look())


def pair_status(pair: InstalledPair) -> PairStatus:
    """What is seen from the node that was active at first."""
    return pair.does(pair.active, look)


def shown(pair: InstalledPair, width: int = 80) -> list[str]:
    """The page, with every length of time as N, so that the pair's own pace does not matter; blanks as one."""
    lines = page(*judged(pair), width, coloured=False)
    assert all(len(line) <= width and line == line.rstrip() for line in lines)
    return [re.sub(" +", " ", re.sub(AGE, "N", line)) for line in lines]


# --- whole screens -------------------------------------------------------------------------------------------


@pytest.mark.quick
def test_a_healthy_pair(kept: InstalledPair) -> None:
    assert shown(kept) == [
        "nfs001 serves home, nfs002 can take over. Nothing is wrong.",
        "",
        " nfs001 (this node) nfs002",
        "up for N N",
        "CARP 2@vtnet1 MASTER advskew 10 2@vtnet1 BACKUP advskew 20",
        "demotion none none",
        "hastd runs runs",
        "NFS runs stopped",
        "automation on on",
        "",
        "home on /hast/home",
        " role primary, serves secondary",
        " peer connected connected",
        " dirty nothing",
        " data mounted, exported not mounted, protected",
        " copy in use complete for N",
    ]


def test_the_columns_of_a_node_stand_below_each_other_and_are_as_wide_as_there_is_room(kept: InstalledPair) -> None:
    status = pair_status(kept)
    for width in (80, 100, 120, 200):
        lines = page(status, verdict(status), width, coloured=False)
        wanted = ("nfs002", "2@vtnet1 BACKUP", "stopped", "secondary", "not mounted, protected")
        starts = {line.index(text) for text in wanted for line in lines[1:] if text in line}
        assert starts == {14 + min((width - 16) // 2, 52) + 2}


def test_on_a_narrow_terminal_the_nodes_stand_below_each_other(kept: InstalledPair) -> None:
    lines = shown(kept, 50)
    assert [line for line in lines if line.startswith(" nfs00")] == [" nfs001 (this node)", " nfs002"]
    assert lines.index(" nfs002") > lines.index(" role primary, serves")


@pytest.mark.parametrize("width", [1, 5, 20, 33])
def test_no_terminal_is_too_narrow(kept: InstalledPair, width: int) -> None:
    status = pair_status(kept)
    assert page(status, verdict(status), width, coloured=True, clock="16:20:00")


def test_colours_say_only_what_serves_and_what_is_wrong(kept: InstalledPair) -> None:
    status = pair_status(kept)
    lines = page(status, verdict(status), 80, coloured=True)
    marked = [matches for line in lines for matches in re.findall(r"\x1b\[3(\d)m(.*?)\x1b\[0m", line)]
    green = ["nfs001 serves home, nfs002 can take over.", "MASTER", "runs", "primary, serves", "mounted, exported"]
    assert marked == [("2", text) for text in green]


def test_the_clock_of_watch_stands_at_the_end_of_the_first_line(kept: InstalledPair) -> None:
    status = pair_status(kept)
    lines = page(status, verdict(status), 60, coloured=False, clock="16:20:00")
    assert lines[:2] == ["nfs001 serves home, nfs002 can take over. Nothing   16:20:00", "is wrong."]


def test_after_a_switchover_the_standby_is_held_back_and_says_why(pair: InstalledPair) -> None:
    pair.does(pair.active, lambda context: switch(context, "human root", silent))
    pair.passes(30)
    assert shown(pair) == [
        "nfs002 serves home for N, nfs001 can take over. Nothing is wrong.",
        "",
        " nfs001 (this node) nfs002",
        "up for N N",
        "CARP 2@vtnet1 BACKUP advskew 10 2@vtnet1 MASTER advskew 20",
        "demotion 120 by hastwatch: no failback none",
        "hastd runs runs",
        "NFS stopped runs",
        "automation on on",
        "last N ago: switchover, done: home N ago: home promoted, handed",
        " over by nfs001",
        "",
        "home on /hast/home",
        " role secondary primary, serves",
        " peer connected connected",
        " dirty nothing",
        " data not mounted, protected mounted, exported",
        " copy complete for N complete for N",
    ]


def test_a_node_without_power_is_said_to_be_that_and_the_other_one_serves(pair: InstalledPair) -> None:
    pair.standby.power_off()
    pair.passes(60)
    lines = shown(pair)
    assert lines[0] == "nfs001 serves home, nfs002 does not answer. The checks: 1 CRITICAL, 1 UNKNOWN."
    assert lines[2].startswith("CRITICAL home on nfs001: primary, degraded")
    table = lines[lines.index(" nfs001 (this node) nfs002") :]
    assert table[1:4] == ["not reached ssh: connect to host nfs002 port", " 22: Operation timed out", "up for N"]
    assert " peer degraded" in lines


def test_maintenance_failures_and_a_split_brain_are_said_on_the_node_that_has_them(pair: InstalledPair) -> None:
    store, now = pair.store(pair.standby), pair.standby.now
    maintenance.begin(store, now, 7260, "new\x1b[2J disk", "root")
    for _ in range(2):
        failures.note(store, "home", now, "fsck: exit 8")
    marker.record(store, "home", "nfs002", "1", now, losing=True)
    text = " ".join(shown(pair, 150))
    assert text.startswith(
        "nfs001 serves home, nfs002 cannot take over (promotions have failed). Wrong: nfs002 takes no automatic action"
        " any more: promotions have failed. Note: maintenance on nfs002. The checks: 1 WARNING. "
    )
    assert "[splitbrain-marker-left]" in text
    assert "complete" not in text[text.index("home on /hast/home") :]
    assert r"off for another N: maintenance, new\x1b[2J" in text
    assert "blocked: 2 promotions failed within N" in text
    assert "split-brain the losing side, last seen N ago" in text


def test_when_hastd_is_down_on_both_nodes_nobody_serves(pair: InstalledPair) -> None:
    for node in pair.pair.nodes.values():
        pair.breaks("kill", node.name, "hastd")
    pair.passes(20)
    _, seen = judged(pair)
    assert seen.headline == "nobody serves home"
    found = {(each.finding.reason, each.finding.subject) for each in seen.findings}
    assert {("hastd-down", "home on nfs001"), ("hastd-down", "home on nfs002")} <= found
    assert seen.severity is CRITICAL


def test_a_link_that_is_cut_shows_both_nodes_with_the_address(pair: InstalledPair) -> None:
    pair.breaks("cut")
    pair.passes(60)
    lines = " ".join(shown(pair, 200))
    assert lines.startswith("nfs001 serves home, nfs002 cannot take over (")
    assert "). Note: the copy of home on nfs002 is incomplete. The checks: " in lines
    assert "CRITICAL vhid 2@vtnet1 on nfs001 and nfs002: both are MASTER [carp-two-masters]" in lines
    assert "240 by hastwatch: home: the other node has it" in lines
    assert "incomplete for N: nfs001 reported that this" in lines


# --- what could not be read ----------------------------------------------------------------------------------


def test_without_a_way_to_the_other_node_only_this_one_is_shown(kept: InstalledPair) -> None:
    status = kept.does(kept.active, lambda context: look(context._replace(peer=None)))
    lines = page(status, verdict(status), 80, coloured=False)
    assert lines[:2] == [
        "nfs001 serves home. Nothing is wrong on nfs001, the other node was not looked",
        "at.",
    ]
    assert lines[-2:] == [
        "not read: the other node: how to reach it is not known (`peer` in the",
        "configuration, or --peer)",
    ]


def test_a_way_to_the_other_node_that_leads_here_is_said(kept: InstalledPair) -> None:
    status = kept.does(
        kept.active, lambda context: look(context._replace(peer=PeerTransport(context.here, context.here)))
    )
    assert [node.name for node in status.nodes] == ["nfs001"]
    assert len(status.unread) == 1 and "the way to the other node leads to nfs001 itself" in status.unread[0]


def test_a_node_of_which_nothing_is_known_neither_serves_nor_does_not() -> None:
    unread = NodeStatus("nfs001", unread=("hastd's control socket: Permission denied",))
    status = PairStatus((unread, NodeStatus("nfs002", trouble="ssh: no route")), 0.0)
    lines = page(status, verdict(status), 80, coloured=False)
    assert lines == [
        "It is not known which resources there are. Note: nfs001 could not be read in",
        "part.",
        "",
        "              nfs001 (this node)                nfs002",
        "not reached                                     ssh: no route",
        "up for        ?",
        "CARP          ?",
        "demotion      ?",
        "hastd         ?",
        "NFS           ?",
        "automation    on",
        "not read      hastd's control socket:",
        "              Permission denied",
        "",
        "root would see more",
    ]


def test_where_the_role_is_not_known_whether_anybody_serves_is_not_either(kept: InstalledPair) -> None:
    status = pair_status(kept)
    home = status.nodes[0].resources["home"]._replace(role=HastRole.NOT_KNOWN, status=None, dirty=None)
    here = status.nodes[0]._replace(resources={"home": home})
    assert serves(here, home) is None
    seen = verdict(status._replace(nodes=(here, status.nodes[1])))
    assert seen.headline == "it is not known whether anybody serves home"
    assert not seen.well


def test_the_role_is_taken_from_the_worker_where_hastd_does_not_speak_to_this_user(pair: InstalledPair) -> None:
    pair.breaks("hang-command", "nfs001", "hastctl")
    status = pair_status(pair)
    home = status.nodes[0].resources["home"]
    assert (home.role, home.status) == (HastRole.PRIMARY, None)
    assert verdict(status).headline == "nfs001 serves home, nfs002 can take over"
    assert any("hastctl list home" in sentence for sentence in status.nodes[0].unread)


def test_state_that_cannot_be_read_says_so(pair: InstalledPair) -> None:
    for name in ("hold.json", "home.ledger.json", "journal.jsonl"):
        (pair.state / "nfs002" / name).write_text("{")
    text = " ".join(shown(pair, 200))
    assert "hold.json cannot be read: it is invalid JSON" in text
    assert "home.ledger.json cannot be read: it is" in text


# --- the command ---------------------------------------------------------------------------------------------


def said(pair: InstalledPair, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """The command on the node that was active at first."""
    options = status.parser().parse_args(words)

    def run(context: Context) -> int:
        return status.shown(context, options)

    ended = pair.does(pair.active, run)
    return ended, *capsys.readouterr()


def test_for_programs_it_is_one_object_on_one_line(kept: InstalledPair, capsys: pytest.CaptureFixture[str]) -> None:
    ended, out, _ = said(kept, capsys, "--json")
    values = json.loads(out)
    assert ended == values["exit_status"] == 0 and out.count("\n") == 1
    assert values["served"] == {"home": True} and values["troubles"] == []
    here, there = values["nodes"]
    assert (here["name"], here["resources"]["home"]["role"], here["resources"]["home"]["serves"]) == (
        "nfs001", "primary", True,
    )  # fmt: skip
    assert (there["name"], there["resources"]["home"]["copy"]["copy"], there["held"]["amount"]) == (
        "nfs002", "complete", 0,
    )  # fmt: skip


def test_everything_that_can_be_known_of_a_node_is_written_as_json(pair: InstalledPair) -> None:
    stat = pair_status(pair)
    node = stat.nodes[0]._replace(maintenance=Maintenance(0.0, None, "x", "root"))
    maintenance.begin(pair.store(pair.standby), pair.standby.now, 60, "x", "root")
    marker.record(pair.store(pair.standby), "home", "nfs002", "1", pair.standby.now, losing=None)
    pair.converges(pair.standby)
    values = status.as_values(pair_status(pair), verdict(pair_status(pair)))
    for one in (values, status.as_values(stat._replace(nodes=(node,)), verdict(stat))):
        assert json.loads(json.dumps(one, allow_nan=False)) == one
    there = json.loads(json.dumps(values))["nodes"][1]
    assert there["maintenance"]["reason"] == "x"
    assert there["resources"]["home"]["split_brain"]["losing"] is None
    assert there["last"]["event"] == "refused"


def test_a_resource_that_is_nowhere_is_wrong_usage(kept: InstalledPair, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(kept, capsys, "-r", "nosuch") == (3, "", "hastwatch status: hast.conf has no resource nosuch\n")
    assert said(kept, capsys, "-r", "home")[0] == 0


@pytest.mark.parametrize(
    "words", [["-r", "a/b"], ["--watch", "0"], ["--watch", "soon"], ["--watch", "nan"], ["x"], ["--via", "'"]]
)
def test_a_wrong_command_line_is_one_line_and_unknown(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        raise SystemExit(status.main(words))
    assert ended.value.code == 3
    assert capsys.readouterr().err.count("\n") == 1


def test_where_nothing_can_be_read_the_status_is_3(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    words = ["--via", "/nonexistent", "--state-dir", str(tmp_path), "--peer", "/nonexistent-too"]
    assert status.main(words) == 3
    assert capsys.readouterr().out.startswith("Neither node could be read. The checks: 2 UNKNOWN.\n")


def test_the_state_of_a_node_that_is_reached_through_a_prefix_is_read_through_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = tmp_path / "kept"
    maintenance.begin(Store(str(state)), time.time(), 3600, "new disk", "root")
    (tmp_path / "way").write_text(
        "import subprocess, sys\n"
        f"line = sys.argv[-1].replace('/var/db/hastwatch', {str(state)!r})\n"
        "sys.exit(subprocess.call(['/bin/sh', '-c', line]))\n"
    )
    way = f"{sys.executable} -I -S {tmp_path / 'way'}"
    assert status.main(["--via", way, "--json"]) == 3
    assert json.loads(capsys.readouterr().out)["nodes"][0]["maintenance"]["reason"] == "new disk"
    assert status.main(["--via", way, "--json", "--state-dir", str(tmp_path / "empty")]) == 3
    assert json.loads(capsys.readouterr().out)["nodes"][0]["maintenance"] is None


# --- watching ------------------------------------------------------------------------------------------------


WAY = """\
import sys
print({"hostname": "nfs009"}.get(sys.argv[-1].split()[-1].rpartition("/")[2], ""))
"""


def watching(tmp_path: Path, **environment: str) -> tuple[subprocess.Popen[bytes], int]:
    """`--watch` on a terminal, of a node that says little; the process and its terminal."""
    (tmp_path / "way").write_text(WAY)
    leader, follower = pty.openpty()
    words = ["--via", f"{sys.executable} -I -S {tmp_path / 'way'}", "--state-dir", str(tmp_path / "state")]
    process = subprocess.Popen(
        [sys.executable, "-m", "remediate.subcommands.status", "--watch", "600", *words],
        cwd=ROOT, env={**os.environ, "TERM": "xterm", "COLUMNS": "70", "LINES": "8", **environment},
        stdin=subprocess.DEVNULL, stdout=follower, stderr=subprocess.PIPE,
    )  # fmt: skip
    os.close(follower)
    return process, leader


def drawn(leader: int, until: bytes, times: int = 1) -> bytes:
    """What the terminal gets, until it got `until` so many times."""
    got, ends = b"", time.monotonic() + ENDS
    while got.count(until) < times and time.monotonic() < ends:
        if select.select([leader], [], [], 0.1)[0]:
            try:
                got += os.read(leader, 65536)
            except OSError:  # EIO: the other side is closed
                break
    return got


WHOLE = b"\x1b[?2026l"
"""What ends one drawing."""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_terminal_is_as_before_when_watching_ends(number: int, tmp_path: Path) -> None:
    process, leader = watching(tmp_path)
    got = drawn(leader, WHOLE)
    assert got.startswith(b"\x1b[?1049h\x1b[?25l") and b"nfs009" in got
    process.send_signal(number)
    rest = drawn(leader, b"\x1b[?1049l")
    assert rest.endswith(b"\x1b[?25h\x1b[?1049l")
    assert (process.wait(ENDS), process.communicate()[1]) == (3, b"")
    os.close(leader)


def test_another_size_of_the_terminal_is_drawn_at_once_and_what_does_not_fit_is_counted(tmp_path: Path) -> None:
    process, leader = watching(tmp_path)
    first = drawn(leader, WHOLE)
    assert first.count(b"\x1b[2K") == 8 and b"more lines: a higher terminal, or -r RES" in first
    process.send_signal(signal.SIGWINCH)
    assert drawn(leader, WHOLE).count(b"\x1b[2K") == 8
    process.terminate()
    drawn(leader, b"\x1b[?1049l")
    assert process.wait(ENDS) == 3
    process.communicate()
    os.close(leader)


def test_no_color_is_respected(tmp_path: Path) -> None:
    process, leader = watching(tmp_path, NO_COLOR="1")
    assert not re.search(rb"\x1b\[3\dm", drawn(leader, WHOLE))
    process.terminate()
    drawn(leader, b"\x1b[?1049l")
    assert process.wait(ENDS) == 3
    process.communicate()
    os.close(leader)


def test_in_a_pipe_it_is_plain_text_one_page_after_the_other(tmp_path: Path) -> None:
    (tmp_path / "way").write_text(WAY)
    words = ["--via", f"{sys.executable} -I -S {tmp_path / 'way'}", "--state-dir", str(tmp_path / "state")]
    with subprocess.Popen(
        [sys.executable, "-m", "remediate.subcommands.status", "--watch", "0.1", *words],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(60)]
        process.send_signal(signal.SIGINT)
        process.stdout.read()
        assert process.wait(ENDS) == 3
    assert not any(b"\x1b" in line for line in lines)
    assert len([line for line in lines if line.startswith(b"It is not known which resources there are.")]) > 1
