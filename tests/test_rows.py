"""Every row of every table is found by its check, with the severity of the table.

Most rows are found in the recordings. Those that no recording shows are found here, on a healthy node in which one
answer is another one. The last test holds both together against the tables, so that no row can be without a case.
"""

import importlib
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from checks.hast_resource import ERRORS_STAY_NEW
from checks.plugin.command import CheckCommand
from checks.probes.hung_commands import GivenUpCommands
from checks.probes.processes import COLUMNS
from checks.probes.state_cache import Memory
from checks.registry import OF_SERVICE

TESTS = Path(__file__).resolve().parent
RECORDINGS = TESTS / "recordings"
PLAYER = [sys.executable, "-I", "-S", str(TESTS / "player.py")]


class Case(NamedTuple):
    """A node of the healthy pair in which commands answer something else, and what the check has to find."""

    reason: str
    check: str
    node: str = "nfs001"
    answers: tuple[tuple[str, str, str], ...] = ()
    """Command, what in its answer is replaced (nothing: the whole), and by what; `exit N` at the end is a
    status and makes it an error output, `status N` is a status alone."""
    options: tuple[str, ...] = ()
    peer: tuple[tuple[str, str, str], ...] | None = None


LIST, DUMP, MOUNT, PS = (
    "hastctl list home",
    "hastctl dump home",
    "mount",
    f"ps -axww -o {COLUMNS}",
)
SYSCTL, IFCONFIG, DF = "sysctl net.inet.carp", "ifconfig -a", "df -ik /hast/home"
NO_METADATA = (
    DUMP, "", "[ERROR] Unable to read metadata from /dev/vtbd1: No such file or directory.\nexit 255",
)  # fmt: skip
SECONDARY = (LIST, "role: primary", "role: secondary")
PRIMARY = (LIST, "role: secondary", "role: primary")
LOST = ("hostname", "", "ssh: connect to host nfs002 port 22: Operation timed out\nexit 255")
ALONE = (LIST, "  status: complete\n", "  status: degraded\n")
NO_CARP = (IFCONFIG, "carp: BACKUP", "carp: INIT")
ROLE_INIT = (LIST, "role: secondary", "role: init")
STUCK = (LIST, "", "[ERROR] Unable to receive reply.\nexit 70")
DIRTY = (LIST, "dirty: 0 (0B)", "dirty: 4194304 (4.0MB)")
VRRP = (IFCONFIG, "carp: BACKUP vhid 2 advbase 1 advskew 20", "vrrp: BACKUP vrid 2 prio 100 interval 100")
PEER = "advskew 10\n\t      peer {} peer6 ff02::12\n"
ZFS = (MOUNT, "/dev/hast/home on /hast/home (ufs", "home on /hast/home (zfs")
SUSPENDED = (ZFS, ("zpool status -P home", "", "  pool: home\n state: SUSPENDED\nconfig:\n"))
NO_POINT = ("ls -A /hast/home", "", "ls: /hast/home: No such file or directory\nexit 1")
BROKEN = ("ls -A /hast/home", "", "ls: /hast/home: Input/output error\nexit 1")
SPINS = ("ps -o stat,%cpu -p 384", "", "STAT %CPU\nRs   99.0")
NO_INODES = (DF, "", "Filesystem 1K\n/dev/hast/home 9 1 8 11% 9 1 90% /hast/home")
GREP = "grep -h hastd /var/log/messages /var/log/daemon.log"
REFUSED = (
    (GREP, "", "Nov 22 08:46:07 nfs001 hastd[9]: [home] (primary) We act as primary for the resource and not as"
               " secondary as requested by tcp://10.1.101.4:52711."),
    ("date +%Y-%m-%dT%H:%M:%S", "", "2026-11-22T08:46:10"),
)  # fmt: skip
WROTE = (DUMP, "localcnt: 0", "localcnt: 1")
REJECTED = (
    "route -n get -inet 10.1.101.4",
    "",
    "   route to: 10.1.101.4\ndestination: 10.1.101.4\n        fib: 0\n  interface: lo0\n"
    "      flags: <UP,HOST,REJECT,DONE,STATIC,PROTO2>",
)
OLD_SIGN = (
    GREP,
    "",
    "Nov 20 08:46:07 nfs001 hastd[9]: [home] (secondary) Worker process exited ungracefully (pid=1, exitcode=78).",
)
DEMOTED = (SYSCTL, "carp.demotion: 0", "carp.demotion: 120")
BOOT = "9f86d081884c7d659a2feaa0c55ad015"
BOOTED = ("cat /var/run/hastwatch.boot", "", BOOT)
HELD = (
    "cat /var/db/hastwatch/hold.json",
    "",
    '{"version": 1, "reasons": ["no failback"], "amount": 120, "target": 120, "before": 0,'
    ' "boot": "9f86d081884c7d659a2feaa0c55ad015", "since": "2026-11-22T08:46:35Z"}',
)
SILENT = (
    "cat /var/db/hastwatch/silence.json",
    "",
    '{"version": 1, "before": 0, "boot": "9f86d081884c7d659a2feaa0c55ad015", "since": "2026-11-22T08:46:35Z"}',
)
UNPROVEN = "cat /var/db/hastwatch/home.unproven.json"
DOUBT = (
    '{"version": 1, "since": "2026-11-22T08:46:35Z", "last": "2026-11-22T08:46:35Z", "extents": [3], "full": false,'
    ' "differ": [], "through": false, "said": ""}'
)
VERIFIED = "cat /var/db/hastwatch/home.verified.json"


