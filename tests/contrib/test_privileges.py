"""Least privilege, held up by the real programs: what the monitoring user may do as root, and what not."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from checks import VERSION
from checks.probes import ahead, hast
from checks.probes.errors import ProbeError
from checks.probes.node import ENV_C, quoted
from checks.probes.state_cache import Memory
from remediate.context import Transport
from remediate.contrib import authorized_keys, doas, sudoers
from remediate.contrib.placement import Placement
from remediate.events.repair_request import REQUESTS, RepairRequest
from remediate.subcommands.contrib import GENERATED, text
from tests.contrib.private_machine import LIMIT, NODE, Machine, Reached, why_not
from tests.expected import expected_file, read, same_everywhere, script
from tests.state.child import ROOT

pytestmark = pytest.mark.slow

BYS = ("sudo -n", "doas -n")
OTHERS = [
    ("hastwatch",),
    ("hastwatch", "promote"),
    ("hastwatch", "converge"),
    ("hastwatch", "repair", "devd"),
    ("hastwatch", "repair", "devd", "--detach", "--config", "/tmp/evil.toml"),
    ("hastwatch", "repair", "devd", "--config", "/tmp/evil.toml", "--detach"),
    ("hastwatch", "repair", "--detach", "devd"),
    ("hastwatch", "repair", "all", "--detach"),
    ("hastwatch", "repair", "devd", "--held", "maintenance"),
    ("hastwatch", "repair", "*", "--detach"),
    ("hastwatch-event-handler", "--help"),
    ("/bin/sh", "-c", "id"),
    ("/usr/bin/env", "LC_ALL=C", "/bin/hostname"),
    ("/tmp/hastwatch-ask", "--list"),
]
"""What is not permitted: another command, other words, the same words in another order or with more of them."""


def named(request: RepairRequest) -> str:
    """`repair devd --detach`."""
    return " ".join(request.words)


def line(*words: str) -> str:
    """A command line as a probe makes it."""
    return quoted((*ENV_C, *words))


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A directory that the monitoring user may look into, unlike those of pytest."""
    with tempfile.TemporaryDirectory(prefix="hastwatch-") as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)


@pytest.fixture(scope="module", params=BYS)
def machine(place: Path, request: pytest.FixtureRequest) -> Machine:
    """A node, with each way to become root."""
    program = request.param.partition(" ")[0]
    if reason := why_not(program):
        pytest.skip(reason)
    directory = place / program
    directory.mkdir()
    return Machine(directory, request.param)


@pytest.fixture(scope="module")
def reached(machine: Machine) -> Iterator[Reached]:
    """Its sshd."""
    if reason := why_not("sshd", "ssh", "ssh-keygen"):
        pytest.skip(reason)
    with machine.reachable() as way:
        yield way


# --- the texts -----------------------------------------------------------------------------------------------


@pytest.mark.quick
@pytest.mark.parametrize("what", ["sudoers", "doas", "authorized-keys"])
def test_the_file_in_contrib_is_what_is_generated(what: str) -> None:
    assert (ROOT / "contrib" / GENERATED[what][0]).read_text() == text(what)


