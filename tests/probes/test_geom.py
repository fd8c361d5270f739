"""What lies on what: the kernel's graph of providers, the tree of a pool, and names where neither can be read."""

from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.probes import geom, zpool
from checks.probes.beneath import Ground, Location, ResourceDevices, by_name, ground, lies_on_hast
from checks.probes.errors import CommandFailed, NotUnderstood
from checks.probes.filesystem import Mount
from checks.probes.geom import Graph
from checks.probes.hung_commands import GivenUpCommands
from checks.probes.node import Deadline, Node
from checks.probes.process import CompletedCommand
from simulator.storage.geom import Geom, confxml, disk

HOME = ResourceDevices("home", "/dev/hast/home", others=frozenset({"/dev/hast/home2", "/dev/hast/mail"}))
GATE = Geom("GATE", "hast/home", ("vtbd1",), ("hast/home",))
BASE = (disk("vtbd1"), disk("vtbd2"), GATE, Geom("GATE", "hast/mail", ("vtbd2",), ("hast/mail",)))


class Answers(Node):
    """A node that answers from a table; what is not in it is not on the node."""

    def __init__(self, answers: dict[str, str]) -> None:
        super().__init__((), Deadline(20.0), cast(GivenUpCommands, None))  # nothing is started
        self.answers, self.asked = answers, list[str]()

    def run(self, tool: str, *arguments: str) -> CompletedCommand:
        """The answer. Raises CommandFailed."""
        line = " ".join((tool, *arguments))
        self.asked.append(line)
        if line not in self.answers:
            raise CommandFailed(f"`{line}`: not found")
        return CompletedCommand((tool, *arguments), 0, self.answers[line], "", 0.0)


def mounted(device: str, kind: str = "ufs") -> Mount:
    return Mount(device, "/hast/home", kind, False, True, "")


def on(device: str, *geoms: Geom, kind: str = "ufs", wanted: ResourceDevices = HOME, **status: str) -> Ground:
    answers = {" ".join(geom.QUESTION): confxml([*BASE, *geoms])}
    answers |= {f"zpool status -P {pool}": text for pool, text in status.items()}
    return ground(Answers(answers), mounted(device, kind), wanted)


def status(*lines: str) -> str:
    rows = "".join(f"\t{line}\n" for line in lines)
    return f"  pool: tank\n state: ONLINE\nconfig:\n\n\tNAME  STATE     READ WRITE CKSUM\n{rows}\nerrors: none\n"


@pytest.mark.parametrize(
    ("device", "lies"),
    [
        ("/dev/hast/home", Location.ON_IT),
        ("/dev/hast/home.journal", Location.ON_IT),
        ("/dev/hast/home.eli", Location.ON_IT),
        ("/dev/hast/home.eli.journal", Location.ON_IT),
        ("/dev/hast/homep1", Location.ON_IT),
        ("/dev/hast/homep12.eli", Location.ON_IT),
        ("/dev/hast/homes1a", Location.ON_IT),
        ("/dev/hast/homea", Location.ON_IT),
        ("/dev/hast/homes1.journal", Location.ON_IT),
        ("/dev/hast/home2", Location.ELSEWHERE),
        ("/dev/hast/home2.eli", Location.ELSEWHERE),
        ("/dev/hast/mailp1", Location.ELSEWHERE),
        ("/dev/hast/home-old", Location.NOT_KNOWN),
        ("/dev/vtbd1", Location.ELSEWHERE),
        ("/dev/ada1p2.eli", Location.ELSEWHERE),
        ("/dev/label/mail", Location.NOT_KNOWN),
        ("/dev/ufs/mail", Location.NOT_KNOWN),
        ("/dev/gptid/0b8c63c8-cb5e-11ee-9d0a-525400123456", Location.NOT_KNOWN),
        ("/dev/mirror/gm0", Location.NOT_KNOWN),
        ("/dev/md0", Location.NOT_KNOWN),
    ],
)
def test_a_name_says_what_it_proves_and_no_more(device: str, lies: Location) -> None:
    assert by_name(device, HOME) is lies
    assert ground(Answers({}), mounted(device), HOME).lies is lies


def test_of_the_resources_own_device_nothing_more_is_asked() -> None:
    node = Answers({})
    assert ground(node, mounted("/dev/hast/home"), HOME).lies is Location.ON_IT
    assert ground(node, mounted("/dev/label/x"), HOME._replace(device="/dev/label/x")).lies is Location.ON_IT
    assert node.asked == []


@pytest.mark.parametrize("label", ["label/mail", "ufs/mail", "ufsid/6b02b1cc94b7ebbf", "gpt/mail", "gptid/0b8c63c8"])
def test_a_label_lies_where_the_kernel_has_it(label: str) -> None:
    def of(provider: str) -> Location:
        return on(f"/dev/{label}", Geom("LABEL", label, (provider,), (label,))).lies

    assert (of("hast/home"), of("hast/mail"), of("vtbd2")) == (Location.ON_IT, Location.ELSEWHERE, Location.ELSEWHERE)


