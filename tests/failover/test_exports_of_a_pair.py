"""What rc.conf(5) and exports(5) say, however it is written, is what a failover starts, waits for and verifies."""

from dataclasses import replace
from pathlib import Path

import pytest

from remediate.context import Context
from remediate.failover.resource import places
from remediate.recovery import evidence
from simulator.layout import ResourceLayout
from simulator.node import Node
from tests.failover.installed_pair import InstalledPair, installed_pair

pytestmark = pytest.mark.slow

GOOD = "/hast/home -network 10.1.101.0/24 -maproot=root\n"


def written(pair: InstalledPair, files: dict[str, str]) -> None:
    """Files of both nodes; a text that begins with + is put behind what is there."""
    for node in pair.pair.nodes.values():
        for path, text in files.items():
            node.files.write(path, text.removeprefix("+"), node.clock.now, append=text.startswith("+"))


def mountd(node: Node) -> str:
    """The command line of mountd."""
    process = node.nfs.daemons["mountd"].process
    return process.command if process else ""


@pytest.mark.parametrize(
    ("rc_conf", "command"),
    [
        ("mountd_flags='-r'; mountd_flags=\"$mountd_flags -l\"", "/usr/sbin/mountd -r -l"),
        ("mountd_flags=\nmountd_flags=${mountd_flags:--n -l}", "/usr/sbin/mountd -n -l"),
        (
            ': ${mountd_flags:=-n}\nif checkyesno rpcbind_enable; then mountd_flags="-r -p 900"; fi',
            "/usr/sbin/mountd -r -p 900",
        ),
        ("mountd_flags='-r \\\n-l'", "/usr/sbin/mountd -r -l"),
        ("zfs_enable=on", "/usr/sbin/mountd -r /etc/exports /etc/zfs/exports"),
        ("weak_mountd_authentication=YES nfs_server_enable=YES", "/usr/sbin/mountd -r -n"),
        ("mountd_program=/opt/sbin/mountd", "/opt/sbin/mountd -r"),
    ],
)
def test_mountd_is_started_as_its_script_starts_it(rc_conf: str, command: str, pair: InstalledPair) -> None:
    written(pair, {"/etc/rc.conf": f"+{rc_conf}\n", "/etc/zfs/exports": ""})
    pair.active.power_off()
    assert pair.until(lambda: pair.serves(pair.standby))
    assert mountd(pair.standby).replace("\n", " ") == command


@pytest.mark.quick
def test_the_configuration_of_the_service_has_the_last_word(pair: InstalledPair) -> None:
    written(pair, {"/etc/rc.conf.local": "mountd_flags=-l\n", "/etc/rc.conf.d/mountd": '+mountd_flags="-r -n"\n'})
    pair.active.power_off()
    assert pair.until(lambda: pair.serves(pair.standby))
    assert mountd(pair.standby) == "/usr/sbin/mountd -r -n"


@pytest.mark.parametrize(
    "files",
    [
        {"/etc/exports": "/hast/home \\\n  -maproot=root \\\n  -network 10.1.101.0 -mask 255.255.255.0\n"},
        {"/etc/exports": "# a\n\t/hast/home\t-alldirs,maproot=root,quiet -network=10.1.101.0/24\n"},
        {"/etc/exports": "V4: /hast -sec=sys\n/hast/home -sec=sys 10.1.101.1 10.1.101.9 # x\n"},
        {
            "/etc/exports": "# nothing\n",
            "/etc/exports.hast": GOOD,
            "/etc/rc.conf": "+mountd_flags='-r /etc/exports.hast'\n",
        },
        {
            "/etc/exports": "# nothing\n",
            "/etc/zfs/exports": "# !!!\n\n/hast/home\t-maproot=root\n",
            "/etc/rc.conf": "+zfs_enable=YES\n",
        },
        {"/etc/exports": "/hast/home/mail -ro\n/hast/home -network 10.1.101.0/24\n"},
    ],
    ids=["continued", "alldirs", "hosts", "another file", "zfs", "below"],
)
def test_what_is_exported_is_waited_for_and_verified(files: dict[str, str], pair: InstalledPair) -> None:
    written(pair, files)
    pair.active.power_off()
    assert pair.until(lambda: pair.serves(pair.standby))
    pair.passes(10)
    assert pair.standby.filesystems.mounts["/hast/home"].exported
    assert any("/hast/home at 10.1.101.5" in entry.result for entry in pair.entries(pair.standby, "step"))


def test_what_zfs_shares_when_its_pool_is_imported_is_waited_for_and_verified(state: Path) -> None:
    """sharenfs: the standby has no line of it before."""
    pair = installed_pair(state, resources=(ResourceLayout(kind="zfs"),))
    written(pair, {"/etc/exports": "#\n", "/etc/rc.conf": "+zfs_enable=YES\n"})
    pool = pair.active.filesystems.pools["home"]
    pair.pair.clock.wait(pool.sync([], replace(pool.label, sharenfs="-maproot=root -network 10.1.101.0/24")))
    pair.passes(5)
    pair.active.power_off()
    assert pair.until(lambda: pair.serves(pair.standby))
    pair.passes(10)
    assert pair.standby.files.read("/etc/zfs/exports").endswith("/hast/home\t-maproot=root -network 10.1.101.0/24\n")
    assert any("/hast/home at 10.1.101.5" in entry.result for entry in pair.entries(pair.standby, "step"))


@pytest.mark.parametrize(
    ("exports", "why"),
    [
        ("/hast/home -network 10.1.101.0/24 # the office\n", "a network and the host '#'"),
        ('"/hast/home" -ro\n', "stands before a directory"),
        ("/hast/home -maproot=root -mapall=nobody\n", "exclude each other"),
        ("/hast/home /var/mail -ro\n", "in several file systems"),
        ("/hast/home -ro \\", "the file ends within the line"),
        ("/hast/homes\n", "nothing of it is in /etc/exports"),
        ("", "nothing of it is in /etc/exports"),
    ],
)
def test_a_line_that_mountd_refuses_exports_nothing_and_the_reason_is_said(
    exports: str, why: str, pair: InstalledPair
) -> None:
    written(pair, {"/etc/exports": exports})
    place = pair.does(pair.standby, lambda context: places(context.here.node(), context.config)["home"])
    assert place.exported == "" and why in place.unexported


def test_the_other_node_is_asked_what_its_mountd_reads(pair: InstalledPair) -> None:
    """Through the gate of the other node (hastwatch answer), which lets this one command line for sh through."""
    written(pair, {"/etc/rc.conf": "+zfs_enable=YES\n", "/etc/zfs/exports": GOOD})
    pair.active.files.write("/etc/exports", "# nothing\n")
    pair.standby.files.write("/etc/exports", "# nothing\n")

    def look(context: Context) -> evidence.Evidence:
        place = places(context.here.node(), context.config)["home"]
        return evidence.collect(context, place)

    result = pair.does(pair.standby, look)
    assert result.there.unread == "" and result.there.export == "/hast/home"
    assert result.there.serves
