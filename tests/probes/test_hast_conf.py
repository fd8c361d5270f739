"""hast.conf(5) as values."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.probes.errors import NotUnderstood
from checks.probes.hast_conf import ConfiguredResource, names_of, parse
from checks.probes.hung_commands import GivenUpCommands
from checks.probes.node import Deadline, Node
from checks.probes.state_cache import Memory
from tests.probes.recorded_outputs import RECORDINGS

RECORDED = (RECORDINGS / "files" / "nfs001" / "etc" / "hast.conf").read_text()

FULL = """\
# comment
listen tcp4://0.0.0.0:8457
exec /usr/local/sbin/hastwatch-hast-event   # for all
on nfs001 { pidfile /var/run/hastd.pid }
resource home {
    exec /root/own
    on nfs001 { remote tcp4://10.0.0.2:8457
                local /dev/ada1 }
    on nfs002 { remote none local /dev/ada9 name other }
}
resource mail { name post local /dev/ada2 on nfs001 { remote none } on nfs002 { remote none } }
"""


def test_the_recorded_file_is_read() -> None:
    assert parse(RECORDED, {"nfs001"}) == {
        "home": ConfiguredResource("home", "home", "/dev/vtbd1", "", "tcp4://10.1.101.4:8457", 10)
    }


@pytest.mark.parametrize(
    ("everywhere", "own", "seconds"), [("", "", 20), ("timeout 10", "", 10), ("timeout 10", "timeout 60", 60)]
)
def test_the_timeout_is_that_of_the_resource_or_of_the_file_or_20_s(everywhere: str, own: str, seconds: int) -> None:
    text = f"{everywhere}\nresource home {{ {own}\nlocal /dev/ada1 on nfs001 {{ remote none }} }}\n"
    assert parse(text, {"nfs001"})["home"].timeout == seconds


def test_what_stands_for_this_node_counts() -> None:
    assert parse(FULL, {"nfs001"}) == {
        "home": ConfiguredResource("home", "home", "/dev/ada1", "/root/own", "tcp4://10.0.0.2:8457"),
        "mail": ConfiguredResource("mail", "post", "/dev/ada2", "/usr/local/sbin/hastwatch-hast-event", "none"),
    }
    assert parse(FULL, {"nfs002"})["home"].device == "/dev/hast/other"


HASTD = json.loads((Path(__file__).parent / "hast_conf_of_hastd.json").read_text())
"""What hastd of 15.1 makes of files on a node of these names: its parse.y and token.l, compiled by byacc and flex."""


@pytest.mark.parametrize(("text", "expected"), HASTD["files"])
def test_what_hastd_accepts_is_read_as_hastd_reads_it_and_nothing_else_is(
    text: str, expected: list[list[str]] | None
) -> None:
    try:
        known = parse(text, set(HASTD["names"])).values()
        parsed = [[each.name, each.provname, each.local, each.hook] for each in known]
    except NotUnderstood:
        parsed = None
    assert parsed == expected


def test_a_file_without_resources_has_none() -> None:
    assert parse("", {"nfs001"}) == {}
    assert parse("# nothing\n\n", {"nfs001"}) == {}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("resource home {\n local /dev/x\n", "local /dev/x"),
        ("resource home {}\nresource home {}", "resource home {}"),
        ("resource { }", "resource { }"),
        ("resource home local", "resource home local"),
        ("exec", "exec"),
        ("listen }", "listen }"),
        ("resource ho|me {}", "resource ho|me {}"),
        ("resource ''{}", "resource ''{}"),
        ("resource 10 {}", "resource 10 {}"),
        (
            "resource home { local /dev/a on nfs002 { remote none } }",
            "resource home { local /dev/a on nfs002 { remote none } }",
        ),
        ("resource home { on nfs001 { remote none } }", "resource home { on nfs001 { remote none } }"),
        ("replication FULLSYNC", "replication FULLSYNC"),
        ("timeout 0", "timeout 0"),
        ("timeout 5 # the last line", "timeout 5 # the last line"),
        ("on nfs001 remote", "on nfs001 remote"),
    ],
)
def test_a_wrong_file_is_refused_with_its_line(text: str, line: str) -> None:
    with pytest.raises(NotUnderstood) as refused:
        parse(text, {"nfs001"})
    assert refused.value.line.strip() == line.strip()


@given(st.text(alphabet=st.sampled_from(list("resource on{}#\n exc/.:-0|'é"))))
def test_any_text_gives_resources_or_an_error_of_ours(text: str) -> None:
    try:
        parse(text, {"nfs001"})
    except NotUnderstood as error:
        assert str(error).isprintable()


def test_addresses_of_ipv6_are_words() -> None:
    text = "listen tcp6://[::]:8457\nresource home { local /dev/x on nfs001 { remote tcp6://[fd00::2]:8457 } }"
    assert parse(text, {"nfs001"})["home"].local == "/dev/x"


def test_a_node_may_be_named_by_its_host_uuid_or_its_host_id() -> None:
    uuid = "5f5dea39-1ffe-4fa0-8448-d71ac81671f0"
    on = "on {} {{ remote none local {} }}".format
    text = f"resource home {{ {on(uuid.upper(), '/dev/a')} {on('hostid258907331', '/dev/b')} }}"
    assert parse(text, {"nfs001", uuid})["home"].local == "/dev/a"
    assert parse(text, {"nfs001", "hostid258907331"})["home"].local == "/dev/b"


def test_the_name_that_tells_two_nodes_of_one_host_name_apart_is_none_of_hast_conf() -> None:
    """isitme() knows the host name, and its part before the first dot."""
    node = Node((), Deadline(1.0), GivenUpCommands(Memory(None)))
    node.known_as("freenas.local", "freenas-47d8c0d7")
    text = "resource home { local /dev/ada1 on freenas { remote none } }\n"
    assert names_of(node, text) == {"freenas.local", "freenas"}
