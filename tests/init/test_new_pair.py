"""Two blank nodes become a pair in service by what `hastwatch init` has written, typed word by word."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from checks.plugin.finding import Finding
from remediate.rehearsal.observer import CheckReport
from remediate.rehearsal.page import blocks
from remediate.rehearsal.service import Clients
from remediate.subcommands.init import README
from tests.failover.installed_pair import state_directory
from tests.init.blank_pair import SETTLES, BlankPair

pytestmark = pytest.mark.slow
MINUTES = 300.0


class Made(NamedTuple):
    """The pair, what was seen of it before anybody used it, and the directory."""

    pair: BlankPair
    reports: tuple[CheckReport, ...]
    findings: list[Finding]
    directory: Path
    mounted: dict[str, list[str]]
    root_exported: bool


@pytest.fixture(scope="module", params=["13.2 ufs", "14.5 inet6", "14.5 zfs", "13.2 two"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    directory = tmp_path_factory.mktemp("init") / "pair"
    with state_directory() as state:
        pair = BlankPair(state, *request.param.split())
        assert pair.init(directory) == 0
        pair.begins(directory)
        for block in blocks((directory / README).read_text()):
            if "hastwatch status" in block.lines:
                pair.pair.clock.advance(SETTLES)
            pair.types(block)
        nodes = pair.pair.nodes
        mounted = {name: sorted(node.filesystems.mounts) for name, node in nodes.items()}
        exported = any(node.filesystems.root_exported for node in nodes.values())
        yield Made(pair, pair.looks(), pair.audit(), directory, mounted, exported)


def test_all_checks_are_ok_and_the_audit_has_no_finding(made: Made) -> None:
    assert [report.line for report in made.reports if not report.well] == []
    assert {report.check for report in made.reports} >= {"check_carp_hast", "check_hast", "check_hast_mount"}
    assert made.findings == []
    assert not made.pair.pair.hook_errors


def test_clients_are_served_and_a_planned_switchover_loses_nothing(made: Made) -> None:
    pair = made.pair.pair
    clients = Clients(pair)
    pair.clock.advance(MINUTES)
    first, second = pair.nodes.values()
    done = first.run("hastwatch switchover --yes", timeout=120.0)
    assert done.status == 0, done
    pair.clock.advance(60.0)
    account = clients.account()
    assert account.acknowledged > MINUTES / 2 and account.missing == 0
    shared = made.pair.kind == "two"  # nfsd of the other node serves already, and does not know the handles
    assert set(account.errors) <= ({"Stale NFS file handle"} if shared else set())
    assert "/hast/home" in second.filesystems.mounts and "/hast/home" not in first.filesystems.mounts


def test_each_node_serves_its_own_where_there_are_two_addresses(made: Made) -> None:
    if made.pair.kind == "two":
        assert made.mounted == {"nfs001": ["/hast/home"], "nfs002": ["/hast/mail"]}
    else:
        assert sorted(made.mounted.values()) == [[], ["/hast/home"]]
    assert not made.root_exported


def test_the_password_of_carp_is_where_root_alone_reads_it(made: Made) -> None:
    passwords = [vhid.password for vhid in made.pair.pair.nodes["nfs001"].network.vhids()]
    assert {len(each) for each in passwords} == {18} and len(set(passwords)) == len(passwords)
    password = passwords[-1]
    for node in made.pair.pair.nodes.values():
        having = [path for path, file in node.files.files.items() if password in file.text]
        assert having == ["/etc/rc.conf.d/netif"]
        assert node.files.find(having[0]).mode == "rw-------"
    of_ours = [path for path in made.directory.rglob("*") if path.is_file() and password in path.read_text()]
    assert [(path.name, path.stat().st_mode & 0o777) for path in of_ours] == [("netif", 0o600)]
