"""A documented pair in service gets hastwatch by what `hastwatch init --adopt` has written, typed word by word."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from checks.devd import HOOK
from remediate import exits
from remediate.rehearsal.new_pair import OLD_HOOK, RULE
from remediate.rehearsal.page import blocks
from remediate.rehearsal.service import Account, Clients
from remediate.subcommands import init
from remediate.subcommands.init import README
from tests.failover.installed_pair import state_directory
from tests.init.blank_pair import BlankPair, InvokedBeside
from tests.init.documented_pair import DocumentedPair

pytestmark = pytest.mark.slow
WITNESS = ("--witness", "10.0.2.2")
WRITING = 60.0
A_WRITE = 1.5
"""Seconds by which two outages differ that begin at another moment of the clients' rhythm."""


class Adopted(NamedTuple):
    """The pair, the page, what the clients got meanwhile, and of a planned switchover after that."""

    pair: DocumentedPair
    page: str
    meanwhile: Account
    planned: Account


@pytest.fixture(scope="module")
def adopted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Adopted]:
    directory = tmp_path_factory.mktemp("init") / "pair"
    with state_directory() as state:
        pair = DocumentedPair(state)
        assert pair.adopt(directory, *WITNESS) == 0
        page = (directory / README).read_text()
        pair.copies(directory)
        clients = Clients(pair.pair)
        pair.pair.clock.advance(WRITING)
        for block in blocks(page):
            pair.types(block)
        pair.pair.clock.advance(WRITING)
        meanwhile = clients.account()
        later = Clients(pair.pair)
        pair.pair.clock.advance(WRITING)
        pair.pair.must(pair.pair.nodes["nfs002"], "hastwatch switchover --yes")
        pair.pair.clock.advance(WRITING)
        yield Adopted(pair, page, meanwhile, later.account())


def test_clients_wait_once_and_no_longer_than_for_a_planned_switchover(adopted: Adopted) -> None:
    (outage,), (planned,) = adopted.meanwhile.outages, adopted.planned.outages
    assert outage <= planned + A_WRITE
    assert adopted.meanwhile.missing == 0 and not adopted.meanwhile.errors


def test_all_checks_are_ok_and_what_is_left_is_what_the_page_leaves_to_decide(adopted: Adopted) -> None:
    assert [report.line for report in adopted.pair.looks() if not report.well] == []
    findings = adopted.pair.audit()
    assert {each.reason for each in findings} == {"setup-export-root"}
    assert all(f"[{each.reason}]" in adopted.page and each.text in adopted.page for each in findings)
    assert not adopted.pair.pair.hook_errors


def test_the_standby_comes_first(adopted: Adopted) -> None:
    of_keys = "/root/.ssh/"
    nodes = [block.nodes[0] for block in blocks(adopted.page) if of_keys not in " ".join(block.lines)]
    assert nodes == ["nfs002", "nfs002", "nfs001", "nfs001", "nfs001", "nfs002"]


def test_nothing_calls_the_old_hook_any_more_and_its_rule_is_kept(adopted: Adopted) -> None:
    for node in adopted.pair.pair.nodes.values():
        assert not node.files.exists(RULE) and OLD_HOOK in node.files.read(f"{RULE}.old")


