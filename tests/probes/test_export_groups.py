"""For whom a directory is exported, as export lists of FreeBSD, Linux and nfs-ganesha say it, and what they do not."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.probes.export_groups import Admission, admitted, admitted_to, plain_path

YES, NO, EVERYONE, NOT_KNOWN = Admission.YES, Admission.NO, Admission.EVERYONE, Admission.NOT_KNOWN


@pytest.mark.parametrize(
    ("groups", "wanted", "expected"),
    [
        # a network as FreeBSD lists it: no mask, its host bits kept (mountd.c get_net(), put_exlist())
        (["10.1.101.0"], "10.1.101.0/24", NOT_KNOWN),
        (["10.1.101.5"], "10.1.101.0/24", NOT_KNOWN),
        (["10.1.101.0"], "10.1.101.5/24", NOT_KNOWN),
        (["10.0.0.0"], "10.1.0.0/16", NOT_KNOWN),
        (["10.0.0.7"], "10.1.0.0/16", NOT_KNOWN),
        (["172.16.0.0"], "172.20.3.0/24", NOT_KNOWN),
        (["0.0.0.0"], "10.1.0.0/16", NOT_KNOWN),
        (["192.0.2.0"], "10.1.101.0/24", NO),
        (["10.1.102.0"], "10.1.101.0/24", NOT_KNOWN),
        (["192.168.1.0"], "192.168.5.0/24", NOT_KNOWN),
        (["2001:db8:1::"], "2001:db8:2::/48", NOT_KNOWN),
        (["192.168.0.0"], "172.16.0.0/12", NO),
        (["192.0.2.0", "10.1.101.0"], "10.1.101.0/24", NOT_KNOWN),
        # a host: FreeBSD lists its canonical name, or the number that exports(5) has
        (["10.1.101.7"], "10.1.101.7", YES),
        (["10.1.101.7"], "10.1.101.8/32", NOT_KNOWN),
        (["10.1.101.0"], "10.1.101.7", NOT_KNOWN),
        (["CLIENT.example.org"], "client.example.org", YES),
        (["client.example.org"], "10.1.101.0/24", NOT_KNOWN),
        # networks(5), netgroup(5)
        (["cis-net"], "131.104.48.0/24", NOT_KNOWN),
        (["cis-net"], "cis-net", YES),
        (["@trusted"], "trusted", YES),
        (["@trusted"], "10.1.101.0/24", NOT_KNOWN),
        # IPv6 in any spelling; mapped IPv4; a scope
        (["2001:db8:0:0::"], "2001:DB8::/32", NOT_KNOWN),
        (["2001:0db8:0000::0001"], "2001:db8::1", YES),
        (["2001:db8::/32"], "2001:db8:7::/48", YES),
        (["2001:db9::/32"], "2001:db8:7::/48", NO),
        (["::ffff:10.1.101.0"], "10.1.101.0/24", NOT_KNOWN),
        (["10.0.0.0/8"], "::ffff:10.1.0.0/112", YES),
        (["fe80::%re2"], "fe80::%em0/64", NOT_KNOWN),
        (["2001:db8::"], "10.1.101.0/24", NO),
        # servers that list the mask (Linux, nfs-ganesha), in every form
        (["10.0.0.0/8"], "10.1.0.0/16", YES),
        (["10.1.2.3/255.0.0.0"], "10.1.0.0/16", YES),
        (["10.1.0.0/24"], "10.1.0.0/16", NO),
        (["10.2.0.0/16"], "10.1/16", NO),
        (["192.0.2.0/24,10.1.0.0/16"], "10.1.0.0/16", YES),
        (["192.0.2.0/24(ro) 10.1.0.0/16(rw,sync)"], "10.1.0.0/16", YES),
        # everyone, and a list that was too long for its groups
        ([], "10.1.0.0/16", EVERYONE),
        (["(everyone)"], "10.1.0.0/16", EVERYONE),
        (["Everyone"], "10.1.0.0/16", EVERYONE),
        (["*"], "10.1.0.0/16", EVERYONE),
        (["0.0.0.0/0"], "10.1.0.0/16", EVERYONE),
        (["(...)"], "10.1.0.0/16", NOT_KNOWN),
    ],
)
def test_what_groups_say_of_a_client(groups: list[str], wanted: str, expected: Admission) -> None:
    assert admitted(groups, wanted) is expected


@given(st.integers(0, 2**32 - 1), st.integers(8, 32), st.integers(0, 2**32 - 1), st.integers(0, 24), st.booleans())
def test_a_network_is_never_said_to_be_shut_out_by_the_list_of_the_one_around_it(
    number: int, prefix: int, within: int, longer: int, own_address: bool
) -> None:
    """Whatever `-network ADDRESS/PREFIX` is in exports(5): as mountd lists it, it does not exclude a part of it."""
    around = ipaddress.ip_network((number, prefix), strict=False)
    part = ipaddress.ip_network(
        (int(around.network_address) | within & int(around.hostmask), min(prefix + longer, 32)), strict=False
    )
    host = ipaddress.ip_address(number | 1) if own_address and prefix < 32 else around.network_address
    assert admitted([str(host)], str(part)) in (YES, NOT_KNOWN)
    assert admitted([f"{host}/{prefix}"], str(part)) in (YES, EVERYONE)


@given(st.integers(0, 2**32 - 1), st.integers(1, 32), st.integers(0, 2**32 - 1), st.integers(1, 32))
def test_a_list_with_masks_admits_what_lies_in_its_networks_and_nothing_else(a: int, p: int, b: int, q: int) -> None:
    listed, wanted = ipaddress.IPv4Network((a, p), strict=False), ipaddress.IPv4Network((b, q), strict=False)
    assert admitted([str(listed)], str(wanted)) is (YES if wanted.subnet_of(listed) else NO)


@pytest.mark.parametrize(
    ("directory", "expected"),
    [
        ("/hast/home", YES),
        ("/hast/home/mail", NOT_KNOWN),
        ("/hast/homes", None),
        ("/hast/mail", NO),
        ("/hast/mail/new", NO),
        ("/hast", None),
    ],
)
def test_a_directory_below_a_listed_one_may_be_mountable(directory: str, expected: Admission | None) -> None:
    """-alldirs is not in the list."""
    groups = {"/hast/home": ["10.0.0.0/8"], "/hast/mail": ["192.0.2.0/24"]}
    assert admitted_to(directory, groups, "10.1.0.0/16") is expected


def test_a_directory_may_be_mountable_by_a_root_that_is_for_others_than_itself() -> None:
    groups = {"/hast": ["10.1.0.0/16"], "/hast/mail": ["192.0.2.0/24"]}
    assert admitted_to("/hast/mail", groups, "10.1.0.0/16") is NOT_KNOWN


def test_paths_are_the_same_however_they_are_spelled() -> None:
    assert {plain_path(path) for path in ("/hast/home", "/hast//home/", "//hast/./home")} == {"/hast/home"}
    assert plain_path("/") == "/"