def verified(**changes: object) -> tuple[str, str, str]:
    """What came out of one comparison."""
    run = {
        "began": "2026-11-22T07:46:35Z",
        "ended": "2026-11-22T08:46:35Z",
        "by": "nfs001",
        "extents": 128,
        "extentsize": 2097152,
        "differ": 0,
        "undecided": 0,
        "numbers": [],
        "unread": {},
        "wrong": "",
        "wrong_node": "",
        "deletes": 0,
    }
    return VERIFIED, "", json.dumps({"version": 1, "runs": [run | changes]})  # fmt: skip


NARROW = ("cat /usr/local/etc/devd/hastwatch.conf", "notify 100", "notify 30")

RECORDED = ("cat /var/db/hastwatch/home.ledger.json", "", '{"written_at": "2026-11-22T08:30:00.000Z", "watched": true}')
UP = (("date +%s", "", "1795337000"), ("sysctl -n kern.boottime", "", "{ sec = 1795330000, usec = 0 }"))

CASES = (
    Case("hast-no-worker", "hast", answers=((LIST, "  status: complete\n  workerpid: 1029\n", ""),)),
    Case("hast-dirty-critical", "hast", answers=(DIRTY,), options=("-c", "2M")),
    Case("hast-synchronising", "hast", answers=(DIRTY,), options=("-w", "2M")),
    Case("hast-error", "hast", answers=((LIST, "", "home:\n  error: 1\nstatus 1"),)),
    Case("hast-role-wrong", "hast", options=("--role", "secondary")),
    Case("hast-replication", "hast", options=("--replication", "memsync")),
    Case("hastctl-hangs", "hast", answers=((LIST, "", "[ERROR] Unable to receive reply.\nexit 70"),)),
    Case("command-failed", "hast", answers=((LIST, "", "[ERROR] Unable to parse.\nexit 78"),)),
    Case("tool-missing", "hast", answers=((LIST, "", "sh: hastctl: not found\nexit 127"),)),
    Case("copy-blank", "hast_splitbrain", "nfs002", ((DUMP, "resuid: 8324191147599307269", "resuid: 0"),), peer=()),
    Case("counters-impossible", "hast_splitbrain", "nfs002", ((DUMP, "remotecnt: 0", "remotecnt: 1"),), peer=()),
    Case("two-primaries", "hast_splitbrain", answers=REFUSED, peer=((LIST, "role: secondary", "role: primary"),)),
    Case("splitbrain", "hast_splitbrain", "nfs002", (WROTE,), peer=(WROTE, OLD_SIGN)),
    Case("splitbrain-predicted", "hast_splitbrain", "nfs002", (WROTE,), peer=(WROTE,)),
    Case("splitbrain-growing", "hast_splitbrain", answers=(WROTE,), peer=(WROTE, PRIMARY)),
    Case("splitbrain-growing", "hast_splitbrain", answers=(WROTE,), peer=(WROTE, STUCK)),
    Case("splitbrain-predicted", "hast_splitbrain", "nfs002", (WROTE, ROLE_INIT), peer=(WROTE,)),
    Case("two-primaries", "hast_splitbrain", peer=(PRIMARY,)),
    Case("two-primaries", "hast_splitbrain", peer=((DUMP, "remotecnt: 0", "remotecnt: 1"), PRIMARY)),
    Case("two-primaries", "hast_splitbrain", peer=((DUMP, "resuid: 8324191147599307269", "resuid: 0"), PRIMARY)),
    Case("splitbrain-not-counted", "hast_splitbrain", answers=(WROTE,), peer=((DUMP, "remotecnt: 0", "remotecnt: 1"),)),
    Case("copy-behind", "hast_splitbrain", "nfs002", peer=((DUMP, "localcnt: 0", "localcnt: 1"),)),
    Case("splitbrain-marker-unread", "hast_splitbrain", answers=(("cat /var/db/hastwatch/home.split-brain", "", "{"),)),
    Case("no-evidence", "hast_splitbrain", answers=((DUMP, "", "[ERROR] Unable.\nexit 1"), (GREP, "", "no\nexit 2"))),
    Case("hast-copies-differ", "hast", answers=(verified(differ=2, numbers=[3, 17]),)),
    Case("hast-never-verified", "hast", options=("--verified", "35d")),
    Case("hast-verified-long-ago", "hast", answers=(verified(),), options=("--verified", "1s")),
    Case("hast-verified-long-ago", "hast", answers=(verified(undecided=1),), options=("--verified", "9999d")),
    Case("hast-copy-unproven", "hast", answers=((UNPROVEN, "", DOUBT),)),
    Case("hast-copy-unproven", "hast", answers=((UNPROVEN.replace("/db/", "/run/"), "", DOUBT), (UNPROVEN, "", "{}"))),
    Case("hast-not-recorded", "hast", answers=(RECORDED, *UP)),
    Case("hast-not-recorded", "hast", "nfs002", answers=(RECORDED, *UP)),
    Case("output-not-understood", "hast", answers=((UNPROVEN, "", "{}"),)),
    Case("command-failed", "hast", answers=((VERIFIED, "", "cat: Input/output error\nexit 1"),)),
    Case("output-not-understood", "hast", answers=((VERIFIED, "", "{}"),)),
    Case("hast-peer-rejected", "hast", answers=((LIST, "status: complete", "status: degraded"), REJECTED)),
    Case("peer-not-asked", "carp_hast", "nfs002", peer=(LOST,)),
    Case("peer-not-asked", "carp_hast", peer=(LOST,)),
    Case("peer-not-asked", "carp", "nfs002", peer=(LOST,)),
    Case("peer-not-asked", "hast_splitbrain", "nfs002", peer=(LOST,)),
    Case("peer-silent", "carp", peer=(LOST,)),
    Case("peer-silent", "carp_hast", answers=(ALONE,), peer=(LOST,)),
    Case("peer-silent", "hast_splitbrain", answers=(ALONE,), peer=(LOST,)),
    Case("node-unreachable", "carp", "nfs002", (NO_CARP,), peer=(LOST,)),
    Case("node-unreachable", "carp_hast", "nfs002", (NO_CARP, ALONE), peer=(LOST,)),
    Case("carp-not-allowed", "carp", answers=((SYSCTL, "carp.allow: 1", "carp.allow: 0"),)),
    Case("carp-preempt-off", "carp", answers=((SYSCTL, "preempt: 1", "preempt: 0"),)),
    Case("carp-demoted", "carp", answers=((SYSCTL, "carp.demotion: 0", "carp.demotion: 1"),)),
    Case("carp-held-standby", "carp", "nfs002", answers=(HELD, BOOTED, DEMOTED)),
    Case("carp-unexpected", "carp", options=("--expect", "BACKUP")),
    Case("carp-not-preferred", "carp", options=("--preferred", "backup")),
    Case("carp-no-master", "carp", answers=((IFCONFIG, "carp: MASTER", "carp: BACKUP"),), peer=()),
    Case("carp-vhid-missing", "carp", peer=((IFCONFIG, "vhid 2", "vhid 3"),)),
    Case("carp-addresses-differ", "carp", peer=((IFCONFIG, "inet 10.1.101.5 ", "inet 10.1.101.6 "),)),
    Case("carp-advbase-differs", "carp", peer=((IFCONFIG, "advbase 1", "advbase 2"),)),
    Case("carp-protocol-differs", "carp", peer=(VRRP,)),
    Case("carp-peer-wrong", "carp", answers=((IFCONFIG, "advskew 10\n", PEER.format("10.1.101.9")),), peer=()),
    Case("carp-peer-one-sided", "carp", answers=((IFCONFIG, "advskew 10\n", PEER.format("10.1.101.4")),), peer=()),
    Case("carp-factors-differ", "carp", peer=((SYSCTL, "ifdown_demotion_factor: 240", "ifdown_demotion_factor: 0"),)),
    Case("hast-role-unknown", "carp_hast", answers=((LIST, "", "home:\n  error: 1\nstatus 1"),)),
    Case("carp-master-nfs-stopped", "carp_hast", answers=((PS, "mountd", "sleep"),)),
    Case("locking-stopped", "carp_hast", answers=((PS, "rpc.lockd", "sleep"),)),
    Case("mount-point-missing", "carp_hast", "nfs002", (NO_POINT,)),
    Case("ports-silent", "carp_hast", answers=(SILENT,), options=("--grace", "0")),
    Case("standby-no-metadata", "carp_hast", "nfs002", (NO_METADATA,)),
    Case("hast-primary-not-tried", "hast", "nfs002", (("uname -r", "", "15.9-RELEASE"),)),
    Case("hast-primary-not-tried", "carp_hast", "nfs002", (("uname -r", "", "15.9-RELEASE"),)),
    Case("standby-blank", "carp_hast", "nfs002", ((DUMP, "resuid: 8324191147599307269", "resuid: 0"),)),
    Case("devd-pid-file", "devd", answers=(("cat /var/run/devd.pid", "", "1"),)),
    Case("devd-cpu-critical", "devd", answers=(SPINS,), options=("-c", "90")),
    Case("devd-no-vhid", "devd", answers=((IFCONFIG, "\tcarp: MASTER vhid 2 advbase 1 advskew 10\n", ""),)),
    Case("devd-hook-shadowed", "devd", answers=(NARROW,)),
    Case("pool-suspended", "hast_mount", answers=SUSPENDED),
    Case("pool-suspended", "carp_hast", answers=SUSPENDED),
    Case("pool-suspended", "hast_mount", answers=(ZFS, ("zpool status -P home", "", "exit 124")), options=("-t", "3")),
    Case("pool-suspended", "carp_hast", answers=(ZFS, ("zpool status -P home", "", "exit 124")), options=("-t", "3")),
    Case("mount-hangs", "hast_mount", answers=((DF, "", "exit 124"),), options=("-t", "3")),
    Case("mount-broken", "hast_mount", answers=(BROKEN,), options=("--depth", "read")),
    Case("mount-full", "hast_mount", options=("-w", "5")),
    Case("mount-inodes", "hast_mount", answers=(NO_INODES,)),
    Case("no-resource", "carp_hast", options=("-r", "hmoe")),
    Case("mount-broken", "hast_mount", answers=((DF, "", "df: /hast/home: Input/output error\nexit 1"),)),
    Case("command-hangs", "carp", answers=((IFCONFIG, "", "exit 124"),), options=("-t", "2")),
)  # fmt: skip


