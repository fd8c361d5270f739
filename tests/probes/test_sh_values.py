"""What is worked out of files of rc.conf(5) without a shell is what a shell has, or is not known."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checks.probes.sh_syntax import Unreadable
from checks.probes.sh_values import Shell, says_yes

NAMES = ("a", "b", "c", "mountd_flags")
YESNO = """checkyesno() { eval _v=\\$$1
case $_v in [Yy][Ee][Ss]|[Tt][Rr][Uu][Ee]|[Oo][Nn]|1) return 0;; esac; return 1; }
"""
"""rc.subr(8), without its warning."""
PRINT = "".join(f'printf "%s\\0" "{name}=${{{name}-(unset)}}"\n' for name in NAMES)


def of_sh(text: str, directory: Path) -> dict[str, str] | None:
    """What sh(1) has after the file, None where it does not get to its end."""
    path = directory / "rc.conf"
    path.write_bytes(text.encode())
    script = f"{YESNO}. {path} >/dev/null 2>&1\n{PRINT}printf end"
    done = subprocess.run(
        ["/bin/sh", "-c", script], capture_output=True, check=False, cwd=directory, env={}, timeout=20
    )
    records = done.stdout.decode().split("\0")
    return dict(record.split("=", 1) for record in records[:-1]) if records[-1] == "end" else None


def of_reader(text: str, directory: Path) -> Shell:
    """The same by the reader."""

    def read(path: str) -> str | None:
        if path == "/etc/rc.conf":
            return text
        if not path.startswith(str(directory)):
            raise Unreadable(path)
        return Path(path).read_text() if Path(path).is_file() else None

    shell = Shell({}, read, complete=True)
    shell.source("/etc/rc.conf")
    return shell


def agrees(text: str, directory: Path) -> int:
    """How many of NAMES the reader knows; it has to have them as the shell has."""
    shell, wanted = of_reader(text, directory), of_sh(text, directory)
    known = [name for name in NAMES if shell.known(name)]
    if wanted is None:
        assert not known, f"the shell did not get to the end of {text!r}"
        return 0
    for name in known:
        value = shell.get(name)
        assert ("(unset)" if value is None else value) == wanted[name], f"{name} of {text!r}"
    return len(known)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("mountd_flags=-r; a=b mountd_flags='-r -n'", "-r -n"),  # several on a line, the last one wins
        ('a=1 b=2 mountd_flags="$a $b"', "1 2"),
        ('mountd_flags="-r"\nmountd_flags="${mountd_flags} -p 900"', "-r -p 900"),
        (': ${mountd_flags:="-r -S"}', "-r -S"),
        ('mountd_flags=""\n: ${mountd_flags:=-l}', "-l"),
        ('mountd_flags=""\n: ${mountd_flags=-l}', ""),
        ("mountd_flags=-r' -l'\" -n\"", "-r -l -n"),
        ('mountd_flags="-r \\\n-l"', "-r -l"),
        ('mountd_flags="-r" # and why', "-r"),
        ("mountd_flags=-r#l", "-r#l"),
        ("mountd_flags='-h 10.1.101.5 -h \"::1\"'", '-h 10.1.101.5 -h "::1"'),
        ('a=YES\nif checkyesno a; then mountd_flags="-l"; else mountd_flags="-n"; fi', "-l"),
        ('if [ "${a:-none}" = "none" ]; then mountd_flags=1; fi', "1"),
        ('a=nfs002\ncase $a in nfs001|nfs003) mountd_flags=1;; nfs*) mountd_flags=2;; *) mountd_flags=3;; esac', "2"),
        ("a=Yes; case $a in [Nn]*) mountd_flags=1;; [Yy][Ee][Ss]) mountd_flags=2;; esac", "2"),
        ("for a in -r -S; do mountd_flags=\"$mountd_flags $a\"; done", " -r -S"),
        ("mountd_flags=1\nmountd_flags+=2", "1"),  # no assignment in sh(1)
        ("export mountd_flags=-r", "-r"),
        ("a=x; [ -n \"$a\" ] && mountd_flags=-l || mountd_flags=-n", "-l"),
        ("mountd_flags=-r\r", "-r\r"),
        ('mountd_flags="\\$a \\"q\\" \\x"', '$a "q" \\x'),
        ('{ mountd_flags="-r"; }', "-r"),
    ],
)  # fmt: skip
def test_a_value_is_what_the_shell_has(text: str, value: str, tmp_path: Path) -> None:
    shell = of_reader(text, tmp_path)
    assert shell.known("mountd_flags") and shell.get("mountd_flags") == value
    agrees(text, tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "mountd_flags=$(hostname -s)",
        "mountd_flags=`hostname`",
        "mountd_flags=-r\nif grep -q x /etc/motd; then mountd_flags=-l; fi",
        "mountd_flags=-r\nsomething_else",
        "mountd_flags=-r\nf() { mountd_flags=-l; }\nf",
        "mountd_flags=-r\nwhile false; do mountd_flags=-l; done",
        "mountd_flags=-r\ncat <<EOF\nmountd_flags=-l\nEOF",
        "mountd_flags=-r\neval mountd_flags=-l",
        "mountd_flags=${HOME}",
        "mountd_flags=~/x",
        "mountd_flags='-r",
        "mountd_flags=-r\n. ./local",
        "mountd_flags=-r\n. /no/such/file",
        'a="$(hostname)"\ncase $a in nfs001) mountd_flags=-l;; *) mountd_flags=-n;; esac',
        "mountd_flags=-r\nexit 1",
        "mountd_flags=-r\nIFS=:",
        "mountd_flags=${a%%.*}",
        "mountd_flags=$(($a+1))",
    ],
)
def test_what_only_a_shell_can_tell_is_not_known(text: str, tmp_path: Path) -> None:
    assert not of_reader(text, tmp_path).known("mountd_flags")


def test_what_depends_on_nothing_unknown_is_still_known(tmp_path: Path) -> None:
    shell = of_reader('a=$(hostname)\nif [ "$a" = x ]; then b=1; fi\nmountd_flags=-r', tmp_path)
    assert shell.known("mountd_flags") and not shell.known("a") and not shell.known("b")


def test_another_file_is_read_where_the_shell_reads_it(tmp_path: Path) -> None:
    (tmp_path / "site").write_text("a=2\nreturn 0\na=3")
    agreed = agrees(f"a=1\n[ -r {tmp_path}/site ] && . {tmp_path}/site\n[ -f {tmp_path}/no ] && a=9\nb=$a", tmp_path)
    assert agreed == len(NAMES)


def test_yes_is_what_rc_takes_for_it() -> None:
    assert all(map(says_yes, ("YES", "yes", "Yes", "TRUE", "true", "ON", "on", "1")))
    assert not any(map(says_yes, ("NO", "", None, "y", "YES ", "2", "enabled", "YES\r")))


VALUE = st.sampled_from(["-r", "", "a b", "YES", "$", "#x", "1", "*", "a'b", 'a"b', "\\", "é", "=", "~"])
NAME = st.sampled_from(NAMES)


def quoted(value: str) -> st.SearchStrategy[str]:
    """One spelling of a value."""
    double = '"' + "".join("\\" + mark if mark in '$`"\\' else mark for mark in value) + '"'
    escaped = "".join("\\" + mark for mark in value) or "''"
    single = "'" + value.replace("'", "'\"'\"'") + "'"
    return st.sampled_from([double, single, escaped])


WORD = st.recursive(
    st.one_of(
        VALUE.flatmap(quoted),
        st.sampled_from(["x", "/usr", "a:b"]),
        st.builds("${}".format, NAME),
        st.builds('"${{{}}}"'.format, NAME),
    ),
    lambda inner: st.one_of(
        st.builds("${{{}{}{}}}".format, NAME, st.sampled_from([":-", "-", ":=", "=", ":+", "+"]), inner),
        st.builds("{}{}".format, inner, inner),
        st.builds('"${{{}{}y z}}"'.format, NAME, st.sampled_from([":-", ":=", "+"])),
    ),
    max_leaves=3,
)
ASSIGNMENT = st.builds("{}={}".format, NAME, WORD)
PLAIN = st.one_of(ASSIGNMENT, st.builds("{}; {}".format, ASSIGNMENT, ASSIGNMENT))
CONDITION = st.one_of(
    st.builds('[ "{}" = {} ]'.format, st.builds("${}".format, NAME), WORD),
    st.builds("[ -n {} ]".format, WORD),
    st.builds("checkyesno {}".format, NAME),
    st.builds("! [ -z {} ]".format, WORD),
    st.sampled_from(["true", "false", "grep -q x /dev/null"]),
)
STATEMENT = st.recursive(
    st.one_of(
        ASSIGNMENT,
        st.builds("{} {}".format, ASSIGNMENT, ASSIGNMENT),
        st.builds(": {} {}".format, WORD, WORD),
        st.builds("export {}".format, ASSIGNMENT),
        st.builds("unset {}".format, NAME),
        st.builds("echo {}".format, WORD),
        st.sampled_from(["# why", "", "{ a=1; }", "a=$(echo 1)", "b=`echo x`", "return", "nosuchcommand"]),
    ),
    lambda inner: st.one_of(
        st.builds("if {}; then {}; else {}; fi".format, CONDITION, ASSIGNMENT, inner.filter(bool)),
        st.builds("{} && {}".format, CONDITION, ASSIGNMENT),
        st.builds("{} || {}".format, CONDITION, ASSIGNMENT),
        st.builds("case {} in {}) {};; *) {};; esac".format, WORD, VALUE.flatmap(quoted), ASSIGNMENT, ASSIGNMENT),
        st.builds("for c in {} {}; do {}; done".format, WORD, WORD, ASSIGNMENT),
    ),
    max_leaves=3,
)


@pytest.mark.slow
@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(STATEMENT, max_size=6), between=st.sampled_from(["\n", "\n\n", " # x\n"]))
def test_no_generated_file_is_read_otherwise_than_by_a_shell(lines: list[str], between: str, tmp_path: Path) -> None:
    agrees(between.join(lines), tmp_path)


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lines=st.lists(st.one_of(ASSIGNMENT, st.builds("{}; {}".format, ASSIGNMENT, ASSIGNMENT)), min_size=1, max_size=6)
)
def test_plain_assignments_are_all_known(lines: list[str], tmp_path: Path) -> None:
    text = "\n".join(lines)
    if "~" not in text:
        assert agrees(text, tmp_path) == len(NAMES)
