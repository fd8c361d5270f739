"""hastwatch-ask admits what the checks ask of a node, all of it, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks import ask
from checks.plugin.config import CheckConfig, ConfigError, ResourceConfig, load
from checks.probes import node as probes_node
from checks.probes import process
from checks.probes.hast import RESOURCE_NAME
from checks.probes.node import ENV_C, TOOLS, quoted
from tests.command_lines import Asked, everything

SAMPLES = {
    "address": "10.1.101.3",
    "family": "-inet",
    "name": "home",
    "nonce": "0123456789abcdef0123456789abcdef",
    "log": "messages",
    "archive": "messages.20261122T084634",
    "pid": "384",
    "point": "/hast/home",
    "made": "/hast/home/.hastwatch.aB3dEf9_",
}
"""One word of each kind that a row may have."""
OWN_FILES = {
    f"/usr/bin/env LC_ALL=C /bin/{line}"
    for line in (
        "cat /usr/local/etc/devd.conf",
        "ls /usr/local/etc/devd.d",
        "cat /usr/local/etc/devd.d/hastwatch.conf",
    )
}
"""Where devd has files of a name of its own (`-f`, `directory`) the gate keeps them shut."""
WRITING = CheckConfig(ask_write=True)
HOSTILE = [
    *("; id", "|id", "&", "$(id)", "`id`", ">", "<", "*", "?", "~", "#", "\\", "'", '"', "''", "\n", "\n/bin/sh", "\0"),
    *(
        "/..",
        "..",
        "/../etc",
        "/",
        "/etc",
        "-",
        "--",
        " -c",
        " -d",
        " /etc/master.passwd",
        "é",
        "\udc80",
        "\t",
        " ",
        "x",
        "0",
    ),
]
"""What is put into a good line."""


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Asked:
    """Every command line that the checks bring to a node."""
    return everything(tmp_path_factory.mktemp("asked"))


def samples(rows: tuple[tuple[str, str, str], ...] = ask.READS + ask.WRITES) -> list[str]:
    """A command line of each row."""
    lines = []
    for program, pattern, _ in rows:
        words = re.sub("<([a-z]+)>", lambda kind: SAMPLES[kind[1]], pattern).split()
        lines.append(quoted((*ENV_C, program, *words)))
    return lines


def is_admitted(line: str, config: CheckConfig = WRITING) -> bool:
    """Whether the gate runs it."""
    try:
        ask.admitted(line, lambda: config)
    except ask.LineRefused:
        return False
    return True


def as_the_documentation_says(line: str) -> bool:
    """The same, read off what --list prints, by other means: regular expressions."""
    kinds = {
        "address": r"[0-9A-Fa-f.:]{1,45}",
        "family": r"-inet6?",
        "name": r"[A-Za-z0-9_][A-Za-z0-9_.:+-]{0,254}",
        "nonce": r"[0-9a-f]{32}",
        "log": r"(messages|daemon\.log)",
        "archive": r"(messages|daemon\.log)\.(0|[0-9]{8}T[0-9]{6})",
        "pid": r"[0-9]{1,7}",
        "point": r"/hast/[A-Za-z0-9_][A-Za-z0-9_.:+-]{0,254}",
        "made": r"/hast/[A-Za-z0-9_][A-Za-z0-9_.:+-]{0,254}/\.hastwatch\.[A-Za-z0-9_]{8}",
    }
    for row in re.findall(r"(?m)^(/.*?)(?:  +.*)?$", ask.listing()):
        parts = re.split("<([a-z]+)>", row)
        pattern = "".join(kinds[part] if number % 2 else re.escape(part) for number, part in enumerate(parts))
        if re.fullmatch(f"/usr/bin/env LC_ALL=C {pattern}", line):
            return True
    return False


@pytest.mark.slow
def test_every_command_line_of_every_check_is_admitted(asked: Asked) -> None:
    assert {line for line in asked if not is_admitted(line)} == OWN_FILES


@pytest.mark.slow
def test_what_is_admitted_is_run_word_for_word(asked: Asked) -> None:
    for line in asked.keys() - OWN_FILES:
        assert quoted((*ENV_C, *ask.admitted(line, lambda: WRITING))) == line


@pytest.mark.slow
@pytest.mark.parametrize("row", ask.READS + ask.WRITES, ids=" ".join)
def test_no_privilege_is_dead(row: tuple[str, str, str], asked: Asked) -> None:
    points = ask.Points(CheckConfig)
    assert [line for line in asked if ask.fits(line.split(" ")[2:], row, points)]


@pytest.mark.parametrize("row", ask.READS + ask.WRITES, ids=" ".join)
def test_a_row_names_a_program_of_the_probes_and_says_what_for(row: tuple[str, str, str]) -> None:
    assert row[0] in TOOLS.values()
    assert row[2]


def test_only_the_writing_rows_need_leave_to_write() -> None:
    assert all(is_admitted(line, CheckConfig()) for line in samples(ask.READS))
    assert not any(is_admitted(line, CheckConfig()) for line in samples(ask.WRITES))
    assert all(is_admitted(line, WRITING) for line in samples(ask.WRITES))


@pytest.mark.slow
@pytest.mark.parametrize("line", samples())
@given(
    hostile=st.sampled_from(HOSTILE), at=st.integers(0), where=st.sampled_from(["before", "after", "instead", "word"])
)
def test_a_line_with_something_hostile_in_it_is_refused(line: str, hostile: str, at: int, where: str) -> None:
    words = line.split(" ")
    number = at % len(words)
    word = words[number]
    words[number] = {"before": hostile + word, "after": word + hostile, "instead": hostile,
                     "word": f"{word} {hostile}"}[where]  # fmt: skip
    spoilt = " ".join(words)
    assert is_admitted(spoilt) is as_the_documentation_says(spoilt)
    assert not is_admitted(quoted(tuple(words))) or quoted(tuple(words)) == spoilt


@given(line=st.sampled_from(samples()), at=st.integers(0), letter=st.characters(), replace=st.booleans())
def test_a_line_with_one_other_character_is_admitted_only_where_the_list_says_so(
    line: str, at: int, letter: str, replace: bool
) -> None:
    place = at % (len(line) + 1)
    spoilt = line[:place] + letter + line[place + replace :]
    assert is_admitted(spoilt) is as_the_documentation_says(spoilt)


@given(st.text())
def test_no_text_is_admitted_by_chance(text: str) -> None:
    for line in (text, f"{quoted(ENV_C)} {text}", f"{quoted(ENV_C)} /bin/cat {text}"):
        assert is_admitted(line) is as_the_documentation_says(line)  # texts of the sources are tried too


@pytest.mark.parametrize(
    "command",
    [
        "/sbin/hastctl role primary home",
        "/sbin/hastctl create home",
        "/sbin/hastctl list -c /etc/master.passwd",
        "/sbin/hastctl list -c/etc/master.passwd",
        "/sbin/hastctl list home all",
        "/bin/cat /etc/master.passwd",
        "/bin/cat /etc/devd/../master.passwd",
        "/bin/cat /etc/devd/x/../../master.passwd.conf",
        "/bin/cat /usr/local/etc/devd/../hastwatch.conf",
        "/bin/cat /var/db/hastwatch/../x.split-brain",
        "/bin/cat /var/log/auth.log.0",
        "/bin/cat /var/log/messages.1",
        "/bin/cat /var/log/messages.20261122T0846340",
        "/bin/cat /etc/hast.conf /etc/master.passwd",
        "/bin/ls -A /root",
        "/bin/ls -A /hast/..",
        "/bin/ls -A /hast/home/mail",
        "/bin/ls -lL /usr/local/sbin/../../../root/.ssh",
        "/bin/df -ik /dev/ada1",
        "/sbin/mount /dev/ada1 /mnt",
        "/sbin/ifconfig -ak",
        "/sbin/ifconfig vtnet1 vhid 2 state backup",
        "/sbin/sysctl net.inet.carp.demotion=240",
        "/sbin/sysctl -n kern.hostuuid kern.hostid net.inet.carp.demotion=240",
        "/usr/bin/nc -U -w 1 /var/run/hastctl",
        "/bin/ps -axwwe -o pid,ppid,jid,ruid,uid,lstart,comm",
        "/bin/ps -axww -o pid,ppid,command",
        "/usr/bin/mktemp /.hastwatch.XXXXXXXX",
        "/usr/bin/mktemp /hast/home/mail/.hastwatch.XXXXXXXX",
        "/bin/rm /.hastwatch.aB3dEf9_",
        "/bin/rm /hast/home/.hastwatch.aB3dEf9_/x",
        "/bin/rm -rf /hast/home/.hastwatch.aB3dEf9_",
        "/bin/rm /hast/home/x",
        "/bin/rm /hast/home/.hastwatch.aB3dEf9_x",
        "/bin/ps -o stat,%cpu -p 12345678",
        "/bin/rm /hast/../.hastwatch.aB3dEf9_",
        "/bin/sh -c id",
        "/usr/local/hastwatch/bin/hastwatch-ask --setup 0123456789abcdef0123456789abcdeF",
        "/usr/local/hastwatch/bin/hastwatch-ask --setup 0123456789abcdef0123456789abcdef0",
        "/usr/bin/env LC_ALL=C /bin/hostname",
        "",
    ],
)
def test_what_an_attacker_would_ask_for_is_refused(command: str) -> None:
    assert not is_admitted(f"{quoted(ENV_C)} {command}")


@pytest.mark.parametrize(
    "line",
    ["/bin/hostname", "hostname", "LC_ALL=C /bin/hostname", "/usr/bin/env LC_ALL=C hostname", "/usr/bin/env",
     "/usr/bin/env LC_ALL=de_DE /bin/hostname", "/usr/bin/env LC_ALL=C LD_PRELOAD=/tmp/x /bin/hostname",
     "/usr/bin/env  LC_ALL=C /bin/hostname", "/usr/bin/env LC_ALL=C '/bin/hostname'", ""],
)  # fmt: skip
def test_a_line_in_another_form_than_the_probes_is_refused(line: str) -> None:
    assert not is_admitted(line)


def test_a_mount_point_of_the_configuration_is_admitted_as_it_stands_there() -> None:
    config = CheckConfig(
        resource={"mail": ResourceConfig(mount_point="/srv/mail"), "home": ResourceConfig()}, ask_write=True
    )
    for command in (
        "/bin/ls -A {}",
        "/bin/df -ik {}",
        "/usr/bin/mktemp {}/.hastwatch.XXXXXXXX",
        "/bin/rm {}/.hastwatch.aB3dEf9_",
    ):
        for point, well in {
            "/srv/mail": True,
            "/hast/home": True,
            "/srv": False,
            "/srv/mail/x": False,
            "/srv/mail/": False,
            "": False,
        }.items():
            assert is_admitted(f"{quoted(ENV_C)} {command.format(point)}", config) is well


def test_the_configuration_is_not_read_for_what_it_says_nothing_of() -> None:
    """It costs as much time as all the rest."""

    def read() -> CheckConfig:
        raise AssertionError("the configuration was read")

    for line in samples(ask.READS):
        assert ask.admitted(line, read)


def test_leave_to_write_is_true_or_false(tmp_path: Path) -> None:
    path = tmp_path / "hastwatch.toml"
    path.write_text("ask_write = true\n")
    assert load(str(path)).ask_write is True
    path.write_text('ask_write = "yes"\n')
    with pytest.raises(ConfigError, match="`ask_write` must be true or false"):
        load(str(path))


def test_the_gate_knows_the_probes_ways_and_words() -> None:
    assert tuple(ask.ENV_C) == ENV_C
    assert ask.ENVIRONMENT == process.ENVIRONMENT
    assert probes_node.SAFE | {" "} == ask.PLAIN
    for text in ("home", "a.b:c+d-e", "_", "-home", ".home", "", "ho me", "ho/me", "hömé"):
        assert ask.is_name(text) is bool(re.fullmatch(RESOURCE_NAME, text, re.ASCII))