def check_of(module: str) -> CheckCommand:
    check = importlib.import_module(f"checks.{module}").CHECK
    assert isinstance(check, CheckCommand)
    return check


def node_folder(tmp_path: Path, name: str, answers: tuple[tuple[str, str, str], ...]) -> Path:
    """The folder of a node that is as in the healthy pair but for `answers`."""
    base = RECORDINGS / "made-healthy-pair"
    folder = tmp_path / "state" / name
    folder.mkdir(parents=True)
    (tmp_path / "state" / "otherwise-as").write_text(f"{base}\n")
    (tmp_path / "files").symlink_to(RECORDINGS / "files")
    for number, (command, old, new) in enumerate(answers):
        answer, status = new, "exit 0"
        if old:
            recorded = subprocess.run([*PLAYER, str(base / name), command], capture_output=True, text=True, check=True)
            assert old in recorded.stdout
            answer = recorded.stdout.replace(old, new)
        if ended := re.search(r"(^|\n)(exit|status) (\d+)$", answer):
            answer, status = answer[: ended.start()], f"exit {ended[3]}"
            if ended[2] == "exit":
                (folder / f"{number}.stderr").write_text(answer)
        (folder / f"{number}.txt").write_text(f"$ {command}\n{answer.rstrip(chr(10))}\n{status}\n")
    return folder


