"""The pages on upgrading and on going back, typed on a simulated pair word by word: it comes out as they say.

The simulated pair has hastwatch, but no installation of it that could be replaced: NOT_ON_THE_PAIR. What is done with
an editor, the line in hast.conf and the rule of the old hook, the test changes as the page says. Not played are another
release of FreeBSD (`hastwatch rehearse rolling-upgrade` has one) and the steps without a command line: the monitoring
host, the rules of sudo, the lines of authorized_keys.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulator.clock import Steps
from simulator.host.documented_hook import documented_hook
from simulator.host.programs import PythonHook
from simulator.node import Node
from simulator.pair import HAST_HOOK
from tests.failover.installed_pair import InstalledPair, installed_pair, state_directory

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PAGES, CONTRIB = ROOT / "docs" / "operation", ROOT / "contrib" / "freebsd"
NOT_ON_THE_PAIR = ("sh contrib/freebsd/install", "sh contrib/freebsd/install --uninstall")
"""What replaces or removes the installation: `tests/packaging/test_install.py`."""
INSTALLED = {
    "/usr/local/etc/devd/hastwatch.conf": "devd-hastwatch.conf",
    "/etc/cron.d/hastwatch": "cron-hastwatch",
    "/usr/local/etc/newsyslog.conf.d/newsyslog-hastwatch.conf": "newsyslog-hastwatch.conf",
    "/usr/local/etc/rc.conf.d/mountd": "rc.conf.d/mountd",
    "/usr/local/etc/rc.conf.d/nfsd": "rc.conf.d/nfsd",
}
"""Files of the installation that a simulated pair has not by itself, and what they are copies of."""
CRON, EVERY = "/etc/cron.d/hastwatch", 60.0
RULE, OLD_HOOK = "/etc/devd/carp.conf", "/usr/local/sbin/carp-switch-old"
ACTING = 200.0


@pytest.fixture
def pair() -> Iterator[InstalledPair]:
    with state_directory() as directory:
        pair = installed_pair(directory, hast_exec=HAST_HOOK)
        for node in pair.pair.nodes.values():
            install(pair, node)
            pair.pair.clock.start(cron(pair, node))
        yield pair


def install(pair: InstalledPair, node: Node) -> None:
    """The files of the documented installation, in the place of what the simulated pair has instead."""
    for path, name in INSTALLED.items():
        node.files.write(path, (CONTRIB / name).read_text(), node.now)
    node.files.remove(RULE)
    types(pair, node, ["service devd restart", "hastwatch self-test"])


def cron(pair: InstalledPair, node: Node) -> Steps[None]:
    """What cron(8) does with its file of hastwatch, as long as that is there."""
    while True:
        yield EVERY
        if node.on and node.files.exists(CRON):
            pair.installed.runs(node, "converge", "--periodic")


def steps(page: str, section: str) -> dict[int, list[str]]:
    """The command lines of each numbered step of a section; those of none are step 0."""
    text = (PAGES / page).read_text().partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    assert text
    found: dict[int, list[str]] = {0: []}
    number = 0
    for line in text.splitlines():
        if begins := re.match(r"(\d+)\. ", line):
            number = int(begins[1])
            found[number] = []
        elif line.startswith("    ") and line.strip():
            found[number].append(line.strip())
    return found


def inline(page: str, section: str, command: str) -> str:
    """A command line in the text of a section."""
    text = (PAGES / page).read_text().partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    assert f"`{command}`" in text
    return command


def types(pair: InstalledPair, node: Node, lines: list[str], answers: str = "") -> None:
    """Each line on a node, as root; `answers` stands for an operator's."""
    for line in lines:
        done = node.run(f"{line}{answers}", timeout=ACTING)
        assert (done.status == 0) is (line not in NOT_ON_THE_PAIR), (node.name, line, done)
        assert sum(pair.serves(each) for each in pair.pair.nodes.values()) == 1, line


def upgrades(pair: InstalledPair, node: Node) -> None:
    """Steps 1 to 3 on a standby."""
    page = steps("upgrade.md", "hastwatch")
    for number in (1, 2, 3):
        types(pair, node, page[number])
    pair.passes(30)


