"""`hastwatch recover`: its screen, what it asks, its exit statuses, and the wait for the new copy."""

from __future__ import annotations

import argparse
import io
import json
import os
import pty
import re
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TextIO

import pytest

from remediate import exits
from remediate.console import Console
from remediate.context import Context
from remediate.failover.converge import LOCK
from remediate.failover.errors import StepFailed
from remediate.failover.reach import HASTWATCH
from remediate.recovery.preservation import Mode
from remediate.recovery.recover import RecoveryRefused
from remediate.recovery.resync import Resync
from remediate.state.lock import Lock
from remediate.subcommands import recover
from remediate.subcommands.caller import NotConfirmed
from simulator.faults.faults import inflict
from simulator.node import Node
from simulator.shell.output import CommandResult
from tests.failover.installed_pair import state_directory
from tests.recovery.split_pair import SIDES, Split, SplitPair
from tests.state import child
from tests.state.child import ROOT
from tests.subcommands.running_pair import COMMAND, RunningPair, running
from tests.waiting import awaited

pytestmark = pytest.mark.slow

A_RECOVERY = 600.0
"""Seconds for everything, on the machines that were emulated."""
RESUID = 15417145005318368486
EVIDENCE = f"""\
  nfs002: CARP BACKUP, HAST init, not mounted, lockd rpcbind statd; resuid {RESUID} localcnt 1 remotecnt 0 prevrole \
primary; nfs001 reported that this copy is behind
  nfs001: CARP MASTER, HAST primary, mounted, exported, lockd mountd nfsd rpcbind statd; resuid {RESUID} localcnt 1 \
remotecnt 0 prevrole primary
  clients at the service address: MNT and GETATTR are answered
  the copies: each has writes that the other lacks
"""


@pytest.fixture
def state() -> Iterator[Path]:
    with state_directory() as state:
        yield state


@pytest.fixture
def pair(state: Path) -> SplitPair:
    """A split-brain that was found, on the losing node of which the command is typed."""
    pair = SplitPair(state)
    Split("cut off", SIDES[2]).make(pair)
    return pair


def options(*words: str) -> argparse.Namespace:
    return recover.parser().parse_args(["home", *words])


def typed(pair: SplitPair, *words: str, node: Node | None = None) -> int:
    """The command on the losing node, or another one; its exit status."""
    return pair.does(node or pair.losing, lambda context: recover.act(context, options(*words)))


class OperatorConsole(Console):
    """A console on which an operator answers."""

    def __init__(self, answers: str) -> None:
        ours, theirs = pty.openpty()
        os.write(ours, answers.encode())
        self._terminal, self._asked = ours, os.fdopen(theirs)

    @property
    def asked(self) -> TextIO:
        """What was typed."""
        return self._asked


def answered(pair: SplitPair, answers: str, *words: str) -> int:
    """The command on the losing node, whose operator types the answers; its exit status."""
    console = OperatorConsole(answers)
    return pair.does(pair.losing, lambda context: recover.act(context._replace(console=console), options(*words)))


def evidence(shown: str) -> str:
    """A screen without the lines of the logs, whose times are those of the pair."""
    return "".join(line for line in shown.splitlines(keepends=True) if not line.startswith("  log of "))


# --- typed on the node itself ------------------------------------------------------------------------------------


def test_what_is_recovered_on_the_node_itself_is_kept_and_listed(pair: SplitPair) -> None:
    def on(node: Node, words: str) -> CommandResult:
        return node.run(f"{HASTWATCH} {words}", timeout=A_RECOVERY)

    refused = on(pair.losing, "recover home")
    assert evidence(refused.out).startswith("home: each copy has writes that the other lacks\n")
    assert (refused.status, refused.err) == (
        1, "hastwatch recover: there is no terminal to ask on: nothing is done without --yes\n",
    )  # fmt: skip
    done = on(pair.losing, "recover home --yes")
    assert (done.status, done.err) == (0, "")
    (directory,) = pair.salvage.iterdir()
    assert f"read back and found equal at {directory}\n" in done.out and "home: everything is copied, in " in done.out
    assert pair.until(lambda: pair.healthy), pair.story()
    assert on(pair.losing, "status").out.startswith("nfs001 serves home, nfs002 can take over. ")
    incident = on(pair.losing, "journal --incident last")
    assert (incident.status, incident.out.startswith("# Incident ")) == (0, True)

    listed = on(pair.winner, f"restore {directory}")
    only_here = {name for name, text in pair.copy.items() if pair.served.get(name) != text}
    assert listed.status == 0 and listed.err.startswith("next: ") and only_here
    assert {line.split()[4] for line in listed.out.splitlines()[1:]} == only_here
    for how in ("beside", "over --yes"):
        put_back = on(pair.winner, f"restore {directory} --to-live {how}")
        assert (put_back.status, put_back.err) == (0, "")
        assert len(put_back.out.splitlines()) == len(only_here)
    live = pair.winner.filesystems.mounts["/hast/home"].files
    for name in only_here:
        assert live[name].text.encode() == pair.copy[name]
        assert live[f"{name}.salvaged-{directory.name.partition('-')[2]}"].text == live[name].text
    elsewhere = on(pair.losing, f"restore {directory} --to-live beside")
    assert (elsewhere.status, elsewhere.out) == (exits.UNAVAILABLE, "")


