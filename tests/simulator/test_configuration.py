"""Pairs that are not the recorded one, the files a node is configured with, and how hast.conf is read."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checks.plugin.config import CheckConfig, ConfigError, ResourceConfig
from remediate.config import RemediationConfig
from remediate.rehearsal.own_pair import layout_of
from simulator.hastd.hastconf import HastConfError, parse
from simulator.layout import NodeLayout, PairLayout, ResourceLayout, VhidLayout
from simulator.pair import Pair
from tests.simulator.conformance.story import RECORDINGS

CONF = (RECORDINGS / "files" / "nfs001" / "etc" / "hast.conf").read_text()


@pytest.mark.parametrize("node", ["nfs001", "nfs002"])
def test_a_node_is_configured_with_the_recorded_files(node: str) -> None:
    pair = Pair()
    folder = RECORDINGS / "files" / node
    recorded = {f"/{path.relative_to(folder)}": path.read_text() for path in folder.rglob("*") if path.is_file()}
    assert {path: pair.nodes[node].files.read(path) for path in recorded} == recorded


def test_two_resources_and_two_vhids_with_other_names_work_like_the_recorded_one() -> None:
    layout = PairLayout(
        nodes=(NodeLayout("alpha", "192.0.2.11", 0, 1), NodeLayout("beta", "192.0.2.12", 100, 2)),
        resources=(
            ResourceLayout("mail", "/dev/ada1", 64 << 20),
            ResourceLayout("web", "/dev/ada2", 32 << 20, "async"),
        ),
        vhids=(VhidLayout(7, "192.0.2.100", "em0"), VhidLayout(8, "192.0.2.101", "vlan0.100")),
        network="192.0.2.0/24",
        client_address="192.0.2.50",
    )
    pair = Pair(layout)
    pair.bring_up()
    alpha, beta = pair.nodes.values()
    assert [line.split()[:3] for line in pair.must(alpha, "hastctl status").splitlines()[1:]] == [
        ["mail", "complete", "primary"],
        ["web", "complete", "primary"],
    ]
    assert "carp: MASTER vhid 8 advbase 1 advskew 0" in pair.must(alpha, "ifconfig vlan0.100")
    assert pair.client("web", "192.0.2.101").write_now("page").answer.name == "OK"
    alpha.power_off()
    pair.clock.advance(5)
    assert "carp: MASTER vhid 7 advbase 1 advskew 100" in pair.must(beta, "ifconfig em0")


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (CONF.replace("fullsync", "fullsink"), "at line 2 near 'fullsink': syntax error"),
        (CONF + CONF, "Resource home configured more than once."),
        (CONF.replace("nfs001", "nfs009"), "No resource home configuration for this node (acceptable node names: n"),
        (CONF.rstrip().removesuffix("}"), "syntax error"),
        (CONF.replace("timeout 10", "timeout soon"), "near 'soon': syntax error"),
        (CONF.replace("\tlocal /dev/vtbd1\n", ""), "local not configured for resource home."),
    ],
)
def test_a_wrong_hast_conf_is_refused_with_the_words_of_hastd(text: str, error: str) -> None:
    with pytest.raises(HastConfError) as raised:
        parse(text, "nfs001", "uuid", 1)
    assert error in str(raised.value)


def test_a_resource_is_mounted_where_the_layout_says_and_served_by_its_own_address() -> None:
    vhids = (VhidLayout(2), VhidLayout(3, "10.1.101.6"))
    pair = Pair(
        PairLayout(resources=(ResourceLayout(mountpoint="/srv/mail", service_address="10.1.101.6"),), vhids=vhids)
    )
    pair.bring_up()
    assert "/dev/hast/home on /srv/mail (" in pair.must(pair.nodes["nfs001"], "mount")
    assert pair.nodes["nfs001"].files.read("/etc/exports").startswith("/srv/mail ")
    assert pair.client().address == "10.1.101.6"
    assert ResourceLayout("web").mountpoint == "/hast/web"


def test_a_service_address_that_is_a_name_is_rehearsed_with_an_address() -> None:
    settings = ResourceConfig(vhid="2@em0", service_address="nfs.example.org")
    (vhid,) = layout_of(RemediationConfig(CheckConfig(resource={"home": settings})), 1).vhids
    assert vhid.address == "10.1.101.5"


@pytest.mark.parametrize(
    "settings",
    [ResourceConfig(mount_point="/srv/my mail"), ResourceConfig(vhid="2@em 0"), ResourceConfig(vhid="0@em0")],
)
def test_a_resource_that_no_shell_could_name_is_refused(settings: ResourceConfig) -> None:
    with pytest.raises(ConfigError, match=r"^resource\.home"):
        layout_of(RemediationConfig(CheckConfig(resource={"home": settings})), 1)


def test_the_peer_without_a_replication_address_refuses_everybody() -> None:
    parsed = parse(CONF.replace("remote tcp4://10.1.101.3:8457", "remote none"), "nfs002")
    assert parsed.resources["home"].remote == "none"


def test_without_the_carp_module_at_boot_its_sysctl_is_unknown_and_nothing_advertises() -> None:
    """freebsd-facts: carp-before-the-network."""
    pair = Pair(replace(PairLayout(), carp_loaded=False))
    pair.power_on()
    first = pair.nodes["nfs001"]
    assert first.run("sysctl net.inet.carp.demotion").err == "sysctl: unknown oid 'net.inet.carp.demotion'\n"
    assert "carp:" not in first.run("ifconfig vtnet1").out
