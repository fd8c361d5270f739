"""Whether a line runs a program, told without running it, and held against what a real shell does."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checks.probes.devd_conf import DevdConfiguration
from checks.probes.shell_calls import Calls, calls
from checks.probes.shell_syntax import NotRead, WrongSyntax, parse

HOOK = "/usr/local/sbin/carp-hast-switch"
EVENT = {"system": "CARP", "subsystem": "2@em0", "type": "MASTER"}


def of(action: str) -> Calls:
    """An action of devd, in which H is the hook."""
    return calls(DevdConfiguration().command(action.replace("H ", f"{HOOK} ").replace("'H'", f"'{HOOK}'"), EVENT), HOOK)


@pytest.mark.parametrize(
    "action",
    [
        "H $subsystem $type",
        "'H' $subsystem $type",
        "exec H $subsystem $type",
        "H $subsystem $type &",
        "(H $subsystem $type )",
        "{ H $subsystem $type; }",
        "H $subsystem $type >/dev/null 2>&1 </dev/null",
        ">>/var/log/x H $subsystem $type || logger failed",
        "logger CARP; sleep 1; H $subsystem $type",
        "cd / && H $subsystem $type",
        "LANG=C H $subsystem $type",
        "[ -x H ] && H $subsystem $type",
        "[ ! -x H ] || H $subsystem $type",
        "if test -x H ; then H $subsystem $type; else logger missing; fi",
        "if false; then :; elif true; then H $subsystem $type; fi",
        "[ $type = MASTER ] && H $subsystem $type",
        "[ $type != BACKUP -a -n $subsystem ] && H $subsystem $type",
        "case $type in BACKUP) ;; MAST*|INIT) H $subsystem $type ;; esac",
        "for state in $type; do H $subsystem ${state}; done",
        "while ! H $subsystem $type; do sleep 1; done",
        "until H $subsystem $type; do sleep 1; done",
        "on() { H $$1 $$2; }; on $subsystem $type",
        "set -- $subsystem $type; H $$@",
        "s=$subsystem t=$type; H ${s} ${t}",
        "both=$(true); both=x; H $subsystem $type",
        "eval H $subsystem $type",
        "sh -c 'H $$1 $$2' sh $subsystem $type",
        "/bin/sh -ec 'exec H $0 $1' $subsystem $type",
        "env A=b H $subsystem $type",
        "/usr/bin/env -i -u HOME A=b H $subsystem $type",
        "/usr/sbin/daemon -f H $subsystem $type",
        "daemon -c -f -p /var/run/x.pid -u root -t carp H $subsystem $type",
        "nice H $subsystem $type",
        "nice -n -5 H $subsystem $type",
        "nohup H $subsystem $type",
        "timeout 60 H $subsystem $type",
        "timeout --signal=KILL -k 5 60 H $subsystem $type",
        "lockf -k -s -t 0 /var/run/x H $subsystem $type",
        "lockf -t0 /var/run/x nice -n 5 timeout 9 H $subsystem $type",
        "sudo -n -u root H $subsystem $type",
        "doas H $subsystem $type",
        "su -m root -c 'H '$subsystem' '$type",
        "script -q /dev/null H $subsystem $type",
        "command -v H && command H $subsystem $type",
        "cd /usr/local/sbin; ./carp-hast-switch $subsystem $type",
        "PATH=/usr/local/sbin:/bin; carp-hast-switch $subsystem $type",
        "/usr/local//sbin/../sbin/carp-hast-switch $subsystem $type",
        "echo $type | H $subsystem $type | logger",
        "x=`H $subsystem $type 2>&1`",
        "H \\\n $subsystem $type # the hook",
        "false || H $subsystem $type",
        "! false && H $subsystem $type",
        "python3 -I H $subsystem $type",
    ],
)
def test_the_hook_is_run_with_its_two_arguments(action: str) -> None:
    program_calls = of(action)
    assert [(call.arguments, call.doubt) for call in program_calls.made] == [(("2@em0", "MASTER"), "")]


@pytest.mark.parametrize(
    "action",
    [
        "logger H $subsystem $type",
        "echo H $subsystem $type >> /var/log/x",
        "true # H $subsystem $type",
        ": H $subsystem $type",
        "false && H $subsystem $type",
        "true || H $subsystem $type",
        "exit 0; H $subsystem $type",
        "exec true; H $subsystem $type",
        "if true; then :; else H $subsystem $type; fi",
        "[ $type = BACKUP ] && H $subsystem $type",
        "[ -x H.old ] && false && H $subsystem $type",
        "case $type in BACKUP) H $subsystem $type ;; esac",
        "for s in; do H $subsystem $type; done",
        "on() { H $subsystem $type; }",
        "hook='H $subsystem $type'",
        "carp-hast-switch $subsystem $type",  # PATH of rc(8) has no /usr/local/sbin
        "./carp-hast-switch $subsystem $type",
        "H.sh $subsystem $type",
        "HH $subsystem $type",
        "test -x H",
        "command -v H ",
        "H $subsystem $type | &",  # sh refuses these
        "if H $subsystem $type",
        "H $subsystem 'x",
        "&& H $subsystem $type",
        "su -c 'H '$subsystem' '$type",  # -c of FreeBSD's su(1) is a login class
        "set -e; false; H $subsystem $type",
    ],
)
def test_the_hook_is_not_run(action: str) -> None:
    assert of(action) == Calls((), "")


@pytest.mark.parametrize(
    ("action", "arguments"),
    [
        ("H $type", ("MASTER",)),
        ("H $type $subsystem", ("MASTER", "2@em0")),
        ("H ", ()),
        ("H $subsystem", ("2@em0",)),
        ("H $subsystem$type", ("2@em0MASTER",)),
        ("H ${subsystem} ${type}", ()),  # sh has no such variables
        ("H '$subsystem' '$type'", ("$2@em0", "$MASTER")),  # $'2@em0' within quotes
        ("sh -c 'H $subsystem $type'", ("@em0",)),
        ("su -m root -c 'H $subsystem $type'", ("@em0",)),
        ("H $interface $type", ("", "MASTER")),
        ("x=$(H $subsystem $type )", ()),  # devd expands nothing within $( )
        ("H $*", ("!system=CARP subsystem=2@em0 type=MASTER",)),
        ("H $subsystem $type extra", ("2@em0", "MASTER", "extra")),
    ],
)
def test_the_hook_is_run_with_other_arguments(action: str, arguments: tuple[str, ...]) -> None:
    assert [(call.arguments, call.doubt) for call in of(action).made] == [(arguments, "")]


@pytest.mark.parametrize(
    "action",
    [
        "/root/bin/once H $subsystem $type",
        "jexec 1 H $subsystem $type",
        "ssh nfs002 H $subsystem $type",
        "echo H $subsystem $type | sh",
        "trap 'H $subsystem $type' EXIT",
        ". H $subsystem $type",
        "sh H $subsystem $type",
        "xargs H $subsystem $type",
        "${RUN-nice} H $subsystem $type",
        "cat <<E\nx\nE\nH $subsystem $type",
        "[ -e /var/run/nofailover ] || H $subsystem $type",
        "if mount -p; then H $subsystem $type; fi",
        "grep -q x /etc/y && H $subsystem $type",
        "H $subsystem $(cat /tmp/state)",
        "read s t; H ${s} ${t}",
        "python3 -c H $subsystem $type",
    ],
)
def test_what_cannot_be_told_is_not_told(action: str) -> None:
    program_calls = of(action)
    assert program_calls.unclear or (
        program_calls.made and all(call.doubt or None in call.arguments for call in program_calls.made)
    )


def test_a_line_without_the_hook_is_clear_whatever_it_does() -> None:
    assert of("cat <<E\nE\n/root/x | sh; . /etc/rc.subr") == Calls((), "")


# --- held against a shell ------------------------------------------------------------------------------------------

BASH = shutil.which("bash")
SHELL_WORDS = st.sampled_from(
    ["true", "false", ":", "H $subsystem $type", "H $type", "echo H x", "[ -x H ]", "[ ! -x H ]", "[ $type = MASTER ]",
     "[ $type != MASTER ]", "test -n $type", "test -z $type", "env A=b H $subsystem $type", "nice H $subsystem $type",
     "exit", "exit 1", "cd /", "x=$type", "H ${x} ${y}", "x=", "H '$type' a", "eval H $subsystem $type", "set -e",
     "sh -c 'H $$1' sh $type", "sh -c 'exit 3'", "timeout 5 H $type", "H a >/dev/null 2>&1", "H a &", "y=b H ${y}",
     "case $type in M*) H m ;; *) H o ;; esac", "for x in a b; do H ${x}; done", "f() { H f $$1; return 1; H x; }",
     "f $type",
     "command H c", "nohup H n", "set -- p q", "H $$# $$@", "shift", "unset x", "H \\\n z", "H 'a b' $'c\\'d'",
     "exit 0", "for x in a b; do H ${x}; break; H z; done", "for x in a b; do continue; H ${x}; done",
     "export y=e", "sh -c 'H ${y}x'", "exec H $type", "H \"q r\" 's'", "H $(true) v", "( exit )", "{ H g; }"]
)  # fmt: skip


def joined(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(inner, st.sampled_from(["; ", " && ", " || ", "\n"]), inner).map("".join),
        inner.map(lambda line: f"( {line}\n)"),
        inner.map(lambda line: f"{{ {line}\n}}"),
        inner.map(lambda line: f"! {{ {line}\n}}"),
        st.tuples(inner, inner, inner).map(lambda each: f"if {each[0]}\nthen {each[1]}\nelse {each[2]}\nfi"),
        st.tuples(inner, inner).map(lambda each: f"case $type in M*) {each[0]}\n;; *) {each[1]}\n;; esac"),
        inner.map(lambda line: f"for x in k l; do {line}\ndone"),
        st.tuples(inner, inner).map(lambda each: f"{{ {each[0]}\n}} | {{ {each[1]}\n}}"),
    )


LINES = st.recursive(SHELL_WORDS, joined, max_leaves=6)


@pytest.fixture(scope="module")
def hook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program that records its arguments, in one write(2): two may run at once."""
    path = tmp_path_factory.mktemp("hook") / "hook"
    path.write_text('#!/bin/sh\nline=\nfor word; do line="$line<$word>"; done\nprintf "%s\\n" "$line" >> "$0.called"\n')
    path.chmod(0o755)
    return path


