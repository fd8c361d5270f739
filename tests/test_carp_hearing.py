"""Which peers of two vhids let them hear each other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.carp_hearing import hearing
from checks.probes.carp import CarpState, Vhid

OWN = {"nfs001": ("10.1.101.3", "fe80::3"), "nfs002": ("10.1.101.4", "fe80::4")}
GROUP, GROUP6 = "224.0.0.18", "ff02::12"


def vhid(node: str, peer: str = "", peer6: str = "", addresses: str = "10.1.101.5/32", protocol: str = "carp") -> Vhid:
    state = CarpState.MASTER if node == "nfs001" else CarpState.BACKUP
    return Vhid("em0", 2, state, protocol, 1, 10, tuple(addresses.split()), True, "", (), False, True, peer, peer6,
                OWN[node])  # fmt: skip


def said(ours: Vhid, theirs: Vhid) -> list[str]:
    return [f"{each.reason}: {each.text}" for each in hearing("nfs001", ours, "nfs002", theirs)]


HEALTHY = {
    "13.2 on both": ("", "", "", ""),
    "13.2 and 14": ("", "", GROUP, GROUP6),
    "14 and 15, multicast": (GROUP, GROUP6, GROUP, GROUP6),
    "unicast": ("10.1.101.4", GROUP6, "10.1.101.3", GROUP6),
    "unicast of a family without an address": (GROUP, "fe80::9", GROUP, GROUP6),
}


@pytest.mark.parametrize("peers", HEALTHY.values(), ids=HEALTHY)
def test_a_healthy_pair_hears_each_other(peers: tuple[str, str, str, str]) -> None:
    assert said(vhid("nfs001", *peers[:2]), vhid("nfs002", *peers[2:])) == []


def test_a_unicast_pair_of_ipv6_hears_each_other_however_the_address_is_written() -> None:
    ours = vhid("nfs001", GROUP, "fe80:0:0::4", "2001:db8::5/64")
    assert said(ours, vhid("nfs002", GROUP, "fe80::3", "2001:db8::5/64")) == []


@pytest.mark.parametrize("peer", ["10.1.102.4", "10.1.101.3", "224.0.0.99", "255.255.255.255", "10.1.101.5"])
def test_a_peer_that_is_no_address_of_the_other_node_is_not_heard(peer: str) -> None:
    expected = f"carp-peer-wrong: nfs001 sends to peer {peer}, not nfs002's on em0"
    assert said(vhid("nfs001", peer, GROUP6), vhid("nfs002", "10.1.101.3", GROUP6)) == [expected]


def test_the_two_address_families_are_judged_each_for_itself() -> None:
    both = "10.1.101.5/32 2001:db8::5/64"
    assert said(vhid("nfs001", "10.1.101.9", GROUP6, both), vhid("nfs002", GROUP, "fe80::9", both)) == [
        "carp-peer-wrong: nfs001 sends to peer 10.1.101.9, not nfs002's on em0",
        "carp-peer-wrong: nfs002 sends to peer6 fe80::9, not nfs001's on em0",
    ]


@pytest.mark.parametrize("other", ["", GROUP])
def test_unicast_on_one_side_only_depends_on_the_network(other: str) -> None:
    expected = "carp-peer-one-sided: nfs002 sends to peer 10.1.101.3, nfs001 to the multicast group"
    assert said(vhid("nfs001", other), vhid("nfs002", "10.1.101.3", GROUP6)) == [expected]


def test_nothing_is_said_where_the_addresses_of_the_other_node_are_not_known() -> None:
    theirs = vhid("nfs002", "10.1.101.3", GROUP6)._replace(own=())
    assert said(vhid("nfs001", "10.1.101.9", GROUP6), theirs) == []


def test_vrrp_has_no_peer_to_judge() -> None:
    assert said(vhid("nfs001", "10.1.101.9", GROUP6), vhid("nfs002", protocol="vrrp")) == []


PEERS = st.sampled_from(["", GROUP, "10.1.101.3", "10.1.101.4", "10.1.101.9"])


@given(PEERS, PEERS)
def test_the_pair_is_judged_alike_from_both_nodes(one: str, other: str) -> None:
    ours, theirs = vhid("nfs001", one, GROUP6), vhid("nfs002", other, GROUP6)
    assert sorted(hearing("nfs001", ours, "nfs002", theirs)) == sorted(hearing("nfs002", theirs, "nfs001", ours))


@given(PEERS, PEERS)
def test_silence_means_that_each_node_sends_to_where_the_other_listens(one: str, other: str) -> None:
    quiet = not said(vhid("nfs001", one, GROUP6), vhid("nfs002", other, GROUP6))
    groups = ("", GROUP)
    assert quiet == ((one in groups and other in groups) or (one, other) == ("10.1.101.4", "10.1.101.3"))