def test_the_local_disk_that_a_hast_device_reads_from_is_not_what_it_lies_on() -> None:
    label = Geom("LABEL", "label/mail", ("vtbd1",), ("label/mail",))
    assert on("/dev/label/mail", label).lies is Location.ELSEWHERE
    assert "vtbd1" not in on("/dev/hast/home.eli", Geom("ELI", "x", ("hast/home",), ("hast/home.eli",))).says


@pytest.mark.parametrize(
    ("kind", "parts", "lies"),
    [
        ("CONCAT", ("hast/home", "hast/mail"), Location.ON_IT),
        ("STRIPE", ("hast/home", "vtbd2"), Location.IN_PART),
        ("RAID3", ("hast/mail", "vtbd2"), Location.IN_PART),
        ("MIRROR", ("vtbd2", "hast/home"), Location.ON_IT),
        ("MIRROR", ("hast/mail", "vtbd2"), Location.ELSEWHERE),
        ("JOURNAL", ("hast/home", "vtbd2"), Location.IN_PART),
    ],
)
def test_what_lies_on_several_is_replicated_where_all_that_it_needs_is(
    kind: str, parts: tuple[str, ...], lies: Location
) -> None:
    assert on("/dev/big", Geom(kind, "big", parts, ("big",))).lies is lies


def test_a_memory_disk_that_shows_a_file_lies_one_does_not_know_on_what() -> None:
    assert on("/dev/md0", Geom("MD", "md0", (), ("md0",), file="/hast/mail/disk")).lies is Location.NOT_KNOWN
    assert on("/dev/md0", Geom("MD", "md0", (), ("md0",))).lies is Location.ELSEWHERE


@pytest.mark.parametrize(
    ("kind", "lies"), [("tmpfs", Location.ELSEWHERE), ("nfs", Location.ELSEWHERE), ("nullfs", Location.NOT_KNOWN)]
)
def test_a_file_system_without_a_device_is_what_its_kind_says(kind: str, lies: Location) -> None:
    assert ground(Answers({}), mounted("other:/x" if kind == "nfs" else "/x", kind), HOME).lies is lies


@pytest.mark.parametrize(
    ("lines", "lies"),
    [
        (("tank  ONLINE  0 0 0", "  /dev/hast/home  ONLINE  0 0 0"), Location.ON_IT),
        (("tank  ONLINE  0 0 0", "  /dev/hast/home  ONLINE", "  /dev/hast/mail  ONLINE"), Location.ON_IT),
        (("tank  ONLINE  0 0 0", "  /dev/hast/mail  ONLINE"), Location.ELSEWHERE),
        (("tank  ONLINE  0 0 0", "  /dev/hast/home  ONLINE", "  /dev/hast/not-in-hast.conf  ONLINE"), Location.ON_IT),
        (("tank  ONLINE  0 0 0", "  /dev/hast/home  ONLINE", "logs", "  /dev/vtbd2  ONLINE"), Location.IN_PART),
        (("tank  ONLINE  0 0 0", "  /dev/hast/home  ONLINE", "special", "  mirror-1  ONLINE", "    /dev/vtbd2  ONLINE",
          "    /dev/vtbd1  ONLINE"), Location.IN_PART),
        (("tank  ONLINE  0 0 0", "  /dev/hast/home  ONLINE", "cache", "  /dev/vtbd2  ONLINE", "spares",
          "  /dev/vtbd1  AVAIL"), Location.ON_IT),
        (("tank  ONLINE", "  mirror-0  ONLINE", "    /dev/vtbd2  ONLINE", "    /dev/hast/home  ONLINE"),
         Location.ON_IT),
        (("tank  ONLINE  0 0 0", "  raidz1-0  ONLINE", "    /dev/hast/home  ONLINE", "    /dev/vtbd1  ONLINE",
          "    /dev/vtbd2  ONLINE"), Location.IN_PART),
        (("tank  DEGRADED  0 0 0", "  mirror-0  DEGRADED", "    /dev/vtbd2  ONLINE",
          "    1234567890  UNAVAIL  0 0 0  was /dev/hast/home", "  /dev/hast/mail  ONLINE"), Location.ON_IT),
        (("tank  ONLINE  0 0 0", "  /dev/label/x  ONLINE"), Location.NOT_KNOWN),
    ],
)  # fmt: skip
def test_a_pool_is_replicated_where_all_that_it_needs_is(lines: tuple[str, ...], lies: Location) -> None:
    assert on("tank/mail", kind="zfs", tank=status(*lines)).lies is lies


def test_of_a_pool_that_cannot_be_asked_only_the_name_of_the_resource_or_of_the_configuration_counts() -> None:
    node = Answers({})
    assert ground(node, mounted("home", "zfs"), HOME).lies is Location.ON_IT
    assert ground(node, mounted("tank", "zfs"), HOME).lies is Location.NOT_KNOWN
    assert ground(node, mounted("tank/x", "zfs"), HOME._replace(pool="tank")).lies is Location.ON_IT
    assert ground(node, mounted("home", "zfs"), HOME._replace(pool="tank")).lies is Location.NOT_KNOWN


