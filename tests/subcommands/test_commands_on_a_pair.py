"""The subcommands around converge, as processes, on a pair with hastwatch installed that runs by itself."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from remediate.state import failures
from remediate.state.journal_reading import read
from remediate.state.store import Store
from tests.state import child
from tests.state.child import ROOT
from tests.subcommands.running_pair import COMMAND, OTHER, RunningPair, running
from tests.waiting import awaited

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPair]:
    """A pair in service; a test leaves it as it was."""
    with running(tmp_path_factory.mktemp("pair") / "d", "--automatic", "--no-cron", "--speed", "10") as pair:
        yield pair


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[RunningPair]:
    with running(tmp_path / "d", "--automatic", "--no-cron", "--speed", "10") as pair:
        yield pair


def words_of(done: subprocess.CompletedProcess[str]) -> tuple[int, str, str]:
    return done.returncode, done.stdout, done.stderr


# --- converge ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("node", OTHER)
def test_a_node_in_its_place_has_nothing_to_do(kept: RunningPair, node: str) -> None:
    assert words_of(kept.hastwatch(node, "converge")) == (0, "in place\n", "")
    assert words_of(kept.hastwatch(node, "converge", "--periodic")) == (0, "", "")
    values = json.loads(kept.hastwatch(node, "converge", "--json").stdout)
    assert (values["result"], values["steps"], values["said"]) == ("in-place", 0, [])


def test_a_dry_run_says_why_there_is_nothing_to_do(kept: RunningPair) -> None:
    assert words_of(kept.hastwatch("nfs002", "converge", "--dry-run")) == (
        0,
        "home: secondary, not mounted, nothing served\n"
        "    because: the service address is not here [not-master]\n"
        "nothing to do\n",
        "",
    )


def test_a_dry_run_shows_the_command_lines_and_changes_nothing(pair: RunningPair) -> None:
    pair.command("fault", "kill", "nfs001", "devd")
    pair.on("nfs001", "sysctl net.inet.carp.demotion=200")
    assert awaited(lambda: "BACKUP" in pair.on("nfs001", "ifconfig vtnet1"))
    shown = pair.hastwatch("nfs001", "converge", "--dry-run", "-v")
    assert (shown.returncode, shown.stderr) == (0, "")
    lines = shown.stdout.splitlines()
    assert lines[:3] == [
        "home: secondary, not mounted, nothing served",
        "    because: the service address is not here [not-master]",
        "    CARP: BACKUP",
    ]
    assert lines[-10:] == [
        "stop-serving nfsd mountd: stop the other services and NFS, in reverse order: clients wait instead of getting "
        "errors",
        "    kill -USR1 `nfsd`",
        "    kill -TERM `mountd`",
        "unmount home: unmount cleanly, so that what is in buffers reaches the disks",
        "    where it is ufs: /sbin/umount /hast/home",
        "    where it is zfs: /sbin/zpool export home",
        "become-secondary home: take the role secondary",
        "    /sbin/hastctl role secondary home",
        "protect home: let the empty mount point take no files: a local process would write under it",
        "    /bin/chflags schg /hast/home",
    ]
    plan = json.loads(pair.hastwatch("nfs001", "converge", "--dry-run", "--json").stdout)
    assert (plan["resources"]["home"]["target"], plan["resources"]["home"]["reason"]) == ("standby", "not-master")
    assert [step["step"] for step in plan["steps"]] == [
        "stop-serving nfsd mountd", "unmount home", "become-secondary home", "protect home",
    ]  # fmt: skip
    assert plan["steps"][2]["commands"] == ["/sbin/hastctl role secondary home"]
    assert "primary" in pair.on("nfs001", "hastctl status home")

    done = pair.hastwatch("nfs001", "converge", "-v")
    assert (done.returncode, done.stdout.startswith("in place after 4 steps, ")) == (0, True)
    assert [line.partition(" s  ")[2] for line in done.stderr.splitlines()] == [step["step"] for step in plan["steps"]]
    assert words_of(pair.hastwatch("nfs001", "converge")) == (0, "in place\n", "")


def test_a_detached_convergence_returns_at_once_and_is_done(pair: RunningPair) -> None:
    pair.command("fault", "kill", "nfs001", "nfsd")
    assert words_of(pair.hastwatch("nfs001", "converge", "--detach")) == (0, "", "")
    assert awaited(lambda: "nfsd: master" in pair.on("nfs001", "ps -axww -o pid,ppid,command"))


def test_what_rc_calls_at_shutdown_gives_the_service_to_the_other_node(pair: RunningPair) -> None:
    assert pair.hastwatch("nfs001", "converge", "--shutdown").returncode == 0
    assert "secondary" in pair.on("nfs001", "hastctl status home")
    assert awaited(lambda: "NFS exported" in pair.on("nfs002", "mount"))
    assert "shutdown" in pair.hastwatch("nfs001", "hold").stdout
    assert pair.hastwatch("nfs001", "converge", "--boot").returncode == 0
    assert pair.hastwatch("nfs001", "hold").stdout.endswith(": no failback\n")


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["converge", "-r", "nosuch"], 1, "hastwatch converge: hast.conf has no resource nosuch; there are home\n"),
        (["converge", "--boot", "--periodic"], 2, "not allowed with argument"),
        (["converge", "--boot", "-r", "home"], 2, "are about the whole node"),
        (["converge", "--dry-run", "--detach"], 2, "it cannot be detached"),
        (["converge", "--via", "/nonexistent/ssh nfs001"], 69, "could not be read: /nonexistent/ssh: not found\n"),
        (["converge", "--via", "nosuch-program"], 69, "hastwatch converge: nosuch-program: not found in /sbin"),
        (["converge", "--config", "/nonexistent.toml"], 78, "/nonexistent.toml: no such file\n"),
        (["converge", "--state-dir", __file__], 73, "cannot be read: Not a directory"),
        (
            ["promote"],
            1,
            "hastwatch promote: home: CARP is BACKUP here, and the service address has to be here first: ",
        ),
        (["switchover"], 1, "hastwatch switchover: there is no terminal to ask on: nothing is done without --yes\n"),
        (["switchover", "-y"], 1, "nothing is served from this node: there is nothing to move\n"),
        (["hold", "--boot", "--release"], 2, "not allowed with argument"),
        (["ledger", "home", "--told", "complete"], 2, "--told requires RES and --by"),
        (["ledger", "nosuch", "--told", "complete", "--by", "nfs001"], 1, "hast.conf has no resource nosuch"),
        (["ledger", "nosuch"], 1, "hastwatch ledger: hast.conf has no resource nosuch; there are home\n"),
        (["ledger", "home,nosuch", "--json"], 1, "hast.conf has no resource nosuch"),
        (["ledger", "../home"], 2, "is not the name of a resource"),
        (["ledger", "home", "--told", "complete", "--by", "$(reboot)"], 2, "is not the name of a node"),
        (["self-test", "--wait", "0"], 2, "'0' is not a number of seconds from 0 to 600"),
    ],
)
def test_what_is_refused_is_one_line(kept: RunningPair, words: list[str], status: int, said: str) -> None:
    refused = kept.hastwatch("nfs002", *words)
    assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (status, "", 1)
    assert said in refused.stderr


def test_without_root_nothing_that_acts_is_done() -> None:
    program = f"""
