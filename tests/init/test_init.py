"""`hastwatch init`: what it refuses, what it asks, and that it writes a new directory or nothing."""

from __future__ import annotations

import io
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from remediate import exits
from remediate.config import load
from remediate.subcommands import init
from simulator.pair import Pair
from tests.failover.installed_pair import state_directory
from tests.init.blank_pair import OPTIONS, BlankPair, InvokedBeside

LOOKS = OPTIONS[-4:]
SECOND = ("--address", "2001:db8::6/64@vtnet1")


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    """Blank; no test changes it."""
    with state_directory() as state:
        yield BlankPair(state).pair


def changed(option: str, *values: str) -> list[str]:
    """OPTIONS with others in the place of an option, or without it."""
    words = list(OPTIONS)
    while option in words:
        at = words.index(option)
        del words[at : at + 2]
    return [*words, *(word for value in values for word in (option, value))]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (changed("--node"), "--node is required where there is no terminal to ask on"),
        (changed("--node", "nfs001=10.1.101.3"), "--node is required"),
        (changed("--node", "nfs001", "nfs002=10.1.101.4"), "is not NAME=ADDRESS"),
        (changed("--node", "nfs001=10.1.101.3", "nfs001=10.1.101.4"), "both nodes are called nfs001"),
        (changed("--node", "a=10.1.101.3", "b=10.1.101.4", "c=10.1.101.6"), "a pair has two nodes"),
        (changed("--node", "nfs001=10.1.101.3", "nfs002=10.1.101.3"), "10.1.101.3 is given twice"),
        (changed("--node", "nfs001=10.1.101.3,10.0.2.15", "nfs002=10.1.101.4"), "both nodes a management address"),
        (changed("--node", "nfs001=10.1.101.300", "nfs002=10.1.101.4"), "is not an IPv4 address"),
        (changed("--node", "nfs$(id)=10.1.101.3", "nfs002=10.1.101.4"), "is not NAME=ADDRESS"),
        (changed("--address", "10.1.101.5/24"), "is not ADDRESS/PREFIX@INTERFACE"),
        (changed("--address", "10.1.101.5/99@vtnet1"), "is not a network"),
        (changed("--address", "10.1.101.3/24@vtnet1"), "10.1.101.3 is given twice"),
        (changed("--address", "fe80::5/64@vtnet1"), "is not an address that clients reach"),
        (changed("--address", "2001:db8::5%vtnet1/64@vtnet1"), "is not a"),
        (changed("--address", "::ffff:10.1.101.5/64@vtnet1"), "is not a"),
        (changed("--node", "nfs001=2001:db8::3", "nfs002=10.1.101.4"), "those of nodes and of the witness have to be"),
        ([*OPTIONS, "--address", "2001:db8::6/64@vtnet1"], "--vhid is required"),
        ([*OPTIONS, "--vhid", "3"], "--vhid: 2 are given for 1 of --address"),
        ([*OPTIONS, *SECOND, "--vhid", "2"], "the vhid 2 is given twice"),
        ([*OPTIONS, *SECOND, "--vhid", "3"], "the resource home names no vhid: home=/dev/vtbd1,vhid=N"),
        ([*changed("--resource", "home=/dev/vtbd1,vhid=2"), *SECOND, "--vhid", "3"], "--resource NAME=DISK,vhid=3"),
        (changed("--resource", "home=/dev/vtbd1,vhid=7"), "the resource home names vhid 7, which no --vhid is"),
        ([*OPTIONS, *SECOND, *SECOND, *("--vhid", "3", "--vhid", "4")], "2001:db8::6 is given twice"),
        ([*changed("--address", "2001:db8::5/64@vtnet1"), "--network", "10.1.101.0/24"], "--network: none of IPv6"),
        (changed("--resource", "home=/dev/vtbd1,xfs"), "'xfs' is neither ufs, zfs nor vhid=N"),
        (changed("--resource", "mirror1=/dev/vtbd1,zfs"), "cannot be the name of a pool"),
        (changed("--network", "fe80::/64"), "is link-local"),
        (changed("--network", "::/0"), "export to everyone"),
        (changed("--address", "10.1.101.5@vtnet1"), "--network is required"),
        (changed("--vhid", "0"), "'0' is not a vhid"),
        (changed("--vhid", "256"), "'256' is not a vhid"),
        (changed("--vhid", "two"), "'two' is not a vhid"),
        (changed("--advskew", "255"), "255 is not an advskew"),
        (changed("--resource", "home"), "is not NAME=DISK"),
        (changed("--resource", "ho me=/dev/vtbd1"), "is not NAME=DISK"),
        (changed("--resource", "home=/dev/../etc/passwd"), "is not NAME=DISK"),
        (changed("--resource", "home=/dev/vtbd1", "mail=/dev/vtbd1"), "the disk /dev/vtbd1 is given twice"),
        (changed("--network", "10.1.101.1/24"), "has host bits set"),
        (changed("--network", "0.0.0.0/0"), "export to everyone"),
        (changed("--witness", "gateway"), "is not an IPv4 address"),
        (changed("--via", "nowhere"), "leads nowhere"),
    ],
)
def test_wrong_input_is_one_line_and_nothing_is_written(
    words: list[str], why: str, pair: Pair, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    to = tmp_path / "pair"
    with pytest.raises(SystemExit) as ended:
        init.main([*words, "--to", str(to)], InvokedBeside(pair))
    out, err = capsys.readouterr()
    assert (ended.value.code, out) == (exits.USAGE, "")
    assert why in err and err.startswith("hastwatch init: ") and err.count("\n") == 1
    assert not to.exists()


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (changed("--node", "nfs003=10.1.101.3", "nfs002=10.1.101.4"), "to be nfs003 is called nfs001"),
        (changed("--node", "nfs001=10.1.101.7", "nfs002=10.1.101.4"), "nfs001 has no address 10.1.101.7"),
        (changed("--address", "10.1.101.5/24@em0"), "nfs001 has no interface em0, but vtnet0, vtnet1"),
        (changed("--resource", "home=/dev/vtbd7"), "nfs001 has no /dev/vtbd7"),
        (changed("--address", "2001:db8::5/64@vtnet0"), "vtnet0 of nfs001 has no address of IPv6 of its own"),
        (changed("--resource", "home=/dev/vtbd0"), "/dev/vtbd0 of nfs001 is in use: HAST would erase it"),
    ],
)
def test_machines_that_are_not_as_it_is_said_are_refused(
    words: list[str], why: str, pair: Pair, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert init.main([*words, "--to", str(tmp_path / "pair")], InvokedBeside(pair)) == 1
    out, err = capsys.readouterr()
    assert out == "" and why in err and err.count("\n") == 1
    assert not (tmp_path / "pair").exists()


def test_a_pair_that_is_there_is_not_set_up_anew(
    healthy: Pair, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert init.main([*OPTIONS, "--to", str(tmp_path / "pair")], InvokedBeside(healthy)) == 1
    assert "nfs001 has vhid 2@vtnet1 already" in capsys.readouterr().err
    other = changed("--vhid", "3")
    assert init.main([*other, "--to", str(tmp_path / "pair")], InvokedBeside(healthy)) == 1
    assert "/dev/vtbd1 of nfs001 is in use" in capsys.readouterr().err
    assert not (tmp_path / "pair").exists()


def test_what_is_there_is_never_overwritten(pair: Pair, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    to = tmp_path / "pair"
    to.mkdir()
    (to / "hast.conf").write_text("mine")
    assert init.main([*OPTIONS, "--to", str(to)], InvokedBeside(pair)) == 1
    assert [path.name for path in to.iterdir()] == ["hast.conf"] and (to / "hast.conf").read_text() == "mine"
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "elsewhere")
    assert init.main([*OPTIONS, "--to", str(link)], InvokedBeside(pair)) == 1
    assert not (tmp_path / "elsewhere").exists()
    assert init.main([*OPTIONS, "--to", str(tmp_path / "no" / "pair")], InvokedBeside(pair)) == exits.CANNOT_KEEP
    assert capsys.readouterr().err.count("\n") == 3


def test_where_the_disk_is_full_nothing_is_left(pair: Pair, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))  # write(2) fails, as on a full disk
    try:
        status = init.main([*OPTIONS, "--to", str(tmp_path / "pair")], InvokedBeside(pair))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    err = capsys.readouterr().err
    assert status == exits.CANNOT_KEEP and err.endswith("/pair: File too large\n") and err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_machine_that_is_not_reached_is_named_and_the_files_are_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with state_directory() as state:
        blank = BlankPair(state)
        blank.pair.nodes["nfs002"].power_off()
        assert blank.init(tmp_path / "pair") == 0
    said = "Not looked at: nfs002 ("
    assert said in capsys.readouterr().out and said in (tmp_path / "pair" / "README.md").read_text()


def test_without_a_way_nothing_is_looked_at_and_that_is_said(
    pair: Pair, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [word for word in OPTIONS if word not in LOOKS]
    assert init.main([*words, "--to", str(tmp_path / "pair")], InvokedBeside(pair)) == 0
    out = capsys.readouterr().out
    assert "Not looked at: nfs001 (" in out and "Not looked at: nfs002 (" in out


def test_a_release_whose_hastd_is_no_primary_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with state_directory() as state:
        assert BlankPair(state, "14.5,15.1").init(tmp_path / "pair") == 0
    out = capsys.readouterr().out
    assert "nfs001 runs FreeBSD 14.5-RELEASE.\n" in out
    assert "nfs002 runs FreeBSD 15.1-RELEASE-p1: no primary of this release gets its device" in out


def test_a_freebsd_machine_that_is_neither_node_is_not_taken_for_one(
    pair: Pair, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.platform", "freebsd14")
    invoked = InvokedBeside(pair)
    words = [word for word in changed("--node", "nfs003=10.1.101.3", "nfs004=10.1.101.4") if word not in LOOKS]
    assert init.main([*words, "--to", str(tmp_path / "pair")], invoked) == 0
    assert "Not looked at: nfs003 (no way to it was named)" in capsys.readouterr().out
    words = [word for word in OPTIONS if word not in LOOKS]
    assert init.main([*words, "--to", str(tmp_path / "own")], invoked) == 0
    assert "nfs001 runs FreeBSD 13.2-RELEASE.\n" in capsys.readouterr().out


def test_a_smaller_disk_limits_both_copies(tmp_path: Path) -> None:
    with state_directory() as state:
        blank = BlankPair(state)
        blank.pair.nodes["nfs002"].disks["/dev/vtbd1"].size = 200 << 20
        assert blank.init(tmp_path / "pair") == 0
    assert (tmp_path / "pair" / "README.md").read_text().count("hastctl create -m 209715200 home\n") == 2


def test_each_node_gets_the_way_to_the_other_one(pair: Pair, tmp_path: Path) -> None:
    assert init.main([*OPTIONS, "--to", str(tmp_path / "pair")], InvokedBeside(pair)) == 0
    for name, address in (("nfs001", "10.0.2.16"), ("nfs002", "10.0.2.15")):
        config = load(str(tmp_path / "pair" / name / "hastwatch.toml"))
        assert config.checks.peer.endswith(f" root@{address}") and config.failover.management == address
        assert config.resource["home"].vhid == "2@vtnet1" and config.failover.witness == "10.0.2.2"


def test_nothing_of_root_lies_on_its_way_where_others_could_replace_it(pair: Pair, tmp_path: Path) -> None:
    """The public key of a node above all: whoever has put another one there is the other node to its peer."""
    assert init.main([*OPTIONS, "--to", str(tmp_path / "pair")], InvokedBeside(pair)) == 0
    page = (tmp_path / "pair" / "README.md").read_text().replace(str(tmp_path), "")
    assert page.count(":/usr/local/etc/hastwatch-nfs00") == 2 and "/tmp/" not in page


def test_it_asks_one_question_after_the_other_and_again_what_makes_no_sense(
    pair: Pair, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = ["", "nfs002=10.1.101.4", "10.1.101.5/24@vtnet1", "0", "2", "", "home", "home=/dev/vtbd1", "", ""]
    directory = tmp_path / "nfs001-nfs002"
    typed = io.StringIO("\n".join([*answers[:-1], str(directory), ""]))
    assert init.main(["--via", "nfs001"], InvokedBeside(pair, typed)) == 0
    err = capsys.readouterr().err
    assert "[nfs001=10.0.2.15]: " in err and "'0' is not a vhid" in err and "'home' is not NAME=DISK" in err
    assert "Network of the clients of 10.1.101.5 [10.1.101.0/24]: " in err and "[nfs001-nfs002]: " in err
    assert (directory / "exports").read_text() == "/hast/home -network 10.1.101.0/24\n"


def test_it_asks_for_what_the_second_node_is_to_serve(
    pair: Pair, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = ["2001:db8:65::5/64@vtnet1", "2", "10.1.101.6/24@vtnet1", "", "home=/dev/vtbd1,vhid=2"]
    answers += ["mail=/dev/vtbd2,zfs,vhid=1", "", "10.1.101.0/24", ""]
    typed = io.StringIO("\n".join(answers))
    words = [*changed("--address", *()), "--to", str(tmp_path / "pair")]
    for option in ("--vhid", "--resource"):
        at = words.index(option)
        del words[at : at + 2]
    assert init.main(words, InvokedBeside(pair, typed)) == 1
    assert "nfs001 has no /dev/vtbd2" in capsys.readouterr().err  # every question was answered, in this order


def test_who_leaves_before_the_last_question_has_written_nothing(
    pair: Pair, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert init.main([*OPTIONS], InvokedBeside(pair, io.StringIO(""))) == 1
    assert capsys.readouterr().err.endswith("hastwatch init: not answered: nothing was written\n")
    assert list(tmp_path.iterdir()) == []


def test_two_runs_have_two_passwords(pair: Pair, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("one", "two"):
        assert init.main([*OPTIONS, "--to", str(tmp_path / name)], InvokedBeside(pair)) == 0
    texts = [(tmp_path / name / "netif").read_text() for name in ("one", "two")]
    assert texts[0] != texts[1]
    out, err = capsys.readouterr()
    for text in texts:
        password = text.partition(" pass ")[2].split()[0]
        assert password not in out + err and len(password) == 18