def is_well(pair: InstalledPair, node: Node) -> bool:
    return node.run("hastwatch status", timeout=ACTING).out.split("\n")[0].endswith("Nothing is wrong.")


def test_hastwatch_is_upgraded_by_its_page_with_one_move_and_no_lost_write(pair: InstalledPair) -> None:
    first, second = pair.active, pair.standby
    upgrades(pair, second)
    (line,) = steps("upgrade.md", "hastwatch")[4]
    types(pair, first, [line], " --yes")
    pair.passes(60)
    assert pair.serves(second)
    upgrades(pair, first)
    assert pair.serves(second) and pair.rests(first)
    assert is_well(pair, second) and is_well(pair, first)
    assert (pair.lost(), pair.sound) == (0, True), pair.story()


def test_freebsd_is_upgraded_by_its_page_with_a_reboot_of_the_standby(pair: InstalledPair) -> None:
    page, node = steps("upgrade.md", "hastwatch"), pair.standby
    types(pair, node, page[1])
    node.run("shutdown -r now", timeout=ACTING)
    pair.passes(150)
    assert pair.serves(pair.active)
    types(pair, node, page[3])
    assert pair.until(lambda: is_well(pair, node), 300), node.run("hastwatch status", timeout=ACTING).out
    types(pair, node, [inline("upgrade.md", "FreeBSD", "hastwatch doctor --try-hast")])
    assert (pair.lost(), pair.sound) == (0, True), pair.story()


def puts_the_old_hook_back(node: Node) -> None:
    """What step 3 leaves to an editor: the line of hast.conf, and the rule of the documented hook."""
    conf = node.files.read("/etc/hast.conf")
    assert f"exec {HAST_HOOK}" in conf
    node.files.write("/etc/hast.conf", "".join(line for line in conf.splitlines(True) if "exec " not in line), node.now)
    rule = (CONTRIB / "devd-hastwatch.conf").read_text()
    node.files.write(RULE, re.sub(r"/usr/local/sbin/carp-hast-switch", OLD_HOOK, rule), node.now)
    node.install(OLD_HOOK, PythonHook(documented_hook))


def goes_back(pair: InstalledPair) -> None:
    """The section on the old hook, on the nodes in the order that each step names."""
    page = steps("uninstall.md", "Back to the documented hook")
    active, standby = pair.active, pair.standby
    for number, nodes in {1: (standby, active), 2: (standby, active), 3: (standby, active)}.items():
        for node in nodes:
            if number == 3:
                puts_the_old_hook_back(node)
            types(pair, node, page[number])
    for node in (active, standby):
        types(pair, node, page[4])
        assert pair.demotion(node) == 0
    for node in (standby, active):
        types(pair, node, page[6])
    types(pair, standby, page[7])
    assert set(page) == {0, 1, 2, 3, 4, 5, 6, 7} and not page[0] and not page[5]


def test_the_way_back_to_the_old_hook_leaves_a_pair_that_fails_over_by_it_alone(pair: InstalledPair) -> None:
    goes_back(pair)
    pair.passes(60)
    before = {node.name: len(pair.entries(node)) for node in pair.pair.nodes.values()}
    assert pair.serves(pair.active) and pair.role(pair.standby) == "secondary"
    pair.breaks("power-off", pair.active.name)
    assert pair.until(lambda: pair.serves(pair.standby)), pair.standby.run("mount; hastctl status").out
    pair.boots(pair.active)
    assert {node.name: len(pair.entries(node)) for node in pair.pair.nodes.values()} == before, "hastwatch has acted"
    assert pair.sound


def test_every_command_of_both_pages_is_typed() -> None:
    typed = {
        line
        for section in ("hastwatch", "FreeBSD")
        for lines in steps("upgrade.md", section).values()
        for line in lines
    }
    for section in ("Back to the documented hook", "Uninstall"):
        typed |= {line for lines in steps("uninstall.md", section).values() for line in lines}
    shown = {
        line.strip() for page in ("upgrade.md", "uninstall.md")
        for line in re.findall(r"^ {4,}(\S.*)$", (PAGES / page).read_text(), re.M)
    }  # fmt: skip
    assert typed == shown and shown.issuperset(NOT_ON_THE_PAIR)