import gettext, importlib, json, locale, os, pwd, shutil, sys, textwrap
modules = ["converge", "promote", "switchover", "clear", "hold", "ledger", "self_test"]
mains = {{name: importlib.import_module(f"remediate.subcommands.{{name}}").main for name in modules}}
words = {{"hold": ["--release"], "ledger": ["home", "--told", "complete", "--by", "nfs001"]}}
os.geteuid() or os.setuid({child.NOBODY})
sys.stderr, sys.platform = sys.stdout, "freebsd15"
for name, main in mains.items():
    print(main(words.get(name, [])))
"""
    lines = child.run(program).splitlines()
    assert lines[1::2] == ["77"] * 7
    assert all("only root may do this" in line for line in lines[::2])


# --- promote, switchover, clear, hold, ledger ----------------------------------------------------------------


def test_a_switchover_moves_the_service_and_a_second_one_brings_it_back(pair: RunningPair) -> None:
    moved = pair.hastwatch("nfs001", "switchover", "--yes")
    assert (moved.returncode, moved.stderr) == (0, "")
    assert moved.stdout.startswith("in place after ")
    assert moved.stdout.endswith(" s: served by the other node: home\n")
    assert "NFS exported" in pair.on("nfs002", "mount")
    assert "/dev/hast/home" not in pair.on("nfs001", "mount")
    back = pair.hastwatch("nfs002", "switchover", "--yes")
    assert (back.returncode, back.stderr) == (0, "")
    assert "NFS exported" in pair.on("nfs001", "mount")
    whys = [entry.why for entry in read(str(pair.state("nfs001") / "journal.jsonl")) if entry.event == "switchover"]
    assert whys == ["human alice as root"] * 2


def test_a_node_that_serves_needs_no_promotion(kept: RunningPair) -> None:
    served = "in place: served from this node already\n"
    assert words_of(kept.hastwatch("nfs001", "promote", "--accept-data-loss")) == (0, served, "")


def test_a_stale_copy_is_promoted_only_when_its_loss_was_accepted_by_name(pair: RunningPair) -> None:
    pair.command("fault", "cut-replication")
    assert awaited(lambda: pair.hastwatch("nfs002", "ledger", "--json").stdout.find('"incomplete"') > 0)
    pair.command("fault", "power-off", "nfs001")
    assert awaited(lambda: "carp: MASTER" in pair.on("nfs002", "ifconfig vtnet1"))
    assert awaited(lambda: "lacks" in pair.hastwatch("nfs002", "converge").stderr
                   or "known to lack" in pair.hastwatch("nfs002", "converge").stderr)  # fmt: skip
    refused = pair.hastwatch("nfs002", "promote")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("hastwatch promote: home: nfs001 reported that this copy is behind ")
    assert refused.stderr.endswith("; --accept-data-loss promotes it all the same\n")
    asked, status = typed(pair, "nfs002", "promote", "--accept-data-loss", typing="home\n")
    assert (status, "not confirmed, nothing was done" in asked) == (1, True)
    assert "what it lacks is lost" in asked
    asked, status = typed(pair, "nfs002", "promote", "--accept-data-loss", typing="yes\n")
    assert (status, "become-primary home" in asked, "in place after" in asked) == (0, True, True), asked
    assert "NFS exported" in pair.on("nfs002", "mount")


def typed(pair: RunningPair, node: str, *words: str, typing: str) -> tuple[str, int]:
    """A subcommand on a terminal on which something is typed: all that the terminal shows, and the exit status."""
    ours, theirs = pty.openpty()
    command = [*COMMAND, words[0], *pair.options(node), *words[1:]]
    with subprocess.Popen(command, cwd=ROOT, stdin=theirs, stdout=theirs, stderr=theirs) as child:
        os.close(theirs)
        os.write(ours, typing.encode())
        shown = b""
        while chunk := _read(ours):
            shown += chunk
        os.close(ours)
        return shown.decode(), child.wait()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # the other side is closed
        return b""


def test_clear_lets_a_blocked_node_go_on(pair: RunningPair) -> None:
    assert words_of(pair.hastwatch("nfs002", "clear")) == (0, "nothing to clear: no promotion has failed\n", "")
    store = Store(str(pair.state("nfs002")))
    now = float(pair.on("nfs002", "date +%s"))
    for _ in range(2):
        failures.note(store, "home", now, "the device has not appeared")
    assert failures.block(store, failures.blocked(store, now, 3600))
    assert "blocked" in pair.hastwatch("nfs002", "converge").stderr
    assert ": failed promotion" in pair.hastwatch("nfs002", "hold").stdout
    cleared = pair.hastwatch("nfs002", "clear")
    assert (cleared.returncode, cleared.stdout.startswith("in place")) == (0, True)
    assert not failures.blocked(store, now, 3600)
    assert "failed promotion" not in pair.hastwatch("nfs002", "hold").stdout


def test_a_hold_is_shown_and_released_by_hand(pair: RunningPair) -> None:
    nothing = "net.inet.carp.demotion is 0, nothing of it from hastwatch\n"
    assert words_of(pair.hastwatch("nfs002", "hold")) == (0, nothing, "")
    assert words_of(pair.hastwatch("nfs002", "hold", "--boot")) == (0, "", "")
    held = pair.hastwatch("nfs002", "hold").stdout
    assert held.startswith("net.inet.carp.demotion is 240, 240 of it from hastwatch since ")
    assert held.endswith(": boot\n")
    assert words_of(pair.hastwatch("nfs002", "hold", "--boot")) == (0, "", "")
    assert pair.hastwatch("nfs002", "hold").stdout == held
    assert words_of(pair.hastwatch("nfs002", "hold", "--release")) == (0, nothing, "")
    results = [entry.result for entry in read(str(pair.state("nfs002") / "journal.jsonl")) if entry.event == "hold"]
    assert results[-1] == "released in spite of: boot"


def test_what_the_other_node_tells_is_noted_and_shown(pair: RunningPair) -> None:
    command = ["ledger", "home", "--told", "incomplete", "--by", "nfs001"]
    assert words_of(pair.hastwatch("nfs002", *command)) == (0, "", "")
    shown = pair.hastwatch("nfs002", "ledger", "home")
    assert shown.stdout.startswith("home: this copy is incomplete since ")
    assert "nfs001 reported that this copy is behind\n    last known complete " in shown.stdout
    assert json.loads(pair.hastwatch("nfs002", "ledger", "--json").stdout)["home"]["copy"] == "incomplete"
    command[3] = "complete"
    assert words_of(pair.hastwatch("nfs002", *command)) == (0, "", "")
    assert pair.hastwatch("nfs002", "ledger").stdout.startswith("home: this copy is complete since ")


# --- self-test -----------------------------------------------------------------------------------------------


def test_the_self_test_says_each_link(pair: RunningPair) -> None:
    whole = pair.hastwatch("nfs001", "self-test")
    assert (whole.returncode, whole.stderr) == (0, "")
    names = ["devd", "rule", "hook", "event", "carp", "loader", "rc.conf", "hast.conf", "peer"]
    assert [line.split()[:2] for line in whole.stdout.splitlines()] == [[name, "ok"] for name in names]
    pair.command("fault", "kill", "nfs001", "devd")
    broken = pair.hastwatch("nfs001", "self-test")
    assert (broken.returncode, broken.stderr) == (1, "")
    assert broken.stdout.splitlines()[0] == "devd       BROKEN  devd is not running (service devd start)"
    links = json.loads(pair.hastwatch("nfs001", "self-test", "--json").stdout)
    assert [link["name"] for link in links if not link["holds"]] == ["devd", "rc.conf"][:1]
    entries = [entry for entry in read(str(pair.state("nfs001") / "journal.jsonl")) if entry.event == "self-test"]
    assert [entry.result for entry in entries] == [
        "all of it holds",
        *["devd: devd is not running (service devd start)"] * 2,
    ]


# --- a shutdown ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["[failover\n", "[failover]\nno_such = 1\n"])
def test_a_refused_configuration_keeps_nothing_mounted_at_a_shutdown(
    pair: RunningPair, tmp_path: Path, text: str
) -> None:
    config = tmp_path / "hastwatch.toml"
    config.write_text(text)
    done = pair.hastwatch("nfs001", "converge", "--shutdown", "--config", str(config))
    assert done.returncode == 78 and "hastwatch.toml" in done.stderr
    assert "/dev/hast/" not in pair.on("nfs001", "mount")
    assert pair.on("nfs001", "pgrep -x mountd; pgrep -x nfsd") == ""