def test_a_pool_named_like_the_resource_on_another_disk_is_elsewhere() -> None:
    text = status("home  ONLINE  0 0 0", "  /dev/vtbd2  ONLINE")
    assert on("home", kind="zfs", home=text).lies is Location.ELSEWHERE


def test_whether_anything_of_a_mount_lies_on_hast() -> None:
    devices = frozenset({"/dev/hast/home", "/dev/hast/mail"})
    label = Geom("LABEL", "label/mail", ("hast/mail",), ("label/mail",))
    node = Answers({" ".join(geom.QUESTION): confxml([*BASE, label])})
    assert lies_on_hast(node, mounted("/dev/label/mail"), devices) is True
    assert lies_on_hast(node, mounted("/dev/vtbd2"), devices) is False
    assert lies_on_hast(node, mounted("/dev/label/gone"), devices) is None


LAYERS = st.sampled_from(["eli", "journal", "nop", "LABEL", "p1"])


@given(st.lists(LAYERS, max_size=6), st.booleans())
def test_any_chain_of_layers_leads_to_its_end(layers: list[str], replicated: bool) -> None:
    geoms, top = [], "hast/home" if replicated else "vtbd2"
    for number, layer in enumerate(layers):
        name = f"label/l{number}" if layer == "LABEL" else f"{top}p1" if layer == "p1" else f"{top}.{layer}"
        geoms.append(Geom(layer.upper(), name, (top,), (name,)))
        top = name
    ground = on(f"/dev/{top}", *reversed(geoms))
    assert ground.lies is (Location.ON_IT if replicated else Location.ELSEWHERE)


NAMES = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=12)


@given(st.dictionaries(NAMES, st.none(), min_size=1, max_size=5).map(list))
def test_a_graph_is_read_back_as_it_was(names: list[str]) -> None:
    chain = [Geom("LABEL", name, (names[number - 1],) if number else (), (name,)) for number, name in enumerate(names)]
    graph: Graph = geom.parse(confxml(chain))
    assert [each.name for each in graph.values()] == names
    assert [each.lower for each in graph.values()] == [each.consumes for each in chain]


@given(st.integers(min_value=0))
def test_a_graph_that_was_cut_off_is_not_understood(at: int) -> None:
    text = confxml(BASE).strip()
    with pytest.raises(NotUnderstood):
        geom.parse(text[: at % len(text)])


def test_entities_and_depths_of_somebody_else_are_refused() -> None:
    with pytest.raises(NotUnderstood):
        geom.parse('<!DOCTYPE mesh [<!ENTITY a "aaaa">]><mesh>&a;</mesh>')
    with pytest.raises(NotUnderstood):
        geom.parse("<a>" * 100 + "</a>" * 100)


@pytest.mark.parametrize("text", ["", "no pools available\n", status("tank  ONLINE")])
def test_a_status_without_a_device_is_not_understood(text: str) -> None:
    with pytest.raises(NotUnderstood):
        zpool.parse(text, "tank")


REMOVED = status("tank  UNAVAIL  0  0  0  insufficient replicas", "  /dev/hast/home  REMOVED  0  0  0")
SEE = (
    "status: One or more devices are faulted.\n   see: https://openzfs.github.io/openzfs-docs/msg/ZFS-8000-{}\nconfig:"
)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (REMOVED.replace("ONLINE\nconfig", "SUSPENDED\nconfig"), "state SUSPENDED"),
        (REMOVED.replace("ONLINE\nconfig", "UNAVAIL\nconfig"), "state UNAVAIL"),
        (REMOVED.replace("config:", SEE.format("JQ"), 1), "state ONLINE, ZFS-8000-JQ"),
        (REMOVED.replace("config:", SEE.format("HC"), 1), "state ONLINE, ZFS-8000-HC"),
        (REMOVED.replace("config:", SEE.format("MM"), 1), "state ONLINE, ZFS-8000-MM"),
    ],
)
def test_a_suspended_pool_is_known_whatever_its_failmode(text: str, says: str) -> None:
    """With failmode=continue 13.2 prints the state of the devices, and only the message tells."""
    ground = on("tank", kind="zfs", tank=text)
    assert (ground.lies, ground.suspended) == (Location.ON_IT, f"the pool tank is suspended ({says})")


@pytest.mark.parametrize("message", ["2Q", "9P", "8A"])
def test_a_pool_with_errors_that_still_serves_is_not_suspended(message: str) -> None:
    """A device of a mirror missing, errors that were corrected, damaged files."""
    text = status("tank  DEGRADED  0  0  0", "  /dev/hast/home  ONLINE  0  0  0")
    text = text.replace(" state: ONLINE", " state: DEGRADED").replace("config:", SEE.format(message), 1)
    assert on("tank", kind="zfs", tank=text).suspended == ""