# --- the screen --------------------------------------------------------------------------------------------------


@pytest.mark.quick
def test_a_dry_run_on_the_losing_node_shows_everything_and_changes_nothing(
    pair: SplitPair, capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed(pair, "--dry-run") == 0
    shown = capsys.readouterr().out
    screen, listed, steps = re.split(r"\n\n(?=nfs002 has|  1\.)", evidence(shown))
    assert screen == (
        "home: each copy has writes that the other lacks\n"
        f"{EVIDENCE}"
        "\nThe copy of nfs002 loses, that of nfs001 is served to the clients."
    )
    heads = [line for line in listed.splitlines() if not line.startswith("  ")]
    mine, theirs = len(pair.only_there | {"shared"}), r"nfs001 has \d+ files that nfs002 lacks, the newest first:"
    assert heads[0] == f"nfs002 has {mine} files that nfs001 lacks ({mine - 1}) or has otherwise (1), the newest first:"
    assert re.fullmatch(theirs, heads[1]) and len(heads) == 2
    files = dict(re.findall(r"^  \S+ \S+  (\S+): (.*)", listed, re.M))
    assert re.fullmatch(r"\d+ B on nfs002, \d+ B on nfs001, newer on nfs001 \(of another size .*\)", files["shared"])
    assert set(files) - {"shared"} - pair.only_there == {name for name, says in files.items() if says == "10 B"}
    times = re.findall(r"^  (\S+ \S+)  new-", listed.partition("nfs001 has")[0], re.M)
    assert times == sorted(times, reverse=True) and len(times) == 19
    assert f"  and {mine - 20} more\n" in listed
    assert steps == (
        "  1. nfs002 gives up the address and the role of home, if it has them\n"
        f"  2. each file that differs from the copy of nfs001 is saved to {pair.salvage} and read back; they are "
        "listed, and you are asked before anything is destroyed\n"
        "  3. new metadata are created on nfs002 (hastctl create home)\n"
        "  4. nfs002 becomes secondary, and everything is copied from nfs001\n"
        "next: on nfs002: `hastwatch recover home`\n"
    )
    assert re.search(r"^  log of nfs002: .*, last ", shown, re.M)
    assert (pair.created, pair.destroyed, pair.entries(pair.losing, "recovery")) == (0, False, [])
    left = pair.losing.run("mount; ls /dev /var/run/hastwatch").out
    assert "hastwatch" not in left.replace("/var/run/hastwatch:", "") and ".nop" not in left


def test_while_hastd_may_have_the_disk_open_a_dry_run_says_why_there_is_no_list_and_when_it_comes(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pair = SplitPair(state, policy="none")
    Split("cut off", SIDES[2]).make(pair)
    assert typed(pair, "--dry-run") == 0
    assert (
        "\n\nThe files that differ are not listed: the role of home is secondary: hastd may have the disk open; "
        "`recover` lists them when they are saved, and asks before anything is destroyed\n\n  1. "
    ) in capsys.readouterr().out
    typed(pair, "--dry-run", "--json")
    values = json.loads(capsys.readouterr().out)
    assert (values["differing"], values["not_listed"].split(":")[0]) == (None, "the role of home is secondary")


def test_a_dry_run_beside_a_convergence_lists_nothing_and_disturbs_nothing(
    pair: SplitPair, capsys: pytest.CaptureFixture[str]
) -> None:
    def beside(context: Context) -> int:
        with Lock(context.store, LOCK, "another", context.timing):
            return recover.act(context, options("--dry-run"))

    assert pair.does(pair.losing, beside) == 0
    assert "not listed: another recovery or convergence is running\n" in capsys.readouterr().out


def test_before_the_copy_is_destroyed_the_files_are_shown_and_a_second_answer_is_wanted(
    pair: SplitPair, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(NotConfirmed, match="the copy of nfs002 is untouched and out of service; run it again"):
        answered(pair, "yes\nno\n")
    said = capsys.readouterr()
    assert said.err.count("Type yes to go on: ") == 2
    assert "\nnfs002 has " in said.out and f"{pair.salvage}/home-" in said.out
    assert (pair.created, pair.destroyed, len(pair.salvaged())) == (0, False, 1)
    assert answered(pair, "yes\n") == 0, "what was begun is not asked for again, its end is"
    assert pair.until(lambda: pair.healthy), pair.story()
    assert pair.created == 1


def test_a_dry_run_on_the_node_that_serves_says_all_that_forbids_it(
    pair: SplitPair, capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed(pair, "--dry-run", node=pair.winner) == 1
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == "home: each copy has writes that the other lacks"
    why = shown[shown.index("The copy of nfs001 is not given up:") + 1 :]
    assert "  - this node is CARP MASTER" in why
    assert "  - this node served the clients when the split-brain was found" in why
    assert all(line.startswith("  - ") for line in why)


def test_what_could_not_be_read_is_on_the_screen(pair: SplitPair, capsys: pytest.CaptureFixture[str]) -> None:
    pair.breaks("cut-management")
    assert typed(pair, "--dry-run") == 1
    shown = capsys.readouterr().out
    assert "  the other node: ssh: connect to host nfs001 port 22: Operation timed out\n" in shown
    assert "  - the other node could not be read\n" in shown


def test_a_dry_run_is_there_for_programs(pair: SplitPair, capsys: pytest.CaptureFixture[str]) -> None:
    assert typed(pair, "--dry-run", "--json") == 0
    values = json.loads(capsys.readouterr().out)
    assert (values["kind"], values["may_be_recovered"], values["refused"]) == ("split-brain", True, [])
    assert "".join(f"  {line}\n" for line in values["evidence"]) == EVIDENCE
    assert typed(pair, "--dry-run", "--json", node=pair.winner) == 1
    values = json.loads(capsys.readouterr().out)
    assert values["may_be_recovered"] is False
    assert {"master", "primary", "mounted", "serves"} <= {each["reason"] for each in values["refused"]}


# --- what it asks and refuses ------------------------------------------------------------------------------------


def test_without_a_target_and_without_an_answer_nothing_is_done(pair: SplitPair) -> None:
    configs = pair.installed.configs
    configs[pair.losing.name] = configs[pair.losing.name]._replace(split_brain=pair.config.split_brain._replace(
        salvage_to=""
    ))  # fmt: skip
    with pytest.raises(StepFailed, match=r"where the salvage is to be kept is not known: --to DIR"):
        typed(pair)
    with pytest.raises(NotConfirmed, match="there is no terminal to ask on: nothing is done without --yes"):
        typed(pair, "--to", str(pair.salvage))
    with pytest.raises(NotConfirmed):
        typed(pair, "--resync")
    assert (pair.created, pair.destroyed, pair.entries(pair.losing, "recovery")) == (0, False, [])


def test_yes_is_no_way_around_a_refusal(pair: SplitPair) -> None:
    with pytest.raises(RecoveryRefused, match="this node is CARP MASTER"):
        typed(pair, "--yes", node=pair.winner)
    assert pair.serves(pair.winner)


def test_a_step_down_needs_neither_target_nor_answer(pair: SplitPair, capsys: pytest.CaptureFixture[str]) -> None:
    assert typed(pair, "--step-down") == 0
    assert capsys.readouterr().out.endswith("home: address and role are given up on this node\n")
    assert (pair.role(pair.losing), pair.created) == ("init", 0)


def test_a_recovery_that_was_begun_goes_on_with_its_own_target_and_asks_only_before_it_destroys(
    pair: SplitPair, capsys: pytest.CaptureFixture[str]
) -> None:
    def begun(context: object) -> str:
        recovery = pair.recovery(context, Mode.SALVAGE)  # type: ignore[arg-type]  # the context of the command
        recovery.watch = lambda step: inflict(pair.pair, "cut-management") if step == "create" else None
        return recovery.run("human")

    with pytest.raises(RecoveryRefused, match="the other node could not be read"):
        pair.does(pair.losing, begun)
    pair.pair.link.heal()
    with pytest.raises(NotConfirmed, match="no terminal"):
        typed(pair)
    assert typed(pair, "--yes") == 0
    assert "  a recovery was begun here, and has come to: kept\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--resync", "--salvage"], "not allowed with argument"),
        (["--image", "--step-down"], "not allowed with argument"),
        (["--nosuch"], "unrecognized arguments"),
    ],
)
def test_wrong_usage_is_one_line_and_2(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        options(*words)
    shown = capsys.readouterr()
    assert (ended.value.code, shown.out, shown.err.count("\n")) == (2, "", 1)
    assert said in shown.err


def test_without_root_nothing_is_done() -> None:
    program = f"""
import gettext, locale, os, shutil, sys, textwrap
from remediate.subcommands import recover
os.geteuid() or os.setuid({child.NOBODY})
sys.stderr, sys.platform = sys.stdout, "freebsd14"
print(recover.main(["home", "--yes"]))
"""
    output, status = child.run(program).splitlines()
    assert (output[:44], status) == ("hastwatch recover: only root may do this (or", "77")


# --- the wait ----------------------------------------------------------------------------------------------------


def waited(pair: SplitPair, stream: TextIO) -> str:
    """A recovery, and the wait until everything is copied."""

    def call(context: object) -> str:
        recovery = pair.recovery(context, Mode.SALVAGE)  # type: ignore[arg-type]  # the context of the command
        recovery.run("human")
        return Resync(recovery.context, stream).wait(recovery)

    return pair.does(pair.losing, call)


def test_where_the_output_is_piped_the_wait_is_told_in_lines(pair: SplitPair) -> None:
    stream = io.StringIO()
    assert re.fullmatch(r"everything is copied, in \d+(\.\d)? ?s", waited(pair, stream))
    lines = stream.getvalue().splitlines()
    line = r"[\d.]+ \w+ of [\d.]+ \w+ copied, [\d.]+ \w+/s(, .* left|, time left not known)?"
    assert lines and all(re.fullmatch(line, each) for each in lines), lines
    assert len(lines) <= 6, "one every 5 s"
    only_here = {name: text for name, text in pair.copy.items() if pair.served.get(name) != text}
    assert only_here and pair.salvaged() == [only_here]
    [entry] = pair.entries(pair.losing, "recovered")
    assert entry.result.startswith(f"{len(only_here)} files ")


def everything_on(terminal: int) -> str:
    """What was written to the other end, which is closed (pty(7): then a read fails, or gives nothing)."""
    shown = b""
    with suppress(OSError):
        while chunk := os.read(terminal, 4096):
            shown += chunk
    os.close(terminal)
    return shown.decode()


def test_on_a_terminal_the_wait_is_a_bar_that_is_taken_away_at_the_end(pair: SplitPair) -> None:
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as stream:
        waited(pair, stream)
    drawn = everything_on(ours).split("\r\x1b[K")
    assert (drawn[0], drawn[-1]) == ("", "")
    bars = [re.match(r"\[(#*)(\.*)\] [\d.]+ \w+ of ", each) for each in drawn[1:-1]]
    assert len(bars) > 5
    full = [len(bar[1]) for bar in bars if bar is not None]
    assert len(full) == len(bars) and full == sorted(full) and full[-1] > full[0]


def test_a_primary_that_copies_nothing_ends_the_wait(pair: SplitPair) -> None:
    def call(context: object) -> str:
        recovery = pair.recovery(context, Mode.SALVAGE)  # type: ignore[arg-type]  # the context of the command
        recovery.run("human")
        inflict(pair.pair, "cut-replication")
        return Resync(recovery.context, io.StringIO()).wait(recovery)

    says = r"the primary has copied nothing for 2 min( [12] s)?: see hastd's log"  # one look takes 1.6 s
    with pytest.raises(StepFailed, match=says):
        pair.does(pair.losing, call)
    pair.pair.link.heal()
    assert typed(pair) == 0, "run again it goes on with the wait, and asks for nothing"
    assert pair.until(lambda: pair.healthy), pair.story()


# --- as a process, on a pair that runs by itself -----------------------------------------------------------------


@pytest.fixture
def blank(tmp_path: Path) -> Iterator[RunningPair]:
    """A pair whose standby has got a new disk."""
    with running(tmp_path / "d", "--automatic", "--no-cron", "--speed", "60") as pair:
        pair.on("nfs002", "service hastd onestop")
        assert pair.command("fault", "new-disk", "nfs002").returncode == 0
        pair.on("nfs002", "service hastd onestart")
        yield pair


def test_a_human_confirms_on_a_terminal_and_sees_the_disk_being_filled(blank: RunningPair) -> None:
    refused = blank.hastwatch("nfs002", "recover", "home")
    assert (refused.returncode, refused.stdout.splitlines()[0]) == (
        1, "home: the disk of this node is new, or was just created",
    )  # fmt: skip
    assert refused.stderr == "hastwatch recover: there is no terminal to ask on: nothing is done without --yes\n"
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*COMMAND, "recover", *blank.options("nfs002"), "home"], cwd=ROOT, stdin=theirs, stdout=theirs,
        stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        os.close(theirs)
        assert process.stderr is not None
        question = process.stderr.readline()
        assert question == "home on nfs002 gets new metadata, and everything is copied to it.\n"
        os.write(ours, b"yes\n")
        shown = b""
        while b"everything is copied" not in shown:
            shown += os.read(ours, 4096)
        assert process.wait() == 0
    os.close(ours)
    assert b"the disk held no copy\r\n" in shown
    assert awaited(lambda: "complete" in blank.on("nfs002", "hastctl status home"))
