"""`hastwatch answer`: the root of the other node gets what hastwatch asks and orders, and nothing else."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks import VERSION, ask
from checks.plugin.config import CheckConfig, ResourceConfig
from checks.probes import rc_conf
from checks.probes.node import ENV_C, quoted
from checks.probes.process import CompletedCommand
from remediate.config import RemediationConfig
from remediate.failover import exported
from remediate.policy import Failover
from remediate.recovery.items import FILE
from remediate.recovery.remote_tree import RemoteTree
from remediate.recovery.trees import DirectoryTree
from remediate.subcommands import answer
from tests.expected import PYTHON
from tests.recovery.copies import OwnProgram, make
from tests.state.child import ROOT

PROGRAM = "/usr/local/hastwatch/bin/hastwatch"
CONFIG = RemediationConfig(
    CheckConfig(resource={"home": ResourceConfig(mount_point="/srv/home")}, ask_write=True),
    Failover(services=("ctld",)),
)
SAMPLES = {
    "name": "home", "point": "/hast/home", "service": "ctld", "address": "10.1.101.5", "path": "/hast/home/mail",
    "copies": "complete,incomplete", "names": "home,mail", "node": "nfs001", "number": "4000", "base64": "bWFpbC8rYQ==",
    "client": "10.1.101.20,876,1023",
}  # fmt: skip


def line_of(row: tuple[str, str, str]) -> str:
    """A command line of a row."""
    program, pattern, _ = row
    pattern = re.sub(r"(<[a-z0-9]+>)\.\.\.", r"\1 \1", pattern.replace("<base64>...", "<base64> -"))
    words = re.sub("<([a-z0-9]+)>", lambda kind: SAMPLES[kind[1]], pattern).split()
    return quoted((*ENV_C, PROGRAM if program == answer.PROG else program, *words))


LINES = [line_of(row) for row in answer.READS + answer.ORDERS]


def is_admitted(line: str, config: RemediationConfig = CONFIG) -> bool:
    """Whether the gate runs it."""
    try:
        answer.admitted(line, lambda: config)
    except ask.LineRefused:
        return False
    return True


def of_hastwatch(*words: str) -> str:
    """A line that runs hastwatch."""
    return quoted((*ENV_C, PROGRAM, *words))


@pytest.mark.parametrize("line", LINES)
def test_what_hastwatch_asks_is_admitted_word_for_word(line: str) -> None:
    argv = answer.admitted(line, lambda: CONFIG)
    assert quoted((*ENV_C, PROGRAM if argv[0] == answer.PROG else argv[0], *argv[1:])) == line


def test_it_answers_what_the_checks_ask_too() -> None:
    assert is_admitted(quoted((*ENV_C, "/sbin/hastctl", "list", "home")))
    assert is_admitted(quoted((*ENV_C, "/bin/df", "-ik", "/srv/home")))


def test_leave_to_write_is_none_for_the_other_node() -> None:
    line = quoted((*ENV_C, "/usr/bin/mktemp", "/hast/home/.hastwatch.XXXXXXXX"))
    assert ask.admitted(line, lambda: CONFIG.checks) and not is_admitted(line)


@pytest.mark.parametrize(
    "line",
    [
        of_hastwatch(),
        of_hastwatch("promote", "--accept-data-loss"),
        of_hastwatch("converge"),
        of_hastwatch("repair", "hastd"),
        of_hastwatch("recover", "home", "--resync", "--yes"),
        of_hastwatch("restore", "/var/salvage/home-1", "--to-live", "over", "--yes"),
        of_hastwatch("submit", "--to", "icinga", "--", "/bin/sh"),
        of_hastwatch("maintenance", "on"),
        of_hastwatch("clear"),
        of_hastwatch("ledger", "home"),
        of_hastwatch("ledger", "home", "--told", "complete", "--by", "nfs001", "--state-dir", "/tmp"),
        of_hastwatch("ledger", "home", "--told", "unknown", "--by", "nfs001"),
        of_hastwatch("ledger", "home,", "--told", "complete,", "--by", "nfs001"),
        of_hastwatch("ledger", "home", "--told", "complete", "--by", "--via"),
        of_hastwatch("journal", "--json", "-n", "2000", "--state-dir", "/root"),
        of_hastwatch("journal", "--json", "-n", "99999999"),
        of_hastwatch("tree", "list", "/", "--limit", "10"),
        of_hastwatch("tree", "list", "/hast", "--limit", "10"),
        of_hastwatch("tree", "list", "/hast/home/..", "--limit", "10"),
        of_hastwatch("tree", "list", "/hast/home", "--limit", "-1"),
        of_hastwatch("tree", "list", "/hast/home", "--limit", "10", "--after", "--limit"),
        of_hastwatch("tree", "read", "/hast/home", "--offset", "0", "--limit", "1", "bWFpbA=="),
        of_hastwatch("tree", "sha256", "/etc", "bWFpbA=="),
        of_hastwatch("tree", "sha256", "/hast/home"),
        of_hastwatch("tree", "sha256", "/hast/home", "bWFpbA==", "--help"),
        of_hastwatch("reach", "10.1.101.5;id", "/hast/home"),
        of_hastwatch("reach", "evil.example.org", "/hast/home"),
        of_hastwatch("reach", "10.1.101.5", "hast"),
        of_hastwatch("reach", "10.1.101.5", "/hast/home", "--state-dir", "/tmp"),
        of_hastwatch("-V"),
        of_hastwatch("answer"),
        quoted((*ENV_C, "hastwatch", "--version")),
        quoted((*ENV_C, "/usr/sbin/service", "sshd", "onestatus")),
        quoted((*ENV_C, "/usr/sbin/service", "ctld", "onestop")),
        quoted((*ENV_C, "/usr/bin/tail", "-n", "400", "/etc/master.passwd")),
        quoted((*ENV_C, "/usr/bin/tail", "-F", "/var/db/hastwatch/journal.jsonl")),
        quoted((*ENV_C, "/bin/cat", "/var/db/hastwatch/../x.json")),
        quoted((*ENV_C, "/bin/ls", "/dev/hast/../ada1")),
        quoted((*ENV_C, "/sbin/hastctl", "role", "primary", "home")),
        quoted((*ENV_C, "/sbin/umount", "-f", "/hast/home")),
        "/bin/sh", "", "\n", f"{LINES[0]}\n{LINES[0]}", f"{LINES[0]} ", f" {LINES[0]}", f"{LINES[0]};id",
        of_hastwatch("tree", "sha256", "/hast/home", *["bWFpbA=="] * 10_000),
    ],
)  # fmt: skip
def test_what_an_attacker_on_the_other_node_would_order_is_refused(line: str) -> None:
    assert not is_admitted(line)


@pytest.mark.slow
@given(
    st.sampled_from(LINES), st.integers(0), st.sampled_from([";id", "$(id)", "`id`", "\n", "'", "|", ">x", "..", "--x"])
)
def test_a_line_with_something_hostile_in_it_is_refused(line: str, at: int, hostile: str) -> None:
    words = line.split(" ")
    words.insert(at % (len(words) + 1), hostile)
    assert not is_admitted(" ".join(words))
    assert not is_admitted(quoted(tuple(words)))


RC_CONF = quoted((*ENV_C, "/bin/sh", "-c", rc_conf.SCRIPT, "sh", *rc_conf.arguments(exported.ASKED)))


def test_the_one_question_to_rc_conf_is_admitted_and_runs_what_this_node_has_of_it() -> None:
    argv = answer.admitted(RC_CONF, lambda: CONFIG)
    assert argv == ["/bin/sh", "-c", rc_conf.SCRIPT, "sh", "mountd=mountd_flags,zfs_enable"]


@pytest.mark.parametrize(
    "line",
    [
        RC_CONF.replace("/etc/rc.subr", "/tmp/rc.subr"),
        RC_CONF.replace("mountd=mountd_flags", "mountd=x;id"),
        RC_CONF.replace("mountd=mountd_flags", "../../tmp/x=mountd_flags"),
        f"{RC_CONF} nfsd=nfs_server_flags",
        f"{RC_CONF};id",
        f"{RC_CONF}\nid",
        RC_CONF.removesuffix(",zfs_enable"),
        quoted((*ENV_C, "/bin/sh", "-c", "id")),
        quoted((*ENV_C, "/bin/sh", "/etc/rc.d/mountd")),
        quoted((*ENV_C, "/bin/sh")),
    ],
)
def test_no_other_line_for_a_shell_is(line: str) -> None:
    assert not is_admitted(line)


@pytest.mark.slow
@given(st.integers(0, len(RC_CONF)), st.integers(0, 3), st.text(max_size=3))
def test_no_letter_of_it_may_be_another(at: int, cut: int, put: str) -> None:
    line = RC_CONF[:at] + put + RC_CONF[at + cut :]
    assert not is_admitted(line) or line == RC_CONF


@given(st.text())
def test_no_text_is_admitted_by_chance(text: str) -> None:
    for line in (text, f"{quoted(ENV_C)} {text}", f"{quoted(ENV_C)} {PROGRAM} {text}"):
        by_chance = is_admitted(line) and line.split(" ")[3:] != ["--version"]
        assert not by_chance or text in {program for program, arguments, _ in ask.READS if not arguments}


class ThroughTheGate(OwnProgram):
    """A way to `hastwatch tree` of another node, which has the directory as a mount point."""

    def __init__(self, point: Path) -> None:
        super().__init__()
        self._config = RemediationConfig(CheckConfig(resource={"home": ResourceConfig(mount_point=str(point))}))

    def act(self, argv: tuple[str, ...], seconds: float) -> CompletedCommand:
        """Raises Refused."""
        return super().act((PROGRAM, *answer.admitted(quoted((*ENV_C, *argv)), lambda: self._config)[1:]), seconds)


def test_a_salvage_reads_the_names_and_hashes_of_the_other_node_through_it(tmp_path: Path) -> None:
    make(tmp_path / "live", {b"d/\xff\n %d" % number: b"%d" % number for number in range(20)})
    there = RemoteTree(ThroughTheGate(tmp_path / "live"), PROGRAM, str(tmp_path / "live"), page=7)
    here = DirectoryTree(str(tmp_path / "live"))
    assert list(there.walk()) == list(here.walk())
    files = [item for item in here.walk() if item.kind == FILE]
    assert list(there.digests(files)) == list(here.digests(files))


def test_the_list_names_every_row() -> None:
    for program, pattern, what in (*answer.READS, answer.RC_CONF, *answer.ORDERS):
        assert re.search(rf"(?m)^{re.escape(f'{program} {pattern}'.strip())} +{re.escape(what)}$", answer.listing())


def answered(line: str | None, *words: str, tmp: Path) -> subprocess.CompletedProcess[str]:
    """What a process of it says."""
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from remediate.command import main; sys.exit(main())"
    environment = {"EVIL": "1"} | ({} if line is None else {"SSH_ORIGINAL_COMMAND": line})
    return subprocess.run(
        [PYTHON, "-I", "-c", code, "answer", *words], env=environment, capture_output=True, text=True, timeout=60,
        check=False, cwd=tmp,
    )  # fmt: skip


def test_an_order_is_run_by_this_hastwatch_wherever_the_other_node_thinks_it_is(tmp_path: Path) -> None:
    done = answered(quoted((*ENV_C, "/opt/elsewhere/hastwatch", "--version")), tmp=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"hastwatch {VERSION}\n", "")


@pytest.mark.slow
def test_a_refusal_is_one_line_and_126(tmp_path: Path) -> None:
    for line in (None, "", "id", of_hastwatch("promote"), "\x1b[2J\n" + "y" * 100_000):
        done = answered(line, tmp=tmp_path)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (126, "", 1)
        assert done.stderr.rstrip("\n").isprintable() and len(done.stderr) < 500


def test_a_question_does_not_wait_for_what_it_does_not_need() -> None:
    unwanted = [
        "argparse",
        "re",
        "subprocess",
        "tomllib",
        "json",
        "checks.plugin",
        "checks.probes",
        "remediate.context",
    ]
    code = f"import sys, remediate.subcommands.answer; print([name for name in {unwanted} if name in sys.modules])"
    argv = [sys.executable, "-S", "-c", code]
    assert subprocess.run(argv, capture_output=True, text=True, check=True, cwd=ROOT, timeout=60).stdout == "[]\n"