def really(line: str, hook: Path) -> list[tuple[str, ...]] | None:
    """How a shell calls the hook; None where it refuses the line."""
    called = Path(f"{hook}.called")
    called.write_text("")
    environment = {"PATH": "/sbin:/bin:/usr/sbin:/usr/bin", "HOME": "/"}
    done = subprocess.run([str(BASH), "--posix", "-c", f"{line}\nwait"], env=environment, cwd="/", check=False,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)  # fmt: skip
    if "syntax error" in done.stderr:
        return None
    return [tuple(each[1:-1].split("><")) if each else () for each in called.read_text().splitlines()]


@pytest.mark.skipif(BASH is None, reason="needs a shell that knows $'…'")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(LINES)
def test_a_shell_runs_what_is_told(hook: Path, line: str) -> None:
    """Every call that is certain is made, and none is made that is not told."""
    line = DevdConfiguration().command(line.replace("H ", f"{hook} "), EVENT)
    runs = really(line, hook)
    predicted = calls(line, str(hook))
    if runs is None:
        return
    certain = [call.arguments for call in predicted.made if not call.doubt and None not in call.arguments]
    for arguments in certain:
        assert arguments in runs, line
    if not predicted.unclear:
        for arguments in runs:
            assert any(
                (
                    len(call.arguments) == len(arguments)
                    and all(word is None or word == real for word, real in zip(call.arguments, arguments, strict=True))
                )
                or None in call.arguments
                for call in predicted.made
            ), line


