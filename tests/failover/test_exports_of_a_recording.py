"""A recording has no shell: rc.conf and exports are read from its files, and what they do not tell is said."""

import shlex
import shutil
from pathlib import Path

import pytest

from checks.probes import rc_conf
from checks.probes.hung_commands import GivenUpCommands
from checks.probes.node import Deadline, Node
from checks.probes.state_cache import Memory
from remediate.config import RemediationConfig
from remediate.failover import exported
from remediate.failover.resource import places
from tests.expected import RECORDINGS, via

LINE = "/hast/home \\\n\t-maproot=root -network 10.1.101.0/24\n"
ABSENT = {
    **{"/etc/rc.conf.local": "", "/etc/rc.conf.d/mountd": "", "/usr/local/etc/rc.conf.d/mountd": ""},
    "/etc/rc.d/mountd": "load_rc_config $name\n",
}
"""Files that hold nothing, as a recording cannot say that a file is not there; and a script that loads nothing more."""


def recorded(directory: Path, files: dict[str, str]) -> Node:
    """The healthy pair's first node, with these files."""
    state = directory / "state"
    (state / "nfs001").mkdir(parents=True)
    (state / "otherwise-as").write_text("healthy\n")
    for name in ("healthy", "files"):
        shutil.copytree(RECORDINGS / name, directory / name)
    for path, text in files.items():
        file = state / "nfs001" / "files" / path[1:]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    way = tuple(shlex.split(via(state / "nfs001")))
    return Node(way, Deadline(60), GivenUpCommands(Memory(str(directory / "kept"))))


@pytest.mark.slow
@pytest.mark.parametrize(
    "files",
    [
        {"/etc/rc.conf": "a=b; mountd_flags='-r'\n", "/etc/exports": LINE, **ABSENT},
        {"/etc/rc.conf": 'mountd_flags="-r /etc/exports.hast"', "/etc/exports.hast": LINE, **ABSENT},
        {"/etc/rc.conf": "zfs_enable=yes", "/etc/exports": "# x\n", "/etc/zfs/exports": LINE, **ABSENT},
        {"/etc/exports": LINE},
    ],
    ids=["default", "another file", "zfs", "rc.conf not recorded"],
)
def test_what_is_exported_is_known_without_a_shell(files: dict[str, str], tmp_path: Path) -> None:
    node = recorded(tmp_path, files)
    directory = exported.look(node, rc_conf.read(node, exported.ASKED)).at("/hast/home", ("/hast/home",))
    assert directory.path == "/hast/home"


def test_where_rc_conf_does_not_tell_the_files_that_is_said(tmp_path: Path) -> None:
    node = recorded(tmp_path, {"/etc/exports": "# nothing\n"})
    directory = exported.look(node, rc_conf.read(node, exported.ASKED)).at("/hast/home", ("/hast/home",))
    assert directory.path == "" and "mountd_flags of rc.conf is not known" in directory.why


def test_a_resource_of_a_recording_has_its_export(tmp_path: Path) -> None:
    node = recorded(tmp_path, {"/etc/exports": LINE})
    assert places(node, RemediationConfig())["home"].exported == "/hast/home"