def findings(case: Case, tmp_path: Path, capfd: pytest.CaptureFixture[str], here: Path | None = None) -> dict[str, str]:
    """What the check finds, reason and severity."""
    here = here or node_folder(tmp_path / "here", case.node, case.answers)
    words = ["--json", "--state-dir", str(tmp_path / "kept"), "--via", " ".join([*PLAYER, str(here)]), *case.options]
    if case.peer is not None:
        there = node_folder(tmp_path / "there", "nfs002" if case.node == "nfs001" else "nfs001", case.peer)
        words += ["--peer", " ".join([*PLAYER, str(there)])]
    check_of(case.check).main(words)
    verdict = json.loads(capfd.readouterr().out)
    return {finding["reason"]: finding["severity"] for finding in verdict["findings"]}


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case.reason))
def test_a_row_is_found_with_its_severity(case: Case, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    reported = findings(case, tmp_path, capfd)
    assert reported.get(case.reason) == check_of(case.check).table.by_reason[case.reason].severity.name


@pytest.mark.slow
@pytest.mark.parametrize(
    ("node", "held", "demotion", "boot"),
    [
        ("nfs001", "no failback", 120, BOOT),  # it is MASTER: what it is held back for is not so any more
        ("nfs002", "home: hastd down", 120, BOOT),
        ("nfs002", "no failback", 360, BOOT),
        ("nfs002", "no failback", 120, BOOT[::-1]),
    ],
)
def test_a_demotion_that_is_not_only_that_of_a_healthy_standby_stays_a_warning(
    node: str, held: str, demotion: int, boot: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    record = (HELD[0], "", HELD[2].replace("no failback", held))
    booted = (BOOTED[0], "", boot)
    demoted = (SYSCTL, "carp.demotion: 0", f"carp.demotion: {demotion}")
    assert findings(Case("", "carp", node, (record, booted, demoted)), tmp_path, capfd) == {"carp-demoted": "WARNING"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("demotion", "says"),
    [
        (240, "net.inet.carp.demotion is 240, all of it from hastwatch: home: hastd down"),
        (480, "net.inet.carp.demotion is 480, 240 of it from hastwatch: home: hastd down"),
        (100, "net.inet.carp.demotion is 100 - "),
    ],
)
def test_a_demotion_names_what_hastwatch_added_and_why(
    demotion: int, says: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    record = (HELD[0], "", HELD[2].replace("no failback", "home: hastd down").replace("120", "240"))
    demoted = (SYSCTL, "carp.demotion: 0", f"carp.demotion: {demotion}")
    node = " ".join([*PLAYER, str(node_folder(tmp_path, "nfs002", (record, BOOTED, demoted)))])
    assert check_of("carp").main(["--via", node, "--state-dir", str(tmp_path / "kept")]) == 1
    assert says in capfd.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("module", [each.module.rpartition(".")[2] for each in OF_SERVICE])
@pytest.mark.parametrize("node", ["nfs001", "nfs002"])
def test_the_healthy_pair_is_well(module: str, node: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert set(findings(Case("", module, node, peer=()), tmp_path, capfd).values()) == {"OK"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dump", "reason"),
    [
        (NO_METADATA[2], "standby-no-metadata"),
        ("[ERROR] Unable to open /dev/vtbd1: Input/output error.\nexit 255", "standby-no-metadata"),
        ("[ERROR] Unable to open /dev/vtbd1: Permission denied.\nexit 255", "permission-denied"),
        ("exit 124", "command-hangs"),
    ],
)
def test_a_standby_whose_copy_is_none_or_not_known_is_not_called_ready(
    dump: str, reason: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    case = Case("", "carp_hast", "nfs002", ((DUMP, "", dump),), options=("-t", "3"))
    assert list(findings(case, tmp_path, capfd)) == [reason]


@pytest.mark.slow
def test_io_errors_that_are_no_longer_new_are_a_warning(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    errors = (LIST, "errors: read: 0", "errors: read: 1")
    assert findings(Case("", "hast", answers=(errors,)), tmp_path / "1", capfd)["hast-io-errors"] == "CRITICAL"
    then = time.time() - ERRORS_STAY_NEW - 1
    memory = Memory(str(tmp_path / "2" / "kept"))
    (tmp_path / "2").mkdir()
    memory.put("check_hast-nfs001-home", {"workerpid": 1029, "errors": [1, 0, 0, 0], "errors_grew": then})
    assert findings(Case("", "hast", answers=(errors,)), tmp_path / "2", capfd)["hast-io-errors-past"] == "WARNING"


def test_a_failover_on_its_way_is_a_warning_after_a_change_of_carp(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    answers = (SECONDARY,)
    assert findings(Case("", "carp_hast", answers=answers), tmp_path / "1", capfd) == {
        "carp-master-hast-secondary": "CRITICAL"
    }
    remembered = {"carp": "BACKUP", "since": None}
    (tmp_path / "2").mkdir()
    Memory(str(tmp_path / "2" / "kept")).put("check_carp_hast-nfs001-home", remembered)
    assert findings(Case("", "carp_hast", answers=answers), tmp_path / "2", capfd) == {
        "failover-in-progress": "WARNING"
    }


def test_the_grace_ends(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    answers = (SECONDARY,)
    remembered = {"carp": "MASTER", "since": time.time() - 61}
    Memory(str(tmp_path / "kept")).put("check_carp_hast-nfs001-home", remembered)
    assert "carp-master-hast-secondary" in findings(Case("", "carp_hast", answers=answers), tmp_path, capfd)


def test_a_role_that_follows_carp_is_given_time_by_check_hast_too(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    Memory(str(tmp_path / "kept")).put("check_hast-carp-nfs001-home", {"carp": "BACKUP", "since": None})
    reported = findings(Case("", "hast", answers=(SECONDARY,)), tmp_path, capfd)
    assert reported["hast-role-changing"] == "WARNING" and "hast-role-wrong" not in reported


@pytest.mark.slow
def test_what_was_known_when_the_dumps_were_last_compared_is_said_when_they_cannot_be(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    behind = Case("", "hast_splitbrain", answers=((DUMP, "localcnt: 0", "localcnt: 1"),), peer=())
    assert findings(behind, tmp_path, capfd) == {"peer-finding": "WARNING"}
    standby = " ".join([*PLAYER, str(tmp_path / "there" / "state" / "nfs002")])
    dead = " ".join([*PLAYER, str(RECORDINGS / "primary-lost-power" / "nfs001")])
    words = ["--via", standby, "--peer", dead, "--state-dir", str(tmp_path / "kept")]
    assert check_of("hast_splitbrain").main(words) == 3
    assert "nfs002 lacks writes of nfs001" in (output := capfd.readouterr().out)
    assert "when last compared" in output and "[splitbrain-not-compared]" in output


def test_an_address_that_moves_between_two_looks_is_looked_at_again(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    there = node_folder(tmp_path / "there", "nfs002", ())
    once = tmp_path / "once"
    (tmp_path / "moving").write_text(
        "import os, subprocess, sys\n"
        f"answer = subprocess.run({[*PLAYER, str(there)]!r} + sys.argv[1:], capture_output=True, text=True)\n"
        f"first = 'ifconfig' in sys.argv[-1] and not os.path.exists({str(once)!r})\n"
        f"open({str(once)!r}, 'w').close() if first else None\n"
        "print(answer.stdout.replace('carp: BACKUP', 'carp: MASTER') if first else answer.stdout, end='')\n"
        "sys.stderr.write(answer.stderr)\n"
        "sys.exit(answer.returncode)\n"
    )
    here = " ".join([*PLAYER, str(RECORDINGS / "made-healthy-pair" / "nfs001")])
    words = ["--via", here, "--peer", f"{sys.executable} {tmp_path / 'moving'}", "--state-dir", str(tmp_path / "kept")]
    assert check_of("carp").main(words) == 0
    assert once.exists() and "[carp-well]" in capfd.readouterr().out


def test_a_clock_that_was_put_back_gives_no_grace(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    remembered = {"carp": "MASTER", "since": time.time() + 86400}
    Memory(str(tmp_path / "kept")).put("check_carp_hast-nfs001-home", remembered)
    assert "carp-master-hast-secondary" in findings(Case("", "carp_hast", answers=(SECONDARY,)), tmp_path, capfd)


@pytest.mark.slow
@pytest.mark.parametrize("module", ["carp", "carp_hast", "hast_splitbrain"])
def test_a_peer_that_is_this_node_is_not_judged_as_a_pair(
    module: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    node = " ".join([*PLAYER, str(RECORDINGS / "made-healthy-pair" / "nfs001")])
    status = check_of(module).main(["--via", node, "--peer", node, "--state-dir", str(tmp_path / "kept")])
    output = capfd.readouterr().out
    assert status == 3 and "[peer-is-this-node]" in output and "both" not in output.partition("\n")[0]


@pytest.mark.parametrize(("module", "reason"), [("hast", "hastctl-hangs"), ("carp_hast", "hast-role-unknown")])
def test_a_command_that_still_hangs_from_the_run_before_keeps_its_severity(
    module: str, reason: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    here = RECORDINGS / "made-healthy-pair" / "nfs001"
    argv = (*PLAYER, str(here), "/usr/bin/env LC_ALL=C /sbin/hastctl list home")
    GivenUpCommands(Memory(str(tmp_path / "kept"))).note(argv, os.getpid())
    reported = findings(Case("", module), tmp_path, capfd, here)
    assert reported[reason] == "CRITICAL"


ELSEWHERE = {
    "hast-io-errors-past",
    "failover-in-progress",
    "hast-role-changing",
    "peer-is-this-node",
    "command-still-hangs",
    "check-timeout",
    "check-failed",
}
"""Found above, in tests/probes/test_process.py and in tests/plugin/test_command.py."""


@pytest.mark.parametrize("check", ["hast_mount", "carp_hast"])
def test_a_pool_that_cannot_be_asked_is_not_called_well(
    check: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    case = Case("", check, answers=(ZFS, ("zpool status -P home", "", "zpool: permission denied\nexit 126")))
    assert "permission-denied" in list(findings(case, tmp_path, capfd))


def test_every_row_has_a_case() -> None:
    """A check from outside, which no recording can answer, has a test of its own for this."""
    shown = {case.reason for case in CASES} | ELSEWHERE
    for path in RECORDINGS.glob("*/*.expected"):
        shown |= set(re.findall(r"\[([a-z0-9-]+)\]", path.read_text()))
    for check in OF_SERVICE:
        assert {row.reason for row in check.load().table} <= shown, check.name
