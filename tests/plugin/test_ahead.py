"""Several questions in one call: the same verdict as one by one, with fewer logins, and never a worse one.

`ssh` here is a program that logs each call and answers it from a recording, through the real `checks.batch`.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from checks import batch
from checks.ask import LineRefused
from checks.probes import ahead
from checks.probes.errors import NotUnderstood

ROOT = Path(__file__).parents[2]
PLAYER, RECORDINGS = ROOT / "tests" / "player.py", ROOT / "tests" / "recordings"
SSH = """#!{python} -I
import os, sys
sys.path.insert(0, {root!r})
line = sys.argv[-1]
open({log!r}, "a").write(line + "\\n")
player = [{python!r}, "-I", "-S", {player!r}, sys.argv[1]]
words = line.split(" ")
if words[3:4] == ["--batch"]:
    if {gate!r} == "none":
        print("env: /usr/local/hastwatch/bin/hastwatch-ask: No such file or directory", file=sys.stderr)
        sys.exit(127)
    if {gate!r} == "other version":
        print('{{"version": 2, "answers": []}}')
        sys.exit(0)
    if {gate!r} == "no login":
        print("ssh: connect to host nfs002 port 22: Operation timed out", file=sys.stderr)
        sys.exit(255)
    from checks import batch
    sys.exit(batch.answer(words[3:], lambda one: [*player, one]))