@pytest.mark.quick
@pytest.mark.parametrize(
    "placement", [Placement(), Placement("/opt/hast-watch_2/bin", "icinga.2"), Placement(user="%monitoring")]
)
def test_visudo_accepts_the_rules(placement: Placement, tmp_path: Path) -> None:
    if reason := why_not("visudo"):
        pytest.skip(reason)
    (tmp_path / "rules").write_text(sudoers.text(placement))
    (tmp_path / "rules").chmod(0o440)
    done = subprocess.run(["visudo", "-c", "-s", "-f", str(tmp_path / "rules")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.quick
@pytest.mark.parametrize("who", ["nobody", ":nogroup"])
def test_doas_judges_each_line_by_the_rules(who: str, place: Path) -> None:
    if reason := why_not("doas"):
        pytest.skip(reason)
    rules = place / "doas.conf"
    rules.write_text(doas.text(Placement(user=who)))
    permitted = [("/usr/local/hastwatch/bin/hastwatch", *request.words) for request in REQUESTS]
    others = [(Placement().command(command) if command[0] != "/" else command, *words) for command, *words in OTHERS]
    for words in [*permitted, ("/usr/local/hastwatch/bin/hastwatch-ask", "anything"), *others]:
        done = subprocess.run(
            ["doas", "-C", str(rules), *words], user="nobody", group="nogroup", capture_output=True, text=True
        )
        assert done.stdout == ("deny\n" if words in others else "permit nopass\n"), words


@pytest.mark.quick
def test_a_user_who_is_root_is_offered_the_gate_and_no_repair() -> None:
    text = authorized_keys.text(Placement(user="root", by=""))
    lines = [each for each in text.splitlines() if each and not each.startswith("#")]
    assert lines == [
        'restrict,command="exec /usr/local/hastwatch/bin/hastwatch-ask" KEY-OF-THE-CHECKS',
        'restrict,command="exec /usr/local/hastwatch/bin/hastwatch answer" KEY-OF-ROOT-ON-THE-OTHER-NODE',
    ]


# --- sudo and doas -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wanted", REQUESTS, ids=named)
def test_every_repair_may_be_asked_for(wanted: RepairRequest, machine: Machine) -> None:
    done = machine.root_for_user("hastwatch", *wanted.words)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("".join(f"[{word}]\n" for word in wanted.words))


@pytest.mark.parametrize("words", OTHERS, ids=" ".join)
def test_nothing_else_may_be_done(words: tuple[str, ...], machine: Machine) -> None:
    done = machine.root_for_user(*words)
    assert (done.returncode, done.stdout) == (1, "")


def test_the_gate_answers_and_refuses(machine: Machine) -> None:
    done = machine.root_for_user("hastwatch-ask", line("/sbin/hastctl", "dump", "home"))
    assert done.returncode == 0, done.stderr
    assert "resource: home\n" in done.stdout
    done = machine.root_for_user("hastwatch-ask", line("/sbin/hastctl", "role", "primary", "home"))
    assert (done.returncode, done.stdout) == (126, "")
    assert "not among what checks run" in done.stderr


def test_nothing_of_the_callers_environment_gets_through(machine: Machine) -> None:
    """Although another file tells sudo to keep it."""
    done = machine.root_for_user("hastwatch", *REQUESTS[0].words, EVIL="1", PYTHONPATH="/evil", LC_ALL="evil")
    assert done.returncode == 0
    assert "evil" not in done.stdout.lower()


@pytest.mark.parametrize("check", ["check_hast", "check_carp"])
def test_a_check_of_the_monitoring_user_says_what_root_would_see(check: str, machine: Machine, tmp_path: Path) -> None:
    via = shlex.join(machine.as_user(*machine.placement.by.split(), machine.placement.command("hastwatch-ask")))
    done = machine.run(*checked(check, via, tmp_path))
    assert_as_recorded(check, done)


# --- ssh -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("check", ["check_hast", "check_carp"])
def test_a_check_gets_its_answers_through_ssh(check: str, reached: Reached, tmp_path: Path) -> None:
    words = checked(check, shlex.join(reached.way("checks")), tmp_path)
    assert_as_recorded(check, subprocess.run(words, capture_output=True, text=True, check=False))


@pytest.mark.parametrize("key", ["checks", "peer"])
def test_several_questions_are_answered_in_one_login_and_what_is_no_question_is_refused(
    key: str, reached: Reached
) -> None:
    asked = [("/sbin/hastctl", "list", "home"), ("/sbin/hastctl", "role", "primary", "home"), ("/sbin/mount",)]
    done = reached.ask(key, line(*ahead.command(asked, 20.0)))
    listed, ordered, mounted = ahead.answers(done.stdout, len(asked))
    assert isinstance(listed, ahead.CommandAnswer) and "role: primary" in listed.stdout
    assert isinstance(ordered, ahead.CommandAnswer) and ordered.status == 126
    assert isinstance(mounted, ahead.CommandAnswer) and mounted.status == 0


@pytest.mark.parametrize(
    "asked",
    [["id"], ["hastctl role primary home"], [line("/bin/hostname") + "; id"], [line("/bin/hostname") + '"; id; "'],
     [line("/bin/hostname") + "$(id)"], [line("/bin/hostname") + "\nid"], ["sftp"], [], ["--", "id"],
     ["hastwatch repair devd --detach"]],
)  # fmt: skip
def test_the_key_of_the_checks_is_refused_everything_else(asked: list[str], reached: Reached) -> None:
    done = reached.ask("checks", *asked)
    assert (done.returncode, done.stdout) == (126, "")
    assert "hastwatch-ask: refused: " in done.stderr


@pytest.mark.parametrize("wanted", REQUESTS, ids=named)
def test_the_key_of_the_repairs_may_ask_for_each(wanted: RepairRequest, reached: Reached) -> None:
    path = f"{reached.directory}/bin/hastwatch"
    for words in ((path, *wanted.words), wanted.words):
        done = reached.ask("repairs", quoted(words))
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("".join(f"[{word}]\n" for word in wanted.words))


@pytest.mark.parametrize(
    "asked",
    [["id"], ["promote"], ["repair devd"], ["repair devd --detach; id"], ["repair devd --detach $(id)"], ["repair *"],
     ["repair devd --detach\nid"], [" -- sh -c id"], [" -u root id"], ["EVIL=1 repair devd --detach -n"], [],
     ["/bin/sh -c id"], [line("/bin/hostname")]],
)  # fmt: skip
def test_the_key_of_the_repairs_is_refused_everything_else(asked: list[str], reached: Reached) -> None:
    done = reached.ask("repairs", *asked)
    assert (done.returncode, done.stdout) == (1, "")


def test_hastwatch_of_the_other_node_gets_its_answers_through_ssh(reached: Reached, tmp_path: Path) -> None:
    peer = Transport(tuple(reached.way("peer")), Memory(str(tmp_path)))
    assert hast.resource(peer.node(), "home").role is hast.Role.PRIMARY
    assert hast.metadata(peer.node(), "home").localcnt == 0
    program = f"{reached.directory}/bin/hastwatch"
    assert peer.act((program, "--version"), LIMIT).stdout == f"hastwatch {VERSION}\n"
    asked = peer.act((program, "reach", "127.0.0.1", "/hast/home"), LIMIT)
    assert (asked.status, asked.stdout) == (1, "")


@pytest.mark.parametrize(
    "asked",
    [["id"], [], ["sftp"], ["--", "id"], ["internal-sftp"], ["/bin/sh"], [line("/bin/sh", "-c", "id")],
     [line("/bin/hostname") + "; id"], [line("/bin/hostname") + "$(id)"], [line("/bin/hostname") + "\nid"],
     [line("/sbin/hastctl", "role", "primary", "home")], [line("/sbin/hastctl", "create", "home")],
     [line("/bin/cat", "/etc/master.passwd")], [line("/bin/cat", "/var/db/hastwatch/../../../etc/passwd.json")],
     [line("/sbin/sysctl", "net.inet.carp.demotion=-240")], [line("/usr/bin/touch", "/tmp/x")],
     [line("/usr/local/hastwatch/bin/hastwatch", "promote", "--yes")],
     [line("/usr/local/hastwatch/bin/hastwatch", "converge")],
     [line("/usr/local/hastwatch/bin/hastwatch", "ledger", "home", "--told", "complete", "--by", "x", "--yes")],
     [line("/usr/local/hastwatch/bin/hastwatch", "tree", "list", "/etc", "--limit", "10")],
     [line("/usr/local/hastwatch/bin/hastwatch", "tree", "sha256", "/", "ZXRjL3Bhc3N3ZA==")]],
)  # fmt: skip
def test_the_key_of_the_other_node_s_root_is_refused_everything_else(asked: list[str], reached: Reached) -> None:
    done = reached.ask("peer", *asked)
    assert (done.returncode, done.stdout) == (126, "")
    assert "hastwatch-ask: refused: " in done.stderr


@pytest.mark.parametrize("key", ["checks", "repairs", "peer"])
def test_a_key_opens_no_way_into_the_network(key: str, reached: Reached) -> None:
    done = subprocess.run(
        [*reached.way(key)[:-1], "-W", f"127.0.0.1:{reached.port}", reached.way(key)[-1]],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (255, "")
    assert "forwarding failed" in done.stderr


def checked(check: str, via: str, tmp_path: Path) -> list[str]:
    """The command line of a check that asks a node in a certain way."""
    (tmp_path / "none.toml").touch()
    options = ["--via", via, "--state-dir", str(tmp_path / "kept"), "--config", str(tmp_path / "none.toml"), "-t", "60"]
    return [str(script(check)), *options]


def assert_as_recorded(check: str, done: subprocess.CompletedProcess[str]) -> None:
    """The check says what it says of the recording itself."""
    (block,) = [each for each in read(expected_file(NODE)) if each.command == check]
    assert (same_everywhere(done.stdout).strip(), done.returncode) == (block.output, block.status), done.stderr


# --- one login for many calls ----------------------------------------------------------------------------------


@pytest.fixture
def connected(reached: Reached, place: Path) -> Iterator[list[str]]:
    """The words of ssh(1) with contrib/ssh/config; the control connection ends with the test."""
    lines = (ROOT / "contrib" / "ssh" / "config").read_text().replace("Host nfs001 nfs002", "Host 127.0.0.1")
    config, socket = place / "config", place / f"{reached.port}-%C"
    config.write_text(lines.replace("~/.ssh/hastwatch-%C", str(socket)))
    plain = reached.way("peer")
    words = ["ssh", "-F", str(config), *plain[plain.index("none") + 1 :]]
    yield words
    subprocess.run([*words[:-1], "-O", "exit", words[-1]], capture_output=True, check=False, timeout=60)


def master(words: list[str]) -> int:
    """The process that holds the connection, 0 where there is none."""
    done = subprocess.run([*words[:-1], "-O", "check", words[-1]], capture_output=True, text=True, check=False)
    match = re.search(r"Master running \(pid=(\d+)\)", done.stderr)
    return int(match[1]) if match else 0


def test_one_login_serves_the_calls_that_follow(connected: list[str], tmp_path: Path) -> None:
    peer = Transport(tuple(connected), Memory(str(tmp_path)))
    assert hast.metadata(peer.node(), "home").localcnt == 0
    first = master(connected)
    assert hast.metadata(peer.node(), "home").localcnt == 0
    assert first and master(connected) == first


def test_a_dead_control_connection_hangs_no_call(connected: list[str], tmp_path: Path) -> None:
    peer = Transport(tuple(connected), Memory(str(tmp_path)))
    hast.metadata(peer.node(), "home")
    holder = master(connected)
    os.kill(holder, signal.SIGSTOP)
    began = time.monotonic()
    with pytest.raises(ProbeError):
        peer.act(("/bin/hostname",), 1.0)
    assert time.monotonic() - began < 10
    os.kill(holder, signal.SIGKILL)
    psutil.wait_procs([psutil.Process(holder)] if psutil.pid_exists(holder) else [], timeout=10)
    assert hast.metadata(peer.node(), "home").localcnt == 0