@given(st.text(st.sampled_from("abHif then;&|(){}<>'\"$\\`#=\n!case esac-")))
def test_no_line_makes_it_fail(line: str) -> None:
    calls(line, "/b/H")
    try:
        parse(line)
    except (WrongSyntax, NotRead) as error:
        assert str(error)


def test_a_part_of_a_pipeline_may_be_negated() -> None:
    assert [call.arguments for call in calls("a | ! /hook x y", "/hook").made] == [("x", "y")]
    with pytest.raises(WrongSyntax):
        parse("a | !")


@pytest.mark.skipif(os.uname().sysname != "Linux", reason="compares with the dash of Linux, which is FreeBSD's ash")
@given(st.text(st.sampled_from("ab;&|(){}'\"\n! <>"), max_size=12))
def test_what_sh_refuses_is_refused(line: str) -> None:
    """`sh -n` reads without running. Only FreeBSD's knows `!` behind a `|` (bin/sh/parser.c, pipeline())."""
    done = subprocess.run(["/bin/sh", "-n", "-c", line], capture_output=True, text=True, check=False)
    try:
        parse(line)
    except WrongSyntax:
        assert done.returncode != 0, line
    except NotRead:
        return
    else:
        assert done.returncode == 0 or re.search(r"[<>]|\|[ \n]*!", line), (line, done.stderr)
