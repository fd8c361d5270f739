"""mount and df as values."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.probes.errors import NotUnderstood
from checks.probes.filesystem import Mount, Usage, belongs, mounted_at, parse_df, parse_mount
from tests.probes.recorded_outputs import outputs

MOUNTS, DFS = outputs("mount"), outputs("df -k")

ROOT = "/dev/gpt/rootfs on / (ufs, local, soft-updates)\n"
HOME = "/dev/hast/home on /hast/home (ufs, NFS exported, local, soft-updates, journaled soft-updates)\n"


def test_a_mount_is_read_with_its_options() -> None:
    assert parse_mount(ROOT + HOME)[1] == Mount("/dev/hast/home", "/hast/home", "ufs", False, True, "")


def test_read_only_and_the_fsid_of_mount_v_are_read() -> None:
    text = ROOT + "home on /hast/home (zfs, local, read-only, nfsv4acls, fsid ad34d2ffde5c9f8b)\n"
    assert parse_mount(text)[1] == Mount("home", "/hast/home", "zfs", True, False, "ad34d2ffde5c9f8b")


def test_the_last_mount_of_a_point_covers_the_others() -> None:
    mount = mounted_at(parse_mount(ROOT + HOME + HOME.replace("/dev/hast/home", "/dev/da0")), "/hast/home")
    assert mount is not None and mount.device == "/dev/da0"


def test_a_pool_belongs_to_the_resource_of_its_name() -> None:
    pool = Mount("home/alice", "/hast/home", "zfs", False, True, "")
    assert belongs(pool, "/dev/hast/home", "home")
    assert not belongs(pool._replace(device="homes"), "/dev/hast/home", "home")
    assert not belongs(Mount("home", "/hast/home", "ufs", False, True, ""), "/dev/hast/home", "home")


@pytest.mark.parametrize("text", ["", HOME, ROOT + "half a li", ROOT + "x on y (ufs", "mount: nicht erlaubt\n"])
def test_what_mount_does_not_print_is_not_understood(text: str) -> None:
    with pytest.raises(NotUnderstood):
        parse_mount(text)


def test_space_is_read_and_the_reserve_counts_as_neither_used_nor_free() -> None:
    text = (
        "Filesystem      1024-blocks   Used   Avail Capacity  Mounted on\n"
        "/dev/hast/home       253588 240000  -6699   103%    /hast/home\n"
    )
    usage = parse_df(text, "/hast/home")
    assert usage == Usage(240000, -6699)
    assert usage.percent > 100 and usage.inodes_percent is None


def test_inodes_are_read() -> None:
    text = (
        "Filesystem     1024-blocks  Used  Avail Capacity iused ifree %iused  Mounted on\n"
        "/dev/hast/home      253588 12360 220944     5%      7  21      25%   /hast/home\n"
    )
    assert parse_df(text, "/hast/home").inodes_percent == 25


@pytest.mark.parametrize(
    "text", ["", "Filesystem\n", "Filesystem\n/dev/x 1 2 3 4 /hast/home\n", "Filesystem\n\x1b[2J\n"]
)
def test_what_df_does_not_print_is_not_understood(text: str) -> None:
    with pytest.raises(NotUnderstood):
        parse_df(text, "/hast/home")


def test_every_recorded_output_is_understood() -> None:
    assert {len(parse_mount(text)) for text in MOUNTS} == {2, 3}
    assert all(parse_df(text, "/").used > 0 for text in DFS)


@pytest.mark.slow
@settings(max_examples=300)
@given(st.sampled_from([*MOUNTS, *DFS]), st.data())
def test_garbled_output_gives_an_error_of_ours_or_values(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 20)))
    garbled = text[:start] + data.draw(st.text(max_size=8)) + text[end:]
    for parse in (parse_mount, lambda text: parse_df(text, "/hast/home")):
        try:
            parse(garbled)
        except NotUnderstood as error:
            assert str(error).isprintable()