def test_a_second_run_writes_nothing_and_says_so(
    adopted: Adopted, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert adopted.pair.adopt(tmp_path / "again", *WITNESS) == 0
    out = capsys.readouterr().out
    assert out.endswith("Nothing is missing that a command brings: nothing was written.\n") and "export-root" in out
    assert not (tmp_path / "again").exists()


def test_a_pair_that_is_adopted_by_half_goes_on_with_the_other_node(tmp_path: Path) -> None:
    with state_directory() as state:
        pair = DocumentedPair(state)
        assert pair.adopt(tmp_path / "one", *WITNESS) == 0
        pair.copies(tmp_path / "one")
        for block in blocks((tmp_path / "one" / README).read_text()):
            if block.title.endswith("Set up nfs001"):
                break
            pair.types(block)
        pair.pair.must(pair.pair.nodes["nfs001"], "hastwatch maintenance off")
        assert pair.adopt(tmp_path / "two", *WITNESS) == 0
        page = (tmp_path / "two" / README).read_text()
        assert "Set up nfs001" in page and "Set up nfs002" not in page
        pair.copies(tmp_path / "two")
        for block in blocks(page):
            pair.types(block)
        for node in pair.pair.nodes.values():
            assert node.files.read("/root/.ssh/authorized_keys").count("\n") == 1
            assert node.files.read("/etc/ssh/sshd_config.old") == "#PermitRootLogin no\n"
        pair.pair.clock.advance(WRITING)
        assert pair.adopt(tmp_path / "three", *WITNESS) == 0 and not (tmp_path / "three").exists()
        assert "/hast/home" in pair.pair.nodes["nfs002"].filesystems.mounts


def test_the_audit_names_all_that_a_package_leaves_inactive() -> None:
    with state_directory() as state:
        found = DocumentedPair(state).audit()
    reasons = {"devd-hook-missing", "setup-cron-job", "setup-service-disabled", "setup-nfs-at-boot"}
    assert {each.reason for each in found} >= reasons | {"setup-hast-exec-missing"}


def test_a_rule_that_calls_hastwatch_already_stays(tmp_path: Path) -> None:
    with state_directory() as state:
        pair = DocumentedPair(state)
        for node in pair.pair.nodes.values():
            node.files.write(RULE, node.files.read(RULE).replace(OLD_HOOK, HOOK))
        assert pair.adopt(tmp_path / "pair", *WITNESS) == 0
    assert RULE not in (tmp_path / "pair" / README).read_text()


def test_a_rule_beside_others_is_left_to_a_person(tmp_path: Path) -> None:
    with state_directory() as state:
        pair = DocumentedPair(state)
        for node in pair.pair.nodes.values():
            other = 'notify 10 {\n\tmatch "system" "USB";\n\taction "true";\n};\n'
            node.files.write(RULE, node.files.read(RULE) + other)
        assert pair.adopt(tmp_path / "pair", *WITNESS) == 0
    page = (tmp_path / "pair" / README).read_text()
    assert page.count(f"Remove the old rule for CARP from {RULE} first.") == 2 and "mv /etc/devd" not in page


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--node", "nfs001=10.1.101.3"], "--adopt reads what is there: --node is for a new pair"),
        (["--witness", "gateway"], "is not an IPv4 address"),
        (["--via", "nowhere"], "leads nowhere"),
    ],
)
def test_wrong_options_are_one_line(
    words: list[str], why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with state_directory() as state, pytest.raises(SystemExit) as ended:
        of_both = ["--adopt", "--via", "nfs001", "--peer", "nfs002", "--to", str(tmp_path / "pair")]
        init.main([*of_both, *words], InvokedBeside(BlankPair(state).pair))
    err = capsys.readouterr().err
    assert ended.value.code == exits.USAGE and why in err and err.count("\n") == 1
    assert not (tmp_path / "pair").exists()


@pytest.mark.parametrize(
    ("broken", "status", "why"),
    [
        ("rm /etc/hast.conf", exits.UNAVAILABLE, "/etc/hast.conf"),
        ("ifconfig vtnet1 10.1.101.5 -alias", 1, "nfs002 has 0 vhids"),
        ("ifconfig vtnet1 down", 1, "CARP is MASTER on nfs001 and INIT on nfs002"),
        ("sed -i '' 's/home/mail/' /etc/hast.conf", 1, "names other resources or disks"),
        ("echo nonsense > /etc/devd/other.conf", 1, "/etc/devd/other.conf"),
    ],
)
def test_what_is_no_pair_in_service_is_not_adopted(
    broken: str, status: int, why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with state_directory() as state:
        pair = DocumentedPair(state)
        pair.pair.must(pair.pair.nodes["nfs002"], broken)
        assert pair.adopt(tmp_path / "pair") == status
    out, err = capsys.readouterr()
    assert out == "" and why in err and err.count("\n") == 1
    assert not (tmp_path / "pair").exists()


def test_a_way_whose_program_is_missing_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--adopt", "--via", "no-such-program", "--peer", "no-such-program", "--to", str(tmp_path / "pair")]
    assert init.main(words) == exits.UNAVAILABLE
    err = capsys.readouterr().err
    assert err.startswith("hastwatch init: no-such-program: not found in ") and err.count("\n") == 1


def test_a_node_that_cannot_be_audited_is_not_adopted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with state_directory() as state:
        pair = DocumentedPair(state)
        pair.pair.nodes["nfs001"].hung_commands.add("kldstat")
        assert pair.adopt(tmp_path / "pair") == 1
    assert "the audit is not complete: kernel on nfs001: " in capsys.readouterr().err
    assert not (tmp_path / "pair").exists()