os.execv(player[0], [*player, line])
"""


class Login:
    """A way to the nodes of a recording whose program is called ssh."""

    def __init__(self, directory: Path, state: str, gate: str) -> None:
        self.log = directory / "log"
        self.state = RECORDINGS / state
        self.program = directory / "ssh"
        text = SSH.format(python=sys.executable, root=str(ROOT), log=str(self.log), player=str(PLAYER), gate=gate)
        self.program.write_text(text)
        self.program.chmod(0o755)

    def to(self, node: str) -> str:
        return f"{self.program} {self.state / node}"

    def calls(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []


def checked(command: str, via: str, peer: str, directory: Path) -> tuple[int, str]:
    """The exit status and what the check says."""
    argv = [str(Path(sys.executable).with_name(command)), "--via", via, "--peer", peer, "--timeout", "60"]
    done = subprocess.run([*argv, "--state-dir", str(directory)], capture_output=True, text=True, timeout=90)
    return done.returncode, done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("command", ["check_hast_splitbrain", "check_carp", "check_carp_hast"])
@pytest.mark.parametrize("state", ["made-healthy-pair", "split-brain", "hastd-not-running"])
@pytest.mark.parametrize("gate", ["present", "none", "other version"])
def test_asking_ahead_changes_no_verdict(command: str, state: str, gate: str, tmp_path: Path) -> None:
    player = f"{sys.executable} -I -S {PLAYER} {RECORDINGS / state}"
    one_by_one = checked(command, f"{player}/nfs001", f"{player}/nfs002", tmp_path / "one")
    login = Login(tmp_path, state, gate)
    assert checked(command, login.to("nfs001"), login.to("nfs002"), tmp_path / "several") == one_by_one


@pytest.mark.slow
@pytest.mark.parametrize(("command", "most"), [("check_carp", 1), ("check_hast_splitbrain", 1), ("check_carp_hast", 2)])
def test_a_check_asks_the_other_node_in_one_call_and_on_a_standby_for_the_names_under_the_mount_point(
    command: str, most: int, tmp_path: Path
) -> None:
    login = Login(tmp_path, "made-healthy-pair", "present")
    player = f"{sys.executable} -I -S {PLAYER} {RECORDINGS / 'made-healthy-pair'}"
    status, _ = checked(command, f"{player}/nfs001", login.to("nfs002"), tmp_path / "state")
    assert status == 0
    assert len(login.calls()) <= most, login.calls()


@pytest.mark.slow
def test_what_the_answers_about_devd_lead_to_is_asked_in_one_call_too(tmp_path: Path) -> None:
    player = f"{sys.executable} -I -S {PLAYER} {RECORDINGS / 'made-healthy-pair'}"
    one_by_one = checked("check_devd", f"{player}/nfs001", "", tmp_path / "one")
    login = Login(tmp_path, "made-healthy-pair", "present")
    assert checked("check_devd", login.to("nfs001"), "", tmp_path / "several") == one_by_one
    assert len(login.calls()) == 3, login.calls()  # the last one: which Python the hook's environment was made for


@pytest.mark.slow
def test_a_node_that_cannot_be_reached_is_asked_once(tmp_path: Path) -> None:
    login = Login(tmp_path, "made-healthy-pair", "no login")
    player = f"{sys.executable} -I -S {PLAYER} {RECORDINGS / 'made-healthy-pair'}"
    status, output = checked("check_carp_hast", f"{player}/nfs001", login.to("nfs002"), tmp_path / "state")
    assert status != 0 and "Operation timed out" in output
    assert len(login.calls()) == 1


def test_a_prefix_that_costs_no_login_is_asked_one_by_one() -> None:
    assert ahead.is_worth_it(("/usr/bin/ssh", "-o", "BatchMode=yes", "nfs002"))
    assert ahead.is_worth_it(("/usr/local/bin/sudo", "-n", "/usr/local/hastwatch/bin/hastwatch-ask"))
    assert not ahead.is_worth_it(("/usr/bin/env", "player"))
    assert not ahead.is_worth_it(())


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "{}", '{"version": 1, "answers": {}}', '{"version": 1, "answers": []}',
        '{"version": 2, "answers": [null]}',
        '{"version": 1, "answers": [[0, "x"]]}', '{"version": 1, "answers": [[true, "", ""]]}',
        '{"version": 1, "answers": [[0, "", 1]]}', '{"version": 1, "answers": ["hung"]}', "[" * 100_000,
    ],
)  # fmt: skip
def test_what_is_no_answer_is_refused(text: str) -> None:
    with pytest.raises(NotUnderstood):
        ahead.answers(text, 1)


def test_a_question_that_hangs_and_one_that_is_left_out_are_told_apart() -> None:
    assert ahead.answers('{"version": 1, "answers": ["hangs", null, [1, "a", "b"]]}', 3) == [
        ahead.HungCommand(), None, ahead.CommandAnswer(1, "a", "b"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "words",
    [
        ["--batch"], ["--batch", "2"], ["--batch", "0", "--", "/sbin/mount"], ["--batch", "61", "--", "/sbin/mount"],
        ["--batch", "nan", "--", "/sbin/mount"], ["--batch", "2", "/sbin/mount"], ["--batch", "2", "--"],
        ["--batch", "2", *["--", "/sbin/mount"] * 65],
    ],
)  # fmt: skip
def test_what_is_no_batch_of_questions_is_refused(words: list[str]) -> None:
    with pytest.raises(LineRefused):
        batch.answer(words, lambda line: [])


def test_each_question_is_admitted_by_itself(tmp_path: Path) -> None:
    """The second one writes: it is refused, and the first one is answered."""
    argv = [str(Path(sys.executable).with_name("hastwatch-ask")), "--batch", "5", "--", "/usr/bin/uname", "-r"]
    argv += ["--", "/usr/bin/touch", str(tmp_path / "written")]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    first, second = ahead.answers(done.stdout, 2)
    assert isinstance(first, ahead.CommandAnswer) and first.status == 0 and first.stdout
    assert isinstance(second, ahead.CommandAnswer) and second.status == 126 and not (tmp_path / "written").exists()


def test_the_gate_takes_the_line_that_a_check_makes() -> None:
    from checks import ask
    from checks.probes.node import ENV_C, quoted

    line = quoted((*ENV_C, *ahead.command([("/sbin/mount",), ("/sbin/hastctl", "list", "home")], 2.5)))
    assert ask.several(line) == ["--batch", "2.5", "--", "/sbin/mount", "--", "/sbin/hastctl", "list", "home"]
    assert ask.several("/usr/bin/env LC_ALL=C /sbin/mount") == []


@pytest.mark.slow
def test_a_question_that_hangs_ends_with_the_others_answered() -> None:
    code = (
        "from checks import batch\n"
        "ways = {'hangs': ['/bin/sleep', '30'], 'answers': ['/bin/echo', 'well']}\n"
        "batch.answer(['--batch', '1', '--', 'hangs', '--', 'answers'], lambda line: ways[line.split()[-1]])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=20)
    assert ahead.answers(done.stdout, 2) == [ahead.HungCommand(), ahead.CommandAnswer(0, "well\n", "")]
